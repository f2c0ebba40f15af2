//! `hostwright`: from a fleet written in Nix to running hosts.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Evaluation allocates gigabytes in short order: with the system's allocator it takes a tenth longer.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    hostwright::main()
}
