//! A host that commands run on.

use std::io::{self, Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::ssh::{Connection, Traffic};

/// Who a script runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Who logged in.
    User,
    /// Root.
    Root,
}

/// How one becomes root.
#[derive(Debug, Clone)]
pub struct Privilege {
    /// The command that runs another one as root; empty for who is root already.
    pub command: Vec<String>,
    /// The password that it asks for.
    pub password: Option<Zeroizing<String>>,
}

/// How a host is reached.
#[derive(Debug)]
enum Way {
    Ssh(Connection),
    /// It is this machine.
    Here,
}

/// A host that commands run on.
#[derive(Debug)]
pub struct Host {
    name: String,
    way: Way,
    privilege: Privilege,
}

/// What a script is given and what it may take.
#[derive(Debug, Clone, Copy)]
pub struct Script<'text> {
    /// What it is to do, for errors: "read its state".
    pub action: &'text str,
    /// The commands of a POSIX shell.
    pub text: &'text str,
    /// `$1`, `$2`…
    pub arguments: &'text [&'text str],
    /// Who it runs as.
    pub rights: Rights,
    /// How long it may take.
    pub patience: Duration,
}

/// Runs on the host, and reads a script from its input, a line at a time so that what follows is left to the script. What comes
/// before the script, a password that nobody asked for, is not looked at. It stands between quotes that every login shell
/// understands alike, and so has no backslash and no quote in it.
const LOADER: &str = "s= e=; while IFS= read -r l; do case $l in hostwright:begin) s=;; \
                      hostwright:end) e=1; break;; *) s=\"$s\n$l\";; esac; done; [ \"$e\" ] && eval \"$s\"";

/// What every script begins with: NixOS and Debian keep programs in different places, and sessions know too few of them.
/// Whether process `$1` is a switch is seen without systemd, which answers nobody for a while when a newer one replaces it.
const PREAMBLE: &str = "PATH=$PATH:/run/wrappers/bin:/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
                        export PATH\nunset LC_ALL LANG LANGUAGE\n\
                        switches() { grep -qa hostwright/program \"/proc/${1:-none}/cmdline\" 2>/dev/null; }\n";

/// How much of what a script says is kept for errors.
const KEPT_WORDS: usize = 8 << 10;

impl Host {
    /// A host at the other end of a connection.
    pub fn over(name: &str, connection: Connection, privilege: Privilege) -> Self {
        Host { name: name.to_owned(), way: Way::Ssh(connection), privilege }
    }

    /// This machine.
    pub fn here(name: &str, privilege: Privilege) -> Self {
        Host { name: name.to_owned(), way: Way::Here, privilege }
    }

    /// Its name in the fleet.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection to it, if there is one.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.way {
            Way::Ssh(connection) => Some(connection),
            Way::Here => None,
        }
    }

    /// Ends the connection; what went through it.
    pub fn close(self) -> Traffic {
        match self.way {
            Way::Ssh(connection) => connection.close(),
            Way::Here => Traffic::default(),
        }
    }

    /// Starts a script, whose standard input goes on after what is written here; its streams are pipes.
    ///
    /// # Errors
    /// [`Error::Start`], [`Error::Lost`].
    pub fn start(&self, script: &Script<'_>) -> Result<Child> {
        let remote = self.shell(script.rights);
        let mut command = match &self.way {
            Way::Ssh(connection) => connection.command(&remote),
            Way::Here => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(remote);
                command
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|source| Error::Start { program: "ssh".to_owned(), source })?;
        let mut text = Zeroizing::new(String::new());
        if let (Rights::Root, false, Some(password)) =
            (script.rights, self.privilege.command.is_empty(), &self.privilege.password)
        {
            text.push_str(password);
            text.push('\n');
        }
        text.push_str("hostwright:begin\n");
        text.push_str(PREAMBLE);
        text.push_str("set --");
        for argument in script.arguments {
            text.push(' ');
            text.push_str(&quoted(argument));
        }
        text.push('\n');
        text.push_str(script.text);
        text.push_str("\nhostwright:end\n");
        if let Some(input) = &mut child.stdin {
            // A process that is gone tells why itself.
            let _ = input.write_all(text.as_bytes()).and_then(|()| input.flush());
        }
        Ok(child)
    }

    /// Runs a script; what it printed.
    ///
    /// # Errors
    /// [`Error::Remote`] if it fails, [`Error::Slow`], [`Error::Lost`], [`Error::Privilege`].
    pub fn run(&self, script: &Script<'_>) -> Result<String> {
        self.run_with(script, b"", |_| {})
    }

    /// Runs a script with `input` on its standard input, and hands each line that it says on standard error to `heard`.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn run_with(
        &self,
        script: &Script<'_>,
        input: &[u8],
        heard: impl FnMut(&str) + Send,
    ) -> Result<String> {
        self.run_unless(&|| false, script, input, heard)
    }

    /// As [`Self::run_with`], and ends the script when it is `interrupted`.
    ///
    /// # Errors
    /// As for [`Self::run`]; [`Error::Interrupted`].
    pub fn run_unless(
        &self,
        interrupted: &dyn Fn() -> bool,
        script: &Script<'_>,
        input: &[u8],
        heard: impl FnMut(&str) + Send,
    ) -> Result<String> {
        let mut child = self.start(script)?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(mut stdout), Some(stderr)) = streams else {
            return Err(self.lost(script.action, "it has no streams"));
        };
        let deadline = Instant::now() + script.patience;
        let mut printed = Vec::new();
        let mut said = String::new();
        let status = thread::scope(|scope| {
            scope.spawn(move || {
                // Who does not want to read it says why.
                let _ = stdin.write_all(input);
            });
            scope.spawn(|| stdout.read_to_end(&mut printed));
            scope.spawn(|| hear(stderr, &mut said, heard));
            loop {
                match child.try_wait() {
                    Ok(Some(status)) => return Some(status),
                    Ok(None) if Instant::now() < deadline && !interrupted() => {
                        thread::sleep(Duration::from_millis(3));
                    }
                    Ok(None) | Err(_) => {
                        // It may end by itself at this moment.
                        let _ = child.kill();
                        let _ = child.wait();
                        return None;
                    }
                }
            }
        });
        match status.map(|status| status.code()) {
            Some(Some(0)) => Ok(String::from_utf8_lossy(&printed).into_owned()),
            Some(code) => Err(self.failure(script, code, &said)),
            None if interrupted() => Err(Error::Interrupted),
            None => Err(Error::Slow {
                host: self.name.clone(),
                action: script.action.to_owned(),
                seconds: script.patience.as_secs(),
            }),
        }
    }

    /// What it means that a script ended so.
    pub(crate) fn failure(&self, script: &Script<'_>, code: Option<i32>, said: &str) -> Error {
        let said = said.trim();
        let no_rights =
            ["a password is required", "incorrect password", "not in the sudoers", "sudo: a terminal"];
        if script.rights == Rights::Root && no_rights.iter().any(|words| said.contains(words)) {
            return Error::Privilege { host: self.name.clone(), said: said.to_owned() };
        }
        match (&self.way, code) {
            // ssh(1): the status of the remote command, or 255 if an error occurred.
            (Way::Ssh(connection), Some(255) | None) => {
                let all = format!("{said}\n{}", connection.said());
                self.lost(script.action, all.trim())
            }
            (_, code) => Error::Remote {
                host: self.name.clone(),
                action: script.action.to_owned(),
                status: code.unwrap_or(-1),
                said: if said.is_empty() { "it said nothing".to_owned() } else { said.to_owned() },
            },
        }
    }

    fn lost(&self, action: &str, said: &str) -> Error {
        let said = if said.is_empty() { "it ended" } else { said };
        Error::Lost { host: self.name.clone(), action: action.to_owned(), said: said.to_owned() }
    }

    /// The command line that reads a script.
    fn shell(&self, rights: Rights) -> String {
        let loader = format!("sh -c '{LOADER}'");
        let command = &self.privilege.command;
        if rights == Rights::User || command.is_empty() {
            return format!("exec {loader}");
        }
        let mut words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        if command.first().is_some_and(|program| program == "sudo" || program.ends_with("/sudo")) {
            // Asked for a password or not, sudo must never wait for a terminal; a remembered one is not relied upon, so that
            // the password is always read.
            let options: &[&str] =
                if self.privilege.password.is_some() { &["-k", "-S", "-p", "''"] } else { &["-n"] };
            words.splice(1..1, options.iter().map(|option| (*option).to_owned()));
        }
        format!("exec {} {loader}", words.join(" "))
    }
}

/// Hands on each line as it comes, and keeps the end of all.
fn hear(errors: impl Read, said: &mut String, mut heard: impl FnMut(&str)) {
    use io::BufRead;
    for line in io::BufReader::new(errors).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        heard(line.trim_end());
        said.push_str(line.trim_end());
        said.push('\n');
        if said.len() > 2 * KEPT_WORDS {
            let from = (said.len() - KEPT_WORDS..).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
            said.drain(..from);
        }
    }
}

/// A word that a POSIX shell takes as it is.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(command: &[&str], password: Option<&str>) -> Host {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let password = password.map(|password| Zeroizing::new(password.to_owned()));
        Host::here("this", Privilege { command, password })
    }

    fn script<'text>(text: &'text str, arguments: &'text [&'text str], rights: Rights) -> Script<'text> {
        Script { action: "try", text, arguments, rights, patience: Duration::from_secs(20) }
    }

    #[test]
    fn a_script_has_arguments_and_the_rest_of_the_input() {
        let arguments = ["it's", "a b\\", ""];
        let text = "printf '%s|' \"$@\"\ncat\necho heard >&2";
        let mut heard = Vec::new();
        let printed = here(&[], None)
            .run_with(&script(text, &arguments, Rights::User), b"in\0put", |line| heard.push(line.to_owned()))
            .unwrap();
        assert_eq!(printed, "it's|a b\\||in\0put");
        assert_eq!(heard, ["heard"]);
    }

    #[test]
    fn a_password_is_no_part_of_the_script() {
        // `env` asks nobody, so that the loader meets the password.
        let host = here(&["env"], Some("echo secret"));
        assert_eq!(host.run(&script("echo \"$1\"; cat", &["x"], Rights::Root)).unwrap(), "x\n");
        assert!(!host.shell(Rights::Root).contains("secret"));
    }

    #[test]
    fn sudo_never_asks_at_a_terminal() {
        let sudo = ["sudo", "-H", "--"];
        assert!(here(&sudo, None).shell(Rights::Root).starts_with("exec sudo -n -H -- sh -c '"));
        assert!(
            here(&sudo, Some("x")).shell(Rights::Root).starts_with("exec sudo -k -S -p '' -H -- sh -c '")
        );
        assert!(here(&sudo, None).shell(Rights::User).starts_with("exec sh -c '"));
    }

    #[test]
    fn failures_and_slowness_are_told_apart() {
        let host = here(&[], None);
        match host.run(&script("echo why >&2; exit 7", &[], Rights::Root)) {
            Err(Error::Remote { status: 7, said, .. }) => assert_eq!(said, "why"),
            other => panic!("{other:?}"),
        }
        let slow =
            Script { patience: Duration::from_millis(50), ..script("exec sleep 20", &[], Rights::User) };
        assert!(matches!(host.run(&slow), Err(Error::Slow { .. })));
    }
}
