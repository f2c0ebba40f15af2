//! From what a fleet asks for to its lock.
//!
//! A lock has one version of a package an architecture, whatever the number of hosts. So environments of an architecture
//! are solved one after the other, in the order of their names, and each is held to the versions that those before it
//! chose; versions that a request pins hold for all from the beginning.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::{Error, Result},
    index::{Index, Package, PackageId, Relationship},
    lock::{LOCK_VERSION, Lock, LockedPackage, LockedRelease},
    solve::{Environment, PackageRequest, Solution, Versions, forbidden, requested, satisfying, solve},
};

/// What is asked for of one architecture.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    /// Packages installed together, with what they need.
    pub environments: Vec<Environment>,
    /// Packages of which only the files are wanted, without what they need.
    pub contents: Vec<PackageRequest>,
}

/// What a lock says about the archives that it was made from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The suite.
    pub suite: String,
    /// The components.
    pub components: Vec<String>,
    /// The signed releases.
    pub releases: Vec<LockedRelease>,
}

/// Makes the lock for what is asked for of each architecture. Versions of `previous` stay where they are still offered and
/// fit; without `previous` everything is the newest that fits.
///
/// # Errors
/// Those of [`solve`], for the first environment that cannot be solved.
pub fn make_lock(asked: &[(&Index, Requests)], origin: Origin, previous: Option<&Lock>) -> Result<Lock> {
    let mut packages = BTreeMap::new();
    for (index, requests) in asked {
        let preferred = previous
            .and_then(|lock| lock.packages.get(index.architecture()))
            .into_iter()
            .flatten()
            .map(|(name, package)| (name.clone(), package.version.clone()))
            .collect();
        packages.insert(index.architecture().to_owned(), lock_architecture(index, requests, preferred)?);
    }
    Ok(Lock {
        components: origin.components,
        packages,
        releases: origin.releases,
        suite: origin.suite,
        version: LOCK_VERSION,
    })
}

fn lock_architecture(
    index: &Index,
    requests: &Requests,
    preferred: BTreeMap<String, String>,
) -> Result<BTreeMap<String, LockedPackage>> {
    let mut versions = Versions { preferred, required: pinned(index, requests)? };
    let mut environments: Vec<&Environment> = requests.environments.iter().collect();
    environments.sort_by(|left, right| left.name.cmp(&right.name));
    let mut solutions: Vec<Solution> = Vec::new();
    for environment in environments {
        let solution = solve(index, environment, &versions)?;
        for id in &solution.packages {
            let package = index.package(*id);
            versions.required.insert(package.name().to_owned(), package.version().to_owned());
        }
        solutions.push(solution);
    }
    let complete: BTreeSet<PackageId> =
        solutions.iter().flat_map(|solution| &solution.packages).copied().collect();
    let mut all = complete.clone();
    for request in &requests.contents {
        all.insert(content(index, request, &versions)?.id());
    }
    let mut locked = BTreeMap::new();
    for id in &all {
        let package = index.package(*id);
        let content_only = !complete.contains(id);
        let (depends, conflicts) = if content_only {
            (Vec::new(), Vec::new())
        } else {
            (depends(index, package, &complete, &solutions)?, conflicts(index, package, &all)?)
        };
        locked.insert(
            package.name().to_owned(),
            LockedPackage {
                architecture: package.architecture().to_owned(),
                conflicts,
                content_only,
                depends,
                file: format!("{}/{}", package.archive(), package.file()),
                sha256: crate::hex::encode(&package.sha256()),
                size: package.size(),
                version: package.version().to_owned(),
            },
        );
    }
    Ok(locked)
}

/// The versions that requests pin.
fn pinned(index: &Index, requests: &Requests) -> Result<BTreeMap<String, String>> {
    let mut pinned: BTreeMap<String, String> = BTreeMap::new();
    let in_environments = requests.environments.iter().flat_map(|environment| &environment.packages);
    for request in in_environments.chain(&requests.contents) {
        if request.version.is_none() {
            continue;
        }
        // `requested` is never empty for a version that it accepts.
        let Some(package) = requested(index, request)?.first().copied() else { continue };
        let version = package.version().to_owned();
        if let Some(other) = pinned.insert(request.name.clone(), version.clone())
            && other != version
        {
            return Err(Error::TwoVersions {
                package: request.name.clone(),
                architecture: index.architecture().to_owned(),
                versions: [other, version],
            });
        }
    }
    Ok(pinned)
}

/// The package whose files are wanted: at the version that is settled, else the one locked before, else the newest.
fn content<'a>(index: &'a Index, request: &PackageRequest, versions: &Versions) -> Result<Package<'a>> {
    let offered = requested(index, request)?;
    let at = |wanted: Option<&String>| {
        wanted.and_then(|version| offered.iter().find(|package| package.version() == version))
    };
    at(versions.required.get(&request.name))
        .or_else(|| at(versions.preferred.get(&request.name)))
        .or_else(|| offered.first())
        .copied()
        .ok_or_else(|| Error::PackageNotFound {
            package: request.name.clone(),
            architecture: index.architecture().to_owned(),
            suggestions: Vec::new(),
        })
}

/// Of each group of dependencies the locked packages that satisfy it: first what the solutions that have this package
/// chose, then the rest in the order of preference. Equal groups are named once.
fn depends(
    index: &Index,
    package: Package<'_>,
    complete: &BTreeSet<PackageId>,
    solutions: &[Solution],
) -> Result<Vec<Vec<String>>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    for group in package.dependencies()? {
        let fitting: Vec<Package<'_>> =
            satisfying(index, &group).into_iter().filter(|other| complete.contains(&other.id())).collect();
        let mut names: Vec<String> = Vec::new();
        let mut add = |other: &Package<'_>| {
            if !names.iter().any(|name| name == other.name()) {
                names.push(other.name().to_owned());
            }
        };
        for solution in solutions.iter().filter(|solution| solution.packages.contains(&package.id())) {
            if let Some(choice) = fitting.iter().find(|other| solution.packages.contains(&other.id())) {
                add(choice);
            }
        }
        fitting.iter().for_each(&mut add);
        if !names.is_empty() && !groups.contains(&names) {
            groups.push(names);
        }
    }
    Ok(groups)
}

fn conflicts(index: &Index, package: Package<'_>, locked: &BTreeSet<PackageId>) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for field in [Relationship::Conflicts, Relationship::Breaks] {
        for dependency in package.groups(field)?.iter().flatten() {
            for other in forbidden(index, package, dependency) {
                if locked.contains(&other.id()) {
                    names.insert(other.name().to_owned());
                }
            }
        }
    }
    Ok(names.into_iter().collect())
}
