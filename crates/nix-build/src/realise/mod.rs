//! Realising derivations: from what is wanted to valid store paths.
//!
//! First a [`Plan`] is made, which reads and decides and changes nothing. An output is valid already, or a [`Substituter`] has
//! it, or it is built: by what, after what. [`realise`] carries it out. What can be had comes first; what could not after
//! all is built, with one warning. Builds and downloads run side by side, each kind with its own limit, those first that
//! the most work waits for; every output becomes valid by itself as soon as it is complete, so whatever ends a run, the next one
//! goes on where it stopped.

mod build;
mod builder;
mod failure;
mod log_file;
mod machine;
mod observer;
mod offers;
mod output_checks;
mod plan;
mod queue;
mod sandboxed;
mod schedule;
mod scratch;
mod substitute;
mod substituter;
mod valid_paths;

pub use builder::{Builder, InProcess, Unbuildable};
pub use failure::{BuildFailure, FailureKind};
pub use log_file::{log_path, read_log};
pub use machine::Machine;
pub use observer::{BuildObserver, BuilderQueue, NoObserver, Outcome};
pub use plan::{
    BuildId, Plan, PlannedBuild, PlannedSubstitution, Wanted, WantedOutputs, plan, plan_by, plan_check,
};
pub use schedule::{Realised, Settings, realise};
pub use substituter::{Means, Substitutable, Substituter, SubstitutionError};
