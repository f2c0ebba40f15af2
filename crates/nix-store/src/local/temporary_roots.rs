//! Temporary roots: what running processes use or make, in Nix's own files and with its own rules for meeting a
//! collector.
//!
//! Each process has a file `temproots/PID`, locked as long as it runs, with the paths that no collector may remove.
//! A path is written there first. Then either no collector is at work (a shared lock on `gc.lock` can be had), and
//! the next one will read the file; or one is, and is told the path over its socket. When it has answered, the
//! path is either gone or safe, so whoever looks for it after that can rely on what it sees. On the answers of Nix's own collector
//! one cannot rely ([`collector_socket`](super::collector_socket)), so its end is waited for.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustc_hash::FxHashSet;

use super::collector_socket::{self, OURS, QUESTION};
use super::lock::open_lock_file;
use super::root::StoreRoot;
use super::store::LocalStore;
use crate::error::{Error, Result};
use crate::store_path::{StoreDir, StorePath};

/// How long to wait for a collector that has its lock but no socket: it is just starting or ending.
const PAUSE: Duration = Duration::from_millis(10);

/// Paths that are sent to a collector before its answers are read. Its answers have one byte each but cost the kernel
/// far more; with too many of them, both sides would wait for each other.
const SENT_AT_ONCE: usize = 32;

/// The temporary roots of this process in one store.
#[derive(Debug)]
pub(super) struct TemporaryRoots {
    root: StoreRoot,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The roots file, locked.
    file: Option<(PathBuf, File)>,
    collection_lock: Option<File>,
    collector: Option<UnixStream>,
    known: FxHashSet<StorePath>,
}

/// The roots of each store that is open in this process, by its state directory: a process has one file in each.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<TemporaryRoots>>> = Mutex::new(BTreeMap::new());

impl TemporaryRoots {
    /// Those of this process in the store below `root`.
    pub fn of(root: &StoreRoot) -> Arc<Self> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = root.state_directory();
        if let Some(roots) = open.get(&key).and_then(Weak::upgrade) {
            return roots;
        }
        open.retain(|_, roots| roots.strong_count() > 0);
        let roots = Arc::new(TemporaryRoots { root: root.clone(), state: Mutex::default() });
        open.insert(key, Arc::downgrade(&roots));
        roots
    }

    /// Protects `paths` until the store is closed. After it, each is either gone or stays.
    pub fn add<'paths>(
        &self,
        directory: &StoreDir,
        paths: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<&StorePath> = paths
            .into_iter()
            .filter(|path| !state.known.contains(*path))
            .collect::<FxHashSet<_>>()
            .into_iter()
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = new.iter().map(|path| directory.display(path)).collect();
        self.write(&mut state, &lines)?;
        self.meet_collector(&mut state, &lines)?;
        state.known.extend(new.into_iter().cloned());
        Ok(())
    }

    /// Tells the collector that works at this moment, if there is one, of a path that it may have missed.
    pub fn announce(&self, directory: &StoreDir, path: &StorePath) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.meet_collector(&mut state, &[directory.display(path)])
    }

    fn write(&self, state: &mut State, lines: &[String]) -> Result<()> {
        let (path, file) = match &mut state.file {
            Some(file) => file,
            none => none.insert(create(&self.root.temporary_roots_directory())?),
        };
        let mut text = Vec::new();
        for line in lines {
            text.extend_from_slice(line.as_bytes());
            text.push(0);
        }
        file.write_all(&text).map_err(|error| Error::io("write", path, error))
    }

    /// Returns when every collector that works now or later knows of `lines`.
    fn meet_collector(&self, state: &mut State, lines: &[String]) -> Result<()> {
        let lock_path = self.root.collection_lock();
        loop {
            let lock = match &mut state.collection_lock {
                Some(lock) => lock,
                none => none.insert(open_lock_file(&lock_path)?),
            };
            match lock.try_lock_shared() {
                Ok(()) => return lock.unlock().map_err(|error| Error::io("unlock", &lock_path, error)),
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", &lock_path, error)),
            }
            match self.tell_collector(state, lines)? {
                Told::Taken => return Ok(()),
                Told::Nobody => {
                    state.collector = None;
                    thread::sleep(PAUSE);
                }
                Told::OfNix => {
                    state.collector = None;
                    let Some(lock) = &mut state.collection_lock else { continue };
                    let waited = lock.lock_shared().and_then(|()| lock.unlock());
                    return waited.map_err(|error| Error::io("lock", &lock_path, error));
                }
            }
        }
    }

    fn tell_collector(&self, state: &mut State, lines: &[String]) -> Result<Told> {
        let socket = self.root.collector_socket();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Ok(Told::Nobody),
            _ => Err(Error::io("talk to the collector at", &socket, error)),
        };
        let stream = match &mut state.collector {
            Some(stream) => stream,
            none => match collector_socket::connect(&socket).and_then(|stream| {
                let is_ours = ask_whose(&stream)?;
                Ok((stream, is_ours))
            }) {
                Ok((stream, true)) => none.insert(stream),
                Ok((_, false)) => return Ok(Told::OfNix),
                Err(error) => return failed(error),
            },
        };
        for lines in lines.chunks(SENT_AT_ONCE) {
            let message: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let mut answers = vec![0; lines.len()];
            let exchange =
                stream.write_all(message.as_bytes()).and_then(|()| stream.read_exact(&mut answers));
            if let Err(error) = exchange {
                return failed(error);
            }
        }
        Ok(Told::Taken)
    }
}

/// What came of telling a collector.
enum Told {
    /// Each path is either gone or stays.
    Taken,
    /// There is no collector, or it ended meanwhile.
    Nobody,
    /// It is Nix's, and its answers mean little.
    OfNix,
}

/// Whether the collector at the other end is ours.
fn ask_whose(mut stream: &UnixStream) -> io::Result<bool> {
    let question = format!("{}/{QUESTION}\n", StoreDir::default().as_str());
    stream.write_all(question.as_bytes())?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(answer == [OURS])
}

impl Drop for TemporaryRoots {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((path, file)) = state.file.take()
            && is_same(&path, &file)
        {
            // What cannot be removed is no longer locked soon, and any collector removes it.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes this process's file and locks it.
fn create(directory: &Path) -> Result<(PathBuf, File)> {
    let process = std::process::id();
    let mut number = 0;
    loop {
        // Nix reads the number that a name begins with and ignores the rest of it.
        let name = if number == 0 { process.to_string() } else { format!("{process}-{number}") };
        let path = directory.join(name);
        let lock_error = |error| Error::io("lock", &path, error);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| Error::io("create", &path, error))?;
        match file.try_lock() {
            Ok(()) => {}
            // A process of another namespace has the same number, or another store of this one is being closed.
            Err(fs::TryLockError::WouldBlock) => {
                number += 1;
                continue;
            }
            Err(fs::TryLockError::Error(error)) => return Err(lock_error(error)),
        }
        // A collector may have taken the file away before it was locked.
        if !is_same(&path, &file) {
            continue;
        }
        // What is in it is of a dead process.
        file.set_len(0).map_err(lock_error)?;
        return Ok((path, file));
    }
}

fn is_same(path: &Path, file: &File) -> bool {
    match (fs::symlink_metadata(path), file.metadata()) {
        (Ok(there), Ok(ours)) => there.ino() == ours.ino() && there.dev() == ours.dev(),
        _ => false,
    }
}

/// Reads the temporary roots of all running processes: for each, its file and path. Files of dead processes are
/// removed if `remove_stale`.
pub(super) fn read_all(
    root: &StoreRoot,
    directory: &StoreDir,
    remove_stale: bool,
) -> Result<Vec<(PathBuf, StorePath)>> {
    let place = root.temporary_roots_directory();
    let read_error = |error| Error::io("read", &place, error);
    let entries = match fs::read_dir(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(read_error)?,
    };
    let mut roots = Vec::new();
    for entry in entries {
        let path = entry.map_err(read_error)?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        let read_error = |error| Error::io("read", &path, error);
        let mut file = match OpenOptions::new().read(true).write(remove_stale).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file.map_err(read_error)?,
        };
        match file.try_lock() {
            // Its process is dead.
            Ok(()) => {
                if remove_stale && fs::remove_file(&path).is_ok() {
                    // Whoever waits to use this very file sees by its size that it is gone.
                    file.write_all(b"d").map_err(|error| Error::io("write", &path, error))?;
                }
                continue;
            }
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(Error::io("lock", &path, error)),
        }
        let mut contents = Vec::new();
        file.read_to_end(&mut contents).map_err(read_error)?;
        // What has no end yet is being written; its writer will tell the collector of it.
        let complete = contents.iter().rposition(|byte| *byte == 0).map_or(0, |end| end);
        for text in contents[..complete].split(|byte| *byte == 0) {
            if let Ok(store_path) = directory.parse(text) {
                roots.push((path.clone(), store_path));
            }
        }
    }
    Ok(roots)
}

impl LocalStore {
    /// Keeps every collector, of Nix or of this program, from removing `paths` and what they refer to until the last
    /// [`LocalStore`] of this process that has the same root is closed. The paths need not be valid (yet): look
    /// afterwards. Everything that adds to the store does this itself for what it adds and for its references.
    ///
    /// # Errors
    /// Those of the file system; a store that was opened for reading only.
    pub fn add_temporary_roots<'paths>(
        &self,
        paths: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<()> {
        self.check_writable()?;
        self.temporary_roots.add(self.directory(), paths)
    }
}
