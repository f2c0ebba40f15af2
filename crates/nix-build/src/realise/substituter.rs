//! Outputs that somebody else has made: where they can be had from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use nix_store::{Derivation, LocalStore, StorePath};

use crate::builders::Log;
use crate::cancellation::Cancellation;
use crate::realise::builder::{Builder, Unbuildable};
use crate::realise::machine::Machine;
use crate::remote::{Needs, RemoteMachine};

/// What is known of a path that can be had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Substitutable {
    /// What it refers to; itself may be among it.
    pub references: BTreeSet<StorePath>,
    /// Its size in the store, in bytes.
    pub nar_size: u64,
    /// How many bytes have to be transferred, if that is known.
    pub download_size: Option<u64>,
}

/// Somebody who has store paths: a binary cache, another store.
pub trait Substituter: Send + Sync {
    /// Which of some paths can be had. Many are asked for at once. One that cannot be asked has none: it says so itself.
    fn query(&self, paths: &BTreeSet<StorePath>) -> BTreeMap<StorePath, Substitutable>;

    /// Makes a path valid in `store`, where all that it refers to is; bytes that have come are told to `log`. Called from
    /// several threads at once.
    ///
    /// # Errors
    /// Why it cannot be had after all. The path is not valid then.
    fn fetch(
        &self,
        store: &LocalStore,
        path: &StorePath,
        log: &dyn Log,
        cancellation: &Cancellation,
    ) -> Result<(), SubstitutionError>;
}

/// Why a path could not be had.
pub type SubstitutionError = Box<dyn std::error::Error + Send + Sync>;

/// By what outputs can become valid.
#[derive(Clone)]
pub struct Means {
    /// What can be built.
    pub machine: Machine,
    /// From where outputs can be had, if from anywhere.
    pub substituter: Option<Arc<dyn Substituter>>,
    /// Other machines that build.
    pub builders: Vec<RemoteMachine>,
    /// Whether programs are run on this machine at all; builders inside the process always are.
    pub builds_here: bool,
}

impl Means {
    /// What makes a derivation's outputs: this machine, if it can and may, or else another.
    ///
    /// # Errors
    /// Why nobody can.
    pub fn builder_of(&self, derivation: &Derivation) -> Result<Builder, Unbuildable> {
        let cause = match Builder::of(derivation, &self.machine) {
            Ok(Builder::Sandboxed) if !self.builds_here => Unbuildable::NotHere,
            Err(cause @ (Unbuildable::OtherSystem { .. } | Unbuildable::MissingFeatures { .. })) => cause,
            decided => return decided,
        };
        let needs = Needs::of(derivation);
        match self.builders.iter().any(|machine| machine.can_build(&needs)) {
            true => Ok(Builder::Remote),
            false => Err(cause),
        }
    }
}

impl Default for Means {
    fn default() -> Self {
        Means { machine: Machine::this(), substituter: None, builders: Vec::new(), builds_here: true }
    }
}

impl fmt::Debug for Means {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Means")
            .field("machine", &self.machine)
            .field("substituter", &self.substituter.is_some())
            .field("builders", &self.builders)
            .field("builds_here", &self.builds_here)
            .finish()
    }
}
