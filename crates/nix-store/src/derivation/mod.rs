//! Derivations: what a build takes and what it makes. The file format is ATerm, described in the Nix
//! manual, "Derivation ATerm Format".

mod environment;
mod modulo;
mod parse;
mod print;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::content_address::ContentAddressMethod;
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm};
use crate::store_path::{StoreDir, StorePath};

pub use environment::Environment;
pub use modulo::{DerivationHash, HashModuloMemo};

/// What is known of an output before the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DerivationOutput {
    /// The path follows from the derivation.
    InputAddressed {
        /// Where the output goes.
        path: StorePath,
    },
    /// The path follows from a hash given in advance; the build may use the network.
    Fixed {
        /// Where the output goes.
        path: StorePath,
        /// What is hashed.
        method: ContentAddressMethod,
        /// The hash that the output must have.
        hash: Hash,
    },
    /// The path follows from what the build makes (experimental `ca-derivations`).
    Floating {
        /// What is hashed.
        method: ContentAddressMethod,
        /// The algorithm.
        algorithm: HashAlgorithm,
    },
    /// Not yet computed: an output of a derivation whose text is still being made, or of one that depends
    /// on floating outputs.
    Deferred,
}

impl DerivationOutput {
    /// Where the output goes, when that is known before the build.
    pub fn path(&self) -> Option<&StorePath> {
        match self {
            DerivationOutput::InputAddressed { path } | DerivationOutput::Fixed { path, .. } => Some(path),
            DerivationOutput::Floating { .. } | DerivationOutput::Deferred => None,
        }
    }
}

/// A derivation. Strings that come from the Nix language are bytes, as they are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivation {
    /// The name, without `.drv`. It is not in the text but in the path.
    pub name: String,
    /// The outputs by name.
    pub outputs: BTreeMap<String, DerivationOutput>,
    /// The derivations that must be built before, and which of their outputs. Thousands of inputs have the same few sets of
    /// names, which may be shared.
    pub input_drvs: BTreeMap<StorePath, Arc<BTreeSet<String>>>,
    /// The store paths that must be there before, other than outputs of derivations.
    pub input_srcs: BTreeSet<StorePath>,
    /// The platform that the builder runs on, or `builtin`.
    pub system: Vec<u8>,
    /// The program to run, or `builtin:NAME`.
    pub builder: Vec<u8>,
    /// Its arguments.
    pub args: Vec<Vec<u8>>,
    /// Its environment.
    pub env: Environment,
}

impl Derivation {
    /// A derivation without outputs, inputs and environment.
    pub fn new(name: impl Into<String>) -> Self {
        Derivation {
            name: name.into(),
            outputs: BTreeMap::new(),
            input_drvs: BTreeMap::new(),
            input_srcs: BTreeSet::new(),
            system: Vec::new(),
            builder: Vec::new(),
            args: Vec::new(),
            env: Environment::default(),
        }
    }

    /// The only output's method, hash and path, when this is a fixed-output derivation.
    pub fn fixed_output(&self) -> Option<(ContentAddressMethod, &Hash, &StorePath)> {
        match (self.outputs.len(), self.outputs.get("out")) {
            (1, Some(DerivationOutput::Fixed { path, method, hash })) => Some((*method, hash, path)),
            _ => None,
        }
    }

    /// The paths that the `.drv` file refers to, sorted: input derivations and input sources.
    pub fn references(&self) -> Vec<StorePath> {
        let all: BTreeSet<&StorePath> = self.input_drvs.keys().chain(&self.input_srcs).collect();
        all.into_iter().cloned().collect()
    }

    /// The derivation's own store path and the text that lies there.
    pub fn path_and_text(&self, directory: &StoreDir) -> Result<(StorePath, Vec<u8>)> {
        let text = self.print(directory);
        let path = directory.make_text_path(&format!("{}.drv", self.name), &text, &self.references())?;
        Ok((path, text))
    }

    /// Gives every output that is [`DerivationOutput::Deferred`] its path, computed from `hash`, and puts it into the
    /// environment variable of the output's name. `hash` is that of [`Derivation::hash_modulo_masked`].
    pub fn assign_output_paths(&mut self, directory: &StoreDir, hash: &DerivationHash) -> Result<()> {
        let hash = hash.to_hash();
        for (name, output) in &mut self.outputs {
            if *output != DerivationOutput::Deferred {
                continue;
            }
            let path = directory.make_output_path(&self.name, name, &hash)?;
            self.env.insert(name, directory.display(&path));
            *output = DerivationOutput::InputAddressed { path };
        }
        Ok(())
    }

    fn unsupported(&self, problem: &'static str) -> Error {
        Error::UnsupportedDerivation { name: self.name.clone(), problem }
    }
}

/// The store path that `derivation` gets in `directory`.
pub fn derivation_path(directory: &StoreDir, derivation: &Derivation) -> Result<StorePath> {
    Ok(derivation.path_and_text(directory)?.0)
}

#[cfg(test)]
mod tests;
