//! The hash that output paths are made of. It is that of the derivation's text, in which each input
//! derivation is replaced by its own such hash, and a fixed-output derivation counts only as what it must
//! yield: so changing how a source is fetched rebuilds nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use rustc_hash::FxHashMap;

use super::print::{Inputs, OutputPaths, fixed_output_fingerprint};
use super::{Derivation, DerivationOutput};
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm};
use crate::store_path::{StoreDir, StorePath};

/// A SHA-256 that identifies a derivation up to how its fixed-output inputs are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DerivationHash(pub [u8; 32]);

impl DerivationHash {
    fn of(text: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(Hash::sha256(text).bytes());
        DerivationHash(digest)
    }

    /// As a [`Hash`].
    pub fn to_hash(self) -> Hash {
        Hash::from_bytes(HashAlgorithm::Sha256, &self.0).unwrap_or(Hash::zero(HashAlgorithm::Sha256))
    }
}

/// The hashes that are already known, by the path of the `.drv`. Shared by threads.
#[derive(Debug, Default)]
pub struct HashModuloMemo(RwLock<FxHashMap<StorePath, DerivationHash>>);

impl HashModuloMemo {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// The hash of the derivation at `path`, if known.
    pub fn get(&self, path: &StorePath) -> Option<DerivationHash> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(path).copied()
    }

    /// Remembers the hash of the derivation at `path`.
    pub fn insert(&self, path: StorePath, hash: DerivationHash) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(path, hash);
    }

    /// The hash of the derivation at `path`. Derivations that are not in the table come from `load`; no
    /// recursion, so that a long chain of them costs no stack.
    ///
    /// # Errors
    /// Those of `load`; a cycle; an output of which no path is known.
    pub fn of_path<E: From<Error>>(
        &self,
        directory: &StoreDir,
        path: &StorePath,
        load: &mut dyn FnMut(&StorePath) -> std::result::Result<Derivation, E>,
    ) -> std::result::Result<DerivationHash, E> {
        let mut pending: Vec<(StorePath, Option<Derivation>)> = vec![(path.clone(), None)];
        let mut entered = BTreeSet::new();
        while let Some((path, loaded)) = pending.pop() {
            if self.get(&path).is_some() {
                continue;
            }
            if let Some(derivation) = loaded {
                let hash = derivation.hash_modulo_known(directory, self)?;
                entered.remove(&path);
                self.insert(path, hash);
                continue;
            }
            if !entered.insert(path.clone()) {
                return Err(Error::DerivationCycle { path: path.base_name().to_owned() }.into());
            }
            let derivation = load(&path)?;
            let unknown: Vec<StorePath> = match derivation.fixed_output() {
                Some(_) => Vec::new(),
                None => {
                    derivation.input_drvs.keys().filter(|input| self.get(input).is_none()).cloned().collect()
                }
            };
            pending.push((path, Some(derivation)));
            for input in unknown {
                if entered.contains(&input) {
                    return Err(Error::DerivationCycle { path: input.base_name().to_owned() }.into());
                }
                pending.push((input, None));
            }
        }
        self.get(path).ok_or_else(|| Error::DerivationCycle { path: path.base_name().to_owned() }.into())
    }
}

impl Derivation {
    /// This derivation's hash as an input of others; all its outputs' paths must be known.
    ///
    /// # Errors
    /// Those of `load`, which gives the input derivations that `memo` does not have; a cycle; outputs that are
    /// floating or deferred.
    pub fn hash_modulo<E: From<Error>>(
        &self,
        directory: &StoreDir,
        memo: &HashModuloMemo,
        load: &mut dyn FnMut(&StorePath) -> std::result::Result<Derivation, E>,
    ) -> std::result::Result<DerivationHash, E> {
        self.resolve_inputs(directory, memo, load)?;
        Ok(self.hash_modulo_known(directory, memo)?)
    }

    /// The hash that this derivation's output paths are made of: those paths themselves count as empty.
    /// The environment must have a variable for each output already, whose value does not matter.
    ///
    /// # Errors
    /// As [`Derivation::hash_modulo`].
    pub fn hash_modulo_masked<E: From<Error>>(
        &self,
        directory: &StoreDir,
        memo: &HashModuloMemo,
        load: &mut dyn FnMut(&StorePath) -> std::result::Result<Derivation, E>,
    ) -> std::result::Result<DerivationHash, E> {
        self.resolve_inputs(directory, memo, load)?;
        Ok(self.hash_text_modulo(directory, memo, OutputPaths::Masked)?)
    }

    fn resolve_inputs<E: From<Error>>(
        &self,
        directory: &StoreDir,
        memo: &HashModuloMemo,
        load: &mut dyn FnMut(&StorePath) -> std::result::Result<Derivation, E>,
    ) -> std::result::Result<(), E> {
        if self.fixed_output().is_none() {
            for input in self.input_drvs.keys() {
                if memo.get(input).is_none() {
                    memo.of_path(directory, input, load)?;
                }
            }
        }
        Ok(())
    }

    fn hash_modulo_known(&self, directory: &StoreDir, memo: &HashModuloMemo) -> Result<DerivationHash> {
        if let Some((method, hash, path)) = self.fixed_output() {
            let fingerprint = fixed_output_fingerprint(directory, method.prefix(), hash, path);
            return Ok(DerivationHash::of(fingerprint.as_bytes()));
        }
        if self.outputs.values().any(|output| output.path().is_none()) {
            return Err(self.unsupported("the path of an output is not known before it is built"));
        }
        self.hash_text_modulo(directory, memo, OutputPaths::Written)
    }

    fn hash_text_modulo(
        &self,
        directory: &StoreDir,
        memo: &HashModuloMemo,
        output_paths: OutputPaths,
    ) -> Result<DerivationHash> {
        if self.outputs.values().any(|output| {
            !matches!(output, DerivationOutput::InputAddressed { .. } | DerivationOutput::Deferred)
        }) {
            return Err(self.unsupported("only a single output named 'out' can have a hash of its own"));
        }
        // Two inputs that differ only in how they are fetched have the same hash, and become one.
        let mut inputs = Vec::with_capacity(self.input_drvs.len());
        for (input, outputs) in &self.input_drvs {
            let hash = memo.get(input).ok_or_else(|| self.unsupported("an input's hash is not known"))?;
            inputs.push((hash, Cow::Borrowed(&**outputs)));
        }
        inputs.sort_by_key(|(hash, _)| *hash);
        inputs.dedup_by(|(hash, outputs), (kept, all)| {
            let same = hash == kept;
            if same {
                all.to_mut().extend(outputs.iter().cloned());
            }
            same
        });
        Ok(DerivationHash::of(&self.print_with(directory, Inputs::Hashes(&inputs), output_paths)))
    }
}
