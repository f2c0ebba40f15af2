//! From a flake reference to a flake that can be evaluated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix_expr::SourceMapping;
use nix_flake::{
    EvaluatedDeclarations, FlakeReference, InputPath, LockFile, ResolvedFlake, Settings, Source, SourceTree,
    Sources, call_expression, fetch_root, find_flake, mappings, resolve,
};
use nix_store::StoreDir;

use crate::bundled::Bundled;
use crate::commands::Session;
use crate::failure::Failure;

/// The name of the file that pins a flake's inputs.
const FLAKE_LOCK: &str = "flake.lock";

/// The name of the file that pins a fleet's packages.
const DEBIAN_LOCK: &str = "debian.lock";

/// A flake whose own tree is here.
#[derive(Debug)]
pub struct Flake {
    tree: SourceTree,
    /// Where in the tree the flake lies.
    subdirectory: String,
    /// Inputs taken from elsewhere, by the command line or `hostwright.toml`.
    overrides: BTreeMap<InputPath, FlakeReference>,
    old_lock: Option<LockFile>,
}

/// A flake with all its inputs, ready to be evaluated.
#[derive(Debug)]
pub struct ReadyFlake {
    /// The directory of the user's `flake.nix`.
    pub directory: PathBuf,
    /// The expression whose value is the flake. All trees are in it by their hashes.
    pub expression: String,
    /// Where the trees lie.
    pub mappings: Vec<SourceMapping>,
    /// All trees by their store paths.
    pub trees: Vec<SourceTree>,
    /// The `hostwright:debian` tree among them, if the flake uses it.
    pub debian: Option<SourceTree>,
    /// Why some inputs have no tree; only those that use one meet it.
    pub missing_inputs: Vec<nix_flake::Error>,
}

impl Flake {
    /// Finds the flake, hashes its tree, reads what lies beside its `flake.nix`.
    pub fn open(session: &Session, reference: &FlakeReference) -> Result<Self, Failure> {
        let store_dir = StoreDir::default();
        let mut reference = reference.clone();
        if let Source::Path { path } = &mut reference.source
            && reference.directory.is_empty()
        {
            *path = find_flake(Path::new(path))?.to_string_lossy().into_owned();
        }
        let bundled = session.bundled(None);
        let declarations = EvaluatedDeclarations::new(store_dir.clone());
        let sources = Sources { store_dir: &store_dir, bundled: &bundled, declarations: &declarations };
        let tree = fetch_root(&sources, &reference)?;
        let subdirectory = reference.directory;
        let directory = tree.directory.join(&subdirectory);
        let mut overrides = Settings::read(&directory)?.inputs;
        for reference in overrides.values_mut() {
            if let Source::Path { path } = &mut reference.source {
                // Relative to the file that says so.
                *path = directory.join(&*path).to_string_lossy().into_owned();
            }
        }
        overrides.extend(session.configuration.overrides.clone());
        let old_lock = LockFile::read(&directory.join(FLAKE_LOCK))?;
        Ok(Flake { tree, subdirectory, overrides, old_lock })
    }

    /// The directory of `flake.nix`.
    pub fn directory(&self) -> PathBuf {
        self.tree.directory.join(&self.subdirectory)
    }

    /// Where the fleet's packages are pinned.
    pub fn debian_lock_file(&self) -> PathBuf {
        self.directory().join(DEBIAN_LOCK)
    }

    /// Finds the trees of all inputs; `debian_lock` is the text that the Debian base gets as its lock. Writes `flake.lock`
    /// if the inputs are not what it says.
    pub fn resolve(&self, session: &Session, debian_lock: Option<&[u8]>) -> Result<ReadyFlake, Failure> {
        let store_dir = StoreDir::default();
        let bundled = session.bundled(debian_lock.map(<[u8]>::to_vec));
        let declarations = EvaluatedDeclarations::new(store_dir.clone());
        let sources = Sources { store_dir: &store_dir, bundled: &bundled, declarations: &declarations };
        let mut resolved = resolve(
            &sources,
            self.tree.clone(),
            &self.subdirectory,
            &self.overrides,
            self.old_lock.as_ref(),
        )?;
        self.write_lock(session, &resolved);
        let expression = call_expression(&resolved, &store_dir);
        let mappings = mappings(&resolved, &store_dir);
        let mut trees = Vec::new();
        let mut missing_inputs = Vec::new();
        for node in std::mem::take(&mut resolved.nodes) {
            match node.tree {
                Ok(tree) => trees.push(tree),
                Err(error) => missing_inputs.push(error),
            }
        }
        let debian = bundled
            .debian_in_use()
            .and_then(|path| trees.iter().find(|tree| tree.store_path == path).cloned());
        Ok(ReadyFlake { directory: self.directory(), expression, mappings, trees, debian, missing_inputs })
    }

    /// A flake that cannot be written to works as well; it is only not pinned.
    fn write_lock(&self, session: &Session, resolved: &ResolvedFlake) {
        let Some(lock) = &resolved.lock_file else { return };
        let unchanged = match &self.old_lock {
            Some(old) => old == lock,
            // No inputs, nothing to pin.
            None => lock.nodes.len() == 1,
        };
        if unchanged || !session.configuration.write_lock_files {
            return;
        }
        let file = self.directory().join(FLAKE_LOCK);
        match write_atomically(&file, lock.print().as_bytes()) {
            Ok(()) => session.progress.detail(&format!("Wrote {}.", file.display())),
            Err(error) => session.progress.warn(&format!("cannot write {}: {error}", file.display())),
        }
    }
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
    fn bundled(&self, debian_lock: Option<Vec<u8>>) -> Bundled {
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
