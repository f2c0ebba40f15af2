//! The socket over which a working collector learns of new roots (`gc-socket/socket`): each line is a path, and the
//! answer `1` to it means that the path is gone or stays, if the collector is ours.
//!
//! That of Nix (2.8 and 2.26, `LocalStore::collectGarbage`) answers too early: of a path and its referrers, which it looks at and then
//! removes together, it makes clients wait only for the one that it looked at last. Of the others it takes a new root, says `1`, and
//! removes it all the same. So whoever talks to a collector asks first whose it is: by a line that to Nix is one more path.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

use crate::error::{Error, Result};

/// The base name of the path that asks whose the collector is. No content has it.
pub(super) const QUESTION: &str = "00000000000000000000000000000000-whose-collector-is-this";

/// What our collector answers to that.
pub(super) const OURS: u8 = b'h';

/// The longest path that fits into a socket's address, with the zero behind it (unix(7)).
const LONGEST_ADDRESS: usize = 107;

/// The longest line that is read: far more than a store path has.
const LONGEST_LINE: u64 = 4096;

/// Calls `action` with a path of the socket that is short enough for an address.
fn with_short_path<T>(path: &Path, action: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if path.as_os_str().len() > LONGEST_ADDRESS => {
            let parent = File::open(parent)?;
            let short = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd()));
            action(&short.join(name))
        }
        _ => action(path),
    }
}

/// Connects to the collector that listens at `path`, or to a daemon.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short_path(path, |path| UnixStream::connect(path))
}

/// Serves clients until it is stopped.
pub(super) struct RootServer {
    listener: UnixListener,
    /// The open connections; `None` when no more are taken.
    clients: Mutex<Option<Vec<UnixStream>>>,
}

impl RootServer {
    /// Listens at `path`. Whoever calls this has the collector's lock, so what lies there is of a dead one.
    pub fn listen(path: &Path) -> Result<Self> {
        let listen_error = |error| Error::io("listen at", path, error);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(listen_error(error)),
            _ => {}
        }
        let listener = with_short_path(path, |path| UnixListener::bind(path)).map_err(listen_error)?;
        // Every process that may add to the store may ask for its roots.
        fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(listen_error)?;
        Ok(RootServer { listener, clients: Mutex::new(Some(Vec::new())) })
    }

    /// Takes connections, each in a thread of `scope`, until [`Self::stop`]. `take` gets each line and returns when it
    /// may be answered.
    pub fn serve<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        take: &'scope (dyn Fn(&[u8]) + Sync),
    ) {
        // An error is what a listener that was shut down gives; without it, clients that cannot be served wait for
        // the end of the collection, which is slow but safe.
        while let Ok((stream, _)) = self.listener.accept() {
            let Ok(copy) = stream.try_clone() else { continue };
            match self.clients.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                Some(clients) => clients.push(copy),
                None => return,
            }
            scope.spawn(move || {
                // A client that breaks off has no use for an answer.
                let _ = answer(&stream, take);
            });
        }
    }

    /// Ends [`Self::serve`] and all connections.
    pub fn stop(&self) {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner).take();
        for client in clients.into_iter().flatten() {
            // It may have gone by itself.
            let _ = client.shutdown(Shutdown::Both);
        }
        // Wakes the thread that waits for the next connection.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

fn answer(stream: &UnixStream, take: &(dyn Fn(&[u8]) + Sync)) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let count = io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut line)?;
        if count == 0 || line.pop() != Some(b'\n') {
            return Ok(());
        }
        let is_question = line.ends_with(QUESTION.as_bytes());
        if !is_question {
            take(&line);
        }
        (&mut &*stream).write_all(&[if is_question { OURS } else { b'1' }])?;
    }
}
