//! Reaching hosts with OpenSSH's own client.
//!
//! It is the program itself, not a library: so the user's `ssh_config`, agent, keys in hardware and jump hosts all mean
//! what they mean to `ssh`. The crate `openssh` wraps the same program for asynchronous code; what it adds over
//! [`std::process::Command`] is less than the three things that matter here, which it leaves to its caller: why a
//! connection failed, the bytes that went through it, and its end together with ours.
//!
//! A host has one connection, the control master of ssh_config(5); every command is a session inside it.

mod address;
mod connection;
mod explain;

pub use address::{SshAddress, SshSettings};
pub use connection::{Connection, Traffic};
