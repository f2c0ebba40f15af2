//! Programs that never outlive this one.
//!
//! However this program ends, killed without a chance to clean up included, an emulator that it runs in the foreground must
//! end with it. Linux can send a signal to a process when its parent dies (prctl(2), `PR_SET_PDEATHSIG`), but only the process
//! itself can ask for that. So this program is started once more, asks, and becomes the emulator by exec(3): the
//! request outlives that.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::{Pid, Signal, getpid, getppid, set_parent_process_death_signal};

/// The first argument of the program when it is to become another one. No command has this name.
const BECOME: &str = "become-attached";

/// This program's own file, even if another one lies at its path by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// A command that runs `program` and ends when the calling thread does.
pub fn attached(program: &Command) -> Command {
    let mut command = Command::new(THIS_PROGRAM);
    command.arg(BECOME).arg(getpid().to_string()).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = program.get_current_dir() {
        command.current_dir(directory);
    }
    command
}

/// Becomes the program that the arguments name, if they are those of [`attached`]. Returns only if they are not, or if it
/// cannot be done.
pub fn become_attached(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter();
    if arguments.next()? != OsStr::new(BECOME) {
        return None;
    }
    let parent = arguments.next()?.to_str()?.parse().ok().and_then(Pid::from_raw)?;
    let program = arguments.next()?;
    let failed = match set_parent_process_death_signal(Some(Signal::KILL)) {
        Err(error) => error.into(),
        // It died before it could be watched.
        Ok(()) if getppid() != Some(parent) => return Some(ExitCode::FAILURE),
        Ok(()) => Command::new(&program).args(arguments).exec(),
    };
    eprintln!("cannot run {}: {failed}", program.display());
    Some(ExitCode::FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_of_the_command_is_passed_on() {
        let mut program = Command::new("/bin/emulator");
        program.args(["-a", "b"]).env("MODULES", "m").current_dir("/state");
        let command = attached(&program);
        let arguments: Vec<_> = command.get_args().skip(2).collect();
        assert_eq!(arguments, ["/bin/emulator", "-a", "b"]);
        assert_eq!(command.get_envs().collect::<Vec<_>>(), [(OsStr::new("MODULES"), Some(OsStr::new("m")))]);
        assert_eq!(command.get_current_dir(), program.get_current_dir());
    }

    #[test]
    fn other_arguments_are_left_alone() {
        for arguments in [&[][..], &["vm"], &["vm", BECOME]] {
            assert!(become_attached(arguments.iter().map(OsString::from)).is_none());
        }
    }
}
