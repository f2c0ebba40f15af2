//! The generations of hosts: evaluated and built together, where what is wrong with one holds up no other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nix_build::remote::RemoteMachine;
use nix_flake::SourceTree;
use nix_store::local::RootTarget;
use nix_store::{LocalStore, StoreDir, StorePath, StoreRoot};

use super::evaluate::{self, Evaluated, system_build};
use super::flake::ReadyFlake;
use super::hosts::Hosts;
use super::packages::Fleet;
use super::realise::{self, Prepared};
use crate::commands::Session;
use crate::failure::Failure;

/// What came of the generations of hosts.
pub struct Systems {
    /// The store that has them.
    pub store: LocalStore,
    /// Those that were built, by host.
    pub built: BTreeMap<String, StorePath>,
    /// Why those of other hosts were not.
    pub failed: BTreeMap<String, Failure>,
}

impl Systems {
    /// Those of no host.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn none(session: &Session) -> Result<Self, Failure> {
        let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
        Ok(Systems { store, built: BTreeMap::new(), failed: BTreeMap::new() })
    }
}

/// Where links to what hosts were given keep it from being collected.
pub fn generation_directory(session: &Session) -> PathBuf {
    session.configuration.state_directory.join("deploy/generations")
}

/// Evaluates and builds the generations of the hosts.
///
/// # Errors
/// What concerns all hosts; the mistake of the first if every host has one.
pub fn build(session: &Session, fleet: &Fleet, hosts: &Hosts) -> Result<Systems, Failure> {
    let names: Vec<String> = hosts.hosts.iter().map(|host| host.name.clone()).collect();
    let (results, trees) = evaluated(session, fleet, &names)?;
    let mut failed = BTreeMap::new();
    let mut good = Vec::new();
    for (name, result) in names.into_iter().zip(results) {
        match result {
            Ok(evaluated) => good.push((name, evaluated)),
            Err(failure) => drop(failed.insert(name, failure)),
        }
    }
    if good.is_empty()
        && let Some((_, failure)) = failed.pop_first()
    {
        return Err(failure);
    }
    let mut built = BTreeMap::new();
    let mut first = None;
    for group in by_builder(session, hosts, good, &mut failed) {
        match realised(session, &trees, group, &mut failed) {
            Ok(systems) => built.extend(systems),
            Err(NoneBuilt { names, failure }) => {
                let reason = failure.to_string();
                failed.extend(
                    names.into_iter().map(|name| (name, Failure::NotBuilt { reason: reason.clone() })),
                );
                if first.is_some() {
                    crate::report::print(&failure, session.show_trace);
                } else {
                    first = Some(*failure);
                }
            }
        }
    }
    match first {
        Some(failure) if built.is_empty() => return Err(failure),
        Some(failure) => crate::report::print(&failure, session.show_trace),
        None => {}
    }
    // What a host runs is what its next change is compared with, so that it is kept here, too.
    let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
    let place = generation_directory(session);
    for (name, system) in &built {
        store.add_root(&place.join(name), system, RootTarget::Real)?;
        session.progress.detail(&format!("{name}: {}", StoreDir::default().display(system)));
    }
    Ok(Systems { store, built, failed })
}

/// Hosts that one machine builds for; this one if there is none.
struct Group {
    machine: Option<RemoteMachine>,
    hosts: Vec<(String, Evaluated)>,
}

/// Hosts by the machine that builds for them.
fn by_builder(
    session: &Session,
    hosts: &Hosts,
    good: Vec<(String, Evaluated)>,
    failed: &mut BTreeMap<String, Failure>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (name, evaluated) in good {
        let host = hosts.hosts.iter().find(|host| host.name == name);
        let machine = host.map(|host| hosts.builder(host, session.configuration.max_jobs)).transpose();
        let machine = match machine {
            Ok(machine) => machine.flatten(),
            Err(error) => {
                failed.insert(name, error.into());
                continue;
            }
        };
        match groups.iter_mut().find(|group| group.machine == machine) {
            Some(group) => group.hosts.push((name, evaluated)),
            None => groups.push(Group { machine, hosts: vec![(name, evaluated)] }),
        }
    }
    groups
}

/// That none of a group's hosts could be built, and why.
struct NoneBuilt {
    names: Vec<String>,
    failure: Box<Failure>,
}

/// Builds for the hosts of a group. Those that cannot be built are in `failed`; if none can, their names come with the reason.
fn realised(
    session: &Session,
    trees: &[SourceTree],
    group: Group,
    failed: &mut BTreeMap<String, Failure>,
) -> Result<BTreeMap<String, StorePath>, NoneBuilt> {
    let names: Vec<String> = group.hosts.iter().map(|(name, _)| name.clone()).collect();
    let all_failed = |failure: Failure| NoneBuilt { names: names.clone(), failure: Box::new(failure) };
    let (prepared, all) = prepared(session, trees, group, failed).map_err(all_failed)?;
    let (outputs, failure) = realise::realise_what_can_be(session, &prepared, &all).map_err(all_failed)?;
    let mut built = BTreeMap::new();
    for output in outputs {
        built.insert(output.target.name.clone(), output.path().map_err(all_failed)?.clone());
    }
    if let Some(failure) = failure {
        if built.is_empty() {
            return Err(all_failed(failure));
        }
        let reason = failure.to_string();
        crate::report::print(&failure, session.show_trace);
        for target in all.targets.iter().filter(|target| !built.contains_key(&target.name)) {
            failed.insert(target.name.clone(), Failure::NotBuilt { reason: reason.clone() });
        }
    }
    Ok(built)
}

/// What each host's evaluation came to, and the trees that were read.
type EvaluatedEach = (Vec<Result<Evaluated, Failure>>, Vec<SourceTree>);

/// Evaluates the hosts, each with a result of its own. Packages are pinned for all of them if any needs that.
fn evaluated(session: &Session, fleet: &Fleet, names: &[String]) -> Result<EvaluatedEach, Failure> {
    let each = |flake: &ReadyFlake| {
        session.progress.stage("evaluate", "Evaluating", || {
            let key = |name: &String| Some(format!("build {name}"));
            let host = |name: &String| Some(name.clone());
            let results =
                evaluate::derivations_each(session, flake, names, key, host, |evaluation, value, name| {
                    Ok((vec![(name.clone(), system_build(evaluation, value, name, &["toplevel"])?)], ()))
                });
            results.into_iter().map(|result| result.map(|(evaluated, ())| evaluated)).collect::<Vec<_>>()
        })
    };
    let strict = |flake: &ReadyFlake| each(flake).into_iter().collect::<Result<Vec<_>, _>>();
    match fleet.with_packages(session, strict) {
        Ok((results, flake)) => Ok((results.into_iter().map(Ok).collect(), flake.trees)),
        Err(failure) if names.len() == 1 => Err(failure),
        Err(_) => {
            let (results, flake) = fleet.with_pinned(session, each)?;
            Ok((results, flake.trees))
        }
    }
}

/// Plans all hosts together; if that cannot be, those that can be planned.
fn prepared(
    session: &Session,
    trees: &[SourceTree],
    Group { machine, hosts: good }: Group,
    failed: &mut BTreeMap<String, Failure>,
) -> Result<(Prepared, Evaluated), Failure> {
    let prepare = |evaluated: &Evaluated| match &machine {
        Some(machine) => realise::prepare_elsewhere(session, trees, evaluated, machine.clone()),
        None => realise::prepare(session, trees, evaluated),
    };
    let union = |parts: &[(String, Evaluated)]| {
        let mut all = Evaluated::default();
        parts.iter().for_each(|(_, part)| all.extend(part.clone()));
        all
    };
    let all = union(&good);
    let failure = match prepare(&all) {
        Ok(prepared) => return Ok((prepared, all)),
        Err(failure) if good.len() == 1 => return Err(failure),
        Err(failure) => failure,
    };
    let mut possible = Vec::new();
    for (name, part) in good {
        match prepare(&part) {
            Ok(_) => possible.push((name, part)),
            Err(failure) => drop(failed.insert(name, failure)),
        }
    }
    if possible.is_empty() {
        return Err(failure);
    }
    let all = union(&possible);
    Ok((prepare(&all)?, all))
}
