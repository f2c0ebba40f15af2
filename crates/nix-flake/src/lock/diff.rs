//! What changes from one lock file to another, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::Timestamp;

use crate::input_path::InputPath;
use crate::lock_file::{Edge, LockFile, Node};
use crate::reference::FlakeReference;

/// The inputs that were added, removed or changed, in Nix's words: two or three lines each. Empty if there are none.
pub fn changes(old: &LockFile, new: &LockFile) -> String {
    let (old, new) = (all_inputs(old), all_inputs(new));
    let names: BTreeSet<&InputPath> = old.keys().chain(new.keys()).collect();
    let mut text = String::new();
    for path in names {
        // Writing to a String cannot fail.
        let _ = match (old.get(path), new.get(path)) {
            (None, Some(after)) => writeln!(text, "• Added input '{path}':\n    {}", describe(after)),
            (Some(_), None) => writeln!(text, "• Removed input '{path}'"),
            (Some(before), Some(after)) if !same(before, after) => {
                writeln!(text, "• Updated input '{path}':\n    {}\n  → {}", describe(before), describe(after))
            }
            _ => Ok(()),
        };
    }
    text
}

/// Where an input leads.
enum Place<'a> {
    Node(&'a Node),
    Follows(&'a [String]),
}

fn same(one: &Place<'_>, other: &Place<'_>) -> bool {
    match (one, other) {
        (Place::Node(one), Place::Node(other)) => one.locked == other.locked,
        (Place::Follows(one), Place::Follows(other)) => one == other,
        _ => false,
    }
}

fn describe(place: &Place<'_>) -> String {
    match place {
        Place::Follows(target) => format!("follows '{}'", target.join("/")),
        Place::Node(node) => {
            let reference =
                node.locked.as_ref().and_then(|locked| FlakeReference::from_attributes(locked).ok());
            let Some(reference) = reference else { return "(unknown)".to_owned() };
            match reference.last_modified() {
                Some(seconds) => format!("'{reference}' ({})", date(seconds)),
                None => format!("'{reference}'"),
            }
        }
    }
}

/// `2025-01-31`, in UTC.
fn date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.unwrap_or_default().strftime("%Y-%m-%d").to_string()
}

/// All inputs by their paths from the root. A node that several inputs lead to is gone into once.
fn all_inputs(lock: &LockFile) -> BTreeMap<InputPath, Place<'_>> {
    let mut found = BTreeMap::new();
    let mut done = BTreeSet::new();
    let mut open = vec![(InputPath::default(), lock.root.as_str())];
    while let Some((path, key)) = open.pop() {
        let Some(node) = lock.nodes.get(key).filter(|_| done.insert(key)) else { continue };
        for (name, edge) in &node.inputs {
            let path = path.child(name);
            match edge {
                Edge::Follows(target) => {
                    found.insert(path, Place::Follows(target));
                }
                Edge::Node(key) => {
                    if let Some(child) = lock.nodes.get(key) {
                        found.insert(path.clone(), Place::Node(child));
                        open.push((path, key));
                    }
                }
            }
        }
    }
    found
}
