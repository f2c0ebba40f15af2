//! What evaluations of one run have seen of the file system.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nix_store::{Hash, nar};
use rustc_hash::FxHashMap;

use crate::io::FileType;

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
}

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
