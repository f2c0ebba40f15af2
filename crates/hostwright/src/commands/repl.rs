//! `hostwright repl [FLAKE#ATTRIBUTE…]`

use super::Session;
use crate::arguments::ReplArguments;
use crate::failure::Failure;
use crate::repl;

/// Reads, evaluates and prints until the end of the input.
pub fn run(session: &Session, arguments: &ReplArguments) -> Result<(), Failure> {
    repl::run(session, arguments)
}
