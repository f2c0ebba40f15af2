//! `hostwright rollback [FLAKE] --on …`

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use deploy::{Host, HostState, Surroundings, SwitchOptions, Verdict, health, switch};
use nix_store::{StoreDir, StorePath};

use super::Session;
use super::apply::{Outcome, Report, finish};
use super::generations::generations;
use crate::arguments::RollbackArguments;
use crate::failure::Failure;
use crate::stages::hosts::{FleetHost, Hosts, open_fleet};

/// Switches hosts to a generation that they have.
pub fn run(session: &Session, arguments: &RollbackArguments) -> Result<(), Failure> {
    let (fleet, only) = open_fleet(session, &arguments.flake, &arguments.hosts)?;
    let hosts = Hosts::find(session, &fleet, only.as_deref(), &arguments.hosts)?;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let _guard = session.interrupts.guard(move || flag.store(true, Ordering::Relaxed));
    let mut reports = session.progress.stage("deploy", "Rolling back", || {
        hosts.each(|host| {
            let begun = Instant::now();
            let mut report = Report::of(&host.name);
            if let Err(error) = roll_back(session, &hosts, host, arguments, &interrupted, &mut report) {
                report.outcome = if error.is_passing() { Outcome::Unreachable } else { Outcome::Failed };
                report.reason = Some(error.to_string());
            }
            report.time = begun.elapsed();
            session.progress.say(&report.sentence());
            report
        })
    });
    reports.extend(hosts.failed.iter().map(|(name, failure)| Report::failed(name, &failure.to_string())));
    finish(session, &reports, arguments.json)
}

fn roll_back(
    session: &Session,
    hosts: &Hosts,
    fleet_host: &FleetHost,
    arguments: &RollbackArguments,
    interrupted: &AtomicBool,
    report: &mut Report,
) -> deploy::Result<()> {
    let host = hosts.connect(fleet_host)?;
    let before = HostState::read(&host)?;
    report.old = before.current.clone();
    let found = generations(&host)?;
    let wanted = match arguments.to {
        Some(number) => found.iter().find(|generation| generation.number == number),
        None => found
            .iter()
            .rev()
            .find(|generation| before.generation.is_some_and(|number| generation.number < number)),
    };
    let system = wanted.and_then(|generation| StoreDir::default().parse(generation.path.as_bytes()).ok());
    let Some(system): Option<StorePath> = system else {
        report.outcome = Outcome::Failed;
        report.reason = Some(match arguments.to {
            Some(number) => format!("it has no generation {number}"),
            None => "it has no generation before this one".to_owned(),
        });
        return Ok(());
    };
    report.new = Some(system.clone());
    let address = hosts.network_name(fleet_host);
    let checks = &fleet_host.deployment.health_checks;
    let is_interrupted = || interrupted.load(Ordering::Relaxed);
    let with = Surroundings {
        connect: &|| hosts.connect(fleet_host),
        check: &|host: &Host, failed: &BTreeSet<String>| {
            health::check(host, &address, checks, failed, &is_interrupted)
        },
        heard: &|line| session.progress.detail(&format!("{}> {line}", fleet_host.name)),
        doing: &|what| session.progress.detail(&format!("{}: {what}", fleet_host.name)),
        interrupted: &is_interrupted,
    };
    let options = SwitchOptions {
        is_kept: true,
        generation: wanted.map(|generation| generation.number),
        rolls_back: true,
        confirm_timeout: Duration::from_secs(arguments.confirm_timeout),
        activation_timeout: Duration::from_secs(900),
    };
    let verdict = switch(&host, &before, &system, &options, &with)?;
    report.sent = host.close().sent;
    (report.outcome, report.reason) = match verdict {
        Verdict::Applied => (Outcome::Applied, None),
        Verdict::RolledBack(reason) => (Outcome::RolledBack, Some(reason)),
        Verdict::Failed(reason) => (Outcome::Failed, Some(reason)),
        Verdict::Unknown(reason) => (Outcome::Unknown, Some(reason)),
        Verdict::UnderWay(phase) => (Outcome::Unknown, Some(format!("the switch is still {phase:?}"))),
    };
    Ok(())
}
