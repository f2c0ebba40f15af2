//! `hostwright flake lock [FLAKE]` and `hostwright flake update [INPUT…]`

use nix_flake::FlakeReference;

use crate::commands::Session;
use crate::failure::Failure;
use crate::stages::flake::{Flake, Writing};

/// Writes `flake.lock`. What `hostwright.toml` says is not in it: the file is for everybody.
pub fn lock(session: &Session, flake: &str) -> Result<(), Failure> {
    let reference = FlakeReference::parse_argument(flake, &session.configuration.working_directory)?;
    let flake =
        session.progress.stage("read", "Reading the flake", || Flake::open_plainly(session, &reference))?;
    let bundled = session.bundled(None);
    let locking = session
        .progress
        .stage("lock", "Locking the inputs", || flake.lock(session, &bundled, Writing::Demanded))?;
    if locking.written.is_none() {
        session.progress.say("All inputs are pinned already.");
    }
    Ok(())
}
