//! The command line: one file a verb, and the stages that verbs share.
//!
//! [`arguments`] is what was typed, [`configuration`] what was meant. A verb in [`commands`] goes through [`stages`]: resolve
//! the flake, evaluate, lock when packages are not pinned, realise, make an image, boot it. [`failure`] gives every error
//! its exit status.

mod arguments;
mod building;
mod bundled;
mod caches;
mod commands;
mod configuration;
mod evaluation;
mod failure;
mod flakes;
mod interrupt;
mod nix_conf;
mod output;
mod progress;
mod repl;
mod report;
mod stages;
mod store_choice;
mod vm;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;

/// Runs the program with the process's arguments, and says how it went in the exit status.
pub fn main() -> ExitCode {
    if let Some(failed) = vm::attached::become_attached(std::env::args_os().skip(1)) {
        return failed;
    }
    if let Some(ended) = nix_build::sandbox::become_helper(std::env::args_os().skip(1)) {
        return ended;
    }
    let matches = match Arguments::command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return usage_error(&error),
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => return usage_error(&error),
    };
    commands::run(arguments)
}

/// `--help` and `--version` are answers, and go to standard output with success; the rest is wrong usage.
fn usage_error(error: &clap::Error) -> ExitCode {
    // A closed standard output or error leaves nobody to tell.
    let _ = error.print();
    if error.use_stderr() { failure::Status::Usage.into() } else { ExitCode::SUCCESS }
}
