//! `hostwright flake metadata [FLAKE]`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use nix_flake::{Edge, FlakeReference, LockFile, OpenedFlake};
use nix_store::{Hash, StoreDir};
use serde_json::{Value, json};

use super::branches;
use crate::arguments::FlakeMetadataArguments;
use crate::commands::Session;
use crate::failure::Failure;
use crate::output;
use crate::stages::flake::{Flake, Writing};

/// Prints what is known.
pub fn run(session: &Session, arguments: &FlakeMetadataArguments) -> Result<(), Failure> {
    let reference =
        FlakeReference::parse_argument(&arguments.flake, &session.configuration.working_directory)?;
    let (opened, lock) = session.progress.stage("read", "Reading the flake", || {
        let flake = Flake::open_plainly(session, &reference)?;
        let locking = flake.lock(session, &session.bundled(None), Writing::WhenNeeded)?;
        Ok::<_, Failure>((flake.opened(), locking.locked.lock_file))
    })?;
    if arguments.json {
        return output::json(&describe(&opened, &lock)?);
    }
    output::write(&text(&opened, &lock))
}

/// The JSON that Nix prints, sorted by name as it is there.
fn describe(opened: &OpenedFlake, lock: &LockFile) -> Result<Value, Failure> {
    let failed = |source: serde_json::Error| Failure::StandardOutput { source: source.into() };
    let locked = &opened.fetched.reference;
    let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
    if let Some(description) = &opened.declaration.description {
        fields.insert("description", description.clone().into());
    }
    for (url, name, reference) in [
        ("originalUrl", "original", &opened.original),
        ("resolvedUrl", "resolved", &opened.resolved),
        ("url", "locked", locked),
    ] {
        fields.insert(url, reference.to_string().into());
        fields.insert(name, serde_json::to_value(reference.to_attributes()).map_err(failed)?);
    }
    if let Some(revision) = &locked.revision {
        fields.insert("revision", revision.clone().into());
    }
    if let Some(revision) = locked.other.text("dirtyRev") {
        fields.insert("dirtyRevision", revision.into());
    }
    if let Some(count) = locked.other.integer("revCount") {
        fields.insert("revCount", count.into());
    }
    if let Some(seconds) = locked.last_modified() {
        fields.insert("lastModified", seconds.into());
    }
    fields.insert("path", StoreDir::default().display(&opened.fetched.tree.store_path).into());
    fields.insert("locks", serde_json::from_str(&lock.print()).map_err(failed)?);
    if let Some(fingerprint) = fingerprint(opened, lock) {
        fields.insert("fingerprint", fingerprint.into());
    }
    Ok(json!(fields))
}

/// What stands for the flake and all its inputs, if nothing in it can change: Nix's evaluation cache is named by it.
fn fingerprint(opened: &OpenedFlake, lock: &LockFile) -> Option<String> {
    let locked = &opened.fetched.reference;
    if lock.unlocked_input().is_some() || !locked.is_locked() {
        return None;
    }
    let mut text = locked.revision.clone().or_else(|| match locked.source {
        nix_flake::Source::Tarball { .. } => locked.nar_hash().map(str::to_owned),
        _ => None,
    })?;
    for (switch, letter) in [("submodules", ";s"), ("exportIgnore", ";e")] {
        if locked.switch(switch) {
            text.push_str(letter);
        }
    }
    text.push_str(&format!(";{};{}", locked.directory, lock.print().trim_end()));
    for (name, value) in
        [("revCount", locked.other.integer("revCount")), ("lastModified", locked.last_modified())]
    {
        if let Some(value) = value {
            text.push_str(&format!(";{name}={value}"));
        }
    }
    Some(Hash::sha256(text.as_bytes()).to_base16())
}

/// The lines that Nix prints.
fn text(opened: &OpenedFlake, lock: &LockFile) -> String {
    let locked = &opened.fetched.reference;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<14} {value}", format!("{name}:"));
    };
    line("Resolved URL", &opened.resolved.to_string());
    if locked.is_locked() {
        line("Locked URL", &locked.to_string());
    }
    if let Some(description) = &opened.declaration.description {
        line("Description", description);
    }
    line("Path", &StoreDir::default().display(&opened.fetched.tree.store_path));
    if let Some(revision) = locked.revision.as_deref().or(locked.other.text("dirtyRev")) {
        line("Revision", revision);
    }
    if let Some(count) = locked.other.integer("revCount") {
        line("Revisions", &count.to_string());
    }
    if let Some(seconds) = locked.last_modified() {
        line("Last modified", &date(seconds));
    }
    if let Some(fingerprint) = fingerprint(opened, lock) {
        line("Fingerprint", &fingerprint);
    }
    if lock.nodes.get(&lock.root).is_some_and(|root| !root.inputs.is_empty()) {
        text.push_str("Inputs:\n");
        inputs(lock, &lock.root, "", &mut BTreeSet::from([lock.root.clone()]), &mut text);
    }
    text
}

fn inputs(lock: &LockFile, key: &str, prefix: &str, visited: &mut BTreeSet<String>, text: &mut String) {
    let Some(node) = lock.nodes.get(key) else { return };
    for (index, (name, edge)) in node.inputs.iter().enumerate() {
        let is_last = index + 1 == node.inputs.len();
        let (entry, beside) = match is_last {
            true => (branches::LAST, branches::NOTHING),
            false => (branches::ENTRY, branches::BESIDE),
        };
        match edge {
            Edge::Follows(target) => {
                let _ = writeln!(text, "{prefix}{entry}{name} follows input '{}'", target.join("/"));
            }
            Edge::Node(child) => {
                let locked = lock.nodes.get(child).and_then(|node| node.locked.as_ref());
                let reference = locked.and_then(|locked| FlakeReference::from_attributes(locked).ok());
                let shown = reference.as_ref().map(ToString::to_string).unwrap_or_default();
                let when = reference.and_then(|reference| reference.last_modified());
                let when = when.map(|seconds| format!(" ({})", date(seconds))).unwrap_or_default();
                let _ = writeln!(text, "{prefix}{entry}{name}: {shown}{when}");
                if visited.insert(child.clone()) {
                    inputs(lock, child, &format!("{prefix}{beside}"), visited, text);
                }
            }
        }
    }
}

/// `2025-01-31 12:00:00`, in UTC.
fn date(seconds: u64) -> String {
    nix_flake::date_and_time(seconds)
}
