//! The derivations of an evaluation, kept in memory: nothing is written until evaluation is over.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use nix_store::{Derivation, HashModuloMemo, StoreDir, StorePath};
use rustc_hash::FxHashMap;

use crate::io::DerivationGraph;

/// Derivations that were computed.
#[derive(Default)]
pub(crate) struct Derivations {
    pub(crate) graph: DerivationGraph,
}

/// Derivations that any evaluation finished, with what was computed of them: hosts of a fleet have most in common.
#[derive(Default)]
pub(crate) struct FinishedDerivations {
    pub(crate) memo: HashModuloMemo,
    /// By a hash of what they were declared as.
    known: Mutex<FxHashMap<u64, Vec<Finished>>>,
}

struct Finished {
    store: StoreDir,
    path: StorePath,
    derivation: Arc<Derivation>,
}

impl FinishedDerivations {
    /// The derivation of a store that `is_same` takes for the one that is wanted.
    pub(crate) fn find(
        &self,
        fingerprint: u64,
        store: &StoreDir,
        is_same: impl Fn(&Derivation) -> bool,
    ) -> Option<(StorePath, Arc<Derivation>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = known.get(&fingerprint)?;
        let found = candidates.iter().find(|known| known.store == *store && is_same(&known.derivation))?;
        Some((found.path.clone(), Arc::clone(&found.derivation)))
    }

    /// Keeps a derivation.
    pub(crate) fn add(
        &self,
        fingerprint: u64,
        store: &StoreDir,
        path: &StorePath,
        derivation: &Arc<Derivation>,
    ) {
        let finished =
            Finished { store: store.clone(), path: path.clone(), derivation: Arc::clone(derivation) };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(fingerprint).or_default().push(finished);
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
