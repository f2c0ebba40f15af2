//! One connection to a host.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::address::{SshAddress, SshSettings};
use super::explain;
use crate::error::{Error, Result};

/// The host says this when the connection stands; whatever its shell says before is its own.
const READY: &str = "hostwright-ready";

/// How long the program may take to end when it is no longer needed.
const END: Duration = Duration::from_secs(2);

/// The least time that a login gets: small machines take long to make keys while they start.
const SHORTEST: Duration = Duration::from_secs(60);

/// What went through a connection, in bytes, as `ssh` counts them: compressed and encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// To the host.
    pub sent: u64,
    /// From the host.
    pub received: u64,
}

/// A connection that sessions share. It ends when this is dropped, or with this process however that ends: the host's end of
/// it reads from a pipe of ours.
#[derive(Debug)]
pub struct Connection {
    address: SshAddress,
    master: Child,
    input: Option<ChildStdin>,
    said: Arc<Mutex<String>>,
    /// Ends when everything is said.
    listener: thread::JoinHandle<()>,
    /// Holds the socket of the control master.
    directory: TempDir,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::Refused`], [`Error::HostKeyChanged`] say why not.
    pub fn open(address: &SshAddress, settings: &SshSettings) -> Result<Self> {
        // A socket's path has 108 bytes at most (unix(7)), and ssh adds some while it makes it.
        let directory = tempfile::Builder::new()
            .prefix("hostwright-")
            .tempdir()
            .map_err(|source| Error::io("make", &std::env::temp_dir(), source))?;
        let socket = directory.path().join("s");
        let mut command = address.command(settings);
        for option in ["ControlMaster=yes", "ControlPersist=no", "LogLevel=VERBOSE"] {
            command.args(["-o", option]);
        }
        command.arg("-o").arg(format!("ControlPath={}", socket.display()));
        command.args(["-x", "-a", "-T", "--", &address.host]);
        command.arg(format!("echo {READY}; exec cat >/dev/null"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut master =
            command.spawn().map_err(|source| Error::Start { program: "ssh".to_owned(), source })?;
        let said = Arc::new(Mutex::new(String::new()));
        let (Some(input), Some(output), Some(errors)) =
            (master.stdin.take(), master.stdout.take(), master.stderr.take())
        else {
            return Err(Error::Unreachable {
                address: address.display(),
                said: "ssh has no streams".to_owned(),
            });
        };
        let listener = thread::spawn({
            let said = Arc::clone(&said);
            move || listen(errors, &said)
        });
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let ready = BufReader::new(output).lines().map_while(Result::ok).any(|line| line.trim() == READY);
            // Nobody waits any more when it took too long.
            let _ = sender.send(ready);
        });
        // Besides the connection itself there are its jump hosts and the login.
        let patience = (settings.patience * 3).max(SHORTEST);
        let ready = receiver.recv_timeout(patience);
        let mut connection =
            Connection { address: address.clone(), master, input: Some(input), said, listener, directory };
        match ready {
            Ok(true) => Ok(connection),
            Ok(false) => {
                connection.end();
                connection.hear_the_rest();
                Err(explain::failure(address, settings, &connection.said()))
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                // Killed, for it may wait for ever.
                let _ = connection.master.kill();
                let said = format!("no login within {} s", patience.as_secs());
                Err(Error::Unreachable { address: address.display(), said })
            }
        }
    }

    /// `ssh` with a session inside the connection; the command's words are to be given to the shell there as they are.
    pub fn command(&self, remote: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-T"]).arg("-S").arg(self.socket());
        // Without a connection to share, it would make one of its own.
        for option in ["ControlMaster=no", "ProxyCommand=false", "LogLevel=ERROR"] {
            command.args(["-o", option]);
        }
        command.args(["--", &self.address.host, remote]);
        command
    }

    /// The socket of the control master, for `ssh -S`.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    /// Where it leads.
    pub fn address(&self) -> &SshAddress {
        &self.address
    }

    /// What `ssh` said that people want to know.
    pub fn said(&self) -> String {
        explain::essence(&self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends it, and tells what went through it.
    pub fn close(mut self) -> Traffic {
        self.end();
        self.hear_the_rest();
        traffic(&self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What it said last may still be on its way when it has ended.
    fn hear_the_rest(&self) {
        let until = Instant::now() + END;
        while !self.listener.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn end(&mut self) {
        self.input = None;
        let until = Instant::now() + END;
        while matches!(self.master.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
        // It may have ended by itself.
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

fn listen(errors: impl Read, said: &Mutex<String>) {
    for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(String::from_utf8_lossy(&line).trim_end());
        said.push('\n');
    }
}

/// `Transferred: sent 3640, received 3504 bytes, in 0.1 seconds`, which is said at the end.
fn traffic(said: &str) -> Traffic {
    let line = said.lines().rev().find_map(|line| line.strip_prefix("Transferred: sent "));
    let mut numbers = line.into_iter().flat_map(|line| line.split(|c: char| !c.is_ascii_digit()));
    let mut next = || numbers.by_ref().find(|text| !text.is_empty()).and_then(|text| text.parse().ok());
    Traffic { sent: next().unwrap_or(0), received: next().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_transferred_is_said_last() {
        let said = "Authenticated to x\nTransferred: sent 3640, received 3504 bytes, in 0.1 seconds\nBytes per second: 1\n";
        assert_eq!(traffic(said), Traffic { sent: 3640, received: 3504 });
        assert_eq!(traffic(""), Traffic::default());
    }
}
