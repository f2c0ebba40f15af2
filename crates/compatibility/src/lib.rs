//! How far this project's evaluator and Nix agree, measured.
//!
//! There are two programs. `nix-instantiate` is the evaluator behind the command line of Nix's program of that name, so that
//! whatever calls Nix can call it instead. `compatibility` runs collections of Nix code (the [`corpora`]) through it and
//! through one or more versions of Nix, compares what they answer, and writes `docs/compatibility.md`.
//!
//! Neither is part of what users install.

pub mod answers;
pub mod arguments;
pub mod corpora;
mod error;
pub mod instantiate;
pub mod program;
pub mod reasons;
pub mod report;
pub mod results;

pub use error::{Error, Result};
