//! What a collection would remove, and why it would not remove a path.

use std::fs;
use std::path::PathBuf;

use super::collect::{CollectObserver, CollectOptions, Collection, names};
use super::find_roots::Root;
use super::freed::WouldBeFreed;
use super::generations::Generation;
use super::liveness::{KeepOptions, Liveness, hash_part};
use super::store::LocalStore;
use super::temporary::LockedDirectory;
use super::unfinished::is_lock_file;
use crate::error::{Error, Result};
use crate::store_path::StorePath;

/// Something that a collection would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// Its name in the store directory.
    pub name: String,
    /// The bytes on the disk that its removal would free, after that of all before it.
    pub bytes: u64,
}

/// When the file system of the store has too little space, and how much it should have then: Nix's settings `min-free` and
/// `max-free`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceThresholds {
    /// With fewer free bytes than this, garbage is collected.
    pub min_free: u64,
    /// A collection ends when so many bytes are free.
    pub max_free: u64,
}

impl LocalStore {
    /// What [`Self::collect_garbage`] would remove now, in its order, if the generations `without` were deleted before.
    /// Nothing is locked or changed, so it works beside everything else, and where nothing can be written.
    ///
    /// # Errors
    /// Those of the file system and the database.
    pub fn find_garbage(&self, options: &CollectOptions, without: &[Generation]) -> Result<Vec<Garbage>> {
        let mut roots = self.find_roots()?;
        roots.retain(|root| without.iter().all(|generation| generation.link != root.source.path()));
        let mut liveness = Liveness::new(self.database.contents()?, options.keep);
        for root in &roots {
            liveness.protect(root.path.hash_part());
        }
        let mut found = Vec::new();
        for name in names(&self.root().store_directory())? {
            let text = name.to_string_lossy().into_owned();
            let belongs_to_path = match hash_part(&text) {
                Some(part) => {
                    let path = StorePath::from_base_name(&text);
                    liveness.is_protected(part) || path.is_ok_and(|path| liveness.number(&path).is_some())
                }
                None => text == ".links",
            };
            if !belongs_to_path && !self.is_locked(&text)? {
                found.push((self.root().store_directory().join(name), text));
            }
        }
        for number in liveness.dead() {
            let path = &liveness.paths[number];
            found.push((self.real_path(path), path.base_name().to_owned()));
        }
        self.with_sizes(found, options.max_freed)
    }

    /// Whether a name is a lock that somebody has, or a temporary directory in use.
    fn is_locked(&self, name: &str) -> Result<bool> {
        let path = self.root().store_directory().join(name);
        if name.ends_with(".lock") && is_lock_file(&path) {
            let Ok(file) = fs::File::open(&path) else { return Ok(false) };
            return Ok(matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)));
        }
        Ok(name.starts_with("tmp-") && path.is_dir() && LockedDirectory::is_in_use(&path)?)
    }

    fn with_sizes(&self, found: Vec<(PathBuf, String)>, limit: Option<u64>) -> Result<Vec<Garbage>> {
        let mut sizes = WouldBeFreed::new(&self.root().links_directory())?;
        let mut garbage = Vec::new();
        let mut total = 0;
        for (path, name) in found {
            if limit.is_some_and(|limit| total > limit || limit == 0) {
                break;
            }
            let bytes = sizes.removing(&path)?;
            total += bytes;
            garbage.push(Garbage { name, bytes });
        }
        Ok(garbage)
    }

    /// The roots that keep `path`: those that are it or need it.
    ///
    /// # Errors
    /// Those of the file system and the database.
    pub fn roots_needing(&self, path: &StorePath) -> Result<Vec<Root>> {
        let liveness = Liveness::new(self.database.contents()?, KeepOptions::default());
        let needing = liveness.number(path).map(|number| liveness.needing(&[number]));
        let mut roots = self.find_roots()?;
        roots.retain(|root| match (&needing, liveness.number(&root.path)) {
            (Some(needing), Some(number)) => needing[number],
            _ => root.path == *path,
        });
        Ok(roots)
    }

    /// The bytes that are free on the store's file system for this user.
    pub fn free_space(&self) -> Result<u64> {
        let directory = self.root().store_directory();
        let space = rustix::fs::statvfs(&directory)
            .map_err(|error| Error::io("read the free space of", &directory, error.into()))?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Collects garbage if the file system has too little space, until it has enough; `None` if it has enough.
    ///
    /// # Errors
    /// As for [`Self::collect_garbage`].
    pub fn collect_if_space_is_low(
        &self,
        thresholds: SpaceThresholds,
        keep: KeepOptions,
        observer: &mut CollectObserver<'_>,
    ) -> Result<Option<Collection>> {
        let free = self.free_space()?;
        if free >= thresholds.min_free {
            return Ok(None);
        }
        let max_freed = Some(thresholds.max_free.saturating_sub(free));
        self.collect_garbage(&CollectOptions { keep, max_freed }, observer).map(Some)
    }
}
