//! Evaluation over the file system.

mod added;
mod memory;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix_store::nar;
use nix_store::{ContentAddressMethod, Hash, HashAlgorithm, References, StoreDir, StorePath};

use crate::io::{
    AddMethod, Confinement, DerivationTable, EvalIo, Fetch, FetchAttribute, FetchRequest, Fetched, FileType,
    IoError, PathToAdd, Realisation,
};
use crate::path;

pub use added::{AddedContent, AddedPath};
pub use memory::FileMemory;

/// A tree that the language sees under another path than the one where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceMapping {
    /// The path in the language, such as `/nix/store/HASH-source`.
    pub logical: PathBuf,
    /// Where the tree really is.
    pub real: PathBuf,
    /// Paths below `real` that the language sees, relative to it and without their directories; all if `None`. This is
    /// how files that git does not track are hidden.
    pub visible: Option<BTreeSet<PathBuf>>,
}

/// What a [`FileSystemIo`] may read, and where.
#[derive(Clone, Debug, Default)]
pub struct FileSystemOptions {
    /// The store that paths are computed for.
    pub store_dir: StoreDir,
    /// Where the content of the store really is, if not in `store_dir`.
    pub real_store: Option<PathBuf>,
    /// Trees that are seen under another path.
    pub mappings: Vec<SourceMapping>,
    /// Pure evaluation reads only below `allowed`, below mappings, and what it added itself.
    pub pure: bool,
    /// Restricted evaluation reads only what pure evaluation may, but sees the clock.
    pub restricted: bool,
    /// Logical paths that pure and restricted evaluation may read.
    pub allowed: Vec<PathBuf>,
    /// What fetches; without it, the evaluation does not.
    pub fetcher: Option<Arc<dyn Fetch>>,
    /// What was seen before, by other evaluations of the same run.
    pub memory: Arc<FileMemory>,
}

/// Evaluation over the file system: reads files, computes store paths, and remembers what would have to be copied.
pub struct FileSystemIo {
    options: FileSystemOptions,
    added: Mutex<BTreeMap<StorePath, AddedPath>>,
    /// Store paths that became readable during the evaluation: they were built or fetched for it.
    realised: Mutex<BTreeSet<StorePath>>,
}

impl Default for FileSystemIo {
    fn default() -> Self {
        FileSystemIo::new(FileSystemOptions::default())
    }
}

/// Where a logical path leads.
enum Place {
    Real(PathBuf),
    /// A text that was added and lies nowhere yet.
    Text(Vec<u8>),
    Hidden,
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// `path` below `base`, as the path below another directory.
fn moved(path: &Path, base: &Path, to: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(base).ok()?;
    Some(if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) })
}

/// Whether a tree with these paths holds `relative`, as one of them or as a directory of one.
fn is_visible(visible: &BTreeSet<PathBuf>, relative: &Path) -> bool {
    relative.as_os_str().is_empty()
        || visible.contains(relative)
        || visible.range(relative.to_owned()..).next().is_some_and(|next| next.starts_with(relative))
}

impl FileSystemIo {
    /// Evaluation over the file system with these options.
    pub fn new(options: FileSystemOptions) -> Self {
        FileSystemIo { options, added: Mutex::default(), realised: Mutex::default() }
    }

    /// The options.
    pub fn options(&self) -> &FileSystemOptions {
        &self.options
    }

    /// All paths that were added so far, in the order of their store paths.
    pub fn added(&self) -> Vec<AddedPath> {
        self.lock().values().cloned().collect()
    }

    /// What became this store path, if something was added as it.
    pub fn added_path(&self, path: &StorePath) -> Option<AddedPath> {
        self.lock().get(path).cloned()
    }

    /// Lets a confined evaluation read a store path: it was built or fetched on its behalf.
    pub fn allow(&self, path: StorePath) {
        self.realised.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
    }

    /// What forbids to read other paths than those that are allowed.
    fn confinement(&self) -> Option<Confinement> {
        match (self.options.pure, self.options.restricted) {
            (true, _) => Some(Confinement::Pure),
            (false, true) => Some(Confinement::Restricted),
            (false, false) => None,
        }
    }

    fn is_allowed(&self, logical: &Path) -> bool {
        let below = |root: &PathBuf| path::is_within(bytes(logical), bytes(root));
        self.options.allowed.iter().any(below)
            || self.options.store_dir.split(bytes(logical)).is_ok_and(|(store_path, _)| {
                self.realised.lock().unwrap_or_else(PoisonError::into_inner).contains(&store_path)
            })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StorePath, AddedPath>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, logical: &Path) -> Result<Place, IoError> {
        for mapping in &self.options.mappings {
            if let Some(real) = moved(logical, &mapping.logical, &mapping.real) {
                let relative = logical.strip_prefix(&mapping.logical).unwrap_or(Path::new(""));
                return Ok(match &mapping.visible {
                    Some(visible) if !is_visible(visible, relative) => Place::Hidden,
                    _ => Place::Real(real),
                });
            }
        }
        let store = Path::new(self.options.store_dir.as_str());
        if bytes(logical).starts_with(bytes(store))
            && let Ok((store_path, rest)) = self.options.store_dir.split(bytes(logical))
            && let Some(added) = self.lock().get(&store_path)
        {
            let rest = Path::new(OsStr::from_bytes(rest.strip_prefix(b"/").unwrap_or(rest)));
            return Ok(match &added.content {
                AddedContent::Text(text) if rest.as_os_str().is_empty() => Place::Text(text.clone()),
                AddedContent::Text(_) => Place::Hidden,
                AddedContent::Tree { kept: Some(kept), .. } if !is_visible(kept, rest) => Place::Hidden,
                AddedContent::Tree { real, .. } if rest.as_os_str().is_empty() => Place::Real(real.clone()),
                AddedContent::Tree { real, .. } => Place::Real(real.join(rest)),
            });
        }
        if let Some(mode) = self.confinement()
            && !self.is_allowed(logical)
        {
            return Err(IoError::Restricted { path: logical.to_owned(), mode });
        }
        Ok(Place::Real(match &self.options.real_store {
            Some(real) => moved(logical, store, real).unwrap_or_else(|| logical.to_owned()),
            None => logical.to_owned(),
        }))
    }

    fn read_error(&self, path: &Path, source: std::io::Error) -> IoError {
        let path = self.user_path(path);
        match source.kind() {
            std::io::ErrorKind::NotFound => IoError::NotFound { path },
            _ => IoError::Io { path, source },
        }
    }

    /// That nothing is at a path. In a working tree of git's it may be there, and not tracked.
    fn missing(&self, path: &Path) -> IoError {
        for mapping in &self.options.mappings {
            if mapping.visible.is_some()
                && let Some(file) = moved(path, &mapping.logical, &mapping.real)
                && let Ok(inside) = path.strip_prefix(&mapping.logical)
                && fs::symlink_metadata(&file).is_ok()
            {
                let (repository, inside) = (mapping.real.clone(), inside.to_owned());
                return IoError::Untracked { file, repository, inside };
            }
        }
        IoError::NotFound { path: self.user_path(path) }
    }

    fn fetcher(&self, builtin: &str) -> Result<&dyn Fetch, IoError> {
        let missing = || IoError::Unsupported { what: format!("builtins.{builtin}") };
        self.options.fetcher.as_deref().ok_or_else(missing)
    }

    /// The hash of a tree of which `filter` and the visible files of a mapping take a part, and that part.
    fn hash_tree(
        &self,
        request: &mut PathToAdd<'_, '_>,
        real: &Path,
    ) -> Result<(Hash, Option<BTreeSet<PathBuf>>), IoError> {
        let mapping = self.options.mappings.iter().find(|mapping| request.path.starts_with(&mapping.logical));
        let visible = mapping.and_then(|mapping| Some((mapping.visible.as_ref()?, &mapping.real)));
        let logical = request.path;
        let store_error = |source: nix_store::Error| IoError::Store { path: self.user_path(logical), source };
        if request.filter.is_none() && visible.is_none() {
            return Ok((self.options.memory.tree_hash(real).map_err(store_error)?, None));
        }
        let mut kept = BTreeSet::new();
        let mut keep = |relative: &Path, kind: FileType| -> Result<bool, IoError> {
            if let Some((visible, root)) = visible {
                let path = real.join(relative);
                if !is_visible(visible, path.strip_prefix(root).unwrap_or(&path)) {
                    return Ok(false);
                }
            }
            if let Some(filter) = request.filter.as_deref_mut()
                && !filter(&logical.join(relative), kind)?
            {
                return Ok(false);
            }
            kept.insert(relative.to_owned());
            Ok(true)
        };
        let read_error = |path: &Path, error| match path.strip_prefix(real) {
            Ok(below) if !below.as_os_str().is_empty() => self.read_error(&logical.join(below), error),
            _ => self.read_error(logical, error),
        };
        self.options.memory.walk(real, &read_error, &mut keep)?;
        let hash = self.options.memory.kept_hash(real, &kept).map_err(store_error)?;
        Ok((hash, Some(kept)))
    }
}

impl EvalIo for FileSystemIo {
    fn store_dir(&self) -> &StoreDir {
        &self.options.store_dir
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        match self.place(path)? {
            Place::Real(real) => fs::read(real).map_err(|error| self.read_error(path, error)),
            Place::Text(text) => Ok(text),
            Place::Hidden => Err(self.missing(path)),
        }
    }

    fn read_file_unless(
        &self,
        path: &Path,
        known: Option<&Hash>,
    ) -> Result<(Hash, Option<Vec<u8>>), IoError> {
        match self.place(path)? {
            Place::Real(real) => {
                let read = self.options.memory.read_unless(&real, known);
                read.map_err(|error| self.read_error(path, error))
            }
            Place::Text(text) => Ok((Hash::sha256(&text), Some(text))),
            Place::Hidden => Err(self.missing(path)),
        }
    }

    fn file_type(&self, path: &Path) -> Result<Option<FileType>, IoError> {
        let real = match self.place(path)? {
            Place::Real(real) => real,
            Place::Text(_) => return Ok(Some(FileType::Regular)),
            Place::Hidden => return Ok(None),
        };
        self.options.memory.file_type(&real).map_err(|error| self.read_error(path, error))
    }

    fn read_directory(&self, path: &Path) -> Result<Vec<(Vec<u8>, FileType)>, IoError> {
        let real = match self.place(path)? {
            Place::Real(real) => real,
            Place::Text(_) => {
                return Err(self.read_error(path, std::io::ErrorKind::NotADirectory.into()));
            }
            Place::Hidden => return Err(self.missing(path)),
        };
        let mut entries = Vec::new();
        let found = self.options.memory.entries(&real).map_err(|error| self.read_error(path, error))?;
        for (name, kind) in found.iter() {
            if !matches!(self.place(&path.join(name))?, Place::Hidden) {
                entries.push((name.as_bytes().to_vec(), *kind));
            }
        }
        Ok(entries)
    }

    fn read_link(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        match self.place(path)? {
            Place::Real(real) => {
                let target = fs::read_link(real).map_err(|error| self.read_error(path, error))?;
                Ok(target.into_os_string().into_vec())
            }
            Place::Text(_) => Err(self.read_error(path, std::io::ErrorKind::InvalidInput.into())),
            Place::Hidden => Err(self.missing(path)),
        }
    }

    fn environment_variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        // A name with these bytes would make the system's call panic.
        if self.confinement().is_some() || name.is_empty() || name.contains(&b'=') || name.contains(&0) {
            return None;
        }
        std::env::var_os(OsStr::from_bytes(name)).map(|value| value.into_vec())
    }

    fn current_time(&self) -> Option<i64> {
        if self.options.pure {
            return None;
        }
        let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(elapsed.as_secs()).ok()
    }

    fn add_path(&self, mut request: PathToAdd<'_, '_>) -> Result<StorePath, IoError> {
        let logical = request.path;
        let real = match self.place(logical)? {
            Place::Real(real) => real,
            Place::Text(text) => return self.add_text_of_method(&request, text),
            Place::Hidden => return Err(self.missing(logical)),
        };
        match self.options.memory.file_type(&real) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(self.read_error(logical, std::io::ErrorKind::NotFound.into())),
            Err(error) => return Err(self.read_error(logical, error)),
        }
        let store_error = |source: nix_store::Error| IoError::Store { path: self.user_path(logical), source };
        let (hash, method, kept) = match request.method {
            AddMethod::Flat => (
                nar::hash_file(HashAlgorithm::Sha256, &real).map_err(store_error)?,
                ContentAddressMethod::Flat,
                None,
            ),
            AddMethod::Recursive => {
                let (hash, kept) = self.hash_tree(&mut request, &real)?;
                (hash, ContentAddressMethod::Recursive, kept)
            }
        };
        self.check_expected(&request, &hash)?;
        let path = self
            .options
            .store_dir
            .make_fixed_output_path(request.name, method, &hash, References::default())
            .map_err(store_error)?;
        let content = AddedContent::Tree { real, method: request.method, kept };
        self.lock().entry(path.clone()).or_insert(AddedPath {
            path: path.clone(),
            content,
            references: Vec::new(),
        });
        Ok(path)
    }

    fn add_text(&self, name: &str, text: &[u8], references: &[StorePath]) -> Result<StorePath, IoError> {
        let path = self
            .options
            .store_dir
            .make_text_path(name, text, references)
            .map_err(|source| IoError::Store { path: name.into(), source })?;
        let added = AddedPath {
            path: path.clone(),
            content: AddedContent::Text(text.to_vec()),
            references: references.to_vec(),
        };
        self.lock().entry(path.clone()).or_insert(added);
        Ok(path)
    }

    /// Trees that were added or mapped are there already; nothing is built.
    fn realise(&self, wanted: &[Realisation], _derivations: &DerivationTable) -> Result<(), IoError> {
        for wanted in wanted {
            match wanted {
                Realisation::Path(path) => {
                    let path = PathBuf::from(self.options.store_dir.display(path));
                    if self.file_type(&path)?.is_none() {
                        return Err(self.missing(&path));
                    }
                }
                Realisation::Output { .. } => {
                    return Err(IoError::Unsupported { what: "import from derivation".into() });
                }
            }
        }
        Ok(())
    }

    fn fetch(&self, request: &FetchRequest) -> Result<Fetched, IoError> {
        let content = self.fetcher(request.builtin)?.fetch(request)?;
        self.lock().entry(content.added.path.clone()).or_insert(content.added);
        Ok(content.fetched)
    }

    fn parse_flake_reference(&self, text: &str) -> Result<BTreeMap<String, FetchAttribute>, IoError> {
        self.fetcher("parseFlakeRef")?.parse_reference(text)
    }

    fn print_flake_reference(
        &self,
        attributes: &BTreeMap<String, FetchAttribute>,
    ) -> Result<String, IoError> {
        self.fetcher("flakeRefToString")?.print_reference(attributes)
    }

    fn flake_expression(&self, reference: &str, pure: bool) -> Result<String, IoError> {
        let flake = self.fetcher("getFlake")?.flake(reference, pure)?;
        let mut added = self.lock();
        for tree in flake.trees {
            added.entry(tree.path.clone()).or_insert(tree);
        }
        Ok(flake.text)
    }

    fn user_path(&self, logical: &Path) -> PathBuf {
        match self.place(logical) {
            Ok(Place::Real(real)) => real,
            _ => self
                .options
                .mappings
                .iter()
                .find_map(|mapping| moved(logical, &mapping.logical, &mapping.real))
                .unwrap_or_else(|| logical.to_owned()),
        }
    }
}

impl FileSystemIo {
    fn check_expected(&self, request: &PathToAdd<'_, '_>, hash: &Hash) -> Result<(), IoError> {
        match &request.expected {
            Some(expected) if expected != hash => Err(IoError::HashMismatch {
                path: self.user_path(request.path),
                expected: expected.to_sri(),
                got: hash.to_sri(),
            }),
            _ => Ok(()),
        }
    }

    /// Adds a text that was made by `toFile` once more, under another name.
    fn add_text_of_method(&self, request: &PathToAdd<'_, '_>, text: Vec<u8>) -> Result<StorePath, IoError> {
        let store_error = |source| IoError::Store { path: request.path.to_owned(), source };
        let (hash, method) = match request.method {
            AddMethod::Flat => (Hash::sha256(&text), ContentAddressMethod::Flat),
            AddMethod::Recursive => {
                let (hash, _) = nar::Node::file(text.clone()).nar_hash().map_err(store_error)?;
                (hash, ContentAddressMethod::Recursive)
            }
        };
        self.check_expected(request, &hash)?;
        let path = self
            .options
            .store_dir
            .make_fixed_output_path(request.name, method, &hash, References::default())
            .map_err(store_error)?;
        let added =
            AddedPath { path: path.clone(), content: AddedContent::Text(text), references: Vec::new() };
        self.lock().entry(path.clone()).or_insert(added);
        Ok(path)
    }
}
