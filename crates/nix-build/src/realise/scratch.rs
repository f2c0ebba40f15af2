//! Directories for builders' temporary files.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nix_store::StoreRoot;
use nix_store::local::remove_tree;
use tempfile::TempDir;

use crate::error::{IoContext, Result};

/// The directory of one run: a lock on itself shows that the run is alive.
pub(super) struct Scratch {
    directory: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes one, after removing those of runs that were killed.
    pub(super) fn create(root: &StoreRoot) -> Result<Self> {
        let parent = root.state_directory().join("hostwright/scratch");
        fs::create_dir_all(&parent).on("create", &parent)?;
        sweep(&parent)?;
        loop {
            let directory = TempDir::with_prefix_in("run-", &parent).on("create", &parent)?;
            // Another run may take this one for a dead one's before it is locked.
            let Ok(lock) = File::open(directory.path()) else { continue };
            if lock.try_lock().is_ok() && directory.path().exists() {
                return Ok(Scratch { directory, _lock: lock });
            }
        }
    }

    /// An empty directory for one build; removed when it is dropped.
    pub(super) fn for_build(&self) -> Result<TempDir> {
        TempDir::with_prefix_in("build-", self.directory.path()).on("create", self.directory.path())
    }
}

fn sweep(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent).on("list", parent)? {
        let path: PathBuf = entry.on("list", parent)?.path();
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(crate::Error::io("open", &path, error)),
        };
        match lock.try_lock() {
            Ok(()) => remove_tree(&path)?,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(crate::Error::io("lock", &path, error)),
        }
    }
    Ok(())
}
