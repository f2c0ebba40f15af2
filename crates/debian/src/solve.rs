//! Finding a set of packages that can be installed together.
//!
//! An environment names packages of one architecture; solving it adds what they depend on. The search is resolvo's (a
//! SAT solver); this module says what Debian's relationships mean to it:
//!
//! - Virtual packages do not exist for the solver. A dependency becomes a choice among the versions of real packages that
//!   satisfy it by name or by `Provides`, in the order in which they should be tried: as the field orders alternatives; in
//!   one alternative the package of that name first, then those that provide it by priority and name.
//! - `Conflicts` and `Breaks` forbid the versions of other packages that they match, by name or by `Provides` (Policy 7.3,
//!   7.4). A package never conflicts with itself through a name that it provides.
//! - At most one version of a package is chosen: the one that is preferred (already locked), else the newest that fits.
//! - `Recommends` is not followed: what a host gets is what its configuration names and what that needs.
//!
//! The same index, environment and preferences give the same solution, always.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use resolvo::{NameId, Problem, SolvableId, Solver, UnsolvableOrCancelled};

use crate::{
    dependency::{Dependency, Group},
    error::{Error, Result},
    index::{Index, MultiArch, Package, PackageId, is_package_name},
    provider::Provider,
    suggest,
    version::Version,
};

/// A package that is asked for by name, at one version if one is given. Written `NAME` or `NAME=VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRequest {
    /// Name of a real package.
    pub name: String,
    /// The only version that will do.
    pub version: Option<Version>,
}

impl FromStr for PackageRequest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, version) = match text.split_once('=') {
            None => (text, None),
            Some((name, version)) => {
                let version = version
                    .parse()
                    .map_err(|source| Error::MalformedVersion { package: name.to_owned(), source })?;
                (name, Some(version))
            }
        };
        if !is_package_name(name) {
            return Err(Error::MalformedRequest { request: text.to_owned() });
        }
        Ok(PackageRequest { name: name.to_owned(), version })
    }
}

/// Packages that are installed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// What it is called in messages: a host, a virtual machine's tools.
    pub name: String,
    /// The packages that are asked for; what they depend on is found.
    pub packages: Vec<PackageRequest>,
}

/// Versions that other decisions have settled.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// Taken if they are offered and fit: what a lock held before.
    pub preferred: BTreeMap<String, String>,
    /// The only ones that will do: what other environments with the same lock have.
    pub required: BTreeMap<String, String>,
}

/// The packages of an environment: those asked for and all that they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Solution {
    /// By name; one version each.
    pub packages: BTreeSet<PackageId>,
}

/// Finds the packages of an environment.
///
/// # Errors
/// [`Error::PackageNotFound`], [`Error::VirtualPackage`], [`Error::VersionNotFound`] for a request that nothing can meet;
/// [`Error::Unsatisfiable`] with an explanation if there is no set of packages without contradiction;
/// [`Error::MalformedDependency`] for a package that was looked at and cannot be read.
pub fn solve(index: &Index, environment: &Environment, versions: &Versions) -> Result<Solution> {
    let provider = Provider::new(index, versions);
    let mut requirements = Vec::new();
    for request in &environment.packages {
        let candidates = requested(index, request)?;
        let text = match &request.version {
            Some(version) => format!("{} (= {version})", request.name),
            None => request.name.clone(),
        };
        requirements.push(provider.requirement(&candidates, text).into());
    }
    let constraints = provider.required_versions();
    let problem = Problem::<SolvableId>::new().requirements(requirements).constraints(constraints);
    let mut solver = Solver::new(provider);
    match solver.solve(problem) {
        Ok(chosen) => {
            let chosen: BTreeSet<PackageId> = chosen.into_iter().map(|id| PackageId(id.into_raw())).collect();
            reachable(index, environment, &chosen)
        }
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            if let Some(error) = solver.provider().take_failure() {
                return Err(error);
            }
            Err(Error::Unsatisfiable {
                environment: environment.name.clone(),
                architecture: index.architecture().to_owned(),
                explanation: crate::explain::explain(
                    &conflict.graph(&solver),
                    solver.provider(),
                    environment,
                ),
            })
        }
        // The provider never cancels; without a cause of its own there is nothing to explain.
        Err(UnsolvableOrCancelled::Cancelled(_)) => Err(Error::Unsatisfiable {
            environment: environment.name.clone(),
            architecture: index.architecture().to_owned(),
            explanation: Vec::new(),
        }),
    }
}

/// The versions that a request accepts.
pub(crate) fn requested<'a>(index: &'a Index, request: &PackageRequest) -> Result<Vec<Package<'a>>> {
    let all: Vec<_> = index.versions(&request.name).collect();
    if all.is_empty() {
        let providers: BTreeSet<String> =
            index.providers(&request.name).map(|(package, _)| package.name().to_owned()).collect();
        if providers.is_empty() {
            return Err(Error::PackageNotFound {
                package: request.name.clone(),
                architecture: index.architecture().to_owned(),
                suggestions: suggest::names(index, &request.name),
            });
        }
        return Err(Error::VirtualPackage {
            package: request.name.clone(),
            providers: providers.into_iter().collect(),
        });
    }
    let Some(version) = &request.version else { return Ok(all) };
    let offered = all.iter().map(|package| package.version().to_owned()).collect();
    let fitting: Vec<_> = all
        .into_iter()
        .filter(|package| crate::version::compare(package.version(), version.as_str()).is_eq())
        .collect();
    if fitting.is_empty() {
        return Err(Error::VersionNotFound {
            package: request.name.clone(),
            architecture: index.architecture().to_owned(),
            version: version.to_string(),
            offered,
        });
    }
    Ok(fitting)
}

/// Drops what the solver chose on a way that it gave up later: everything that nothing in the solution asks for.
fn reachable(index: &Index, environment: &Environment, chosen: &BTreeSet<PackageId>) -> Result<Solution> {
    let mut packages = BTreeSet::new();
    let mut waiting: Vec<PackageId> = Vec::new();
    for request in &environment.packages {
        waiting.extend(index.versions(&request.name).map(Package::id).filter(|id| chosen.contains(id)));
    }
    while let Some(id) = waiting.pop() {
        if !packages.insert(id) {
            continue;
        }
        for group in index.package(id).dependencies()? {
            waiting.extend(
                satisfying(index, &group).into_iter().map(Package::id).filter(|id| chosen.contains(id)),
            );
        }
    }
    Ok(Solution { packages })
}

/// The packages that satisfy a group, in the order in which they should be tried.
pub fn satisfying<'a>(index: &'a Index, group: &Group<'_>) -> Vec<Package<'a>> {
    let mut all: Vec<Package<'a>> = Vec::new();
    for dependency in group {
        for package in candidates(index, dependency) {
            if !all.contains(&package) {
                all.push(package);
            }
        }
    }
    all
}

/// The packages that satisfy one alternative: those of that name, newest first, then those that provide it, by priority
/// and name.
fn candidates<'a>(index: &'a Index, dependency: &Dependency<'_>) -> Vec<Package<'a>> {
    let any = match dependency.qualifier {
        None | Some("native") => false,
        Some("any") => true,
        Some(architecture) if architecture == index.architecture() => false,
        // A package of another architecture, of which there are none on a host with one.
        Some(_) => return Vec::new(),
    };
    let reachable = |package: &Package<'_>| !any || package.multi_arch() == MultiArch::Allowed;
    let mut all: Vec<_> = index
        .versions(dependency.name)
        .filter(|package| dependency.accepts_version(package.version()) && reachable(package))
        .collect();
    let mut providers: Vec<_> = index
        .providers(dependency.name)
        .filter(|(package, version)| {
            package.name() != dependency.name && dependency.accepts_provided(*version) && reachable(package)
        })
        .map(|(package, _)| package)
        .collect();
    providers.sort_by_key(|package| (package.priority(), package.id()));
    providers.dedup();
    all.extend(providers);
    all
}

/// The packages that a `Conflicts` or `Breaks` entry of `package` forbids.
pub(crate) fn forbidden<'a>(
    index: &'a Index,
    package: Package<'_>,
    dependency: &Dependency<'_>,
) -> Vec<Package<'a>> {
    if !matches!(dependency.qualifier, None | Some("any" | "native"))
        && dependency.qualifier != Some(index.architecture())
    {
        return Vec::new();
    }
    let named = index.versions(dependency.name).filter(|other| dependency.accepts_version(other.version()));
    let providing = index
        .providers(dependency.name)
        .filter(|(_, version)| dependency.accepts_provided(*version))
        .map(|(other, _)| other);
    named.chain(providing).filter(|other| other.name() != package.name()).collect()
}

/// Resolvo's number for a package's name: that of its newest version.
pub(crate) fn name_id(index: &Index, package: Package<'_>) -> NameId {
    let newest = index.newest(package.name()).unwrap_or(package);
    NameId::from_raw(newest.id().0)
}
