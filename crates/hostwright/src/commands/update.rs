//! `hostwright update [FLAKE]`

use std::collections::{BTreeMap, BTreeSet};

use debian::{Index, Lock, PackageChange, Requests};
use nix_flake::FlakeReference;
use serde_json::{Value, json};

use super::Session;
use crate::arguments::UpdateArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::packages::Fleet;

/// Pins the newest packages, and shows what changes before it is written.
pub fn run(session: &Session, arguments: &UpdateArguments) -> Result<(), Failure> {
    let reference =
        FlakeReference::parse_argument(&arguments.flake, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &reference)?;
    let old = fleet.current()?;
    if let (Some(old), [_, ..]) = (&old, arguments.packages.as_slice()) {
        let locked = |name: &String| old.packages.values().any(|packages| packages.contains_key(name));
        if let Some(unknown) = arguments.packages.iter().find(|name| !locked(name)) {
            return Err(Failure::Usage(format!(
                "no host has the package '{unknown}': it is not in debian.lock"
            )));
        }
    }
    let resolved = fleet.resolve(session, |indices, lock| kept(arguments, indices, lock))?;
    let mut hosts = BTreeMap::new();
    for (host, requests) in &resolved.hosts {
        let changes = host_changes(old.as_ref(), &resolved.lock, requests);
        if !arguments.json {
            output::write(&table(host, &changes))?;
        }
        hosts.insert(host, report(&changes));
    }
    let file = fleet.debian_lock_file();
    let written = !arguments.dry_run && fleet.adopt(session, resolved.lock).written;
    if arguments.json {
        output::json(&json!({ "path": file, "written": written, "hosts": hosts }))?;
    }
    Ok(())
}

/// What stays as it is, out of the lock in force.
fn kept(arguments: &UpdateArguments, indices: &[Index], lock: Option<Lock>) -> Option<Lock> {
    let mut lock = lock?;
    if arguments.packages.is_empty() && !arguments.security {
        return None;
    }
    for (architecture, packages) in &mut lock.packages {
        let index = indices.iter().find(|index| index.architecture() == architecture);
        packages.retain(|name, _| {
            let newest = index.and_then(|index| index.newest(name));
            let from_security = newest.is_some_and(|package| package.archive() == debian::SECURITY);
            !(arguments.packages.contains(name) || (arguments.security && from_security))
        });
    }
    Some(lock)
}

/// What changes on one host.
fn host_changes(old: Option<&Lock>, new: &Lock, requests: &BTreeMap<String, Requests>) -> Vec<PackageChange> {
    let own = |lock: &Lock, architecture: &str| -> BTreeSet<String> {
        let asked = requests.get(architecture).into_iter();
        let names = asked.flat_map(|requests| {
            let environments = requests.environments.iter().flat_map(|environment| &environment.packages);
            environments.chain(&requests.contents).map(|package| package.name.clone())
        });
        lock.closure(architecture, names)
    };
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for architecture in requests.keys() {
        let mut of_host = own(new, architecture);
        of_host.extend(old.map(|old| own(old, architecture)).unwrap_or_default());
        names.insert(architecture, of_host);
    }
    debian::changes(old, new, |architecture, name| {
        names.get(architecture).is_some_and(|names| names.contains(name))
    })
}

/// The kernel's files come in packages of this name; processors' own programs are loaded before it.
fn needs_reboot(change: &PackageChange) -> bool {
    is_kernel(change) || change.name.ends_with("-microcode")
}

fn is_kernel(change: &PackageChange) -> bool {
    change.name.starts_with("linux-image-")
}

fn table(host: &str, changes: &[PackageChange]) -> String {
    if changes.is_empty() {
        return format!("{host}: nothing changes\n");
    }
    let security = changes.iter().filter(|change| change.security).count();
    let mut text = format!("{host}: {} change", output::counted(changes.len(), "package"));
    if changes.len() == 1 {
        text.push('s');
    }
    if security > 0 {
        text.push_str(&format!(", {security} for security"));
    }
    if changes.iter().any(needs_reboot) {
        text.push_str("; a reboot is needed");
    }
    text.push('\n');
    for change in changes {
        text.push_str(&format!("  {change}\n"));
    }
    text
}

fn report(changes: &[PackageChange]) -> Value {
    let all: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "name": change.name,
                "architecture": change.architecture,
                "old": change.old,
                "new": change.new,
                "security": change.security,
            })
        })
        .collect();
    json!({
        "changes": all,
        "kernel": changes.iter().any(is_kernel),
        "reboot": changes.iter().any(needs_reboot),
    })
}
