//! Trees of files, named by their content.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
    /// Bytes of its NAR.
    pub nar_size: u64,
    /// The directory to read it from.
    pub directory: PathBuf,
    /// Seconds since 1970; for plain directories the newest modification in it, as in Nix.
    pub last_modified: Option<u64>,
    /// The commit that it is of, where there is one.
    pub revision: Option<String>,
}

impl SourceTree {
    /// Hashes a directory of this machine.
    pub fn of_directory(store_dir: &StoreDir, directory: &Path) -> Result<Self, Error> {
        let mut newest = mtime(directory)?;
        let (nar_hash, nar_size) = nar::hash_path_filtered::<Error>(directory, &mut |path, _| {
            newest = newest.max(mtime(path)?);
            Ok(true)
        })?;
        Ok(SourceTree {
            store_path: store_dir.make_source_path(TREE_NAME, &nar_hash)?,
            nar_hash,
            nar_size,
            directory: directory.to_owned(),
            last_modified: Some(newest),
            revision: None,
        })
    }
}

fn mtime(path: &Path) -> Result<u64, Error> {
    let metadata = std::fs::symlink_metadata(path).map_err(|source| Error::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(u64::try_from(metadata.mtime()).unwrap_or(0))
}

/// The directory that holds the `flake.nix` for a plain path: `start` or the nearest directory above it, not beyond
/// the root of the git repository that `start` lies in.
pub fn find_flake(start: &Path) -> Result<PathBuf, Error> {
    if !start.is_dir() {
        let source = match std::fs::metadata(start) {
            Err(error) => error,
            Ok(_) => std::io::ErrorKind::NotADirectory.into(),
        };
        return Err(Error::File { action: "read the flake", path: start.to_owned(), source });
    }
    for directory in start.ancestors() {
        if directory.join("flake.nix").is_file() {
            return Ok(directory.to_owned());
        }
        if directory.join(".git").exists() {
            break;
        }
    }
    Err(Error::NoFlakeFile { directory: start.to_owned() })
}
