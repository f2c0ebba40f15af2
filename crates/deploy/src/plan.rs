//! What a change does to a host, before it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nix_store::{StoreDir, StorePath};
use serde::Serialize;

use crate::error::Result;
use crate::host::{Host, Rights, Script};

const DRY_ACTIVATE: &str = include_str!("host/dry-activate.sh");

/// A package of which the generations have different versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Versions that the old generation has; none if it is new.
    pub old: Vec<String>,
    /// Versions that the new one has; none if it goes.
    pub new: Vec<String>,
}

/// What the activation would do with units, in the words of `switch-to-configuration dry-activate`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct UnitChanges {
    /// Units by action: `stop`, `start`, `restart`, `reload`, `NOT restart`…
    pub units: BTreeMap<String, Vec<String>>,
}

/// The packages that differ between two closures, by name.
pub fn package_changes(old: &BTreeSet<StorePath>, new: &BTreeSet<StorePath>) -> Vec<PackageChange> {
    let mut changes: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for path in old.difference(new) {
        if let Some((name, version)) = name_and_version(path.name()) {
            changes.entry(name).or_default().0.insert(version);
        }
    }
    for path in new.difference(old) {
        if let Some((name, version)) = name_and_version(path.name()) {
            changes.entry(name).or_default().1.insert(version);
        }
    }
    let owned = |versions: BTreeSet<&str>| versions.into_iter().map(str::to_owned).collect();
    changes
        .into_iter()
        .filter(|(_, (old, new))| old != new)
        .map(|(name, (old, new))| PackageChange { name: name.to_owned(), old: owned(old), new: owned(new) })
        .collect()
}

/// As `builtins.parseDrvName` splits them: at the first dash that no letter follows. What has no version is no package.
fn name_and_version(name: &str) -> Option<(&str, &str)> {
    let bytes = name.as_bytes();
    let dash = (1..bytes.len().saturating_sub(1))
        .find(|at| bytes[*at] == b'-' && !bytes[at + 1].is_ascii_alphabetic())?;
    let (name, version) = (&name[..dash], &name[dash + 1..]);
    let ends = [".drv", ".deb", ".patch"];
    (!name.starts_with("nixos-system-") && !ends.iter().any(|end| version.ends_with(end)))
        .then_some((name, version))
}

/// Asks the host what activating `system`, which it must have, would do.
///
/// # Errors
/// Those of running it.
pub fn unit_changes(host: &Host, system: &StorePath) -> Result<(UnitChanges, String)> {
    let printed = host.run(&Script {
        action: "tell what the activation would do",
        text: DRY_ACTIVATE,
        arguments: &[&StoreDir::default().display(system)],
        rights: Rights::Root,
        patience: Duration::from_secs(300),
    })?;
    Ok((UnitChanges::parse(&printed), printed))
}

impl UnitChanges {
    fn parse(printed: &str) -> Self {
        let mut units = BTreeMap::new();
        for line in printed.lines() {
            let Some((action, names)) =
                line.strip_prefix("would ").and_then(|rest| rest.split_once(" the following units: "))
            else {
                continue;
            };
            let names = names.split(", ").map(str::to_owned).collect::<Vec<_>>();
            units.entry(action.to_owned()).or_insert_with(Vec::new).extend(names);
        }
        UnitChanges { units }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> BTreeSet<StorePath> {
        let path = |name: &&str| StorePath::from_base_name(&format!("{}-{name}", "0".repeat(32))).unwrap();
        names.iter().map(path).collect()
    }

    #[test]
    fn packages_are_told_by_name() {
        let old = paths(&["curl-8.1", "etc", "gone-1", "same-2", "a.deb-1.deb"]);
        let new = paths(&["curl-8.2", "etc", "same-2", "x-y-3.0-doc", "nixos-system-alpha-25.11"]);
        let found: Vec<String> = package_changes(&old, &new)
            .into_iter()
            .map(|change| format!("{}: {:?} {:?}", change.name, change.old, change.new))
            .collect();
        assert_eq!(found, [r#"curl: ["8.1"] ["8.2"]"#, r#"gone: ["1"] []"#, r#"x-y: [] ["3.0-doc"]"#]);
    }

    #[test]
    fn units_are_told_by_action() {
        let found = UnitChanges::parse(
            "would stop the following units: a.service, b.socket\nwould activate the configuration...\n\
             would NOT restart the following units: c.service\n",
        );
        assert_eq!(found.units["stop"], ["a.service", "b.socket"]);
        assert_eq!(found.units["NOT restart"], ["c.service"]);
    }
}
