//! Derivations whose builder is a shell script.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nix_build::realise::{BuildObserver, Machine, NoObserver, Realised, Settings};
use nix_build::sandbox::SandboxSettings;
use nix_build::{Cancellation, Error};
use nix_store::{Derivation, DerivationOutput, HashModuloMemo, StorePath};
use serde_json::Value;

use crate::archive;
use crate::graph::{TestStore, Written};

/// A store with a shell in it.
pub struct Shell {
    pub store: TestStore,
    pub busybox: Written,
    memo: HashModuloMemo,
}

/// A derivation for a script.
#[derive(Default)]
pub struct Script<'a> {
    pub name: &'a str,
    pub text: String,
    pub inputs: Vec<&'a Written>,
    pub variables: Vec<(&'a str, String)>,
    /// Names of outputs other than `out`.
    pub more_outputs: Vec<&'a str>,
    /// For an output whose hash is known.
    pub fixed: Option<DerivationOutput>,
    /// Attributes as JSON, instead of variables.
    pub structured: Option<Value>,
    pub system: Option<&'a str>,
}

impl Shell {
    pub fn new() -> Self {
        let mut store = TestStore::new();
        let busybox = archive::packages(&mut store, &["busybox-static"], false).remove(0);
        store.realise(&[&busybox]).unwrap();
        Shell { store, busybox, memo: HashModuloMemo::new() }
    }

    /// The program itself, as the sandbox sees it.
    pub fn program(&self) -> String {
        format!("{}/usr/bin/busybox", self.busybox.output)
    }

    pub fn script(&self, name: &str, text: &str) -> Written {
        self.write(Script { name, text: text.to_owned(), ..Script::default() })
    }

    pub fn write(&self, script: Script<'_>) -> Written {
        let mut derivation = Derivation::new(script.name);
        let program = self.program();
        derivation.system = match script.system {
            Some(system) => system.into(),
            None => Machine::this().systems[0].clone().into(),
        };
        derivation.builder = program.clone().into();
        // A shell without applets of its own name finds them by itself.
        let text = format!("export PATH=/applets; {}", script.text);
        derivation.args = ["sh", "-ec", &text].iter().map(|argument| argument.as_bytes().to_vec()).collect();
        derivation.input_drvs = script
            .inputs
            .iter()
            .copied()
            .chain([&self.busybox])
            .map(|input| (input.derivation.clone(), BTreeSet::from([String::from("out")]).into()))
            .collect();
        let mut set = |name: &str, value: String| derivation.env.insert(name, value);
        if let Some(attributes) = &script.structured {
            set("__json", attributes.to_string());
        } else {
            set("name", script.name.to_owned());
            set("busybox", program);
        }
        for (name, value) in &script.variables {
            set(name, value.clone());
        }
        let fixed_path = script.fixed.as_ref().and_then(|output| output.path().cloned());
        derivation.outputs =
            BTreeMap::from([(String::from("out"), script.fixed.unwrap_or(DerivationOutput::Deferred))]);
        derivation.env.insert("out", "");
        for name in script.more_outputs {
            derivation.outputs.insert(name.to_owned(), DerivationOutput::Deferred);
            derivation.env.insert(name, "");
        }
        let directory = self.store.store.directory();
        match fixed_path {
            Some(path) => {
                derivation.env.insert("out", directory.display(&path));
            }
            None => {
                let mut load = |path: &StorePath| self.store.store.read_derivation(path);
                let hash = derivation.hash_modulo_masked(directory, &self.memo, &mut load).unwrap();
                derivation.assign_output_paths(directory, &hash).unwrap();
            }
        }
        let output = directory.display(derivation.outputs["out"].path().unwrap());
        Written { derivation: self.store.store.write_derivation(&derivation).unwrap(), output }
    }

    pub fn settings(&self) -> Settings {
        let sandbox = SandboxSettings { helper: helper(), ..SandboxSettings::default() };
        Settings { sandbox, ..self.store.settings() }
    }

    pub fn realise(&self, written: &[&Written]) -> Result<Realised, Error> {
        self.realise_with(written, &self.settings(), &NoObserver)
    }

    pub fn realise_with(
        &self,
        written: &[&Written],
        settings: &Settings,
        observer: &dyn BuildObserver,
    ) -> Result<Realised, Error> {
        self.store.realise_with(written, settings, observer, &Cancellation::new())
    }

    /// Builds, and reads the output, which is a file.
    pub fn read(&self, written: &Written) -> String {
        if let Err(error) = self.realise(&[written]) {
            let Error::Failed { failures, .. } = &error else {
                panic!("{}", crate::graph::full_text(&error))
            };
            panic!("{}\n{}", crate::graph::full_text(&error), failures[0].log_tail.join("\n"));
        }
        std::fs::read_to_string(self.store.real(written)).unwrap()
    }

    /// Builds what must fail; returns the whole error.
    pub fn fail(&self, written: &Written) -> String {
        crate::graph::full_text(&self.realise(&[written]).unwrap_err())
    }
}

/// The example of this crate, which cargo builds together with the tests, and which can be the helper.
pub fn helper() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples/realise")
}
