//! What one lock has that another has not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::lock::{Lock, LockedPackage};

/// The archive that Debian's security team sends to; files of a lock begin with the archive's name.
pub const SECURITY: &str = "debian-security";

/// A package that is another one than before, came, or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// The architecture that it stands under in the lock.
    pub architecture: String,
    /// The version before.
    pub old: Option<String>,
    /// The version now.
    pub new: Option<String>,
    /// The new version comes from the security archive, and the old one was another.
    pub security: bool,
}

impl fmt::Display for PackageChange {
    /// One line: `openssl 3.5.1-1 → 3.5.4-1 (security)`, `+ jq 1.7.1-6`, `- jq 1.7.1-6`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if old == new => write!(f, "{} {new}, another file", self.name)?,
            (Some(old), Some(new)) => write!(f, "{} {old} → {new}", self.name)?,
            (None, Some(new)) => write!(f, "+ {} {new}", self.name)?,
            (Some(old), None) => write!(f, "- {} {old}", self.name)?,
            (None, None) => write!(f, "{}", self.name)?,
        }
        if self.security { write!(f, " (security)") } else { Ok(()) }
    }
}

/// What changes from `old` (nothing, if there is none) to `new`, for the packages that `concerns` says yes to by their
/// architecture and name. In the order of architectures and names.
pub fn changes(old: Option<&Lock>, new: &Lock, concerns: impl Fn(&str, &str) -> bool) -> Vec<PackageChange> {
    let mut found = Vec::new();
    let empty = BTreeMap::new();
    let before = old.map_or(&empty, |lock| &lock.packages);
    let architectures: BTreeSet<&String> = before.keys().chain(new.packages.keys()).collect();
    for architecture in architectures {
        let none = BTreeMap::new();
        let before = before.get(architecture).unwrap_or(&none);
        let after = new.packages.get(architecture).unwrap_or(&none);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in names {
            let (old, new) = (before.get(name), after.get(name));
            if old.map(|package| &package.sha256) == new.map(|package| &package.sha256)
                || !concerns(architecture, name)
            {
                continue;
            }
            let version = |package: &LockedPackage| package.version.clone();
            found.push(PackageChange {
                name: name.clone(),
                architecture: architecture.clone(),
                old: old.map(version),
                new: new.map(version),
                security: old.is_some() && new.is_some_and(from_security),
            });
        }
    }
    found
}

fn from_security(package: &LockedPackage) -> bool {
    package.file.split('/').next() == Some(SECURITY)
}

impl Lock {
    /// The locked packages of an architecture that `names` need, themselves included; names that are not locked are left
    /// out. Of a group of alternatives one that was named is taken, else the first, as the base does it.
    pub fn closure(&self, architecture: &str, names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let Some(packages) = self.packages.get(architecture) else { return BTreeSet::new() };
        let named: BTreeSet<String> = names.into_iter().filter(|name| packages.contains_key(name)).collect();
        let mut open: Vec<String> = named.iter().cloned().collect();
        let mut found = named.clone();
        while let Some(name) = open.pop() {
            for group in packages.get(&name).into_iter().flat_map(|package| &package.depends) {
                let chosen = group.iter().find(|name| named.contains(*name)).or_else(|| group.first());
                if let Some(chosen) = chosen
                    && found.insert(chosen.clone())
                {
                    open.push(chosen.clone());
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LOCK_VERSION;

    fn package(archive: &str, version: &str, depends: &[&[&str]]) -> LockedPackage {
        let group = |group: &&[&str]| group.iter().map(|name| (*name).to_owned()).collect();
        LockedPackage {
            architecture: "amd64".into(),
            conflicts: Vec::new(),
            content_only: false,
            depends: depends.iter().map(group).collect(),
            file: format!("{archive}/pool/main/x/x/x_{version}_amd64.deb"),
            sha256: format!("{version:0>64}"),
            size: 1,
            version: version.into(),
        }
    }

    fn lock(packages: &[(&str, LockedPackage)]) -> Lock {
        let packages = packages.iter().map(|(name, package)| ((*name).to_owned(), package.clone())).collect();
        Lock {
            components: vec!["main".into()],
            packages: BTreeMap::from([("amd64".to_owned(), packages)]),
            releases: Vec::new(),
            suite: "trixie".into(),
            version: LOCK_VERSION,
        }
    }

    #[test]
    fn what_is_newer_came_and_went_is_told_with_where_it_is_from() {
        let old = lock(&[
            ("openssl", package("debian", "1", &[])),
            ("jq", package("debian", "2", &[])),
            ("vim", package("debian", "3", &[])),
        ]);
        let new = lock(&[
            ("openssl", package(SECURITY, "4", &[])),
            ("nano", package(SECURITY, "5", &[])),
            ("vim", package("debian", "3", &[])),
        ]);
        let told: Vec<String> =
            changes(Some(&old), &new, |_, _| true).iter().map(ToString::to_string).collect();
        assert_eq!(told, ["- jq 2", "+ nano 5", "openssl 1 → 4 (security)"]);
        let told = changes(Some(&old), &new, |_, name| name == "jq");
        assert_eq!(told.len(), 1);
        assert_eq!(changes(None, &new, |_, _| true).len(), 3);
        assert_eq!(changes(Some(&new), &new, |_, _| true), []);
    }

    #[test]
    fn a_closure_takes_what_was_named_among_alternatives() {
        let lock = lock(&[
            ("mail", package("debian", "1", &[&["exim", "postfix"]])),
            ("exim", package("debian", "1", &[&["libc"]])),
            ("postfix", package("debian", "1", &[&["libc"]])),
            ("libc", package("debian", "1", &[&["libc"]])),
        ]);
        let closure = |names: &[&str]| -> Vec<String> {
            lock.closure("amd64", names.iter().map(|name| (*name).to_owned())).into_iter().collect()
        };
        assert_eq!(closure(&["mail"]), ["exim", "libc", "mail"]);
        assert_eq!(closure(&["mail", "postfix"]), ["libc", "mail", "postfix"]);
        assert_eq!(closure(&["emacs"]), [""; 0]);
    }
}
