//! Temporary names and directories.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::canonical::remove_tree;
use crate::error::{Error, Result};

/// A text that no other running thread or process on this machine gets.
pub(super) fn unique() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A temporary directory that is known to be in use by a lock on itself, and removed when it is dropped.
#[derive(Debug)]
pub(super) struct LockedDirectory {
    path: PathBuf,
    _file: File,
}

impl LockedDirectory {
    /// Makes one whose path begins with `prefix`.
    pub(super) fn create(prefix: &Path) -> Result<Self> {
        loop {
            let mut path = prefix.as_os_str().to_owned();
            path.push(unique());
            let path = PathBuf::from(path);
            match fs::create_dir(&path) {
                // Left by a process that was killed and had the same number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                result => result.map_err(|error| Error::io("create", &path, error))?,
            }
            // Who looks for leftovers may have been faster.
            if let Some(directory) = Self::try_take(path)? {
                return Ok(directory);
            }
        }
    }

    /// Takes an existing one unless it is in use.
    pub(super) fn try_take(path: PathBuf) -> Result<Option<Self>> {
        let file = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|error| Error::io("lock", &path, error))?,
        };
        match file.try_lock() {
            Ok(()) => Ok(path.exists().then(|| LockedDirectory { path, _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
        }
    }

    /// Whether somebody has the directory.
    pub(super) fn is_in_use(path: &Path) -> Result<bool> {
        match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("lock", path, error)),
            Ok(file) => Ok(matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock))),
        }
    }
}

impl LockedDirectory {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LockedDirectory {
    fn drop(&mut self) {
        // What cannot be removed now is a leftover for the next one to remove.
        let _ = remove_tree(&self.path);
    }
}
