//! Deploying to many hosts, to hosts that are full, gone or somebody else, and by clients that are killed. Hosts are
//! namespaces here, which need the rights of root; what only a real one can show is in `program/deploys.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod copies;
mod faults;
mod fleet;
mod host;
mod many;
mod secrets;
mod verbs;
