//! What evaluations of one run have seen of the file system.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix_store::{Hash, nar};
use rustc_hash::FxHashMap;

use crate::io::{FileType, IoError};

/// Answers by the bytes of real paths.
type Answers<T> = Mutex<FxHashMap<Vec<u8>, T>>;

/// Entries of a directory, in its order.
pub(super) type Entries = Arc<[(OsString, FileType)]>;

/// What evaluations of one run have seen of the file system: hosts of a fleet look at the same trees. What is there is taken
/// to stay as it was when it was first looked at; what is missing is looked for again, as it may be built or fetched.
#[derive(Debug, Default)]
pub struct FileMemory {
    types: Answers<Option<FileType>>,
    directories: Answers<Entries>,
    trees: Answers<Hash>,
    files: Answers<Hash>,
}

impl FileMemory {
    /// What a path names, links not followed; `None` if nothing.
    pub(super) fn file_type(&self, real: &Path) -> std::io::Result<Option<FileType>> {
        remembered(&self.types, real, Option::is_some, || match fs::symlink_metadata(real) {
            Ok(metadata) => Ok(Some(type_of(metadata.file_type()))),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// What is in a directory.
    pub(super) fn entries(&self, real: &Path) -> std::io::Result<Entries> {
        remembered(
            &self.directories,
            real,
            |_| true,
            || {
                let entries = fs::read_dir(real)?.map(|entry| {
                    let entry = entry?;
                    Ok((entry.file_name(), type_of(entry.file_type()?)))
                });
                entries.collect()
            },
        )
    }

    /// The SHA-256 of a file, and its bytes unless that hash is `known`.
    pub(super) fn read_unless(
        &self,
        real: &Path,
        known: Option<&Hash>,
    ) -> std::io::Result<(Hash, Option<Vec<u8>>)> {
        let files = || self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let path = real.as_os_str().as_bytes();
        if let Some(known) = known
            && files().get(path) == Some(known)
        {
            return Ok((*known, None));
        }
        let bytes = fs::read(real)?;
        let hash = Hash::sha256(&bytes);
        files().insert(path.to_vec(), hash);
        let is_known = known == Some(&hash);
        Ok((hash, (!is_known).then_some(bytes)))
    }

    /// The hash of a file or tree as an archive (NAR).
    pub(super) fn tree_hash(&self, real: &Path) -> nix_store::Result<Hash> {
        remembered(&self.trees, real, |_| true, || Ok(nar::hash_path(real)?.0))
    }

    /// As [`Self::tree_hash`], of no more than the `kept` paths of a tree, which are relative to it.
    pub(super) fn kept_hash(&self, real: &Path, kept: &BTreeSet<PathBuf>) -> nix_store::Result<Hash> {
        // No path has a NUL in it, so that nothing else has this name.
        let mut name = real.as_os_str().to_owned();
        name.push("\0");
        for path in kept {
            name.push(path);
            name.push("\0");
        }
        let keep = |path: &Path| kept.contains(path.strip_prefix(real).unwrap_or(path));
        let hash = || nar::hash_path_filtered(real, &mut |path, _| Ok::<_, nix_store::Error>(keep(path)));
        remembered(&self.trees, Path::new(&name), |_| true, || Ok(hash()?.0))
    }

    /// Asks `keep` about all paths in a tree, a directory before what is in it, in the order of an archive.
    pub(super) fn walk(
        &self,
        tree: &Path,
        read_error: &ReadError<'_>,
        keep: &mut Keep<'_>,
    ) -> Result<(), IoError> {
        match self.file_type(tree) {
            Ok(Some(FileType::Directory)) => self.walk_below(tree, tree, read_error, keep),
            Ok(_) => Ok(()),
            Err(error) => Err(read_error(tree, error)),
        }
    }

    fn walk_below(
        &self,
        tree: &Path,
        directory: &Path,
        read_error: &ReadError<'_>,
        keep: &mut Keep<'_>,
    ) -> Result<(), IoError> {
        let found = self.entries(directory).map_err(|error| read_error(directory, error))?;
        let mut entries: Vec<&(OsString, FileType)> = found.iter().collect();
        entries.sort_unstable_by_key(|(name, _)| name);
        for (name, kind) in entries {
            let path = directory.join(name);
            if keep(path.strip_prefix(tree).unwrap_or(&path), *kind)? && *kind == FileType::Directory {
                self.walk_below(tree, &path, read_error, keep)?;
            }
        }
        Ok(())
    }
}

/// Says of a path, relative to the tree that it is in, whether it is kept; what is in a directory is not without it.
type Keep<'k> = dyn FnMut(&Path, FileType) -> Result<bool, IoError> + 'k;

/// What it means that a path cannot be read.
type ReadError<'r> = dyn Fn(&Path, std::io::Error) -> IoError + 'r;

/// The answer of before, or the one that `look` finds, which is remembered if it `lasts`.
fn remembered<T: Clone, E>(
    answers: &Answers<T>,
    real: &Path,
    lasts: impl FnOnce(&T) -> bool,
    look: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let lock = || answers.lock().unwrap_or_else(PoisonError::into_inner);
    let path = real.as_os_str().as_bytes();
    if let Some(known) = lock().get(path) {
        return Ok(known.clone());
    }
    let found = look()?;
    if lasts(&found) {
        lock().insert(path.to_vec(), found.clone());
    }
    Ok(found)
}

fn type_of(kind: fs::FileType) -> FileType {
    if kind.is_file() {
        FileType::Regular
    } else if kind.is_dir() {
        FileType::Directory
    } else if kind.is_symlink() {
        FileType::Symlink
    } else {
        FileType::Unknown
    }
}
