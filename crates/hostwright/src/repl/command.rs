//! What a line in the repl asks for.

/// A command of the repl, by its short name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Bring the attributes of a set into scope.
    Add,
    /// Build a derivation.
    Build,
    /// Build a derivation and keep a link to it.
    BuildAndLink,
    /// Describe a function.
    Document,
    /// Open the place where a value is defined.
    Edit,
    /// Bring the attributes of a file's value into scope.
    Load,
    /// Bring the outputs of a flake into scope.
    LoadFlake,
    /// Show a value with all that is in it.
    Print,
    /// End.
    Quit,
    /// Read all files and flakes again.
    Reload,
    /// Say whether errors come with their whole trace.
    Trace,
    /// Name the type of a value.
    Type,
    /// List the commands.
    Help,
}

/// A line of [`COMMANDS`].
pub struct CommandHelp {
    /// The command.
    pub verb: Verb,
    /// Its names, the usual one first.
    pub names: &'static [&'static str],
    /// What it takes.
    pub argument: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn command(
    verb: Verb,
    names: &'static [&'static str],
    argument: &'static str,
    help: &'static str,
) -> CommandHelp {
    CommandHelp { verb, names, argument, help }
}

/// All commands, as `:?` lists them.
pub const COMMANDS: &[CommandHelp] = &[
    command(Verb::Add, &[":a", ":add"], "EXPRESSION", "Make variables of the attributes of a set"),
    command(Verb::Build, &[":b", ":build"], "EXPRESSION", "Build a derivation"),
    command(
        Verb::BuildAndLink,
        &[":bl"],
        "EXPRESSION",
        "Build a derivation; ./repl-result-OUTPUT leads to it",
    ),
    command(Verb::Document, &[":doc"], "EXPRESSION", "Show what a function does"),
    command(
        Verb::Edit,
        &[":e", ":edit"],
        "EXPRESSION",
        "Open where a function or package is defined in $EDITOR",
    ),
    command(Verb::Load, &[":l", ":load"], "FILE", "Make variables of the attributes of a file's value"),
    command(Verb::LoadFlake, &[":lf", ":load-flake"], "FLAKE", "Make variables of the outputs of a flake"),
    command(Verb::Print, &[":p", ":print"], "EXPRESSION", "Show a value with all that is in it"),
    command(Verb::Quit, &[":q", ":quit"], "", "Leave; so does Ctrl-D"),
    command(Verb::Reload, &[":r", ":reload"], "", "Read all files and flakes again"),
    command(Verb::Type, &[":t", ":type"], "EXPRESSION", "Name the type of a value"),
    command(
        Verb::Trace,
        &[":te", ":trace-enable"],
        "[true|false]",
        "Show the whole way to an error, or only its end",
    ),
    command(Verb::Help, &[":?", ":help"], "", "Show this"),
];

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'l> {
    /// Nothing.
    Empty,
    /// `name = expression`
    Define {
        /// The name.
        name: &'l str,
        /// The expression.
        expression: &'l str,
    },
    /// An expression to be shown.
    Evaluate(&'l str),
    /// `:verb argument`
    Command(Verb, &'l str),
    /// `:something` that is no command.
    Unknown(&'l str),
}

impl<'l> Line<'l> {
    /// Reads a line, or several that belong together.
    pub fn parse(text: &'l str) -> Self {
        let text = text.trim();
        if text.is_empty() || text.lines().all(|line| line.trim_start().starts_with('#')) {
            return Line::Empty;
        }
        if text.starts_with(':') {
            let (word, argument) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            return match COMMANDS.iter().find(|command| command.names.contains(&word)) {
                Some(command) => Line::Command(command.verb, argument.trim()),
                None => Line::Unknown(word),
            };
        }
        match definition(text) {
            Some((name, expression)) => Line::Define { name, expression },
            None => Line::Evaluate(text),
        }
    }

    /// The expression in the line, if there is one.
    pub fn expression(&self) -> Option<&'l str> {
        match self {
            Line::Define { expression, .. } | Line::Evaluate(expression) => Some(expression),
            Line::Command(verb, argument) => match verb {
                Verb::Add
                | Verb::Build
                | Verb::BuildAndLink
                | Verb::Document
                | Verb::Edit
                | Verb::Print
                | Verb::Type => Some(argument),
                Verb::Load | Verb::LoadFlake | Verb::Quit | Verb::Reload | Verb::Trace | Verb::Help => None,
            },
            Line::Empty | Line::Unknown(_) => None,
        }
    }
}

/// `name = expression`; the semicolon that the language wants in sets is forgiven.
fn definition(text: &str) -> Option<(&str, &str)> {
    let (name, expression) = text.split_once('=')?;
    if expression.starts_with('=') || !is_name(name.trim()) {
        return None;
    }
    let expression = expression.trim();
    Some((name.trim(), expression.strip_suffix(';').unwrap_or(expression)))
}

/// Whether a text can be the name of a variable.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        assert_eq!(Line::parse("  "), Line::Empty);
        assert_eq!(Line::parse("# only a remark"), Line::Empty);
        assert_eq!(Line::parse("1 + 1"), Line::Evaluate("1 + 1"));
        assert_eq!(Line::parse("a == b"), Line::Evaluate("a == b"));
        assert_eq!(Line::parse("{ a = 1; }"), Line::Evaluate("{ a = 1; }"));
        assert_eq!(Line::parse("a' = 1;"), Line::Define { name: "a'", expression: "1" });
        assert_eq!(Line::parse("a =\n  1"), Line::Define { name: "a", expression: "1" });
        assert_eq!(Line::parse(":t  x.y "), Line::Command(Verb::Type, "x.y"));
        assert_eq!(Line::parse(":q"), Line::Command(Verb::Quit, ""));
        assert_eq!(Line::parse(":nonsense 1"), Line::Unknown(":nonsense"));
    }

    #[test]
    fn names_of_commands_are_distinct() {
        let mut names: Vec<&str> = COMMANDS.iter().flat_map(|command| command.names).copied().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
