//! Links that keep paths from being collected.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::store::LocalStore;
use super::temporary::unique;
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm};
use crate::store_path::StorePath;

/// Where the link of a root points in a store whose files do not lie where their paths say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootTarget {
    /// To where the file really lies: the link can be followed. Nix's own collector does not know such a root.
    Real,
    /// To the path in `/nix/store`, as Nix makes it: the link leads to the file only inside the store's root.
    Logical,
}

impl LocalStore {
    /// Makes `link` a symlink to `path` and registers it as an indirect root: as long as the link is there, the path
    /// stays. A link to a store path that is there before is replaced.
    ///
    /// # Errors
    /// [`Error::RootInTheWay`] if anything else is at `link`; [`Error::NotValid`] if `path` is not valid.
    pub fn add_root(&self, link: &Path, path: &StorePath, target: RootTarget) -> Result<()> {
        self.add_temporary_roots([path])?;
        if !self.is_valid(path)? {
            return Err(Error::NotValid { path: path.base_name().to_owned() });
        }
        let link = std::path::absolute(link).map_err(|error| Error::io("write", link, error))?;
        match fs::read_link(&link) {
            Ok(present) if !self.is_in_store(&present) => return Err(Error::RootInTheWay { path: link }),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                return Err(Error::RootInTheWay { path: link });
            }
            _ => {}
        }
        let target = match target {
            RootTarget::Real => self.real_path(path),
            RootTarget::Logical => PathBuf::from(self.directory().display(path)),
        };
        // Nix's name of an indirect root: the SHA-1 of the link's path.
        let name = Hash::digest(HashAlgorithm::Sha1, link.as_os_str().as_bytes()).to_base32();
        let root = self.root().roots_directory().join("auto").join(name);
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        let was_stale = is_there(&root) && !is_there(&link);
        // In this order: collectors remove roots whose links are not there.
        replace_link(&link, &target)?;
        replace_link(&root, &link)?;
        if was_stale {
            // A collector that saw it before may have removed it just now; this waits for its end.
            let _guard = self.hold_off_collection()?;
            if !is_there(&root) {
                replace_link(&root, &link)?;
            }
        }
        // One that is at work may have looked for links before, and look for the roots of this process after it has ended.
        self.temporary_roots.announce(self.directory(), path)
    }

    /// Whether a link was made by us or by Nix: it leads to a store path, of this store or of one with another root.
    fn is_in_store(&self, target: &Path) -> bool {
        let directory = self.directory().as_str().trim_start_matches('/');
        target.ancestors().any(|ancestor| ancestor.ends_with(directory))
    }
}

/// Makes `link` point to `target`, at no moment to nothing.
fn replace_link(link: &Path, target: &Path) -> Result<()> {
    let write_error = |error| Error::io("write", link, error);
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
    }
    let mut temporary = link.as_os_str().to_owned();
    temporary.push(format!(".tmp-{}", unique()));
    match symlink(target, &temporary) {
        // Left by a process that was killed and had the same number.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&temporary).and_then(|()| symlink(target, &temporary))
        }
        result => result,
    }
    .map_err(write_error)?;
    fs::rename(&temporary, link).map_err(write_error)
}
