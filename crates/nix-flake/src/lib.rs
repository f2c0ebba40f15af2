//! Flake references, lock files and the trees behind them.
//!
//! The way of a flake: an [`Installable`] of the command line names it by a [`FlakeReference`]; [`fetch_root`] gets its
//! tree; [`resolve()`] finds the trees of all its inputs, by what the `flake.nix` files declare ([`Declaration`]), what
//! the [`LockFile`] pins and what the [`Settings`] of the fleet override; [`call_expression`] is the Nix expression whose
//! value is the flake, and [`mappings`] shows the evaluator where the trees lie.

mod attributes;
mod call;
mod declaration;
mod error;
mod evaluate;
mod input_path;
mod installable;
mod lock_file;
mod reference;
mod resolve;
mod settings;
mod tree;

pub use attributes::{Attribute, Attributes};
pub use call::{call_expression, nix_string};
pub use declaration::{DECLARATION_EXPRESSION, Declaration, DeclaredInput, Origin};
pub use error::Error;
pub use evaluate::{EvaluatedDeclarations, mappings};
pub use input_path::InputPath;
pub use installable::{AttributePath, Installable};
pub use lock_file::{Edge, LockFile, Node};
pub use reference::{FlakeReference, Forge, Source};
pub use resolve::{BundledTrees, ReadDeclaration, ResolvedFlake, ResolvedNode, Sources, fetch_root, resolve};
pub use settings::{SETTINGS_FILE, Settings};
pub use tree::{SourceTree, TREE_NAME, find_flake};
