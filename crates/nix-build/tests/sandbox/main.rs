//! Builds by programs, in real sandboxes: the builder is a static busybox of Debian's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../realising/archive.rs"]
#[allow(dead_code, reason = "shared with other tests, which use all of it")]
mod archive;
#[path = "../realising/graph.rs"]
#[allow(dead_code, reason = "shared with other tests, which use all of it")]
mod graph;
#[path = "../../../nix-store/tests/beside_nix/ssh.rs"]
mod ssh;

mod beside_nix;
mod emulation;
mod endings;
mod isolation;
mod outputs;
mod remote;
mod shell;
mod substitution;
mod surroundings;
