//! How much space the removal of files frees, where files may have several links.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};

/// The unit of a file's size on the disk (stat(2)).
const BLOCK: u64 = 512;

/// Counts the space that becomes free while files are removed.
pub(super) struct Freed {
    /// Bytes on the disk.
    pub bytes: u64,
    /// The files in `.links`, by inode number, save those that have been counted already.
    links: FxHashSet<u64>,
}

impl Freed {
    pub fn new(links_directory: &Path) -> Result<Self> {
        Ok(Freed { bytes: 0, links: inodes(links_directory)? })
    }

    /// A file is about to be removed. It frees its space if this was its last link, or the last one besides that in
    /// `.links`, which will go too.
    pub fn removes(&mut self, file: &Metadata) {
        let last = file.nlink() == 1 || (file.nlink() == 2 && self.links.remove(&file.ino()));
        if last {
            self.bytes += file.blocks() * BLOCK;
        }
    }

    /// Removes the files in `.links` that nothing else is linked to; returns how many.
    pub fn clean_links(&mut self, directory: &Path) -> Result<u64> {
        let read_error = |error| Error::io("read", directory, error);
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(read_error)?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry.map_err(read_error)?;
            let path = entry.path();
            // Whoever optimises may have been faster, or may be just about to link to it, and will find it gone.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.nlink() == 1 && !metadata.is_dir() {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    result => result.map_err(|error| Error::io("remove", &path, error))?,
                }
                removed += 1;
                if self.links.remove(&metadata.ino()) {
                    self.bytes += metadata.blocks() * BLOCK;
                }
            }
        }
        Ok(removed)
    }
}

fn inodes(directory: &Path) -> Result<FxHashSet<u64>> {
    let read_error = |error| Error::io("read", directory, error);
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(FxHashSet::default()),
        entries => entries.map_err(read_error)?.map(|entry| Ok(entry.map_err(read_error)?.ino())).collect(),
    }
}

/// Counts the space that would become free.
pub(super) struct WouldBeFreed {
    links: FxHashSet<u64>,
    /// How many links each file would have left.
    left: FxHashMap<(u64, u64), u64>,
}

impl WouldBeFreed {
    pub fn new(links_directory: &Path) -> Result<Self> {
        Ok(WouldBeFreed { links: inodes(links_directory)?, left: FxHashMap::default() })
    }

    /// The bytes that the removal of what is at `path` would free, after all that was asked for before.
    pub fn removing(&mut self, path: &Path) -> Result<u64> {
        let read_error = |error| Error::io("read", path, error);
        let metadata = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            metadata => metadata.map_err(read_error)?,
        };
        if metadata.is_dir() {
            let mut bytes = 0;
            for entry in fs::read_dir(path).map_err(read_error)? {
                bytes += self.removing(&entry.map_err(read_error)?.path())?;
            }
            return Ok(bytes);
        }
        let in_links = u64::from(self.links.contains(&metadata.ino()));
        let left = self.left.entry((metadata.dev(), metadata.ino())).or_insert(metadata.nlink());
        *left = left.saturating_sub(1);
        Ok(if *left <= in_links { metadata.blocks() * BLOCK } else { 0 })
    }
}
