//! `hostwright lock [FLAKE]`

use std::collections::BTreeMap;

use nix_flake::FlakeReference;
use serde_json::json;

use super::Session;
use crate::arguments::LockArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::packages::Fleet;

/// Pins the packages of all hosts.
pub fn run(session: &Session, arguments: &LockArguments) -> Result<(), Failure> {
    let reference =
        FlakeReference::parse_argument(&arguments.flake, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &reference)?;
    let locked = fleet.lock(session)?;
    let counts: BTreeMap<&String, usize> =
        locked.lock.packages.iter().map(|(architecture, packages)| (architecture, packages.len())).collect();
    if arguments.json {
        output::json(&json!({ "path": locked.file, "written": locked.written, "packages": counts }))
    } else {
        let counts: Vec<String> = counts
            .iter()
            .map(|(architecture, count)| format!("{count} packages for {architecture}"))
            .collect();
        session.progress.say(&format!("Pinned {}.", counts.join(", ")));
        Ok(())
    }
}
