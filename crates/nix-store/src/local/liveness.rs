//! Which paths are needed: those that roots reach.

use std::collections::BTreeMap;
use std::ops::Bound;

use rustc_hash::FxHashSet;

use super::database::Contents;
use crate::store_path::{HASH_PART_LENGTH, StorePath};

/// What keeps a path besides the references to it. These are Nix's settings of the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepOptions {
    /// A derivation keeps its outputs (`keep-outputs`).
    pub outputs: bool,
    /// A path keeps the derivation that made it (`keep-derivations`).
    pub derivations: bool,
}

impl Default for KeepOptions {
    /// As Nix does by itself: derivations are kept, outputs are not.
    fn default() -> Self {
        KeepOptions { outputs: false, derivations: true }
    }
}

/// The hash part of a name in a store directory, whatever stands behind: `.lock`, `.tmp`, and the like belong to
/// their path.
pub(super) fn hash_part(name: &str) -> Option<&str> {
    let part = name.get(..HASH_PART_LENGTH)?;
    let is_path =
        name.as_bytes().get(HASH_PART_LENGTH) == Some(&b'-') && part.bytes().all(crate::base32::is_digit);
    is_path.then_some(part)
}

/// The valid paths as a graph, and which of them are known to be needed.
pub(super) struct Liveness {
    pub paths: Vec<StorePath>,
    numbers: BTreeMap<StorePath, usize>,
    references: Vec<Vec<usize>>,
    /// What each path keeps besides its references.
    keeps: Vec<Vec<usize>>,
    alive: Vec<bool>,
    /// Hash parts of roots, of paths that need not be valid too.
    protected: FxHashSet<String>,
}

impl Liveness {
    /// Nothing is needed at first.
    pub fn new(contents: Contents, keep: KeepOptions) -> Self {
        let count = contents.paths.len();
        let mut references = vec![Vec::new(); count];
        let mut keeps = vec![Vec::new(); count];
        for (referrer, reference) in contents.references {
            references[referrer].push(reference);
        }
        if keep.outputs {
            for (derivation, output) in contents.outputs {
                keeps[derivation].push(output);
            }
        }
        if keep.derivations {
            for (path, deriver) in contents.derivers.iter().enumerate() {
                keeps[path].extend(deriver);
            }
        }
        let numbers = contents.paths.iter().cloned().zip(0..).collect();
        Liveness {
            paths: contents.paths,
            numbers,
            references,
            keeps,
            alive: vec![false; count],
            protected: FxHashSet::default(),
        }
    }

    /// Marks everything that has the hash part `part`, and what it needs.
    pub fn protect(&mut self, part: &str) {
        self.protected.insert(part.to_owned());
        let from = (Bound::Included(part), Bound::Unbounded);
        let found: Vec<usize> = self
            .numbers
            .range::<str, _>(from)
            .take_while(|(path, _)| path.hash_part() == part)
            .map(|(_, number)| *number)
            .collect();
        found.into_iter().for_each(|number| self.mark(number));
    }

    /// Marks the path `start` and what it needs.
    pub fn mark(&mut self, start: usize) {
        let mut open = vec![start];
        while let Some(number) = open.pop() {
            if !std::mem::replace(&mut self.alive[number], true) {
                open.extend(&self.references[number]);
                open.extend(&self.keeps[number]);
            }
        }
    }

    /// The number of a valid path.
    pub fn number(&self, path: &StorePath) -> Option<usize> {
        self.numbers.get(path).copied()
    }

    pub fn is_alive(&self, number: usize) -> bool {
        self.alive[number]
    }

    /// Whether what has this hash part belongs to a root.
    pub fn is_protected(&self, part: &str) -> bool {
        self.protected.contains(part)
    }

    /// The paths that are not needed, each after all that refer to it.
    pub fn dead(&self) -> Vec<usize> {
        let mut seen = self.alive.clone();
        let mut finished = Vec::new();
        let mut open: Vec<(usize, usize)> = Vec::new();
        for start in 0..self.paths.len() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            open.push((start, 0));
            while let Some((number, next)) = open.last_mut() {
                match self.references[*number].get(*next) {
                    Some(reference) => {
                        *next += 1;
                        if !std::mem::replace(&mut seen[*reference], true) {
                            open.push((*reference, 0));
                        }
                    }
                    None => {
                        finished.push(*number);
                        open.pop();
                    }
                }
            }
        }
        finished.reverse();
        finished
    }

    /// The paths that need one of `targets`, these included: each that keeps one of them from being removed.
    pub fn needing(&self, targets: &[usize]) -> Vec<bool> {
        let mut referrers: Vec<Vec<usize>> = vec![Vec::new(); self.paths.len()];
        for (from, to) in self.references.iter().zip(&self.keeps).enumerate() {
            for target in to.0.iter().chain(to.1) {
                referrers[*target].push(from);
            }
        }
        let mut needing = vec![false; self.paths.len()];
        let mut open = targets.to_vec();
        while let Some(number) = open.pop() {
            if !std::mem::replace(&mut needing[number], true) {
                open.extend(&referrers[number]);
            }
        }
        needing
    }
}
