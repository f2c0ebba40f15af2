//! Builds on other machines: those of Nix's setting `builders`, each with a Nix daemon, most behind an SSH server.
//!
//! - `machine`: what the setting and the file `/etc/nix/machines` say of a machine, and what it can build.
//! - `builder`: one build there: its inputs are copied, it is built, its outputs are copied back.
//!
//! Which builds go where is the scheduler's business ([`crate::realise`]).

mod builder;
mod machine;

pub(crate) use builder::{Job, RemoteBuilder};
pub use machine::{Needs, RemoteMachine};
