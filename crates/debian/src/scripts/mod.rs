//! What maintainer scripts do (Debian policy, chapter 6), found out by reading them.
//!
//! A script is read as it would run when its package is installed where there was none: `preinst install`, `postinst configure`
//! with no earlier version. What is there for upgrades, removals and failures only is left out as far as the conditions say so;
//! where they cannot be decided, both ways count. So what is found may be more than what would run.

mod conditions;
#[cfg(test)]
mod tests;
mod walk;
mod words;

use walk::Walk;
use words::tokens;

/// A script that dpkg runs when it installs a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScriptKind {
    /// Before the package's files are there.
    Preinst,
    /// When they are there.
    Postinst,
}

impl ScriptKind {
    /// Both, in the order in which they run.
    pub const ALL: [ScriptKind; 2] = [ScriptKind::Preinst, ScriptKind::Postinst];

    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            ScriptKind::Preinst => "preinst",
            ScriptKind::Postinst => "postinst",
        }
    }

    /// Its first argument at an installation.
    fn action(self) -> &'static str {
        match self {
            ScriptKind::Preinst => "install",
            ScriptKind::Postinst => "configure",
        }
    }
}

/// A command of a script that may change the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptCommand {
    /// The program, without its directory.
    pub program: String,
    /// The whole command, its blanks made one each.
    pub text: String,
    /// The program of debhelper that has put it into the script.
    pub helper: Option<String>,
}

/// The commands of a script that may change a system on which its package is installed anew, in their order, each once.
///
/// A script that is written in another language than the shell's is one command, the interpreter that it names.
pub fn commands(kind: ScriptKind, script: &str) -> Vec<ScriptCommand> {
    let first = script.lines().next().unwrap_or_default();
    if let Some(interpreter) = first.strip_prefix("#!") {
        let program = interpreter.split_whitespace().next().unwrap_or_default();
        let program = base_name(program);
        if !["sh", "bash", "dash"].contains(&program) {
            let text = format!("a program for {}", interpreter.trim());
            return vec![ScriptCommand { program: program.to_owned(), text, helper: None }];
        }
    }
    let mut walk = Walk::new(kind);
    for token in tokens(script) {
        walk.take(token);
    }
    walk.end_command(None);
    walk.called()
}

fn base_name(program: &str) -> &str {
    program.trim_matches(['"', '\'']).rsplit('/').next().unwrap_or_default()
}
