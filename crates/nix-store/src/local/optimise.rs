//! Keeping equal files once: every file of the store becomes a hard link of the one with the same archive in
//! `.links`, which is named by the archive's SHA-256 in base-32. Layout and names are Nix's own, so either program goes on where the
//! other stopped.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustc_hash::FxHashSet;

use super::canonical::canonicalise_one;
use super::store::LocalStore;
use crate::error::{Error, Result};
use crate::nar;
use crate::store_path::StorePath;

/// What linking equal files saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Savings {
    /// Files that became links of another one.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// How often a link is tried anew that a collector removed just before it was used.
const TRIES: usize = 5;

impl LocalStore {
    /// Links equal files of all valid paths, on all processors. May be ended at any moment.
    ///
    /// # Errors
    /// The file system's. A full directory or a file with as many links as there can be only saves less.
    pub fn optimise(&self) -> Result<Savings> {
        self.check_writable()?;
        let paths: Vec<StorePath> = self.valid_paths()?.into_iter().collect();
        let linker = Linker::new(self)?;
        linker.learn_links()?;
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                // It must not be removed meanwhile, and may have been before.
                self.add_temporary_roots([path])?;
                if self.is_valid(path)? {
                    linker.tree(path, &self.real_path(path))?;
                }
            }
            Ok(())
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(paths.len().max(1));
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        Ok(linker.savings())
    }

    /// Links the files of a path that was just put into place, if the store does so by itself.
    pub(super) fn optimise_added(&self, path: &StorePath) -> Result<()> {
        if self.optimises_added() { Linker::new(self)?.tree(path, &self.real_path(path)) } else { Ok(()) }
    }
}

struct Linker<'store> {
    store: &'store LocalStore,
    store_directory: PathBuf,
    links_directory: PathBuf,
    /// Inodes of files in `.links`: what is one of them need not be read again.
    linked: Mutex<FxHashSet<u64>>,
    savings: Mutex<Savings>,
}

impl<'store> Linker<'store> {
    fn new(store: &'store LocalStore) -> Result<Self> {
        let links_directory = store.root().links_directory();
        fs::create_dir_all(&links_directory).map_err(|error| Error::io("create", &links_directory, error))?;
        Ok(Linker {
            store,
            store_directory: store.root().store_directory(),
            linked: Mutex::default(),
            savings: Mutex::default(),
            links_directory,
        })
    }

    /// Reads which files are in `.links` already. This pays when all of the store is gone through.
    fn learn_links(&self) -> Result<()> {
        let read_error = |error| Error::io("read", &self.links_directory, error);
        let mut linked = self.linked.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in fs::read_dir(&self.links_directory).map_err(read_error)? {
            linked.insert(entry.map_err(read_error)?.ino());
        }
        Ok(())
    }

    fn savings(&self) -> Savings {
        *self.savings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Links what is at `path`, in or below the store path `owner`, which must be a temporary root.
    fn tree(&self, owner: &StorePath, path: &Path) -> Result<()> {
        let metadata = fs::symlink_metadata(path).map_err(|error| Error::io("read", path, error))?;
        if !metadata.is_dir() {
            return self.file(owner, path, &metadata);
        }
        // Whoever was killed while it changed a directory left it writable.
        canonicalise_one(path, &metadata)?;
        for entry in fs::read_dir(path).map_err(|error| Error::io("read", path, error))? {
            self.tree(owner, &entry.map_err(|error| Error::io("read", path, error))?.path())?;
        }
        Ok(())
    }

    fn file(&self, owner: &StorePath, path: &Path, metadata: &Metadata) -> Result<()> {
        // A file that somebody may write is not one of a store; its content may change under all links.
        let suspicious = metadata.is_file() && metadata.mode() & 0o200 != 0;
        let known = |inode| self.linked.lock().unwrap_or_else(PoisonError::into_inner).contains(&inode);
        if suspicious || (metadata.nlink() > 1 && known(metadata.ino())) {
            return Ok(());
        }
        let (hash, _) = nar::hash_path(path)?;
        let link = self.links_directory.join(hash.to_base32());
        for _ in 0..TRIES {
            if self.link(owner, path, metadata, &link)? {
                break;
            }
        }
        Ok(())
    }

    /// Makes `path` and `link` the same file; `false` if `link` was removed meanwhile.
    fn link(&self, owner: &StorePath, path: &Path, metadata: &Metadata, link: &Path) -> Result<bool> {
        let link_error = |error| Error::io("link", link, error);
        let there = match fs::symlink_metadata(link) {
            Ok(there) if there.len() != metadata.len() => {
                // Damaged, perhaps by a crash: no file has this hash and another size.
                remove_if_there(link)?;
                None
            }
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(link_error(error)),
        };
        let Some(there) = there else {
            return match fs::hard_link(path, link) {
                Ok(()) => {
                    self.linked.lock().unwrap_or_else(PoisonError::into_inner).insert(metadata.ino());
                    Ok(true)
                }
                // Somebody else made it, or put another file in the place of `path` at this moment: link(2) has no entry
                // then for the one that it began with.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) =>
                {
                    Ok(false)
                }
                // The index of a directory of ext4 can be full; then this file is not shared.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::TooManyLinks => Ok(true),
                Err(error) => Err(link_error(error)),
            };
        };
        if there.ino() == metadata.ino() {
            return Ok(true);
        }
        let temporary = self.store.own_temporary_place(owner);
        remove_if_there(&temporary)?;
        match fs::hard_link(link, &temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            // Some 65 000 on ext4; empty files reach it.
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => return Ok(true),
            Err(error) => return Err(link_error(error)),
        }
        match self.replace(&temporary, path) {
            Ok(true) => {
                let mut savings = self.savings.lock().unwrap_or_else(PoisonError::into_inner);
                savings.files += 1;
                // Its space is free only if nothing else is linked to it.
                savings.bytes += if metadata.nlink() == 1 { metadata.len() } else { 0 };
                Ok(true)
            }
            Ok(false) => {
                remove_if_there(&temporary)?;
                Ok(true)
            }
            Err(error) => {
                remove_if_there(&temporary)?;
                Err(error)
            }
        }
    }

    /// Renames `new` to `path`, in whose directory one may not write. `false` if there are too many links.
    fn replace(&self, new: &Path, path: &Path) -> Result<bool> {
        let directory = path.parent().filter(|parent| *parent != self.store_directory);
        if let Some(directory) = directory {
            set_writable(directory)?;
        }
        let renamed = match fs::rename(new, path) {
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => Ok(false),
            renamed => renamed.map(|()| true).map_err(|error| Error::io("write", path, error)),
        };
        if let Some(directory) = directory {
            let metadata =
                fs::symlink_metadata(directory).map_err(|error| Error::io("read", directory, error))?;
            canonicalise_one(directory, &metadata)?;
        }
        renamed
    }
}

fn set_writable(directory: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755))
        .map_err(|error| Error::io("change the mode of", directory, error))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, error)),
        _ => Ok(()),
    }
}
