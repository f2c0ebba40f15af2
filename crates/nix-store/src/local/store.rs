//! The store itself: opening it, and asking it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::database::{Database, Registration};
use super::liveness::{KeepOptions, Liveness};
use super::lock::{CollectionGuard, open_lock_file};
use super::root::StoreRoot;
use super::schema;
use super::temporary::unique;
use super::temporary_roots::TemporaryRoots;
use crate::derivation::Derivation;
use crate::error::{Error, Result};
use crate::path_info::ValidPathInfo;
use crate::store_path::{HASH_PART_LENGTH, StoreDir, StorePath};

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading and adding. The store is made if there is none.
    ReadWrite,
    /// Reading; works where nothing can be written.
    ReadOnly,
}

/// A store on this machine. Any number of threads and processes may use it at once, Nix's among them.
pub struct LocalStore {
    root: StoreRoot,
    directory: StoreDir,
    pub(super) database: Database,
    access: Access,
    sync_before_register: bool,
    optimise_added: bool,
    pub(super) temporary_roots: Arc<TemporaryRoots>,
    /// Held while the store is open; Nix takes it exclusively to change the schema.
    _big_lock: Option<File>,
}

impl LocalStore {
    /// Opens the store below `root` for reading and adding; makes it if there is none.
    pub fn open(root: StoreRoot) -> Result<Self> {
        Self::open_for(root, Access::ReadWrite)
    }

    /// Opens the store below `root`.
    ///
    /// # Errors
    /// [`Error::NoStore`] if there is none to read, [`Error::UnknownSchema`] if it is of another time, and those of
    /// the file system and the database.
    pub fn open_for(root: StoreRoot, access: Access) -> Result<Self> {
        Self::open_with_directory(root, StoreDir::default(), access)
    }

    /// Opens the store below `root`, whose paths are those of `directory` instead of `/nix/store`: what Nix does for
    /// `NIX_STORE_DIR`. Where the files really lie depends on the root alone.
    ///
    /// # Errors
    /// As for [`Self::open_for`].
    pub fn open_with_directory(root: StoreRoot, directory: StoreDir, access: Access) -> Result<Self> {
        match access {
            Access::ReadWrite => Self::open_read_write(root, directory),
            Access::ReadOnly => Self::open_read_only(root, directory),
        }
    }

    fn open_read_write(root: StoreRoot, directory: StoreDir) -> Result<Self> {
        create_directory(root.path())?;
        // Nix refuses stores that are reached through a symlink.
        let real = fs::canonicalize(root.path()).map_err(|error| Error::io("open", root.path(), error))?;
        let root = StoreRoot::new(real);
        for directory in [
            root.store_directory(),
            root.database_directory(),
            root.profiles_directory(),
            root.roots_directory().join("auto"),
            root.temporary_roots_directory(),
        ] {
            create_directory(&directory)?;
        }
        let profile_roots = root.roots_directory().join("profiles");
        if fs::symlink_metadata(&profile_roots).is_err() {
            match symlink(root.profiles_directory(), &profile_roots) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("write", &profile_roots, error));
                }
                _ => {}
            }
        }
        let lock_path = root.database_directory().join("big-lock");
        let big_lock = open_lock_file(&lock_path)?;
        big_lock.lock_shared().map_err(|error| Error::io("lock", &lock_path, error))?;
        let exists = check_schema(&root)?;
        let database = Database::open(&database_path(&root), &directory, !exists)?;
        if !exists {
            write_schema_version(&root)?;
        }
        Ok(LocalStore {
            temporary_roots: TemporaryRoots::of(&root),
            root,
            directory,
            database,
            access: Access::ReadWrite,
            sync_before_register: false,
            optimise_added: false,
            _big_lock: Some(big_lock),
        })
    }

    fn open_read_only(root: StoreRoot, directory: StoreDir) -> Result<Self> {
        if !check_schema(&root)? {
            return Err(Error::NoStore { path: root.path().to_path_buf() });
        }
        let database = Database::open_read_only(&database_path(&root), &directory)?;
        Ok(LocalStore {
            temporary_roots: TemporaryRoots::of(&root),
            root,
            directory,
            database,
            access: Access::ReadOnly,
            sync_before_register: false,
            optimise_added: false,
            _big_lock: None,
        })
    }

    /// Whether all data is brought to the disk before a path becomes valid, so that even a loss of power leaves
    /// no valid path incomplete (Nix's `fsync-store-paths`). Off at first: a killed process needs none of it.
    pub fn set_sync_before_register(&mut self, sync: bool) {
        self.sync_before_register = sync;
    }

    /// Whether equal files are kept once from the moment they are added (Nix's `auto-optimise-store`). Off at first.
    pub fn set_optimise_added(&mut self, optimise: bool) {
        self.optimise_added = optimise;
    }

    pub(super) fn optimises_added(&self) -> bool {
        self.optimise_added
    }

    /// Where the store lies.
    pub fn root(&self) -> &StoreRoot {
        &self.root
    }

    /// The logical store directory.
    pub fn directory(&self) -> &StoreDir {
        &self.directory
    }

    /// Where `path` really lies.
    pub fn real_path(&self, path: &StorePath) -> PathBuf {
        self.root.real_path(path)
    }

    /// Keeps every collector away until the guard is dropped. Waits for a collection that is under way;
    /// [`Self::add_temporary_roots`] waits for none.
    pub fn hold_off_collection(&self) -> Result<CollectionGuard> {
        self.check_writable()?;
        CollectionGuard::wait(&self.root.collection_lock())
    }

    /// Whether the store was opened for adding, too.
    pub fn is_writable(&self) -> bool {
        self.access == Access::ReadWrite
    }

    pub(super) fn check_writable(&self) -> Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Error::ReadOnly { path: self.root.path().to_path_buf() }),
        }
    }

    /// Whether `path` is valid: complete and registered.
    pub fn is_valid(&self, path: &StorePath) -> Result<bool> {
        self.database.is_valid(path)
    }

    /// What is known of `path`; `None` if it is not valid.
    pub fn query(&self, path: &StorePath) -> Result<Option<ValidPathInfo>> {
        self.database.query(path)
    }

    /// As [`Self::query`], with [`Error::NotValid`] for a path that is not valid.
    pub fn path_info(&self, path: &StorePath) -> Result<ValidPathInfo> {
        self.query(path)?.ok_or_else(|| not_valid(path))
    }

    /// The paths that `path` refers to.
    pub fn references(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.database.references(path)?.ok_or_else(|| not_valid(path))
    }

    /// The valid paths that refer to `path`.
    pub fn referrers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.database.referrers(path)
    }

    /// All valid paths.
    pub fn valid_paths(&self) -> Result<BTreeSet<StorePath>> {
        self.database.valid_paths()
    }

    /// The outputs of the valid derivation at `path`, by name.
    pub fn derivation_outputs(&self, path: &StorePath) -> Result<BTreeMap<String, StorePath>> {
        self.database.derivation_outputs(path)
    }

    /// The valid path whose hash part is `hash_part`, of 32 digits.
    pub fn path_from_hash_part(&self, hash_part: &str) -> Result<Option<StorePath>> {
        // A shorter one would be a prefix.
        if hash_part.len() != HASH_PART_LENGTH {
            return Ok(None);
        }
        self.database.path_from_hash_part(hash_part)
    }

    /// The valid derivations that have `path` among their outputs.
    pub fn derivers(&self, path: &StorePath) -> Result<BTreeSet<StorePath>> {
        self.database.derivers(path)
    }

    /// All valid paths that need one of `paths`, these included.
    ///
    /// # Errors
    /// [`Error::NotValid`] if one of them is not valid.
    pub fn referrers_closure<'paths>(
        &self,
        paths: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<BTreeSet<StorePath>> {
        let keep = KeepOptions { outputs: false, derivations: false };
        let liveness = Liveness::new(self.database.contents()?, keep);
        let number = |path| liveness.number(path).ok_or_else(|| not_valid(path));
        let numbers = paths.into_iter().map(number).collect::<Result<Vec<_>>>()?;
        let needing = liveness.needing(&numbers).into_iter();
        Ok(liveness
            .paths
            .iter()
            .zip(needing)
            .filter(|(_, needing)| *needing)
            .map(|(path, _)| path.clone())
            .collect())
    }

    /// Everything that `roots` need, themselves included, each path after those that it refers to. The order depends
    /// on nothing but the graph.
    ///
    /// # Errors
    /// [`Error::NotValid`] if a root is not valid.
    pub fn closure<'paths>(
        &self,
        roots: impl IntoIterator<Item = &'paths StorePath>,
    ) -> Result<Vec<StorePath>> {
        let mut closure = Vec::new();
        let mut seen: BTreeSet<StorePath> = BTreeSet::new();
        let roots: BTreeSet<StorePath> = roots.into_iter().cloned().collect();
        // Each open path with those of its references that are still to be visited.
        let mut open: Vec<(Option<StorePath>, std::collections::btree_set::IntoIter<StorePath>)> =
            vec![(None, roots.into_iter())];
        while let Some((_, references)) = open.last_mut() {
            match references.next() {
                Some(next) if seen.insert(next.clone()) => {
                    let references = self.references(&next)?.into_iter();
                    open.push((Some(next), references));
                }
                Some(_) => {}
                None => closure.extend(open.pop().and_then(|(finished, _)| finished)),
            }
        }
        Ok(closure)
    }

    /// Reads the derivation at `path`, which need only lie there.
    pub fn read_derivation(&self, path: &StorePath) -> Result<Derivation> {
        let Some(name) = path.derivation_name() else {
            return Err(Error::InvalidStorePath {
                name: path.base_name().to_owned(),
                problem: "a derivation's name ends in '.drv'",
            });
        };
        let real = self.real_path(path);
        let text = fs::read(&real).map_err(|error| Error::io("read", &real, error))?;
        Derivation::parse(&self.directory, name, &text)
    }

    /// Makes all of `infos` valid at once; their content must be in place. References may be among `infos` in any
    /// order. For `.drv` paths, the outputs are recorded too.
    ///
    /// # Errors
    /// [`Error::MissingReference`], and those of the database; then none became valid.
    pub fn register(&self, infos: &[ValidPathInfo]) -> Result<()> {
        let registrations = infos
            .iter()
            .map(|info| {
                let outputs = match info.path.is_derivation() {
                    true => Some(outputs_with_paths(&self.read_derivation(&info.path)?)),
                    false => None,
                };
                Ok(Registration { info, outputs })
            })
            .collect::<Result<Vec<_>>>()?;
        self.register_with_outputs(&registrations)
    }

    pub(super) fn register_with_outputs(&self, registrations: &[Registration<'_>]) -> Result<()> {
        self.check_writable()?;
        if registrations.is_empty() {
            return Ok(());
        }
        let paths = registrations
            .iter()
            .flat_map(|registration| registration.info.references.iter().chain([&registration.info.path]));
        self.add_temporary_roots(paths)?;
        if self.sync_before_register {
            let directory = self.root.store_directory();
            let sync = || -> io::Result<()> { Ok(rustix::fs::syncfs(File::open(&directory)?)?) };
            sync().map_err(|error| Error::io("write", &directory, error))?;
        }
        self.database.register(registrations)
    }
}

/// The outputs whose paths are known.
pub(super) fn outputs_with_paths(derivation: &Derivation) -> BTreeMap<String, StorePath> {
    let with_path = |(name, output): (&String, &crate::DerivationOutput)| {
        output.path().map(|path| (name.clone(), path.clone()))
    };
    derivation.outputs.iter().filter_map(with_path).collect()
}

fn not_valid(path: &StorePath) -> Error {
    Error::NotValid { path: path.base_name().to_owned() }
}

fn database_path(root: &StoreRoot) -> PathBuf {
    root.database_directory().join("db.sqlite")
}

fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::io("create", path, error))
}

/// Whether there is a store, of the one schema that is known.
fn check_schema(root: &StoreRoot) -> Result<bool> {
    let path = root.database_directory().join("schema");
    match fs::read_to_string(&path) {
        Ok(found) if found.trim() == schema::VERSION => Ok(true),
        // Nix is making the store at this moment, or was killed when it did.
        Ok(found) if found.is_empty() => Ok(false),
        Ok(found) => {
            Err(Error::UnknownSchema { path: root.path().to_path_buf(), found: found.trim().to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

/// Several processes may come here at once; each puts the same whole file into place.
fn write_schema_version(root: &StoreRoot) -> Result<()> {
    let directory = root.database_directory();
    let path = directory.join("schema");
    let temporary = directory.join(format!("schema.{}", unique()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(schema::VERSION.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(|error| Error::io("write", &path, error))
}
