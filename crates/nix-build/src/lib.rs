//! Realise derivations: builders that run inside the process, and the scheduler that runs them.
//!
//! - [`realise`]: plans what has to be built, and does it.
//! - [`remote`]: builds on other machines.
//! - [`tree`]: file trees as values, checked before anything is written.
//! - [`sandbox`]: runs builders that are programs.
//! - [`builders`]: one file for each `builtin:` builder.
//! - [`kernel`]: indices of kernel modules, as depmod makes them.
//! - [`hwdb`]: udev's hardware database.
//! - [`elf`]: what a program needs to run.

pub mod builders;
mod cancellation;
pub mod elf;
mod error;
pub mod hwdb;
mod inputs;
pub mod kernel;
pub mod realise;
pub mod remote;
pub mod sandbox;
mod toplevel_card;
pub mod tree;

pub use cancellation::Cancellation;
pub use error::{Error, PackageConflict, Result};
pub use inputs::{Inputs, Resolved};
pub use toplevel_card::ToplevelCard;
