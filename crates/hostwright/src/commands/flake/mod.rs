//! `hostwright flake …`

mod check;
mod lock;
mod metadata;
mod show;

use super::Session;
use crate::arguments::{FlakeCommand, FlakeCommandArguments};
use crate::configuration::Configuration;
use crate::failure::Failure;

/// The parts of a tree as Nix draws it.
mod branches {
    /// Before an entry with others after it.
    pub const ENTRY: &str = "├───";
    /// Before the last entry.
    pub const LAST: &str = "└───";
    /// Beside what is below an entry with others after it.
    pub const BESIDE: &str = "│   ";
    /// Beside what is below the last entry.
    pub const NOTHING: &str = "    ";
}

/// Does what was asked for.
pub fn run(session: &Session, arguments: &FlakeCommandArguments) -> Result<(), Failure> {
    match &arguments.command {
        FlakeCommand::Lock(arguments) => lock::lock(session, &arguments.flake),
        FlakeCommand::Update(arguments) => lock::lock(session, &arguments.flake),
        FlakeCommand::Show(arguments) => show::run(session, arguments),
        FlakeCommand::Metadata(arguments) => metadata::run(session, arguments),
        FlakeCommand::Check(arguments) => check::run(session, arguments),
    }
}

/// What the command says of the settings: who locks wants the inputs as they are now.
pub fn configure(
    arguments: &FlakeCommandArguments,
    configuration: &mut Configuration,
) -> Result<(), Failure> {
    let flakes = &mut configuration.flakes;
    match &arguments.command {
        FlakeCommand::Lock(_) => flakes.fetching.tarball_ttl = std::time::Duration::ZERO,
        FlakeCommand::Update(arguments) => {
            flakes.fetching.tarball_ttl = std::time::Duration::ZERO;
            for input in &arguments.inputs {
                flakes.updates.insert(input.parse()?);
            }
            flakes.recreate_lock_file = flakes.updates.is_empty();
        }
        FlakeCommand::Show(_) | FlakeCommand::Metadata(_) | FlakeCommand::Check(_) => {}
    }
    Ok(())
}
