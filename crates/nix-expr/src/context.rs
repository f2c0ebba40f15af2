//! The derivations of an evaluation, kept in memory: nothing is written until evaluation is over.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use nix_store::{Derivation, HashModuloMemo, StorePath};
use rustc_hash::FxHashMap;

use crate::builtins::Identity;
use crate::io::DerivationTable;

/// Derivations that were computed.
#[derive(Default)]
pub(crate) struct Derivations {
    pub(crate) graph: DerivationTable,
}

/// Derivations that any evaluation finished, with what was computed of them: hosts of a fleet have most in common.
#[derive(Default)]
pub(crate) struct FinishedDerivations {
    pub(crate) memo: HashModuloMemo,
    /// By what they were declared as.
    known: Mutex<FxHashMap<Identity, (StorePath, Arc<Derivation>)>>,
    /// The sets of outputs that derivations take of their inputs, by their names one after the other.
    output_names: Mutex<FxHashMap<String, Arc<BTreeSet<String>>>>,
}

impl FinishedDerivations {
    /// The derivation that was declared so, with its path.
    pub(crate) fn get(&self, identity: &Identity) -> Option<(StorePath, Arc<Derivation>)> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(identity).cloned()
    }

    /// Keeps a derivation.
    pub(crate) fn add(&self, identity: Identity, path: &StorePath, derivation: &Arc<Derivation>) {
        let finished = (path.clone(), Arc::clone(derivation));
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(identity, finished);
    }

    /// A set of names of outputs. Nearly all inputs have one of a few.
    pub(crate) fn output_names(&self, names: &[&str]) -> Arc<BTreeSet<String>> {
        let mut known = self.output_names.lock().unwrap_or_else(PoisonError::into_inner);
        let set = || Arc::new(names.iter().copied().map(str::to_owned).collect());
        Arc::clone(known.entry(names.join("\0")).or_insert_with(set))
    }
}

impl Derivations {
    /// The closure of a `.drv` file as far as it was computed here: input derivations and sources, itself included.
    pub(crate) fn closure(&self, root: StorePath) -> BTreeSet<StorePath> {
        let mut closure = BTreeSet::new();
        let mut pending = vec![root];
        while let Some(path) = pending.pop() {
            if let Some(derivation) = self.graph.get(&path)
                && !closure.contains(&path)
            {
                pending.extend(derivation.references());
            }
            closure.insert(path);
        }
        closure
    }

    pub(crate) fn get(&self, path: &StorePath) -> Option<&Derivation> {
        self.graph.get(path).map(|derivation| &**derivation)
    }
}
