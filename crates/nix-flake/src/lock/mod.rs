//! Locking: from a flake to what all its inputs are.
//!
//! The walk goes over the declared inputs from the root inwards. What an outer flake says of an inner one's inputs
//! (`inputs.a.inputs.b.follows`) goes before the inner one's own word; what `flake.lock` pins and nobody has changed is kept
//! without being fetched; what it does not pin is fetched, and brings its own `flake.lock` with it. The result is the new
//! lock file and a graph for the evaluator, in which inputs that were kept have no tree yet: they are fetched when they are
//! used.
//!
//! The rules are those of Nix 2.26, so that both write the same file.

mod compute;
mod diff;
mod graph;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::input_path::InputPath;
use crate::lock_file::LockFile;
use crate::reference::FlakeReference;
use crate::registry::RegistryScope;
use crate::sources::{OpenedFlake, Sources};

pub use diff::changes;
pub use graph::{FlakeNode, NodeTree};
pub use write::write_lock_file;

/// What locking is to do beside what `flake.nix` and `flake.lock` say.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// Inputs that come from elsewhere.
    pub overrides: BTreeMap<InputPath, FlakeReference>,
    /// Inputs that are locked anew.
    pub updates: BTreeSet<InputPath>,
    /// Lock all inputs anew.
    pub recreate: bool,
    /// Which registries know the names among inputs.
    pub registries: RegistryScope,
    /// Whether inputs may be fetched whose references are not pinned; pure evaluation forbids it.
    pub allow_unlocked: bool,
}

impl Default for LockOptions {
    fn default() -> Self {
        LockOptions {
            overrides: BTreeMap::new(),
            updates: BTreeSet::new(),
            recreate: false,
            registries: RegistryScope::Global,
            allow_unlocked: true,
        }
    }
}

/// A flake with all its inputs.
#[derive(Clone, Debug)]
pub struct LockedFlake {
    /// All flakes; the first is the root.
    pub nodes: Vec<FlakeNode>,
    /// The `flake.lock` that belongs to it.
    pub lock_file: LockFile,
    /// What people should know about the declarations.
    pub warnings: Vec<String>,
}

/// Finds out what all inputs of a flake are. `old` is the lock file in force.
///
/// # Errors
/// An input cannot be had ([`Error::Input`] names it), follows something that does not exist, or an override or update
/// names an input that does not exist.
pub fn lock(
    sources: &Sources<'_>,
    flake: &OpenedFlake,
    old: Option<&LockFile>,
    options: &LockOptions,
) -> Result<LockedFlake, Error> {
    let empty = LockFile::default();
    let old = old.unwrap_or(&empty);
    let graph = compute::compute(sources, flake, old, options)?;
    graph.finish()
}
