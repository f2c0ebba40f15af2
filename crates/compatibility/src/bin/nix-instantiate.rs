//! This project's evaluator behind the command line of `nix-instantiate`.

use std::process::ExitCode;

fn main() -> ExitCode {
    compatibility::instantiate::main(std::env::args_os().skip(1))
}
