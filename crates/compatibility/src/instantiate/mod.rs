//! This project's evaluator behind the command line of Nix's `nix-instantiate`.
//!
//! Test suites of the Nix world call that program; with this one in its place they test this project. The command line is
//! the one that the manual page `nix-instantiate(1)` describes; options that only matter to builds are taken and do nothing.

mod arguments;
mod evaluation;
mod store;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use nix_expr::EvalError;

pub use arguments::{Argument, Format, Goal, Invocation, Source, UsageError};

/// The version that the program says it has: the one whose language it speaks.
pub const VERSION: &str = nix_expr::NIX_VERSION;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Evaluation(#[from] EvalError),
    #[error(transparent)]
    Store(#[from] nix_store::Error),
    #[error("cannot read standard input")]
    Input(#[source] std::io::Error),
}

/// Runs the program with the arguments that follow its name.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let invocation = match Invocation::parse(arguments) {
        Ok(invocation) => invocation,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let written = match invocation.goal {
        Goal::Version => Ok(format!("nix-instantiate (Hostwright) {VERSION}\n")),
        Goal::Help => Ok(arguments::HELP.to_owned()),
        _ => evaluation::run(&invocation),
    };
    match written {
        Ok(text) => match std::io::stdout().lock().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err((done, error)) => {
            // What was found before the error is an answer, too.
            let _ = std::io::stdout().lock().write_all(done.as_bytes());
            match &error {
                Failure::Evaluation(error) => {
                    eprint!("{}", evaluation::describe(error, invocation.show_trace))
                }
                other => {
                    let source = std::error::Error::source(other).map(|source| format!(": {source}"));
                    eprintln!("error: {other}{}", source.unwrap_or_default());
                }
            }
            ExitCode::FAILURE
        }
    }
}
