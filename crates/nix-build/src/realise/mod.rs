//! Realising derivations: from what is wanted to valid store paths.
//!
//! First a [`Plan`] is made, which reads and decides and changes nothing: which derivations have to be built, by what, in what
//! order. [`realise`] carries it out. Builds and downloads run side by side, each kind with its own limit, those first that
//! the most work waits for; every output becomes valid by itself as soon as it is complete, so whatever ends a run, the next one
//! goes on where it stopped.

mod build;
mod builder;
mod failure;
mod log_file;
mod machine;
mod observer;
mod output_checks;
mod plan;
mod sandboxed;
mod schedule;
mod scratch;
mod valid_paths;

pub use builder::{Builder, InProcess, Unbuildable};
pub use failure::{BuildFailure, FailureKind};
pub use log_file::{log_path, read_log};
pub use machine::Machine;
pub use observer::{BuildObserver, NoObserver, Outcome};
pub use plan::{BuildId, Plan, PlannedBuild, Wanted, WantedOutputs, plan, plan_on};
pub use schedule::{Realised, Settings, realise};
