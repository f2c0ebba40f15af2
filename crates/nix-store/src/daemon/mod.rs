//! A store that belongs to somebody else, used through a Nix daemon: the worker protocol, over its socket or over the
//! standard streams of `nix-daemon --stdio` at the other end of an SSH connection.
//!
//! The protocol is described by `libstore/worker-protocol.md` and the sources beside it in Nix. The
//! client sends an operation with its arguments; the daemon sends log messages until it has an answer or an error; the answer
//! follows. Version 1.37 is spoken, and everything down to 1.34 (Nix 2.8).
//!
//! [`DaemonStore`] has the operations, [`Transport`] the ways to a daemon, [`copy_to_daemon`] and [`copy_from_daemon`]
//! bring closures from one store into another.

mod archives;
mod build;
mod connection;
mod copy;
mod framed;
mod log;
mod store;
mod transport;
mod uri;
pub(crate) mod wire;

pub use build::{BuildMode, BuildResult, BuildStatus, DerivedPath, OutputNames};
pub use connection::{ProtocolVersion, Trust};
pub use copy::{Copied, CopyEvent, CopyOptions, copy_from_daemon, copy_to_daemon};
pub use log::{ActivityKind, Field, LogMessage, LogObserver, ResultKind};
pub use store::{CollectAction, DaemonOptions, DaemonStore, Missing};
pub use transport::{Interrupt, Transport};
pub use uri::{SshAddress, StoreUri};
