//! Trees of files, named by their content.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix_expr::{AddMethod, AddedContent, AddedPath};
use nix_store::{Hash, StoreDir, StorePath, nar};

use crate::error::Error;

/// The name that Nix gives the store paths of fetched trees.
pub const TREE_NAME: &str = "source";

/// A tree that was fetched: what it is, and where it can be read on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTree {
    /// The store path that Nix would copy it to. It need not be there.
    pub store_path: StorePath,
    /// SHA-256 of its NAR.
    pub nar_hash: Hash,
    /// The directory to read it from. (A file, for references of type `file`.)
    pub directory: PathBuf,
    /// The files that belong to it, relative to the directory and without their directories; all if `None`. Git's
    /// working trees are read where they are, without what git does not track.
    pub visible: Option<Arc<BTreeSet<PathBuf>>>,
}

impl SourceTree {
    /// A tree of known content.
    pub fn new(store_dir: &StoreDir, name: &str, nar_hash: Hash, directory: PathBuf) -> Result<Self, Error> {
        let store_path = store_dir.make_source_path(name, &nar_hash)?;
        Ok(SourceTree { store_path, nar_hash, directory, visible: None })
    }

    /// Hashes a directory of this machine. The second value is the newest modification in it, in seconds since 1970.
    pub fn of_directory(store_dir: &StoreDir, directory: &Path) -> Result<(Self, u64), Error> {
        let mut newest = 0;
        let (nar_hash, _) = nar::hash_path_filtered::<Error>(directory, &mut |path, _| {
            newest = newest.max(modified(path)?);
            Ok(true)
        })?;
        newest = newest.max(modified(directory)?);
        Ok((Self::new(store_dir, TREE_NAME, nar_hash, directory.to_owned())?, newest))
    }

    /// The tree as something that evaluation added: its files can be read at its store path, and be copied there.
    pub fn added(&self) -> AddedPath {
        let kept = self.visible.as_ref().map(|visible| with_directories(visible));
        AddedPath {
            path: self.store_path.clone(),
            content: AddedContent::Tree { real: self.directory.clone(), method: AddMethod::Recursive, kept },
            references: Vec::new(),
        }
    }

    /// Whether a path relative to the tree belongs to it.
    pub fn holds(&self, relative: &Path) -> bool {
        self.visible.as_ref().is_none_or(|visible| holds(visible, relative))
    }
}

/// Whether a tree with these files holds `relative`, as one of them or as a directory of one.
pub(crate) fn holds(visible: &BTreeSet<PathBuf>, relative: &Path) -> bool {
    relative.as_os_str().is_empty()
        || visible.contains(relative)
        || visible.range(relative.to_owned()..).next().is_some_and(|next| next.starts_with(relative))
}

fn with_directories(visible: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let mut all = visible.clone();
    all.insert(PathBuf::new());
    for file in visible {
        for directory in file.ancestors().skip(1) {
            if !all.insert(directory.to_owned()) {
                break;
            }
        }
    }
    all
}

fn modified(path: &Path) -> Result<u64, Error> {
    let metadata = std::fs::symlink_metadata(path).map_err(Error::file("read", path))?;
    Ok(u64::try_from(metadata.mtime()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_holds_its_files_and_their_directories() {
        let visible: BTreeSet<PathBuf> = ["a/b/c", "a-b", "x"].map(PathBuf::from).into();
        for (path, held) in
            [("", true), ("a", true), ("a/b", true), ("a/b/c", true), ("a/c", false), ("b", false)]
        {
            assert_eq!(holds(&visible, Path::new(path)), held, "{path}");
        }
        let all: BTreeSet<PathBuf> = ["", "a", "a/b", "a/b/c", "a-b", "x"].map(PathBuf::from).into();
        assert_eq!(with_directories(&visible), all);
    }
}
