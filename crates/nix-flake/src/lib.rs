//! Flake references, fetchers, lock files and the trees behind them.
//!
//! The way of a flake: an [`Installable`] of the command line names it by a [`FlakeReference`]; a [`Fetcher`] gets its tree,
//! and [`Sources::open`] reads what its `flake.nix` says ([`Declaration`]); [`lock()`] finds out what all its inputs are, by
//! the [`LockFile`] and what the [`Settings`] of the fleet or the command line override; [`call_expression`] is the Nix
//! expression whose value is the flake. Trees that the lock file pins are fetched while that is evaluated, when something in
//! them is used: [`EvaluationFetcher`] is what the evaluator asks.

mod attributes;
mod builtins;
mod call;
mod declaration;
mod error;
mod evaluate;
mod fetch;
mod input_path;
mod installable;
mod lock;
mod lock_file;
mod reference;
mod registry;
mod settings;
mod source_info;
mod sources;
mod tree;

pub use attributes::{Attribute, Attributes};
pub use builtins::EvaluationFetcher;
pub use call::{call_expression, nix_string, source_info};
pub use declaration::{DECLARATION_EXPRESSION, Declaration, DeclarationPlace, DeclaredInput, Origin};
pub use error::Error;
pub use evaluate::{EvaluatedDeclarations, mappings};
pub use fetch::{FetchSettings, Fetched, Fetcher, GLOBAL_REGISTRY};
pub use input_path::InputPath;
pub use installable::{AttributePath, Installable};
pub use lock::{FlakeNode, LockOptions, LockedFlake, NodeTree, changes, lock, write_lock_file};
pub use lock_file::{Edge, LockFile, Node};
pub use reference::{FlakeReference, Forge, Source};
pub use registry::RegistryScope;
pub use settings::{SETTINGS_FILE, Settings};
pub use source_info::date_and_time;
pub use sources::{BundledTrees, NothingBundled, OpenedFlake, ReadDeclaration, Sources};
pub use tree::{SourceTree, TREE_NAME};
