//! What an evaluation sees of the world: files, trees of inputs, and what it has built on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix_expr::{
    DerivationTable, EvalError, EvalIo, FetchAttribute, FetchRequest, Fetched, FileSystemIo,
    FileSystemOptions, FileType, IoError, PathToAdd, Realisation,
};
use nix_flake::SourceTree;
use nix_store::local::Access;
use nix_store::{Hash, LocalStore, StoreDir, StorePath, StoreRoot};

use super::evaluate::{DEBIAN, Evaluated, Target, reachable};
use super::flake::ReadyFlake;
use super::realise::{self, Built};
use crate::commands::Session;
use crate::failure::Failure;

/// The world of one evaluation.
pub struct World<'s> {
    session: &'s Session,
    files: FileSystemIo,
    trees: Vec<SourceTree>,
    /// Files that are nowhere else.
    extra: BTreeMap<PathBuf, String>,
    /// Trees that people know by another name than where they lie.
    names: Vec<(PathBuf, &'static str)>,
}

impl<'s> World<'s> {
    /// A world with these files, and the trees that some of them belong to.
    pub fn new(session: &'s Session, options: FileSystemOptions, trees: Vec<SourceTree>) -> Self {
        let options = FileSystemOptions {
            store_dir: StoreDir::default(),
            real_store: Some(session.configuration.store_root.join("nix/store")),
            ..options
        };
        World { session, files: FileSystemIo::new(options), trees, extra: BTreeMap::new(), names: Vec::new() }
    }

    /// The world with what an evaluation of a flake sees besides files: what is known of its tree, and its names.
    #[must_use]
    pub fn with_flake(mut self, flake: &ReadyFlake) -> Self {
        let (path, text) = flake.source_info.clone();
        self.extra.insert(path, text);
        self.names.extend(flake.debian.iter().map(|debian| (debian.directory.clone(), DEBIAN)));
        self
    }

    /// An error whose message names files as people know them. The language knows the trees of inputs by their paths in
    /// the store, where they need not be.
    pub fn explain(&self, mut error: EvalError) -> EvalError {
        let places: Vec<(String, String)> = self
            .files
            .options()
            .mappings
            .iter()
            .map(|mapping| {
                let known = self.user_path(&mapping.logical).display().to_string();
                (mapping.logical.display().to_string(), known)
            })
            .collect();
        let replaced = |text: &mut String| {
            for (logical, known) in &places {
                if text.contains(logical.as_str()) {
                    *text = text.replace(logical.as_str(), known);
                }
            }
        };
        replaced(&mut error.message);
        error.trace.iter_mut().for_each(|frame| replaced(&mut frame.message));
        error
    }

    /// The files and texts that became store paths so far.
    pub fn added(&self) -> Vec<nix_expr::AddedPath> {
        self.files.added()
    }

    /// The trees that files belong to.
    pub fn trees(&self) -> &[SourceTree] {
        &self.trees
    }

    /// The file or text that became this store path, if one did.
    pub fn added_path(&self, path: &StorePath) -> Option<nix_expr::AddedPath> {
        self.files.added_path(path)
    }

    /// The store as it is, if there is one that can be read.
    pub fn store(&self) -> Option<LocalStore> {
        LocalStore::open_for(StoreRoot::new(&self.session.configuration.store_root), Access::ReadOnly).ok()
    }

    /// Builds outputs of derivations of this evaluation.
    pub fn build(
        &self,
        targets: Vec<Target>,
        derivations: &DerivationTable,
    ) -> Result<(LocalStore, Vec<Built>), Failure> {
        let graph = reachable(|path| derivations.get(path), targets.iter().map(|target| &target.derivation));
        let evaluated = Evaluated { targets, graph, added: self.files.added() };
        let prepared = realise::prepare(self.session, &self.trees, &evaluated)?;
        let built = realise::realise(self.session, &prepared, &evaluated)?;
        Ok((prepared.store, built))
    }

    /// The output paths, if all of them are in the store already.
    fn built_before(&self, targets: &[Target], derivations: &DerivationTable) -> Option<Vec<StorePath>> {
        let store = self.store()?;
        targets
            .iter()
            .map(|target| {
                let derivation = match derivations.get(&target.derivation) {
                    Some(derivation) => Arc::clone(derivation),
                    None => Arc::new(store.read_derivation(&target.derivation).ok()?),
                };
                let path = derivation.outputs.get(&target.output)?.path()?.clone();
                store.is_valid(&path).ok()?.then_some(path)
            })
            .collect()
    }
}

/// What failed, with all its causes.
fn failed(failure: &Failure) -> IoError {
    let mut message = failure.to_string();
    if let Failure::Build(nix_build::Error::Failed { failures, .. }) = failure {
        for failure in failures {
            message.push_str(&format!("\n{}", chain(failure)));
        }
    } else {
        message = chain(failure);
    }
    IoError::Failed { message }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    message
}

impl EvalIo for World<'_> {
    fn store_dir(&self) -> &StoreDir {
        self.files.store_dir()
    }

    fn read_file(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        match self.extra.get(path) {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => self.files.read_file(path),
        }
    }

    fn read_file_unless(
        &self,
        path: &Path,
        known: Option<&Hash>,
    ) -> Result<(Hash, Option<Vec<u8>>), IoError> {
        match self.extra.get(path) {
            Some(text) => Ok((Hash::sha256(text.as_bytes()), Some(text.as_bytes().to_vec()))),
            None => self.files.read_file_unless(path, known),
        }
    }

    fn file_type(&self, path: &Path) -> Result<Option<FileType>, IoError> {
        match self.extra.get(path) {
            Some(_) => Ok(Some(FileType::Regular)),
            None => self.files.file_type(path),
        }
    }

    fn read_directory(&self, path: &Path) -> Result<Vec<(Vec<u8>, FileType)>, IoError> {
        self.files.read_directory(path)
    }

    fn read_link(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        self.files.read_link(path)
    }

    fn environment_variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.files.environment_variable(name)
    }

    fn current_time(&self) -> Option<i64> {
        self.files.current_time()
    }

    fn add_path(&self, path: PathToAdd<'_, '_>) -> Result<StorePath, IoError> {
        self.files.add_path(path)
    }

    fn add_text(&self, name: &str, text: &[u8], references: &[StorePath]) -> Result<StorePath, IoError> {
        self.files.add_text(name, text, references)
    }

    fn references(&self, path: &StorePath) -> Vec<StorePath> {
        let known = self.store().and_then(|store| store.references(path).ok());
        known.unwrap_or_default().into_iter().collect()
    }

    /// Import from derivation: the outputs are built as `build` does it, unless they are there already.
    fn realise(&self, wanted: &[Realisation], derivations: &DerivationTable) -> Result<(), IoError> {
        let mut targets = Vec::new();
        let mut paths = BTreeSet::new();
        for wanted in wanted {
            match wanted {
                Realisation::Path(path) => {
                    paths.insert(path.clone());
                }
                Realisation::Output { derivation, output } => targets.push(Target {
                    name: derivation.name().to_owned(),
                    derivation: derivation.clone(),
                    output: output.clone(),
                }),
            }
        }
        for path in paths {
            self.files.allow(path.clone());
            let place = PathBuf::from(self.store_dir().display(&path));
            if !derivations.contains_key(&path) && self.file_type(&place)?.is_none() {
                return Err(nix_store::Error::NotValid { path: self.store_dir().display(&path) }.into());
            }
        }
        if targets.is_empty() {
            return Ok(());
        }
        let built = match self.built_before(&targets, derivations) {
            Some(paths) => paths,
            None if self.session.configuration.evaluation.read_only => {
                let first = targets.first().map(|target| self.store_dir().display(&target.derivation));
                let message = format!("cannot build '{}' in read-only mode", first.unwrap_or_default());
                return Err(IoError::Failed { message });
            }
            None => {
                let (_, built) = self.build(targets, derivations).map_err(|failure| failed(&failure))?;
                let paths: Result<_, Failure> = built.iter().map(|built| built.path().cloned()).collect();
                paths.map_err(|failure| failed(&failure))?
            }
        };
        for path in built {
            self.files.allow(path);
        }
        Ok(())
    }

    fn fetch(&self, request: &FetchRequest) -> Result<Fetched, IoError> {
        let fetched = self.files.fetch(request)?;
        self.files.allow(fetched.path.clone());
        Ok(fetched)
    }

    fn parse_flake_reference(&self, text: &str) -> Result<BTreeMap<String, FetchAttribute>, IoError> {
        self.files.parse_flake_reference(text)
    }

    fn print_flake_reference(
        &self,
        attributes: &BTreeMap<String, FetchAttribute>,
    ) -> Result<String, IoError> {
        self.files.print_flake_reference(attributes)
    }

    fn flake_expression(&self, reference: &str, pure: bool) -> Result<String, IoError> {
        self.files.flake_expression(reference, pure)
    }

    fn user_path(&self, path: &Path) -> PathBuf {
        let real = self.files.user_path(path);
        for (directory, name) in &self.names {
            match real.strip_prefix(directory) {
                Ok(rest) if rest.as_os_str().is_empty() => return name.into(),
                Ok(rest) => return Path::new(name).join(rest),
                Err(_) => {}
            }
        }
        real
    }
}
