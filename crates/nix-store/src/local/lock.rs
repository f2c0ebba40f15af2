//! Locks that Nix understands too.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Opens a lock file, making it if need be.
pub(super) fn open_lock_file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::io("lock", path, error))
}

/// The exclusive right to make a store path: a lock (`flock`) on the file `PATH.lock`, which is removed again.
/// It excludes other threads, other processes, and Nix.
#[derive(Debug)]
pub struct PathLock {
    path: PathBuf,
    file: File,
}

impl PathLock {
    /// Waits for the lock of the real path `path`.
    pub(super) fn wait(path: &Path) -> Result<Self> {
        loop {
            let (path, file) = Self::open(path)?;
            file.lock().map_err(|error| Error::io("lock", &path, error))?;
            if let Some(lock) = Self::still_there(path, file)? {
                return Ok(lock);
            }
        }
    }

    /// Takes the lock of the real path `path` unless somebody has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>> {
        let (path, file) = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => Self::still_there(path, file),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
        }
    }

    fn open(path: &Path) -> Result<(PathBuf, File)> {
        let mut path = path.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let file = open_lock_file(&path)?;
        Ok((path, file))
    }

    /// The holder before may have removed the file while this one waited; then the lock is worth nothing.
    fn still_there(path: PathBuf, file: File) -> Result<Option<Self>> {
        let locked = file.metadata().map_err(|error| Error::io("lock", &path, error))?;
        match fs::symlink_metadata(&path) {
            Ok(now) if now.ino() == locked.ino() && now.dev() == locked.dev() => {
                Ok(Some(PathLock { path, file }))
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("lock", &path, error)),
        }
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // Who waits for the lock finds the file gone, or (this is how Nix looks at it) not empty, and opens it anew.
        // Should this fail, a file is left that locks nothing.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.write_all(b"d");
    }
}

/// While one is held, no collector (of Nix or of this program) deletes anything from the store: a shared lock on
/// `gc.lock`.
#[derive(Debug)]
pub struct CollectionGuard {
    _file: File,
}

impl CollectionGuard {
    pub(super) fn wait(path: &Path) -> Result<Self> {
        let file = open_lock_file(path)?;
        file.lock_shared().map_err(|error| Error::io("lock", path, error))?;
        Ok(CollectionGuard { _file: file })
    }
}
