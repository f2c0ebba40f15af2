//! Caches as they are met: written by Nix and read by it, behind servers that work and servers that do not, in a bucket.
//!
//! These tests need Debian's `nix-bin` and `nginx-light`, and the S3 service that `./test` sets up.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a failure here is a failed test")]

mod beside_nix;
mod faults;
mod fixture;
mod kills;
mod s3;
#[path = "../../../download/tests/server/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate, which use all of it")]
mod server;
mod service;
mod web;
