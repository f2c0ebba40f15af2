//! `hostwright apply [GOAL] [FLAKE] --on …`
//!
//! Hosts are evaluated and built together, then each goes its own way: what becomes of one holds up no other.

mod host;
mod outcome;

use std::sync::Mutex;

use clap::ValueEnum;

pub use host::{Change, Goals, apply_to_host, bring_secrets};
pub use outcome::{Outcome, Report};

use super::Session;
use crate::arguments::{ApplyArguments, Goal};
use crate::failure::Failure;
use crate::output;
use crate::stages::caches;
use crate::stages::hosts::{Hosts, open_fleet};
use crate::stages::systems::{self, Systems};

/// Builds, and changes the hosts.
pub fn run(session: &Session, arguments: &ApplyArguments) -> Result<(), Failure> {
    let (goal, flake) = goal_and_flake(arguments)?;
    if arguments.reboot && !matches!(goal, Goal::Switch | Goal::Boot) {
        return Err(Failure::Usage("--reboot goes with the goals switch and boot".to_owned()));
    }
    let (fleet, only) = open_fleet(session, &flake, &arguments.hosts)?;
    let mut hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    hosts.build_at(arguments.build_host.as_deref(), arguments.build_on_target)?;
    let Systems { store, built, failed } = match goal {
        Goal::UploadKeys => Systems::none(session)?,
        _ => systems::build(session, &fleet, &hosts)?,
    };
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
    for (name, failure) in failed.iter().filter(|(_, failure)| failure.evaluation_error().is_some()) {
        session.progress.say(&format!("{name}: its configuration does not evaluate"));
        crate::report::print(failure, session.show_trace);
    }
    let mut reports = session.progress.stage("deploy", "Deploying", || {
        hosts.each(|host| {
            let report = match (built.get(&host.name), failed.get(&host.name)) {
                _ if goal == Goal::UploadKeys => bring_secrets(&change, host),
                (Some(system), _) => apply_to_host(&change, host, system),
                (None, Some(failure)) => Report::failed(&host.name, &failure.to_string()),
                (None, None) => Report::failed(&host.name, "it was not built"),
            };
            session.progress.say(&report.sentence());
            report
        })
    });
    reports.extend(hosts.failed.iter().map(|(name, failure)| Report::failed(name, &failure.to_string())));
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
                "'{first}' is not a goal; the goals are build, push, switch, boot, test, dry-activate and upload-keys"
            ))),
        },
    }
}
