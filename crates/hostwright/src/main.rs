//! `hostwright`: from a fleet written in Nix to running hosts.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Evaluations allocate gigabytes in short order: with the system's allocator, two at once take a seventh longer.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    hostwright::main()
}
