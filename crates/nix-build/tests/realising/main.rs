//! Derivations realised in real stores, with real packages of Debian.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod archive;
mod builders;
mod crashes;
mod failures;
mod graph;
mod host;
mod kernel;
mod merging;
