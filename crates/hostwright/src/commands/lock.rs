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
    if arguments.check {
        return check(session, &fleet);
    }
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

/// Whether the lock in force has what the hosts need. Releases of the archive are as they were on the day; that there are
/// newer ones is no fault.
fn check(session: &Session, fleet: &Fleet) -> Result<(), Failure> {
    let file = fleet.debian_lock_file();
    let Some(current) = fleet.current()? else {
        return Err(Failure::LockOutdated { file, changes: "there is none".to_owned() });
    };
    let resolved = fleet.resolve(session, |_, previous| previous)?;
    let changes: Vec<String> = debian::changes(Some(&current), &resolved.lock, |_, _| true)
        .into_iter()
        .map(|change| change.to_string())
        .collect();
    if !changes.is_empty() {
        return Err(Failure::LockOutdated { file, changes: changes.join("\n") });
    }
    session.progress.say("debian.lock is what the hosts need.");
    Ok(())
}
