//! From a flake reference to a flake that can be evaluated.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix_expr::{SearchPathEntry, SourceMapping};
use nix_flake::{
    EvaluatedDeclarations, FlakeReference, InputPath, LockFile, LockOptions, LockedFlake, NodeTree,
    OpenedFlake, RegistryScope, Settings, Source, SourceTree, Sources, call_expression, changes, lock,
    mappings, source_info, write_lock_file,
};
use nix_store::StoreDir;

use super::flake_settings;
use crate::bundled::Bundled;
use crate::commands::Session;
use crate::failure::Failure;

/// The name of the file that pins a flake's inputs.
const FLAKE_LOCK: &str = "flake.lock";

/// The name of the file that pins a fleet's packages.
pub const DEBIAN_LOCK: &str = "debian.lock";

/// The name of the file of [`ReadyFlake::source_info`].
pub const SOURCE_INFO: &str = ".hostwright-source-info.nix";

/// A flake whose own tree is here.
#[derive(Debug)]
pub struct Flake {
    state: RefCell<State>,
    /// Inputs taken from elsewhere, by the command line or `hostwright.toml`.
    overrides: BTreeMap<InputPath, FlakeReference>,
}

/// What changes when the lock file is written.
#[derive(Debug)]
struct State {
    opened: OpenedFlake,
    old_lock: Option<LockFile>,
}

/// A flake with all its inputs, ready to be evaluated.
#[derive(Debug)]
pub struct ReadyFlake {
    /// The directory of the user's `flake.nix`.
    pub directory: PathBuf,
    /// The expression whose value is the flake. All trees are in it by their hashes.
    pub expression: String,
    /// The logical path of the flake's own tree.
    pub here: PathBuf,
    /// A file that evaluations see in the flake's own tree, and its text: what is known of the tree. It is read by those
    /// that need it, and so only these depend on all of the tree.
    pub source_info: (PathBuf, String),
    /// Where the trees lie that are here.
    pub mappings: Vec<SourceMapping>,
    /// The trees that are here, by their store paths. Those that the lock file pins come when they are used.
    pub trees: Vec<SourceTree>,
    /// The `hostwright:debian` tree among them, if the flake uses it.
    pub debian: Option<SourceTree>,
    /// Whether it sees nothing but its own trees; a file that is no flake sees all of this machine.
    pub is_pure: bool,
    /// Where `<name>` is looked up besides.
    pub search_path: Vec<SearchPathEntry>,
}

/// When a lock file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// When something is missing in it, as long as the inputs are the flake's own.
    WhenNeeded,
    /// It is what was asked for.
    Demanded,
}

/// What locking did.
#[derive(Debug)]
pub struct Locking {
    /// All inputs.
    pub locked: LockedFlake,
    /// The file that was written, if one was.
    pub written: Option<PathBuf>,
}

impl Flake {
    /// Finds the flake, hashes its tree, reads what lies beside its `flake.nix`.
    pub fn open(session: &Session, reference: &FlakeReference) -> Result<Self, Failure> {
        let opened = open(session, reference)?;
        let directory = opened.place();
        let mut overrides = Settings::read(&directory)?.inputs;
        for reference in overrides.values_mut() {
            if let Source::Path { path } = &mut reference.source {
                // Relative to the file that says so.
                *path = directory.join(&*path).to_string_lossy().into_owned();
            }
        }
        overrides.extend(session.configuration.overrides.clone());
        let old_lock = read_lock(session, &opened)?;
        Ok(Flake { state: RefCell::new(State { opened, old_lock }), overrides })
    }

    /// The flake, without what `hostwright.toml` says of its inputs: as Nix has it.
    pub fn open_plainly(session: &Session, reference: &FlakeReference) -> Result<Self, Failure> {
        let opened = open(session, reference)?;
        let old_lock = read_lock(session, &opened)?;
        let overrides = session.configuration.overrides.clone();
        Ok(Flake { state: RefCell::new(State { opened, old_lock }), overrides })
    }

    /// The flake's tree and what its `flake.nix` says.
    pub fn opened(&self) -> OpenedFlake {
        self.state.borrow().opened.clone()
    }

    /// The directory of `flake.nix`.
    pub fn directory(&self) -> PathBuf {
        self.state.borrow().opened.place()
    }

    /// Where the fleet's packages are pinned.
    pub fn debian_lock_file(&self) -> PathBuf {
        self.directory().join(DEBIAN_LOCK)
    }

    /// Whether the directory is one that people work in, and not a copy in the cache.
    pub fn is_working_directory(&self) -> bool {
        let state = self.state.borrow();
        let reference = &state.opened.resolved;
        match &reference.source {
            Source::Path { .. } => true,
            Source::Git { .. } => state.opened.fetched.tree.visible.is_some(),
            _ => false,
        }
    }

    /// Finds the trees of all inputs; `debian_lock` is the text that the Debian base gets as its lock. Writes `flake.lock`
    /// if the inputs are not what it says.
    pub fn resolve(&self, session: &Session, debian_lock: Option<&[u8]>) -> Result<ReadyFlake, Failure> {
        let bundled = session.bundled(debian_lock.map(<[u8]>::to_vec));
        let Locking { locked, .. } = self.lock(session, &bundled, Writing::WhenNeeded)?;
        let store_dir = StoreDir::default();
        let trees: Vec<SourceTree> = locked
            .nodes
            .iter()
            .filter_map(|node| match &node.tree {
                NodeTree::Here(fetched) => Some(fetched.tree.clone()),
                NodeTree::Pinned(_) | NodeTree::Of(_) => None,
            })
            .collect();
        let own = self.state.borrow().opened.fetched.clone();
        let debian = bundled
            .debian_in_use()
            .and_then(|path| trees.iter().find(|tree| tree.store_path == path).cloned());
        let here = PathBuf::from(store_dir.display(&own.tree.store_path));
        let info = here.join(SOURCE_INFO);
        Ok(ReadyFlake {
            directory: self.directory(),
            expression: call_expression(&locked.nodes, &store_dir, Some(&info.to_string_lossy())),
            here,
            source_info: (info, source_info(&own)),
            mappings: mappings(&locked.nodes, &store_dir),
            trees,
            debian,
            is_pure: !session.configuration.impure,
            search_path: Vec::new(),
        })
    }

    /// Locks the inputs, and writes what came of it.
    pub fn lock(&self, session: &Session, bundled: &Bundled, writing: Writing) -> Result<Locking, Failure> {
        let locked = self.locked(session, bundled)?;
        for warning in &locked.warnings {
            session.progress.warn(warning);
        }
        let old = self.state.borrow().old_lock.clone().unwrap_or_default();
        let output = &session.configuration.flakes.output_lock_file;
        if locked.lock_file == old && output.is_none() {
            return Ok(Locking { locked, written: None });
        }
        let flake = self.state.borrow().opened.original.to_string();
        let changes = changes(&old, &locked.lock_file);
        let asked_not_to = !session.configuration.write_lock_files
            // What is overridden for one run is not what the flake is.
            || (writing == Writing::WhenNeeded && !self.overrides.is_empty());
        if asked_not_to {
            session.progress.detail(&format!("flake.lock is not written:\n{changes}"));
            return Ok(Locking { locked, written: None });
        }
        if let Some(input) = locked.lock_file.unlocked_input() {
            let reference = input.to_string();
            if writing == Writing::Demanded {
                return Err(nix_flake::Error::UnlockedInput { flake, reference }.into());
            }
            session.progress.warn(&format!(
                "flake.lock is not written: the input '{reference}' has changes that are not committed"
            ));
            return Ok(Locking { locked, written: None });
        }
        if !session.configuration.flakes.update_lock_file {
            return Err(nix_flake::Error::LockFileOutdated { flake, changes }.into());
        }
        let file = match output {
            Some(file) => write_atomically(file, locked.lock_file.print().as_bytes())
                .map(|()| file.clone())
                .map_err(|source| Failure::File { action: "write", path: file.clone(), source })?,
            None => match self.write(session, &locked, writing)? {
                Some(file) => file,
                None => return Ok(Locking { locked, written: None }),
            },
        };
        session.progress.say(&format!("Wrote {}:\n{}", file.display(), changes.trim_end()));
        if output.is_some() {
            return Ok(Locking { locked, written: Some(file) });
        }
        // The file is a part of the flake.
        let reference = self.state.borrow().opened.original.clone();
        let opened = open(session, &reference)?;
        let old_lock = Some(locked.lock_file);
        *self.state.borrow_mut() = State { opened, old_lock };
        Ok(Locking { locked: self.locked(session, bundled)?, written: Some(file) })
    }

    fn locked(&self, session: &Session, bundled: &Bundled) -> Result<LockedFlake, Failure> {
        let store_dir = StoreDir::default();
        let declarations = EvaluatedDeclarations::new(store_dir.clone());
        let fetcher = session.fetcher();
        let sources =
            Sources { store_dir: &store_dir, fetcher: &fetcher, bundled, declarations: &declarations };
        let flakes = &session.configuration.flakes;
        let options = LockOptions {
            overrides: self.overrides.clone(),
            updates: flakes.updates.clone(),
            recreate: flakes.recreate_lock_file,
            registries: scope(session, RegistryScope::Global),
            allow_unlocked: true,
        };
        let state = self.state.borrow();
        Ok(lock(&sources, &state.opened, state.old_lock.as_ref(), &options)?)
    }

    /// A directory that cannot be written to works as well; its inputs are only not pinned.
    fn write(
        &self,
        session: &Session,
        locked: &LockedFlake,
        writing: Writing,
    ) -> Result<Option<PathBuf>, Failure> {
        let reference = self.state.borrow().opened.resolved.clone();
        match write_lock_file(&session.fetcher(), &reference, &locked.lock_file) {
            Ok(file) => Ok(Some(file)),
            Err(nix_flake::Error::File { path, source, .. }) if writing == Writing::WhenNeeded => {
                session.progress.warn(&format!("cannot write {}: {source}", path.display()));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn scope(session: &Session, scope: RegistryScope) -> RegistryScope {
    if session.configuration.flakes.use_registries { scope } else { RegistryScope::Nothing }
}

fn open(session: &Session, reference: &FlakeReference) -> Result<OpenedFlake, Failure> {
    if let Source::Path { path } = &reference.source
        && reference.directory.is_empty()
    {
        check_directory(Path::new(path))?;
    }
    let store_dir = StoreDir::default();
    let bundled = session.bundled(None);
    let declarations = EvaluatedDeclarations::new(store_dir.clone());
    let fetcher = session.fetcher();
    let sources =
        Sources { store_dir: &store_dir, fetcher: &fetcher, bundled: &bundled, declarations: &declarations };
    let opened = sources.open(reference, scope(session, RegistryScope::Everything))?;
    // The first flake of a run is the one that the run is about.
    session
        .flake_settings
        .get_or_init(|| flake_settings::accepted(session, &opened.declaration.configuration));
    Ok(opened)
}

/// Says what is wrong with a plain directory before its tree is hashed.
fn check_directory(directory: &Path) -> Result<(), Failure> {
    if !directory.is_dir() {
        let source = match std::fs::metadata(directory) {
            Err(error) => error,
            Ok(_) => std::io::ErrorKind::NotADirectory.into(),
        };
        return Err(Failure::File { action: "read the flake", path: directory.to_owned(), source });
    }
    if !directory.join("flake.nix").is_file() {
        return Err(nix_flake::Error::NoFlakeFile { directory: directory.to_owned() }.into());
    }
    Ok(())
}

/// The lock file in force: the flake's own, or the one that was named. A file that git does not see is none.
fn read_lock(session: &Session, opened: &OpenedFlake) -> Result<Option<LockFile>, Failure> {
    if let Some(file) = &session.configuration.flakes.reference_lock_file {
        return Ok(LockFile::read(file)?);
    }
    let inside = Path::new(opened.fetched.reference.directory.trim_matches('/')).join(FLAKE_LOCK);
    if !opened.fetched.tree.holds(&inside) {
        return Ok(None);
    }
    Ok(LockFile::read(&opened.place().join(FLAKE_LOCK))?)
}

impl ReadyFlake {
    /// Whether the flake uses the Debian base.
    pub fn uses_debian(&self) -> bool {
        self.debian.is_some()
    }
}

/// Writes a file so that it is the old one or the new one at any moment.
pub fn write_atomically(file: &Path, contents: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let directory = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".hostwright-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    temporary.write_all(contents)?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

impl Session {
    /// The bundled trees, with the text of a package lock.
    pub fn bundled(&self, debian_lock: Option<Vec<u8>>) -> Bundled {
        let directory = self.configuration.cache_directory.join("trees");
        Bundled::new(StoreDir::default(), directory, debian_lock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("flake.lock");
        write_atomically(&file, b"one").unwrap();
        write_atomically(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(write_atomically(&directory.path().join("no/flake.lock"), b"").is_err());
    }
}
