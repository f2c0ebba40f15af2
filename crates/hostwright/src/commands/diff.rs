//! `hostwright diff [FLAKE] --on …`, and what generations differ in.

use std::collections::BTreeSet;
use std::fs;

use deploy::HostState;
use deploy::plan::package_changes;
use nix_store::{LocalStore, StoreDir, StorePath};
use serde_json::json;

use super::Session;
use super::apply::{Report, finish};
use crate::arguments::DiffArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::hosts::{Hosts, open_fleet};
use crate::stages::systems::{self, Systems};

/// Shows what `apply` would change, without giving the hosts anything.
pub fn run(session: &Session, arguments: &DiffArguments) -> Result<(), Failure> {
    let (fleet, only) = open_fleet(session, &arguments.flake, &arguments.hosts)?;
    let hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    let Systems { store, built, failed } = systems::build(session, &fleet, &hosts)?;
    let found = session.progress.stage("ask", "Asking the hosts", || {
        hosts.each(|host| {
            let state = hosts.connect(host).and_then(|host| HostState::read(&host))?;
            Ok::<_, deploy::Error>(state)
        })
    });
    let mut reports = Vec::new();
    for (name, failure) in failed.iter().chain(&hosts.failed) {
        let report = Report::failed(name, &failure.to_string());
        session.progress.say(&report.sentence());
        reports.push(report);
    }
    for (host, state) in hosts.hosts.iter().zip(found) {
        let Some(new) = built.get(&host.name) else { continue };
        let state = match state {
            Ok(state) => state,
            Err(error) => {
                let report = Report::failed(&host.name, &error.to_string());
                session.progress.say(&report.sentence());
                reports.push(report);
                continue;
            }
        };
        let versions = versions(&store, state.current.as_ref(), new)?;
        let packages = package_changes(&versions.old, &versions.new);
        let needs_reboot = differs_in_boot(&store, state.booted.as_ref(), new);
        let display = |path: &StorePath| StoreDir::default().display(path);
        if arguments.json {
            output::json(&json!({
                "host": host.name,
                "old": state.current.as_ref().map(display),
                "new": display(new),
                "packages": packages,
                "needsReboot": needs_reboot,
            }))?;
            continue;
        }
        let mut text = match &state.current {
            Some(current) if current == new => format!("{}: runs it already\n", host.name),
            Some(current) => format!("{}: {} → {}\n", host.name, display(current), display(new)),
            None => format!("{}: → {}\n", host.name, display(new)),
        };
        for change in &packages {
            let list = |versions: &[String]| {
                if versions.is_empty() { "∅".to_owned() } else { versions.join(", ") }
            };
            text.push_str(&format!("  {} {} → {}\n", change.name, list(&change.old), list(&change.new)));
        }
        if needs_reboot {
            text.push_str("  needs a restart\n");
        }
        output::write(&text)?;
    }
    finish(session, &reports, false)
}

/// What two generations consist of, as store paths whose names have versions.
pub struct Versions {
    /// Of the one that runs; nothing if this store does not have it.
    pub old: BTreeSet<StorePath>,
    /// Of the new one.
    pub new: BTreeSet<StorePath>,
}

/// What two generations consist of. One that this store does not have is taken for the same as the other.
pub fn versions(
    store: &LocalStore,
    old: Option<&StorePath>,
    new: &StorePath,
) -> Result<Versions, nix_store::Error> {
    let new_parts = parts(store, new)?;
    let old_parts = match old {
        Some(old) if store.is_valid(old)? => parts(store, old)?,
        _ => new_parts.clone(),
    };
    Ok(Versions { old: old_parts, new: new_parts })
}

/// The closure of a generation, and the Debian packages that its `/usr` was merged from: their own paths are not in it.
fn parts(store: &LocalStore, system: &StorePath) -> Result<BTreeSet<StorePath>, nix_store::Error> {
    let mut parts: BTreeSet<StorePath> = store.closure([system])?.into_iter().collect();
    let status = store.path_of_target(&store.real_path(system).join("usr")).or_else(|| {
        let target = fs::read_link(store.real_path(system).join("usr")).ok()?;
        StoreDir::default().parse(target.as_os_str().as_encoded_bytes()).ok()
    });
    let Some(usr) = status else { return Ok(parts) };
    // dpkg's own list of what is installed (deb822(5)).
    let text = fs::read_to_string(store.real_path(&usr).join("share/dpkg/status")).unwrap_or_default();
    for paragraph in text.split("\n\n") {
        let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let (Some(name), Some(version)) = (field("Package:"), field("Version:")) {
            // As a store path, with the letters that its name cannot have replaced.
            let version: String =
                version.chars().map(|c| if c == ':' || c == '~' { '.' } else { c }).collect();
            let base_name = format!("{}-{name}-{version}", "0".repeat(32));
            parts.extend(StorePath::from_base_name(&base_name).ok());
        }
    }
    Ok(parts)
}

/// Whether the kernel, its first file system or its parameters differ, so that only a restart brings all of it. Generations
/// that this store does not have are taken to differ.
pub fn differs_in_boot(store: &LocalStore, booted: Option<&StorePath>, new: &StorePath) -> bool {
    let Some(booted) = booted else { return false };
    let read = |system: &StorePath, name: &str| {
        let place = store.real_path(system).join(name);
        fs::read_link(&place)
            .map(|target| target.into_os_string().into_encoded_bytes())
            .or_else(|_| fs::read(&place))
            .ok()
    };
    ["kernel", "initrd", "kernel-params"].iter().any(|name| read(booted, name) != read(new, name))
}
