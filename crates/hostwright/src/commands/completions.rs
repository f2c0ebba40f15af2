//! `hostwright completions SHELL`

use clap::CommandFactory;

use crate::arguments::{Arguments, CompletionsArguments};
use crate::failure::Failure;
use crate::output;

/// Prints the completion script.
pub fn run(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "hostwright", &mut script);
    output::write(&String::from_utf8_lossy(&script))
}
