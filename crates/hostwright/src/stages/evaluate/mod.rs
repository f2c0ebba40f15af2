//! Evaluating a flake: from names on the command line to derivations.

mod derivations;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use nix_expr::{
    Confinement, ErrorKind, EvalError, EvaluationPool, Feature, Features, FileSystemOptions, Settings,
    ValueRef, closest,
};
use nix_flake::{AttributePath, EvaluationFetcher};
use nix_store::{Derivation, StorePath};

use super::flake::ReadyFlake;
use super::world::World;
use crate::commands::Session;

pub use derivations::{derivations, derivations_each, derivations_of_one, value};

/// What a flake's values are evaluated with.
pub type Evaluation<'a> = nix_expr::Session<'a>;

/// A derivation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name of the host, or the attribute path.
    pub name: String,
    /// The `.drv` file.
    pub derivation: StorePath,
    /// The output that is meant, `out` for hosts.
    pub output: String,
}

/// Derivations by the store path of their `.drv` file, in its order.
pub type DerivationGraph = BTreeMap<StorePath, Arc<Derivation>>;

/// Derivations, and what they need that is not made by one.
#[derive(Debug, Clone, Default)]
pub struct Evaluated {
    /// What was asked for.
    pub targets: Vec<Target>,
    /// All that the targets need, and no more.
    pub graph: DerivationGraph,
    /// Files, trees and texts that derivations take in.
    pub added: Vec<nix_expr::AddedPath>,
}

impl Evaluated {
    /// Takes what was evaluated elsewhere in.
    pub fn extend(&mut self, other: Evaluated) {
        self.targets.extend(other.targets);
        self.graph.extend(other.graph);
        self.added.extend(other.added);
    }
}

/// Values whose derivations are wanted, by the names that people know them by.
pub type Selected<'a> = Vec<(String, ValueRef<'a>)>;

/// What people call the tree of the Debian base.
pub const DEBIAN: &str = "hostwright:debian";

/// The settings of an evaluation that is pure or not.
pub fn settings(session: &Session, pure: bool) -> Settings {
    let settings = session.configuration.evaluation.settings(pure);
    match session.flake_settings.get() {
        Some(asked) => with_flake_settings(settings, asked),
        None => settings,
    }
}

/// What a flake's own settings change about its evaluation. Those that concern other things have no effect here.
fn with_flake_settings(mut settings: Settings, asked: &BTreeMap<String, String>) -> Settings {
    for (name, value) in asked {
        match name.as_str() {
            "experimental-features" | "extra-experimental-features" => {
                let features = Features::parse(value);
                settings.features = Feature::ALL
                    .into_iter()
                    .filter(|feature| features.has(*feature))
                    .fold(settings.features, Features::with);
            }
            "allow-import-from-derivation" => settings.import_from_derivation = value == "true",
            "max-call-depth" => settings.max_call_depth = value.parse().unwrap_or(settings.max_call_depth),
            _ => {}
        }
    }
    settings
}

/// What an evaluation may read that is pure or not.
pub fn files(session: &Session, pure: bool) -> FileSystemOptions {
    let configuration = &session.configuration;
    let confinement = configuration.evaluation.confinement(pure, &configuration.working_directory);
    FileSystemOptions {
        pure: matches!(confinement, Some((Confinement::Pure, _))),
        restricted: matches!(confinement, Some((Confinement::Restricted, _))),
        allowed: confinement.map(|(_, allowed)| allowed).unwrap_or_default(),
        fetcher: Some(Arc::new(EvaluationFetcher::new(session.fetcher()))),
        ..FileSystemOptions::default()
    }
}

/// Where an evaluation of the flake looks.
pub fn world<'s>(session: &'s Session, flake: &ReadyFlake, pool: &EvaluationPool) -> World<'s> {
    let options = files(session, flake.is_pure);
    let options = FileSystemOptions { mappings: flake.mappings.clone(), memory: pool.files(), ..options };
    World::new(session, options, flake.trees.clone()).with_flake(flake)
}

/// The settings of an evaluation of the flake.
pub fn flake_settings(session: &Session, flake: &ReadyFlake) -> Settings {
    let mut settings = settings(session, flake.is_pure);
    settings.search_path.extend_from_slice(&flake.search_path);
    settings
}

/// The flake as a value.
pub fn flake_value<'a>(evaluation: &Evaluation<'a>, flake: &ReadyFlake) -> Result<ValueRef<'a>, EvalError> {
    evaluation.evaluate_text(&flake.expression, "«flake»", Path::new("/"))
}

/// The derivations that some need, themselves included, out of those that are known.
pub fn reachable<'a, 'g>(
    derivation: impl Fn(&StorePath) -> Option<&'g Arc<Derivation>>,
    roots: impl IntoIterator<Item = &'a StorePath>,
) -> DerivationGraph {
    let mut found = DerivationGraph::new();
    let mut open: Vec<StorePath> = roots.into_iter().cloned().collect();
    let mut seen: BTreeSet<StorePath> = open.iter().cloned().collect();
    while let Some(path) = open.pop() {
        let Some(derivation) = derivation(&path) else { continue };
        for input in derivation.input_drvs.keys() {
            if seen.insert(input.clone()) {
                open.push(input.clone());
            }
        }
        found.insert(path, derivation.clone());
    }
    found
}

/// Makes hosts of a colmena hive.
const HIVE: &str = include_str!("../hive.nix");

/// The options of a hive's nodes, for those whose nixpkgs does not have them.
const DEPLOYMENT_MODULE: &str = include_str!("../../../../../base/nixos/modules/misc/deployment.nix");

/// A flake's hosts: its `nixosConfigurations`, else the nodes of its `colmenaHive` (as `colmena.lib.makeHive` makes it) or
/// `colmena` (a hive as it is written).
pub fn host_set<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
) -> Result<Option<ValueRef<'a>>, EvalError> {
    if let Some(hosts) = evaluation.attribute(flake, "nixosConfigurations")? {
        return Ok(Some(hosts));
    }
    if let Some(hive) = evaluation.attribute(flake, "colmenaHive")? {
        return evaluation.attribute(hive, "nodes");
    }
    let Some(hive) = evaluation.attribute(flake, "colmena")? else { return Ok(None) };
    let hosts = evaluation.evaluate_text(HIVE, "«hive»", Path::new("/"))?;
    let module = evaluation.evaluate_text(DEPLOYMENT_MODULE, "«deployment»", Path::new("/"))?;
    Ok(Some(evaluation.call(hosts, &[module, hive])?))
}

/// The names of a flake's hosts.
pub fn host_names<'a>(evaluation: &Evaluation<'a>, flake: ValueRef<'a>) -> Result<Vec<String>, EvalError> {
    match host_set(evaluation, flake)? {
        Some(hosts) => evaluation.attribute_names(hosts),
        None => Ok(Vec::new()),
    }
}

/// The host that an attribute path may be about.
pub fn named_host(path: &AttributePath) -> Option<String> {
    match path.0.as_slice() {
        [name] => Some(name.clone()),
        [set, name, ..] if set == "nixosConfigurations" => Some(name.clone()),
        _ => None,
    }
}

/// Something of a host: the value at `path` there, such as `config`.
///
/// # Errors
/// One that names the flake's hosts if it has none of this name.
pub fn of_host<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
    path: &[&str],
) -> Result<ValueRef<'a>, EvalError> {
    let Some(set) = host_set(evaluation, flake)? else { return Err(unknown_host(host, &[])) };
    let hosts = evaluation.attribute_names(set)?;
    if !hosts.iter().any(|name| name == host) {
        return Err(unknown_host(host, &hosts));
    }
    let parts: Vec<&str> = std::iter::once(host).chain(path.iter().copied()).collect();
    evaluation.select_parts(set, &parts, &[])
}

/// The packages of a flake for some systems: `packages.SYSTEM.NAME`, as systems and names.
pub fn package_names<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    systems: &[&str],
) -> Result<Vec<(String, String)>, EvalError> {
    let Some(packages) = evaluation.attribute(flake, "packages")? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for system in systems {
        let Some(packages) = evaluation.attribute(packages, system)? else { continue };
        let names = evaluation.attribute_names(packages)?;
        found.extend(names.into_iter().map(|name| ((*system).to_owned(), name)));
    }
    Ok(found)
}

/// Something in `system.build` of a host: the value at `path` there.
pub fn system_build<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
    path: &[&str],
) -> Result<ValueRef<'a>, EvalError> {
    let mut parts = vec!["config", "system", "build"];
    parts.extend(path);
    of_host(evaluation, flake, host, &parts)
}

fn unknown_host(host: &str, hosts: &[String]) -> EvalError {
    let message = if hosts.is_empty() {
        format!("the flake has no host '{host}': it has no nixosConfigurations at all")
    } else {
        format!("the flake has no host '{host}'; its hosts are {}", hosts.join(", "))
    };
    let mut error = EvalError::new(ErrorKind::MissingAttribute, message);
    error.suggestions = closest(host.as_bytes(), hosts.iter().map(String::as_bytes));
    error
}

/// The host that an installable names: its only name, or the flake's only host if it names none.
pub fn host_of<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    path: &AttributePath,
) -> Result<String, EvalError> {
    let hosts = host_names(evaluation, flake)?;
    match (path.0.as_slice(), hosts.as_slice()) {
        ([], [only]) => Ok(only.clone()),
        ([], []) => Err(EvalError::new(ErrorKind::MissingAttribute, "the flake has no nixosConfigurations")),
        ([], _) => Err(EvalError::new(
            ErrorKind::MissingAttribute,
            format!("name one of the flake's hosts, as in FLAKE#{}; it has {}", hosts[0], hosts.join(", ")),
        )),
        ([name], _) if hosts.contains(name) => Ok(name.clone()),
        ([name], _) => Err(unknown_host(name, &hosts)),
        ([outputs, name], _) if outputs == "nixosConfigurations" && hosts.contains(name) => Ok(name.clone()),
        (_, _) => Err(EvalError::new(
            ErrorKind::MissingAttribute,
            format!("'{path}' is not a host; name it as in FLAKE#HOST"),
        )),
    }
}

/// What an installable means to `build` and `eval`: a host's toplevel, the attribute itself, or the same below
/// `packages.SYSTEM` and `legacyPackages.SYSTEM`, where Nix looks too.
pub fn find<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    path: &AttributePath,
    toplevel: bool,
    system: &str,
) -> Result<ValueRef<'a>, EvalError> {
    if let [name] = path.0.as_slice()
        && host_names(evaluation, flake)?.contains(name)
    {
        return system_build(evaluation, flake, name, &["toplevel"]);
    }
    let parts: Vec<&str> = path.0.iter().map(String::as_str).collect();
    let Some(first) = parts.first() else {
        if !toplevel {
            return Ok(flake);
        }
        let host = host_of(evaluation, flake, path)?;
        return system_build(evaluation, flake, &host, &["toplevel"]);
    };
    if evaluation.attribute(flake, first)?.is_some() {
        return evaluation.select_parts(flake, &parts, &[]);
    }
    for set in ["packages", "legacyPackages"] {
        let Some(packages) = evaluation.attribute(flake, set)? else { continue };
        let Some(packages) = evaluation.attribute(packages, system)? else { continue };
        if evaluation.attribute(packages, first)?.is_some() {
            return evaluation.select_parts(packages, &parts, &[]);
        }
    }
    let hosts = host_names(evaluation, flake)?;
    if let [name] = parts.as_slice()
        && toplevel
    {
        return Err(unknown_host(name, &hosts));
    }
    let names = evaluation.attribute_names(flake)?;
    let known = names.iter().chain(&hosts).map(String::as_bytes);
    let mut error =
        EvalError::new(ErrorKind::MissingAttribute, format!("the flake has no attribute '{first}'"));
    error.suggestions = closest(first.as_bytes(), known);
    Err(error)
}

/// The system that a host is for, such as `x86_64-linux`.
pub fn host_system<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
) -> Result<String, EvalError> {
    let system = of_host(evaluation, flake, host, &["pkgs", "stdenv", "hostPlatform", "system"])?;
    Ok(evaluation.to_text(system)?.text)
}

/// The set of emulators of a Debian base, by guest architecture: `legacyPackages.SYSTEM.vmTools.qemu`. `base` is the
/// base's directory.
pub fn vm_tools<'a>(
    evaluation: &Evaluation<'a>,
    base: ValueRef<'a>,
    system: &str,
) -> Result<ValueRef<'a>, EvalError> {
    const PACKAGES: &str = "base: system: (import base { inherit system; }).vmTools.qemu";
    let function = evaluation.evaluate_text(PACKAGES, "«emulators»", Path::new("/"))?;
    evaluation.call(function, &[base, evaluation.string(system)])
}
