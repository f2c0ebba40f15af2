//! `hostwright apply [GOAL] [FLAKE] --on …`
//!
//! Hosts are evaluated and built together, then each goes its own way: what becomes of one holds up no other.

mod host;
mod outcome;

use std::collections::BTreeMap;
use std::sync::Mutex;

use clap::ValueEnum;
use nix_store::{LocalStore, StoreDir, StorePath};

pub use host::{Change, Goals, apply_to_host, generation_directory};
pub use outcome::{Outcome, Report};

use super::Session;
use crate::arguments::{ApplyArguments, Goal};
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate::{self, system_build};
use crate::stages::hosts::{Hosts, flake_and_host};
use crate::stages::packages::Fleet;
use crate::stages::{caches, realise};

/// What was built for each host, by name.
pub type Systems = BTreeMap<String, StorePath>;

/// Builds, and changes the hosts.
pub fn run(session: &Session, arguments: &ApplyArguments) -> Result<(), Failure> {
    let (goal, flake) = goal_and_flake(arguments)?;
    if arguments.reboot && !matches!(goal, Goal::Switch | Goal::Boot) {
        return Err(Failure::Usage("--reboot goes with the goals switch and boot".to_owned()));
    }
    let (reference, only) = flake_and_host(session, &flake)?;
    let fleet = Fleet::open(session, &reference)?;
    let hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    if let Some(host) = hosts.hosts.iter().find(|host| host.deployment.build_on_target) {
        return Err(Failure::Usage(format!(
            "'{}' wants to build itself (deployment.buildOnTarget), which is not possible yet",
            host.name
        )));
    }
    let (store, systems) = build(session, &fleet, &hosts)?;
    let settings = deploy::CopySettings {
        keys: caches::keys(session, &[])?,
        substitute: arguments.substitute_on_destination,
    };
    let goals = Goals {
        goal: if arguments.reboot { Goal::Boot } else { goal },
        reboot: arguments.reboot.then(|| std::time::Duration::from_secs(arguments.reboot_timeout)),
        ask: arguments.ask,
        force: arguments.force,
        rolls_back: !arguments.no_rollback,
        confirm_timeout: std::time::Duration::from_secs(arguments.confirm_timeout),
        activation_timeout: std::time::Duration::from_secs(arguments.activation_timeout),
    };
    let interrupted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = std::sync::Arc::clone(&interrupted);
    let _guard = session.interrupts.guard(move || flag.store(true, std::sync::atomic::Ordering::Relaxed));
    let change = Change {
        session,
        hosts: &hosts,
        store: &store,
        settings: &settings,
        goals: &goals,
        terminal: &Mutex::new(()),
        interrupted: &interrupted,
    };
    let reports = session.progress.stage("deploy", "Deploying", || {
        hosts.each(|host| {
            let report = match systems.get(&host.name) {
                Some(system) => apply_to_host(&change, host, system),
                None => Report::failed(&host.name, "it was not built"),
            };
            session.progress.say(&report.sentence());
            report
        })
    });
    finish(session, &reports, arguments.json)
}

/// Prints what became of all, and fails if something did.
pub fn finish(session: &Session, reports: &[Report], json: bool) -> Result<(), Failure> {
    if json {
        for report in reports {
            output::json(&report.json())?;
        }
    }
    if session.interrupts.interrupted() {
        return Err(Failure::Interrupted);
    }
    match reports.iter().filter(|report| !report.outcome.is_success()).count() {
        0 => Ok(()),
        count => Err(Failure::Hosts { count, total: reports.len() }),
    }
}

/// The generations of the hosts, built.
pub fn build(session: &Session, fleet: &Fleet, hosts: &Hosts) -> Result<(LocalStore, Systems), Failure> {
    let names: Vec<String> = hosts.hosts.iter().map(|host| host.name.clone()).collect();
    let ((evaluated, _), flake) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            let key = |name: &String| Some(format!("build {name}"));
            evaluate::derivations(session, flake, &names, key, |evaluation, value, name| {
                Ok((vec![(name.clone(), system_build(evaluation, value, name, &["toplevel"])?)], ()))
            })
        })
    })?;
    let prepared = realise::prepare(session, &flake.trees, &evaluated)?;
    let mut systems = Systems::new();
    for built in realise::realise(session, &prepared, &evaluated)? {
        systems.insert(built.target.name.clone(), built.path()?.clone());
    }
    // What a host runs is what its next change is compared with, so that it is kept here, too.
    let place = generation_directory(session);
    for (name, system) in &systems {
        let link = place.join(name);
        prepared.store.add_root(&link, system, nix_store::local::RootTarget::Real)?;
        session.progress.detail(&format!("{name}: {}", StoreDir::default().display(system)));
    }
    Ok((prepared.store, systems))
}

/// The goal and the flake: the first argument may be either.
fn goal_and_flake(arguments: &ApplyArguments) -> Result<(Goal, String), Failure> {
    let goal = |text: &str| Goal::from_str(text, false).ok();
    match (arguments.goal.as_deref(), arguments.flake.as_deref()) {
        (None, _) => Ok((Goal::Switch, ".".to_owned())),
        (Some(first), None) => match goal(first) {
            Some(goal) => Ok((goal, ".".to_owned())),
            None => Ok((Goal::Switch, first.to_owned())),
        },
        (Some(first), Some(second)) => match goal(first) {
            Some(goal) => Ok((goal, second.to_owned())),
            None => Err(Failure::Usage(format!(
                "'{first}' is not a goal; the goals are build, push, switch, boot, test and dry-activate"
            ))),
        },
    }
}
