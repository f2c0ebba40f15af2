//! The helper: this program, started again to make the sandbox of one build, run the builder and see to its end.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, setsid};
use rustix::system::{setdomainname, sethostname};
use rustix::thread::UnshareFlags;

use super::description::{Answer, Description, StepContext, StepFailed};
use super::{enter, loopback, mounts, raw};

/// The first argument of the program when it is to be the helper. No command has this name.
pub(super) const HELPER: &str = "sandbox-setup";

/// Becomes the helper of a build if the arguments (without the program's name) say so; returns when the build is over. Every
/// program that realises derivations with builders of their own calls this first thing in `main`, before it has a second
/// thread.
pub fn become_helper(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.into_iter().next()? != OsStr::new(HELPER) {
        return None;
    }
    let answer = match run() {
        Ok(status) => status.signal().map_or(Answer::Exited(status.code().unwrap_or(1)), Answer::Killed),
        Err(answer) => answer,
    };
    // Nobody listens any more if the supervisor has died.
    let _ = send(&mut io::stdout(), &answer);
    Some(ExitCode::SUCCESS)
}

fn run() -> Result<ExitStatus, Answer> {
    raw::close_inherited_files().step(|| String::from("close files"))?;
    // A leader of its process group cannot begin one, and needs none.
    let _ = setsid();
    let mut supervisor = BufReader::new(io::stdin());
    let description: Description = {
        let line = receive(&mut supervisor)?;
        serde_json::from_str(&line).map_err(io::Error::from).step(|| String::from("read the description"))?
    };
    let mut namespaces = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    if description.private_network {
        namespaces |= UnshareFlags::NEWNET;
    }
    raw::unshare(namespaces).step(|| String::from("make namespaces"))?;
    send(&mut io::stdout(), &Answer::Unshared).step(|| String::from("answer"))?;
    receive(&mut supervisor)?;
    if description.private_network {
        loopback::bring_up().step(|| String::from("turn on the loopback interface"))?;
    }
    sethostname(b"localhost").step(|| String::from("set the host name"))?;
    // What the kernel calls a domain that is not set.
    setdomainname(b"(none)").step(|| String::from("set the domain name"))?;
    mounts::mount_all(&description)?;
    let running = start(description)?;
    send(&mut io::stdout(), &Answer::Started).step(|| String::from("answer"))?;
    Ok(wait(running)?)
}

/// A builder that was started.
struct Running {
    child: Child,
    /// Has the end of the pipe by which the builder sees that its helper lives.
    _command: Command,
}

/// Starts the builder. Its standard output and error are the helper's standard error.
fn start(description: Description) -> Result<Running, Answer> {
    let log = |file: io::Stderr| file.as_fd().try_clone_to_owned().map(Stdio::from);
    let program = description.builder.as_os_str();
    let mut command = Command::new(program);
    let base_name = description.builder.as_path().file_name().unwrap_or(program);
    command
        .arg0(base_name)
        .args(description.arguments.iter().map(|argument| argument.as_os_str()))
        .env_clear()
        .envs(description.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())))
        .stdin(Stdio::null())
        .stdout(log(io::stderr()).step(|| String::from("pass on the log"))?)
        .stderr(log(io::stderr()).step(|| String::from("pass on the log"))?);
    let step = format!("start '{}'", description.builder.as_path().display());
    // The builder's standard output is the log by the time that something can fail.
    let answers: OwnedFd =
        io::stdout().as_fd().try_clone_to_owned().step(|| String::from("pass on the answers"))?;
    let (reader, writer) = io::pipe().step(|| String::from("make a pipe"))?;
    let mut writer = Some(writer);
    raw::before_exec(&mut command, move || {
        // From now on the helper alone has this end.
        drop(writer.take());
        enter::enter(&description, reader.as_fd()).map_err(|failed| {
            let number = failed.error_number.unwrap_or(Errno::PROTO.raw_os_error());
            let answers: io::Result<PipeWriter> = answers.try_clone().map(PipeWriter::from);
            // The reason is lost if this fails, not the failure.
            let _ = answers.and_then(|mut answers| send(&mut answers, &Answer::Failed(failed)));
            io::Error::from_raw_os_error(number)
        })
    });
    // If it failed before, the supervisor has been told already and does not hear this.
    let child = command.spawn().map_err(|error| Answer::NotStarted(StepFailed::new(step, error)))?;
    Ok(Running { child, _command: command })
}

/// Waits for the builder's end, or for the supervisor's: then the builder is killed.
fn wait(mut running: Running) -> Result<ExitStatus, StepFailed> {
    let step = || String::from("wait for the builder");
    let pid = Pid::from_child(&running.child);
    let process = pidfd_open(pid, PidfdFlags::empty()).step(step)?;
    let stdin = io::stdin();
    let mut watched = [
        PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
    ];
    loop {
        match poll(&mut watched, None) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(StepFailed::new(step(), error)),
        }
    }
    if watched[0].revents().is_empty() {
        // It may have ended in this moment.
        let _ = pidfd_send_signal(&process, Signal::KILL);
    }
    running.child.wait().step(step)
}

fn receive(supervisor: &mut BufReader<io::Stdin>) -> Result<String, StepFailed> {
    let mut line = String::new();
    match supervisor.read_line(&mut line) {
        Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        other => other,
    }
    .step(|| String::from("listen to the supervisor"))?;
    Ok(line)
}

fn send(to: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}
