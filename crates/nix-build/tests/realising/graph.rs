//! Derivations for tests, written to a store as an evaluator would write them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use download::BlockingDownloader;
use nix_build::builders::{Mirrors, Network};
use nix_build::realise::{BuildObserver, NoObserver, Realised, Settings, Wanted, plan, realise};
use nix_build::{Cancellation, Error};
use nix_store::{
    ContentAddressMethod, Derivation, DerivationOutput, Hash, HashModuloMemo, LocalStore, StorePath,
    StoreRoot,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A store in a temporary directory.
pub struct TestStore {
    pub directory: TempDir,
    pub store: LocalStore,
    memo: HashModuloMemo,
    pub mirrors: Mirrors,
}

/// A derivation that was written, and where its output will be.
#[derive(Clone, Debug)]
pub struct Written {
    pub derivation: StorePath,
    pub output: String,
}

impl TestStore {
    pub fn new() -> Self {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let store = LocalStore::open(StoreRoot::new(directory.path())).unwrap();
        TestStore { directory, store, memo: HashModuloMemo::new(), mirrors: Mirrors::new() }
    }

    /// A derivation with structured attributes, which may name the outputs of `inputs`.
    pub fn write(&self, name: &str, builder: &str, attributes: Value, inputs: &[&Written]) -> Written {
        self.write_with(name, builder, attributes, inputs, DerivationOutput::Deferred)
    }

    /// A derivation whose output has a flat hash that is known.
    pub fn write_fixed(&self, name: &str, attributes: Value, hash: Hash) -> Written {
        self.write_fixed_with(name, attributes, hash, ContentAddressMethod::Flat)
    }

    pub fn write_fixed_with(
        &self,
        name: &str,
        attributes: Value,
        hash: Hash,
        method: ContentAddressMethod,
    ) -> Written {
        let directory = self.store.directory();
        let path = directory.make_fixed_output_path(name, method, &hash, Default::default()).unwrap();
        let output = DerivationOutput::Fixed { path, method, hash };
        self.write_with(name, "builtin:fetchurl", attributes, &[], output)
    }

    pub fn write_with(
        &self,
        name: &str,
        builder: &str,
        mut attributes: Value,
        inputs: &[&Written],
        output: DerivationOutput,
    ) -> Written {
        let mut derivation = Derivation::new(name);
        for (key, value) in [("name", name), ("builder", builder), ("system", "builtin")] {
            attributes[key] = json!(value);
        }
        attributes["outputs"] = json!(["out"]);
        derivation.system = b"builtin".to_vec();
        derivation.builder = builder.as_bytes().to_vec();
        derivation.env.insert("__json", attributes.to_string());
        derivation.input_drvs = inputs
            .iter()
            .map(|input| (input.derivation.clone(), BTreeSet::from([String::from("out")]).into()))
            .collect();
        let path = output.path().cloned();
        derivation.env.insert("out", "");
        derivation.outputs = BTreeMap::from([(String::from("out"), output)]);
        let directory = self.store.directory();
        match path {
            Some(path) => {
                derivation.env.insert("out", directory.display(&path));
            }
            None => {
                let mut load = |path: &StorePath| self.store.read_derivation(path);
                let hash = derivation.hash_modulo_masked(directory, &self.memo, &mut load).unwrap();
                derivation.assign_output_paths(directory, &hash).unwrap();
            }
        }
        let output = directory.display(derivation.outputs["out"].path().unwrap());
        Written { derivation: self.store.write_derivation(&derivation).unwrap(), output }
    }

    pub fn settings(&self) -> Settings {
        let network = Network {
            downloader: BlockingDownloader::new(download::Settings::default()).unwrap(),
            mirrors: self.mirrors.clone(),
            directory: self.store.root().state_directory().join("hostwright/downloads"),
        };
        Settings { network: Some(network), ..Settings::default() }
    }

    pub fn realise(&self, written: &[&Written]) -> Result<Realised, Error> {
        self.realise_with(written, &self.settings(), &NoObserver, &Cancellation::new())
    }

    pub fn realise_with(
        &self,
        written: &[&Written],
        settings: &Settings,
        observer: &dyn BuildObserver,
        cancellation: &Cancellation,
    ) -> Result<Realised, Error> {
        let wanted: Vec<Wanted> =
            written.iter().map(|written| Wanted::all(written.derivation.clone())).collect();
        let plan = plan(&self.store, &wanted)?;
        realise(&self.store, &plan, settings, observer, cancellation)
    }

    /// Where an output really lies.
    pub fn real(&self, written: &Written) -> PathBuf {
        let path = self.store.directory().parse(written.output.as_bytes()).unwrap();
        self.store.real_path(&path)
    }

    /// The NAR hash with which an output was registered.
    pub fn nar_hash(&self, written: &Written) -> Hash {
        let path = self.store.directory().parse(written.output.as_bytes()).unwrap();
        self.store.path_info(&path).unwrap().nar_hash
    }

    /// What an output refers to, as names.
    pub fn references(&self, written: &Written) -> Vec<String> {
        let path = self.store.directory().parse(written.output.as_bytes()).unwrap();
        self.store.references(&path).unwrap().iter().map(|path| path.name().to_owned()).collect()
    }

    /// Has Nix check every path of the store.
    pub fn verify_by_nix(&self) {
        let url = format!("local?root={}", self.directory.path().canonicalize().unwrap().display());
        let output = Command::new("nix-store")
            .args(["--verify", "--check-contents", "--store", &url])
            .output()
            .expect("Nix is needed to check stores: install Debian's nix-bin");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(self.store.verify(true).unwrap().is_empty());
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        // Store paths are read-only, which the temporary directory's own removal stumbles over.
        let _ = nix_store::local::remove_tree(&self.directory.path().join("nix"));
    }
}

/// The whole text of an error, with the failures in it and their causes.
pub fn full_text(error: &Error) -> String {
    let mut text = with_causes(error);
    if let Error::Failed { failures, .. } = error {
        for failure in failures {
            text.push('\n');
            text.push_str(&with_causes(failure));
        }
    }
    text
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
