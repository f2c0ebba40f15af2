//! The derivations of an evaluation, kept in memory: nothing is written until evaluation is over.

use std::collections::BTreeSet;

use nix_store::{Derivation, HashModuloMemo, StorePath};

use crate::io::DerivationGraph;

/// Derivations that were computed, and what was computed of them.
#[derive(Default)]
pub(crate) struct Derivations {
    pub(crate) graph: DerivationGraph,
    pub(crate) memo: HashModuloMemo,
}

impl Derivations {
    /// The closure of a `.drv` file as far as it was computed here: input derivations and sources, itself included.
    pub(crate) fn closure(&self, root: &StorePath) -> BTreeSet<StorePath> {
        let mut closure = BTreeSet::new();
        let mut pending = vec![root.clone()];
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
        self.graph.get(path)
    }
}
