//! `hostwright cache …`

mod keygen;
pub mod push;
mod sign;
mod verify;

use super::Session;
use crate::arguments::{CacheCommand, CacheCommandArguments};
use crate::failure::Failure;

/// Does what was asked for.
pub fn run(session: &Session, arguments: &CacheCommandArguments) -> Result<(), Failure> {
    match &arguments.command {
        CacheCommand::Push(arguments) => push::run(session, arguments),
        CacheCommand::Keygen(arguments) => keygen::run(session, arguments),
        CacheCommand::Sign(arguments) => sign::run(session, arguments),
        CacheCommand::Verify(arguments) => verify::run(session, arguments),
    }
}
