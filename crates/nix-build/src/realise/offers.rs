//! What a substituter offers, asked in few large questions.

use std::collections::{BTreeMap, BTreeSet};

use nix_store::StorePath;

use crate::error::Result;
use crate::realise::substituter::{Substitutable, Substituter};
use crate::realise::valid_paths::ValidPaths;

/// A memory of what can be had.
pub(super) struct Offers<'run> {
    substituter: Option<&'run dyn Substituter>,
    valid: &'run ValidPaths<'run>,
    /// What was asked for; none for what cannot be had.
    known: BTreeMap<StorePath, Option<Substitutable>>,
    /// Whether a path can be had with everything that it refers to.
    complete: BTreeMap<StorePath, bool>,
}

impl<'run> Offers<'run> {
    /// Offers without those paths that turned out not to be had.
    pub(super) fn new(
        substituter: Option<&'run dyn Substituter>,
        valid: &'run ValidPaths<'run>,
        unavailable: &BTreeSet<StorePath>,
    ) -> Self {
        let known = unavailable.iter().map(|path| (path.clone(), None)).collect();
        Offers { substituter, valid, known, complete: BTreeMap::new() }
    }

    /// Whether anything is offered at all.
    pub(super) fn is_open(&self) -> bool {
        self.substituter.is_some()
    }

    /// Asks for some paths and, one question a level, for all that they refer to.
    pub(super) fn ask(&mut self, paths: BTreeSet<StorePath>) -> Result<()> {
        let Some(substituter) = self.substituter else { return Ok(()) };
        let mut level = paths;
        while !level.is_empty() {
            let mut unknown = BTreeSet::new();
            for path in level {
                if !self.known.contains_key(&path) && self.valid.get(&path)?.is_none() {
                    unknown.insert(path);
                }
            }
            if unknown.is_empty() {
                return Ok(());
            }
            let mut found = substituter.query(&unknown);
            level = BTreeSet::new();
            for path in unknown {
                let offer = found.remove(&path);
                level.extend(offer.iter().flat_map(|offer| offer.references.iter().cloned()));
                self.known.insert(path, offer);
            }
        }
        Ok(())
    }

    /// The offer for a path that was asked for, if all that it refers to is valid or offered, too.
    pub(super) fn get(&mut self, path: &StorePath) -> Result<Option<&Substitutable>> {
        let mut pending = vec![path.clone()];
        while let Some(next) = pending.last().cloned() {
            if self.complete.contains_key(&next) {
                pending.pop();
                continue;
            }
            let Some(Some(offer)) = self.known.get(&next) else {
                let is_valid = self.valid.get(&next)?.is_some();
                self.complete.insert(next, is_valid);
                continue;
            };
            let references: Vec<StorePath> =
                offer.references.iter().filter(|reference| **reference != next).cloned().collect();
            let unknown: Vec<StorePath> = references
                .iter()
                .filter(|reference| !self.complete.contains_key(*reference))
                .cloned()
                .collect();
            // Paths cannot refer to each other in a circle; who says so gets no second look.
            if unknown.iter().any(|reference| pending.contains(reference)) {
                self.complete.insert(next, false);
            } else if unknown.is_empty() {
                let all = references.iter().all(|reference| self.complete.get(reference) == Some(&true));
                self.complete.insert(next, all);
            } else {
                pending.extend(unknown);
            }
        }
        if self.complete.get(path) == Some(&true) {
            return Ok(self.known.get(path).and_then(Option::as_ref));
        }
        Ok(None)
    }
}
