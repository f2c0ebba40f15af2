//! `hostwright`: from a fleet written in Nix to running hosts.

use std::process::ExitCode;

fn main() -> ExitCode {
    hostwright::main()
}
