//! Where a store lies.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::store_path::StorePath;

/// The directory below which a store's `nix/store` and `nix/var/nix` lie: `/` for the machine's own store, any
/// other for what Nix calls a chroot store (`local?root=`). Its paths are those of `/nix/store` all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRoot(PathBuf);

impl StoreRoot {
    /// The store below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        StoreRoot(root.into())
    }

    /// The machine's own store if it exists and may be written, otherwise the one below `fallback`.
    pub fn detect(fallback: impl Into<PathBuf>) -> Self {
        let system = StoreRoot::new("/");
        let writable = |path: &Path| access(path, Access::WRITE_OK | Access::EXEC_OK).is_ok();
        let database = system.database_directory();
        if writable(&system.store_directory()) && (writable(&database) || !database.exists()) {
            system
        } else {
            StoreRoot::new(fallback)
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Whether this is the machine's own store, whose files lie where their paths say.
    pub fn is_system(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where the store paths really lie.
    pub fn store_directory(&self) -> PathBuf {
        self.0.join("nix/store")
    }

    /// Where `path` really lies.
    pub fn real_path(&self, path: &StorePath) -> PathBuf {
        let mut real = self.store_directory();
        real.push(path.base_name());
        real
    }

    /// Where the database, profiles and GC roots lie.
    pub fn state_directory(&self) -> PathBuf {
        self.0.join("nix/var/nix")
    }

    /// Where the database lies.
    pub fn database_directory(&self) -> PathBuf {
        self.state_directory().join("db")
    }

    /// The links to generations of profiles.
    pub fn profiles_directory(&self) -> PathBuf {
        self.state_directory().join("profiles")
    }

    /// The link that is the profile `name`, for instance `system`.
    pub fn profile(&self, name: &str) -> PathBuf {
        self.profiles_directory().join(name)
    }

    /// The files that say which paths running processes use.
    pub(super) fn temporary_roots_directory(&self) -> PathBuf {
        self.state_directory().join("temproots")
    }

    /// The file on which a collector has an exclusive lock, and whoever wants none to work a shared one.
    pub(super) fn collection_lock(&self) -> PathBuf {
        self.state_directory().join("gc.lock")
    }

    /// Where a working collector listens for new roots.
    pub(super) fn collector_socket(&self) -> PathBuf {
        self.state_directory().join("gc-socket/socket")
    }

    /// The files that [`optimise`](super::LocalStore::optimise) links others to, by the hash of their archive.
    pub(super) fn links_directory(&self) -> PathBuf {
        self.store_directory().join(".links")
    }

    /// The links that keep paths from being collected.
    pub fn roots_directory(&self) -> PathBuf {
        self.state_directory().join("gcroots")
    }
}
