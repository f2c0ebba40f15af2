//! Writing a lock file where the flake is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::fetch::Fetcher;
use crate::lock_file::LockFile;
use crate::reference::{FlakeReference, Source, url::Url};

/// The name of the file.
const FLAKE_LOCK: &str = "flake.lock";

/// Writes the lock file of a flake that lies on this machine: the old file or the new one is there at any moment. In a git
/// repository the file becomes a tracked one, without content (`git add --intent-to-add`), so that it is seen. Returns the
/// file.
///
/// # Errors
/// The flake is not a directory or working tree of this machine ([`Error::NotWritable`]); the file cannot be written.
pub fn write_lock_file(fetcher: &Fetcher, flake: &FlakeReference, lock: &LockFile) -> Result<PathBuf, Error> {
    let root = working_directory(flake).ok_or_else(|| Error::NotWritable { flake: flake.to_string() })?;
    let inside = Path::new(flake.directory.trim_matches('/')).join(FLAKE_LOCK);
    let file = root.join(&inside);
    replace(&file, lock.print().as_bytes()).map_err(Error::file("write", &file))?;
    if matches!(flake.source, Source::Git { .. }) {
        fetcher.track(&root, &inside)?;
    }
    fetcher.forget(flake);
    Ok(file)
}

/// The directory that a reference means, if it is one that people work in.
pub(crate) fn working_directory(flake: &FlakeReference) -> Option<PathBuf> {
    match &flake.source {
        Source::Path { path } if path.starts_with('/') => Some(PathBuf::from(path)),
        Source::Git { url } if flake.branch.is_none() && flake.revision.is_none() => {
            let url = Url::parse(url).ok().filter(|url| url.scheme == "file")?;
            let root = PathBuf::from(url.path);
            root.join(".git").exists().then_some(root)
        }
        _ => None,
    }
}

/// Writes beside the file and moves it there.
fn replace(file: &Path, contents: &[u8]) -> std::io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".flake-lock-")
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    temporary.write_all(contents)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}
