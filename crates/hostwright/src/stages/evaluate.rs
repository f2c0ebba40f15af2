//! Evaluating a flake: from names on the command line to derivations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nix_expr::{
    DerivationGraph, ErrorKind, EvalError, FileSystemIo, FileSystemOptions, Settings, ValueRef, closest,
    current_system, evaluate,
};
use nix_flake::AttributePath;
use nix_store::{Derivation, StoreDir, StorePath};

use super::flake::ReadyFlake;
use crate::commands::Session;
use crate::failure::Failure;

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

/// Derivations, and what they need that is not made by one.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// What was asked for.
    pub targets: Vec<Target>,
    /// All that the targets need, and no more.
    pub graph: DerivationGraph,
    /// Files, trees and texts that derivations take in.
    pub added: Vec<nix_expr::AddedPath>,
}

/// Values whose derivations are wanted, by the names that people know them by.
pub type Selected<'a> = Vec<(String, ValueRef<'a>)>;

/// Settings of evaluations. `report` is quiet unless people want to read it.
pub fn settings(session: &Session) -> Settings {
    Settings { pure: !session.configuration.impure, ..Settings::default() }
}

/// Where an evaluation of the flake looks.
fn file_system(session: &Session, flake: &ReadyFlake) -> FileSystemIo {
    FileSystemIo::new(FileSystemOptions {
        store_dir: StoreDir::default(),
        real_store: Some(session.configuration.store_root.join("nix/store")),
        mappings: flake.mappings.clone(),
        pure: !session.configuration.impure,
        allowed: Vec::new(),
    })
}

/// Evaluates something of a flake.
pub fn with_flake<T: Send>(
    session: &Session,
    flake: &ReadyFlake,
    io: &FileSystemIo,
    body: impl for<'s, 'a> FnOnce(&'s Evaluation<'a>, ValueRef<'a>) -> Result<T, EvalError> + Send,
) -> Result<T, Failure> {
    let result = evaluate(&settings(session), io, |evaluation| {
        let value = evaluation.evaluate_text(&flake.expression, "«flake»", Path::new("/"))?;
        body(evaluation, value)
    });
    result.map_err(|error| explain_missing_input(error, flake))
}

/// An evaluation that ends at an input without a tree failed for that reason and no other.
fn explain_missing_input(error: EvalError, flake: &ReadyFlake) -> Failure {
    let missing = flake.missing_inputs.iter().find(|missing| error.message == missing.to_string());
    match missing {
        Some(nix_flake::Error::NotFetchable { input, first, reference, reason, bundled }) => {
            Failure::Flake(nix_flake::Error::NotFetchable {
                input: input.clone(),
                first: first.clone(),
                reference: reference.clone(),
                reason: reason.clone(),
                bundled: bundled.clone(),
            })
        }
        _ => error.into(),
    }
}

/// Evaluates the derivations that `wanted` selects from the flake, and what else it finds out.
pub fn derivations<T: Send>(
    session: &Session,
    flake: &ReadyFlake,
    wanted: impl for<'s, 'a> FnOnce(&'s Evaluation<'a>, ValueRef<'a>) -> Result<(Selected<'a>, T), EvalError>
    + Send,
) -> Result<(Evaluated, T), Failure> {
    let io = file_system(session, flake);
    let (targets, graph, found) = with_flake(session, flake, &io, |evaluation, value| {
        let mut targets = Vec::new();
        let (selected, found) = wanted(evaluation, value)?;
        for (name, value) in selected {
            let derivation = evaluation.derivation_path(value)?;
            let output = match evaluation.attribute(value, "outputName")? {
                Some(output) => evaluation.to_text(output)?.text,
                None => "out".to_owned(),
            };
            targets.push(Target { name, derivation, output });
        }
        let graph = reachable(&evaluation.derivations(), targets.iter().map(|target| &target.derivation));
        Ok((targets, graph, found))
    })?;
    Ok((Evaluated { targets, graph, added: io.added() }, found))
}

/// The part of a graph that some derivations need.
pub fn reachable<'a>(
    graph: &DerivationGraph,
    roots: impl IntoIterator<Item = &'a StorePath>,
) -> DerivationGraph {
    let mut found: BTreeMap<StorePath, Derivation> = BTreeMap::new();
    let mut open: Vec<StorePath> = roots.into_iter().cloned().collect();
    let mut seen: BTreeSet<StorePath> = open.iter().cloned().collect();
    while let Some(path) = open.pop() {
        let Some(derivation) = graph.get(&path) else { continue };
        for input in derivation.input_drvs.keys() {
            if seen.insert(input.clone()) {
                open.push(input.clone());
            }
        }
        found.insert(path, derivation.clone());
    }
    found
}

/// The names of a flake's hosts.
pub fn host_names<'a>(evaluation: &Evaluation<'a>, flake: ValueRef<'a>) -> Result<Vec<String>, EvalError> {
    match evaluation.attribute(flake, "nixosConfigurations")? {
        Some(hosts) => evaluation.attribute_names(hosts),
        None => Ok(Vec::new()),
    }
}

/// Something in `system.build` of a host: the value at `path` there.
pub fn system_build<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
    path: &[&str],
) -> Result<ValueRef<'a>, EvalError> {
    let hosts = host_names(evaluation, flake)?;
    if !hosts.iter().any(|name| name == host) {
        return Err(unknown_host(host, &hosts));
    }
    let mut parts = vec!["nixosConfigurations", host, "config", "system", "build"];
    parts.extend(path);
    evaluation.select_parts(flake, &parts, &[])
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
    let system = current_system();
    for set in ["packages", "legacyPackages"] {
        let Some(packages) = evaluation.attribute(flake, set)? else { continue };
        let Some(packages) = evaluation.attribute(packages, &system)? else { continue };
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

/// An evaluation of the flake that yields something else than derivations.
pub fn value<T: Send>(
    session: &Session,
    flake: &ReadyFlake,
    body: impl for<'s, 'a> FnOnce(&'s Evaluation<'a>, ValueRef<'a>) -> Result<T, EvalError> + Send,
) -> Result<T, Failure> {
    let io = file_system(session, flake);
    with_flake(session, flake, &io, body)
}

/// The system that a host is for, such as `x86_64-linux`.
pub fn host_system<'a>(
    evaluation: &Evaluation<'a>,
    flake: ValueRef<'a>,
    host: &str,
) -> Result<String, EvalError> {
    let parts = ["nixosConfigurations", host, "pkgs", "stdenv", "hostPlatform", "system"];
    let system = evaluation.select_parts(flake, &parts, &[])?;
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
