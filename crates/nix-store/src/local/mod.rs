//! A store on this machine, in the layout and with the database of Nix, so that either program can use what the
//! other made.
//!
//! A path is valid when the database says so, and it says so only after the path is complete: content is
//! made at a temporary place in the store directory, under the path's lock, then brought to its place by a
//! rename, and registered together with its references in one transaction. What a killed process leaves is not
//! valid, and is replaced when the path is made again ([`Unfinished`]).

mod add;
mod canonical;
mod collect;
pub(crate) mod collector_socket;
mod database;
mod exports;
mod find_roots;
mod freed;
mod fresh_database;
mod garbage;
mod generations;
mod liveness;
mod lock;
mod optimise;
mod repair;
mod root;
mod roots;
mod schema;
mod store;
mod temporary;
mod temporary_roots;
mod unfinished;
mod verify;

pub use canonical::{canonicalise, remove_tree};
pub use collect::{CollectEvent, CollectObserver, CollectOptions, Collection};
pub use find_roots::{Root, RootSource};
pub use fresh_database::write_fresh_database;
pub use garbage::{Garbage, SpaceThresholds};
pub use generations::{Generation, OldGenerations, delete_old_generations, generations};
pub use liveness::KeepOptions;
pub use lock::{CollectionGuard, PathLock};
pub use optimise::Savings;
pub use repair::RepairSource;
pub use root::StoreRoot;
pub use roots::RootTarget;
pub use store::{Access, LocalStore};
pub use unfinished::{Begin, Unfinished};
pub use verify::{Problem, ProblemKind};

#[cfg(test)]
mod tests;
