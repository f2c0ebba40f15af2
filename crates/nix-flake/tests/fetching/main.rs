//! Fetching and locking, with real repositories and real servers on this machine.
//!
//! Repositories are made by git; what they must be is what Nix says of them where it is there, and what was recorded of
//! Nix 2.26 otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod archives;
mod builtins;
mod flake_lock;
mod forges;
mod git;
mod server;
mod world;
