//! Making a path: at a temporary place, under the path's lock, into place by a rename.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::canonical::{canonicalise, remove_tree};
use super::lock::PathLock;
use super::store::LocalStore;
use super::temporary::unique;
use super::temporary_roots;
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm, HashingWriter};
use crate::nar;
use crate::path_info::ValidPathInfo;
use crate::references::ReferenceScanner;
use crate::store_path::{HASH_PART_LENGTH, LONGEST_NAME, StorePath};

/// Ends the names of temporary places. They begin with the hash part of the path that is made there: collectors spare
/// whatever has the hash part of a temporary root.
const TEMPORARY: &str = ".tmp";

/// How much of a path's base name is in that of its temporary place, so that with all that is put behind it remains
/// the name of a store path, in which collectors find the hash part.
const KEPT_OF_NAME: usize = HASH_PART_LENGTH + 1 + LONGEST_NAME - 43;

/// Whether a path has to be made.
pub enum Begin<'store> {
    /// It is valid; perhaps somebody else made it meanwhile.
    Valid(ValidPathInfo),
    /// It is not, and nobody else makes it while this is held.
    Unfinished(Unfinished<'store>),
}

/// A path that is being made. Its content goes to [`Self::place`], where nothing lies at first; after
/// [`Self::finish`] it can be registered. If it is dropped before, what was made is removed. Keep it until the path is
/// registered: it holds the path's lock.
pub struct Unfinished<'store> {
    store: &'store LocalStore,
    path: StorePath,
    place: PathBuf,
    lock: PathLock,
}

impl LocalStore {
    /// Begins to make `path`: makes it a temporary root, waits until nobody else makes it, and looks whether it is still
    /// to be made. Who makes several paths at once must begin them in their order, or two processes can wait for each
    /// other.
    pub fn begin(&self, path: &StorePath) -> Result<Begin<'_>> {
        self.add_temporary_roots([path])?;
        let lock = PathLock::wait(&self.real_path(path))?;
        if let Some(info) = self.query(path)? {
            return Ok(Begin::Valid(info));
        }
        let place = self.temporary_place(path);
        remove_tree(&place)?;
        Ok(Begin::Unfinished(Unfinished { store: self, path: path.clone(), place, lock }))
    }

    /// Where `path` is made by whoever has its lock.
    fn temporary_place(&self, path: &StorePath) -> PathBuf {
        let name = path.base_name();
        let kept = &name[..name.len().min(KEPT_OF_NAME)];
        self.root().store_directory().join(format!("{kept}{TEMPORARY}"))
    }

    /// Where `path`, which must be a temporary root, can be made without its lock.
    pub(super) fn own_temporary_place(&self, path: &StorePath) -> PathBuf {
        let mut place = self.temporary_place(path).into_os_string();
        place.push(format!("-{}", unique()));
        PathBuf::from(place)
    }

    /// Removes what killed processes left at temporary places, and their locks; what is being made stays.
    pub fn remove_leftovers(&self) -> Result<()> {
        self.check_writable()?;
        let directory = self.root().store_directory();
        let read_error = |error| Error::io("read", &directory, error);
        // Files that need no lock, and what they are made for.
        let mut own: Vec<(String, StorePath)> = Vec::new();
        for entry in fs::read_dir(&directory).map_err(read_error)? {
            let name = entry.map_err(read_error)?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(path) = name.strip_suffix(".lock")
                && is_lock_file(&directory.join(name))
            {
                // Who has a lock removes it when it is given back.
                drop(PathLock::try_take(&directory.join(path))?);
                continue;
            }
            let Some((path, rest)) = name.rsplit_once(TEMPORARY) else { continue };
            // A shortened name is not that of the path; the collector removes what is left there.
            let Ok(path) = StorePath::from_base_name(path) else { continue };
            if path.base_name().len() >= KEPT_OF_NAME || self.is_valid(&StorePath::from_base_name(name)?)? {
                continue;
            }
            if rest.starts_with('-') {
                own.push((name.to_owned(), path));
            } else if rest.is_empty()
                && let Some(_lock) = PathLock::try_take(&self.real_path(&path))?
            {
                remove_tree(&directory.join(name))?;
            }
        }
        if !own.is_empty() {
            // These files are older than what is read now, so whoever is still at work on one has a root here.
            let roots = temporary_roots::read_all(self.root(), self.directory(), false)?;
            let in_use: BTreeSet<StorePath> = roots.into_iter().map(|(_, path)| path).collect();
            for (name, _) in own.iter().filter(|(_, path)| !in_use.contains(path)) {
                remove_tree(&directory.join(name))?;
            }
        }
        Ok(())
    }
}

impl Unfinished<'_> {
    /// The path that is being made.
    pub fn path(&self) -> &StorePath {
        &self.path
    }

    /// Where its content goes: a place in the store directory itself, so that files of other store paths can be
    /// linked there.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The lock that keeps others from making the path.
    pub fn lock(&self) -> &PathLock {
        &self.lock
    }

    /// Gives what lies at [`Self::place`] the metadata of store paths, hashes it, looks for references to
    /// `candidates` (add the path itself where it may occur), and puts it into place, where anything that is not valid gives way. The result is not registered yet.
    ///
    /// # Errors
    /// Those of the file system; nothing at the place; a type of file that a store cannot hold.
    pub fn finish<'paths>(
        &mut self,
        candidates: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<ValidPathInfo> {
        canonicalise(&self.place)?;
        let scanner = ReferenceScanner::new(candidates);
        let mut writer = HashingWriter::new(HashAlgorithm::Sha256, scanner);
        nar::dump(&self.place, &mut writer)?;
        let (nar_hash, nar_size, scanner) = writer.finish();
        let mut info = ValidPathInfo::new(self.path.clone(), nar_hash, nar_size);
        info.references = scanner.finish();
        self.put_into_place()?;
        Ok(info)
    }

    /// As [`Self::finish`] for a maker who hashed the archive of what it made while it made it, and knows that it refers to
    /// no store path: nothing is read again.
    ///
    /// # Errors
    /// Those of the file system; nothing at the place; a type of file that a store cannot hold.
    pub fn finish_hashed(&mut self, nar_hash: Hash, nar_size: u64) -> Result<ValidPathInfo> {
        canonicalise(&self.place)?;
        self.put_into_place()?;
        Ok(ValidPathInfo::new(self.path.clone(), nar_hash, nar_size))
    }

    /// Puts what lies at the place, with its metadata already right, to where the path belongs.
    pub(super) fn put_into_place(&mut self) -> Result<()> {
        put_into_place(&self.place, &self.store.real_path(&self.path))?;
        self.store.optimise_added(&self.path)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is when the path is made again.
        let _ = remove_tree(&self.place);
    }
}

/// Whether this is a lock, and no store path whose name ends like one: those are not writable.
pub(super) fn is_lock_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o200 != 0)
}

/// Renames `from` to `to`; what lies at `to` is replaced.
pub(super) fn put_into_place(from: &Path, to: &Path) -> Result<()> {
    let in_the_way = |error: &io::Error| {
        matches!(
            error.kind(),
            io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::DirectoryNotEmpty
                | io::ErrorKind::AlreadyExists
        )
    };
    match fs::rename(from, to) {
        Err(error) if in_the_way(&error) => {
            remove_tree(to)?;
            fs::rename(from, to)
        }
        result => result,
    }
    .map_err(|error| Error::io("write", to, error))
}
