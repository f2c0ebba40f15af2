//! The supervisor: starts the helper of a build, says who the builder is, reads the log, watches the clock.

use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix_store::Derivation;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Pid;

use super::description::{Answer, Description, StepFailed};
use super::emulation::registration;
use super::environment::BuildEnvironment;
use super::helper::HELPER;
use super::identity::{INNER_GROUP, INNER_USER};
use super::root_tree::{BUILD_DIRECTORY, RootTree};
use crate::cancellation::Cancellation;
use crate::error::{Error, IoContext, Result};

/// How often the clock and the cancellation are looked at.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// How long a build may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Limits {
    /// From its beginning to its end.
    pub(crate) time: Option<Duration>,
    /// Without a byte for the log.
    pub(crate) silence: Option<Duration>,
}

/// A builder that is to run.
pub(crate) struct Supervised<'build> {
    /// Its root.
    pub(crate) tree: &'build RootTree,
    /// What is run.
    pub(crate) derivation: &'build Derivation,
    /// With what.
    pub(crate) environment: &'build BuildEnvironment,
    /// Whether it has a network of its own, that is none.
    pub(crate) private_network: bool,
    /// What runs the builder, if the machine cannot.
    pub(crate) emulator: Option<&'build Path>,
    /// The program that becomes the helper.
    pub(crate) helper: &'build Path,
    /// How long.
    pub(crate) limits: Limits,
    /// Whether it is still wanted.
    pub(crate) cancellation: &'build Cancellation,
}

/// Runs a builder to its end. `log` gets all that it prints.
///
/// # Errors
/// [`Error::NoSandbox`] where the kernel does not allow one; [`Error::BuilderFailed`]; [`Error::TookTooLong`],
/// [`Error::SilentTooLong`]; [`Error::Cancelled`]. Nothing of the build runs any more, whatever the result.
pub(crate) fn supervise(build: &Supervised<'_>, log: &mut dyn FnMut(&[u8])) -> Result<()> {
    let (reader, writer) = io::pipe().on("make a pipe for", build.helper)?;
    let mut child = Command::new(build.helper)
        .arg(HELPER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(writer)
        .spawn()
        .on("start", build.helper)?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Error::io("start", build.helper, io::ErrorKind::BrokenPipe.into()));
    };
    let mut helper = Helper { child, stdin: Some(stdin), answers: BufReader::new(stdout) };
    let result = helper.run(build, reader, log);
    helper.end();
    result
}

struct Helper {
    child: Child,
    /// When it is closed the helper kills the builder.
    stdin: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    fn run(&mut self, build: &Supervised<'_>, reader: PipeReader, log: &mut dyn FnMut(&[u8])) -> Result<()> {
        let description = serde_json::to_string(&describe(build))
            .map_err(|error| Error::io("describe", build.tree.root(), error.into()))?;
        self.tell(&description, build)?;
        match self.answer(build)? {
            Answer::Unshared => {}
            other => return Err(conclusion(other, build)),
        }
        let process = Pid::from_child(&self.child);
        build.tree.identity().map(process).map_err(|error| Error::NoSandbox {
            step: String::from("map users into a namespace"),
            advice: advice(),
            source: std::error::Error::source(&error)
                .and_then(|source| source.downcast_ref::<io::Error>())
                .and_then(io::Error::raw_os_error)
                .map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error),
        })?;
        self.tell("mapped", build)?;
        match self.answer(build)? {
            Answer::Started => {}
            other => return Err(conclusion(other, build)),
        }
        self.read_log(build, reader, log)?;
        match self.answer(build)? {
            Answer::Exited(0) => Ok(()),
            other => Err(conclusion(other, build)),
        }
    }

    fn tell(&mut self, line: &str, build: &Supervised<'_>) -> Result<()> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        match stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")) {
            // What the helper answered says why it listens no more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result.on("write to", build.helper),
        }
    }

    fn answer(&mut self, build: &Supervised<'_>) -> Result<Answer> {
        let mut line = String::new();
        self.answers.read_line(&mut line).on("read from", build.helper)?;
        serde_json::from_str(&line).map_err(|_| {
            let problem =
                "the program that makes sandboxes ended without a word; does it call 'become_helper'?";
            Error::io("run", build.helper, io::Error::other(problem))
        })
    }

    /// Reads until everybody who could write has ended.
    fn read_log(
        &self,
        build: &Supervised<'_>,
        mut reader: PipeReader,
        log: &mut dyn FnMut(&[u8]),
    ) -> Result<()> {
        let begin = Instant::now();
        let mut last_word = begin;
        let mut buffer = vec![0; 64 << 10];
        loop {
            build.cancellation.check()?;
            if let Some(limit) = build.limits.time.filter(|limit| begin.elapsed() >= *limit) {
                return Err(Error::TookTooLong { seconds: limit.as_secs_f64() });
            }
            if let Some(limit) = build.limits.silence.filter(|limit| last_word.elapsed() >= *limit) {
                return Err(Error::SilentTooLong { seconds: limit.as_secs_f64() });
            }
            let mut watched = [PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN)];
            match poll(&mut watched, Some(&TICK)) {
                Ok(0) | Err(Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(Error::io("read from", build.helper, error.into())),
            }
            match reader.read(&mut buffer).on("read from", build.helper)? {
                0 => return Ok(()),
                length => log(&buffer[..length]),
            }
            last_word = Instant::now();
        }
    }

    /// Ends the builder if it has not ended, and waits for the helper.
    fn end(&mut self) {
        drop(self.stdin.take());
        // It cannot fail for a child that nobody else waits for.
        let _ = self.child.wait();
    }
}

fn describe(build: &Supervised<'_>) -> Description {
    let tree = build.tree;
    let variables = &build.environment.variables;
    Description {
        root: tree.root().into(),
        writable: tree.writable().iter().map(|path| path.as_path().into()).collect(),
        binds: tree.binds().to_vec(),
        private_network: build.private_network,
        changes_user: tree.identity().changes_user(),
        user: INNER_USER,
        group: INNER_GROUP,
        is_32_bit: matches!(
            build.derivation.system.as_slice(),
            b"i686-linux" | b"armv7l-linux" | b"armv6l-linux"
        ),
        emulator: build
            .emulator
            .and_then(|emulator| registration(&String::from_utf8_lossy(&build.derivation.system), emulator)),
        builder: build.derivation.builder.clone().into(),
        arguments: build.environment.arguments.iter().cloned().map(Into::into).collect(),
        environment: variables
            .iter()
            .map(|(name, value)| (name.clone().into(), value.clone().into()))
            .collect(),
        directory: Path::new(BUILD_DIRECTORY).into(),
    }
}

/// What an answer other than success means.
fn conclusion(answer: Answer, build: &Supervised<'_>) -> Error {
    match answer {
        Answer::Exited(code) => Error::BuilderFailed { how: format!("failed with exit code {code}") },
        Answer::Killed(signal) => Error::BuilderFailed { how: format!("was killed by signal {signal}") },
        Answer::NotStarted(failed) => Error::BuilderNotStarted {
            builder: String::from_utf8_lossy(&build.derivation.builder).into_owned(),
            source: cause(&failed),
        },
        Answer::Failed(failed) => {
            let source = cause(&failed);
            let is_refusal = source.kind() == io::ErrorKind::PermissionDenied
                || matches!(source.raw_os_error(), Some(libc::ENOSPC | libc::EINVAL | libc::ENOSYS));
            if is_refusal {
                Error::NoSandbox { step: failed.step, advice: advice(), source }
            } else {
                Error::SandboxSetup { step: failed.step, source }
            }
        }
        Answer::Unshared | Answer::Started => Error::SandboxSetup {
            step: String::from("follow the helper"),
            source: io::ErrorKind::InvalidData.into(),
        },
    }
}

fn cause(failed: &StepFailed) -> io::Error {
    match failed.error_number {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::other(failed.message.clone()),
    }
}

/// What to do where the kernel allows no sandbox.
fn advice() -> String {
    let setting = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let advice = if setting("/proc/sys/user/max_user_namespaces").as_deref() == Some("0") {
        "run 'sysctl user.max_user_namespaces=10000' as root"
    } else if setting("/proc/sys/kernel/unprivileged_userns_clone").as_deref() == Some("0") {
        "run 'sysctl kernel.unprivileged_userns_clone=1' as root"
    } else if setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        "run 'sysctl kernel.apparmor_restrict_unprivileged_userns=0' as root, or give this program an AppArmor profile \
         with the rule 'userns,'"
    } else {
        "in a container, start that with user namespaces and an unmasked /proc (Docker: '--security-opt seccomp=unconfined \
         --security-opt systempaths=unconfined'); elsewhere ask whoever runs this machine to allow user namespaces"
    };
    advice.to_owned()
}
