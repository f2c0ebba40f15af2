//! One host's way: reach it, give it the generation, show what changes, change it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deploy::keys::Placed;
use deploy::plan::{package_changes, unit_changes};
use deploy::reboot::{NextBoot, reboot, set_next_boot};
use deploy::{
    CopySettings, Error, Host, HostState, Lacking, Secret, Surroundings, SwitchOptions, UploadAt, Verdict,
    copy_closure, health, switch,
};
use indicatif::ProgressBar;
use nix_store::{LocalStore, StoreDir, StorePath};

use super::outcome::{Outcome, Report};
use crate::arguments::Goal;
use crate::commands::{Session, diff};
use crate::failure::Failure;
use crate::output;
use crate::stages::hosts::{FleetHost, Hosts};

/// What is to become of all hosts.
pub struct Goals {
    /// What is to become of the generation.
    pub goal: Goal,
    /// Restart, and how long that may take.
    pub reboot: Option<Duration>,
    /// Ask before anything changes.
    pub ask: bool,
    /// Switch to what runs already, too.
    pub force: bool,
    /// Whether hosts go back by themselves.
    pub rolls_back: bool,
    /// How long they wait to be confirmed.
    pub confirm_timeout: Duration,
    /// How long an activation may take.
    pub activation_timeout: Duration,
}

/// What the ways of all hosts have in common.
pub struct Change<'a> {
    /// The run.
    pub session: &'a Session,
    /// The hosts.
    pub hosts: &'a Hosts,
    /// Where the generations were built.
    pub store: &'a LocalStore,
    /// How they are copied.
    pub settings: &'a CopySettings,
    /// What is to become of them.
    pub goals: &'a Goals,
    /// Held by who talks to people.
    pub terminal: &'a Mutex<()>,
    /// Set by Ctrl-C.
    pub interrupted: &'a Arc<AtomicBool>,
}

/// Does with a host what was asked for, and tells what became of it.
pub fn apply_to_host(change: &Change<'_>, host: &FleetHost, system: &StorePath) -> Report {
    let begun = Instant::now();
    let mut report = Report { new: Some(system.clone()), ..Report::of(&host.name) };
    if change.goals.goal == Goal::Build {
        report.outcome = Outcome::Built;
        report.reason = Some(StoreDir::default().display(system));
        return report;
    }
    let log = Log::begin(change, &host.name);
    report.log = log.path.clone();
    let line = Line::of(change, &host.name, &log);
    let way = Way { change, host, system, log: &log, line: &line };
    report.secrets.clone_from(&host.secrets);
    let result = way.go(&mut report);
    conclude(report, result, begun, &line, &log)
}

/// Brings a host its secrets, and tells what became of it.
pub fn bring_secrets(change: &Change<'_>, host: &FleetHost) -> Report {
    let begun = Instant::now();
    let log = Log::begin(change, &host.name);
    let line = Line::of(change, &host.name, &log);
    let secrets = host.secrets.clone();
    let mut report = Report { secrets, log: log.path.clone(), ..Report::of(&host.name) };
    let mut bring = || -> deploy::Result<()> {
        let secrets = Secrets::get(change, host, &line)?;
        line.say("connecting");
        let connection = change.hosts.connect(host)?;
        secrets.bring(&connection, |_| true, &line)?;
        report.changed_secrets = secrets.changed();
        report.outcome =
            if report.changed_secrets.is_empty() { Outcome::Unchanged } else { Outcome::Applied };
        report.sent = connection.close().sent;
        Ok(())
    };
    let result = bring();
    conclude(report, result, begun, &line, &log)
}

/// What an error means for a host.
fn conclude(
    mut report: Report,
    result: deploy::Result<()>,
    begun: Instant,
    line: &Line<'_>,
    log: &Log,
) -> Report {
    if let Err(error) = result {
        report.outcome = match &error {
            Error::Unreachable { .. } | Error::Refused { .. } | Error::HostKeyChanged { .. } => {
                Outcome::Unreachable
            }
            _ => Outcome::Failed,
        };
        let advice = error.advice().map(|advice| format!("\n  {}", advice.replace('\n', "\n  ")));
        report.reason = Some(format!("{error}{}", advice.unwrap_or_default()));
    }
    line.bar.finish_and_clear();
    report.time = begun.elapsed();
    log.write(&report.sentence());
    report
}

struct Way<'a> {
    change: &'a Change<'a>,
    host: &'a FleetHost,
    system: &'a StorePath,
    log: &'a Log,
    line: &'a Line<'a>,
}

impl Way<'_> {
    fn go(&self, report: &mut Report) -> deploy::Result<()> {
        self.line.say("connecting");
        let host = self.change.hosts.connect(self.host)?;
        let goals = self.change.goals;
        let before = HostState::read(&host)?;
        report.old = before.current.clone();
        if let Some(Verdict::UnderWay(phase)) = before.verdict() {
            report.outcome = Outcome::Failed;
            report.reason = Some(format!("another switch is under way on it ({phase:?})"));
            return Ok(());
        }
        let runs = before.current.as_ref() == Some(self.system);
        let boots = before.profile.as_ref() == Some(self.system);
        let secrets = match goals.goal {
            Goal::Build | Goal::Push | Goal::DryActivate => Secrets::default(),
            Goal::Switch | Goal::Boot | Goal::Test | Goal::UploadKeys => {
                Secrets::get(self.change, self.host, self.line)?
            }
        };
        let is_there = match goals.goal {
            Goal::Switch => runs && boots,
            Goal::Test | Goal::DryActivate => runs,
            Goal::Boot => boots && (goals.reboot.is_none() || before.booted.as_ref() == Some(self.system)),
            Goal::Build | Goal::Push | Goal::UploadKeys => false,
        };
        if is_there && !goals.force {
            secrets.bring(&host, |_| true, self.line)?;
            report.changed_secrets = secrets.changed();
            report.outcome =
                if report.changed_secrets.is_empty() { Outcome::Unchanged } else { Outcome::Applied };
            report.sent += host.close().sent;
            return Ok(());
        }
        self.copy(&host, &before, report)?;
        if goals.goal == Goal::Push {
            report.outcome = Outcome::Pushed;
            report.sent += host.close().sent;
            return Ok(());
        }
        if !self.plan(&host, &before, report)? {
            report.sent += host.close().sent;
            return Ok(());
        }
        let verdict = self.act(host, &before, &secrets, report);
        report.changed_secrets = secrets.changed();
        let verdict = verdict?;
        let (outcome, reason) = match verdict {
            Verdict::Applied => (Outcome::Applied, None),
            Verdict::RolledBack(reason) => (Outcome::RolledBack, Some(reason)),
            Verdict::Failed(reason) => (Outcome::Failed, Some(reason)),
            Verdict::Unknown(reason) => (Outcome::Unknown, Some(reason)),
            Verdict::UnderWay(phase) => (Outcome::Unknown, Some(format!("the switch is still {phase:?}"))),
        };
        report.outcome = outcome;
        report.reason = reason;
        Ok(())
    }

    fn copy(&self, host: &Host, before: &HostState, report: &mut Report) -> deploy::Result<()> {
        self.line.say("finding out what it lacks");
        let mut total = 0;
        let mut planned = |lacking: Lacking| {
            total = lacking.bytes;
            let paths = output::counted(lacking.paths, "path");
            self.line.say(&format!("copying {paths} of {}", output::bytes(lacking.bytes)));
        };
        let mut done = |bytes: u64| self.line.bar.set_position(bytes);
        let settings = self.change.settings;
        report.copied =
            copy_closure(self.change.store, host, before, self.system, settings, &mut planned, &mut done)?;
        self.log.write(&format!(
            "copied {} paths of {total} bytes, {} of them made out of others, with {} bytes",
            report.copied.paths.len(),
            report.copied.rebuilt,
            report.copied.bytes
        ));
        Ok(())
    }

    /// Shows what would change; whether it may.
    fn plan(&self, host: &Host, before: &HostState, report: &mut Report) -> deploy::Result<bool> {
        let goals = self.change.goals;
        let store = self.change.store;
        let versions = diff::versions(store, before.current.as_ref(), self.system)?;
        report.packages = package_changes(&versions.old, &versions.new);
        report.needs_reboot = diff::differs_in_boot(store, before.booted.as_ref(), self.system);
        if goals.goal != Goal::Boot {
            self.line.say("asking what would change");
            let (units, printed) = unit_changes(host, self.system)?;
            report.units = units;
            self.log.write(&printed);
        }
        let text = describe(report);
        self.log.write(&text);
        if goals.goal == Goal::DryActivate {
            report.outcome = Outcome::Planned;
        }
        let _talking = self.change.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        self.change.session.progress.say(&text);
        if goals.goal == Goal::DryActivate {
            return Ok(false);
        }
        if goals.ask && !self.agreed() {
            report.outcome = Outcome::Skipped;
            return Ok(false);
        }
        if self.is_interrupted() { Err(Error::Interrupted) } else { Ok(true) }
    }

    fn agreed(&self) -> bool {
        let ask = || {
            let mut stderr = io::stderr().lock();
            // Who does not see the question cannot answer it.
            let _ = write!(stderr, "Change '{}'? [y/N] ", self.host.name).and_then(|()| stderr.flush());
            let mut answer = String::new();
            io::stdin().lock().read_line(&mut answer).is_ok()
                && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
        };
        if io::stderr().is_terminal() { self.line.bar.suspend(ask) } else { ask() }
    }

    fn is_interrupted(&self) -> bool {
        self.change.interrupted.load(Ordering::Relaxed)
    }

    fn act(
        &self,
        host: Host,
        before: &HostState,
        secrets: &Secrets,
        report: &mut Report,
    ) -> deploy::Result<Verdict> {
        let goals = self.change.goals;
        let address = self.change.hosts.network_name(self.host);
        let checks = &self.host.deployment.health_checks;
        let connect = || self.change.hosts.connect(self.host);
        // Where the host has restarted, all are gone.
        let has_restarted = goals.goal == Goal::Boot;
        let late = |secret: &Secret| {
            has_restarted || secret.upload_at() == UploadAt::PostActivation || secrets.is_unowned(secret)
        };
        let interrupted = || self.is_interrupted();
        let check = |host: &Host, failed_before: &BTreeSet<String>| {
            secrets.bring(host, late, self.line)?;
            health::check(host, &address, checks, failed_before, &interrupted)
        };
        let heard = |line: &str| self.log.write(line);
        let doing = |what: &str| self.line.say(what);
        let with = Surroundings {
            connect: &connect,
            check: &check,
            heard: &heard,
            doing: &doing,
            interrupted: &interrupted,
        };
        secrets.bring(&host, |secret| secret.upload_at() == UploadAt::PreActivation, self.line)?;
        if goals.goal == Goal::Boot {
            self.line.say("making it the next to boot");
            let confirm_within = goals.reboot.map(|patience| patience + goals.confirm_timeout);
            let next =
                set_next_boot(&host, self.system, confirm_within.filter(|_| goals.rolls_back), &heard)?;
            self.log.write(match next {
                NextBoot::Trial => "it boots once, on trial",
                NextBoot::Default => "it boots from now on",
            });
            report.needs_reboot = goals.reboot.is_none();
            // A host that restarts takes along what there is to know of its connections.
            report.sent += host.close().sent;
            let Some(patience) = goals.reboot else { return Ok(Verdict::Applied) };
            return reboot(before, (self.system, next), patience, &with);
        }
        let options = SwitchOptions {
            is_kept: goals.goal == Goal::Switch,
            generation: None,
            rolls_back: goals.rolls_back,
            confirm_timeout: goals.confirm_timeout,
            activation_timeout: goals.activation_timeout,
        };
        let verdict = switch(&host, before, self.system, &options, &with)?;
        if !goals.rolls_back && verdict == Verdict::Applied {
            // Nobody has looked at it since.
            secrets.bring(&host, late, self.line)?;
        }
        report.sent += host.close().sent;
        Ok(verdict)
    }
}

/// The secrets of a host, on their way.
#[derive(Default)]
struct Secrets {
    secrets: Vec<Secret>,
    placed: RefCell<BTreeMap<String, Placed>>,
}

impl Secrets {
    fn get(change: &Change<'_>, host: &FleetHost, line: &Line<'_>) -> deploy::Result<Self> {
        if host.secrets.is_empty() {
            return Ok(Self::default());
        }
        line.say("getting its secrets");
        let secrets = change.hosts.secrets(change.session, host).map_err(|failure| match failure {
            Failure::Deploy(error) => error,
            other => Error::NoSecret {
                host: host.name.clone(),
                key: host.secrets.join(", "),
                said: other.to_string(),
            },
        })?;
        Ok(Secrets { secrets, placed: RefCell::default() })
    }

    fn bring(&self, host: &Host, which: impl Fn(&Secret) -> bool, line: &Line<'_>) -> deploy::Result<()> {
        for secret in self.secrets.iter().filter(|secret| which(secret)) {
            line.say(&format!("bringing the secret {}", secret.name()));
            let mut placed = secret.upload(host)?;
            let mut all = self.placed.borrow_mut();
            // What has changed at first is the same when it comes again.
            placed.is_changed |= all.get(secret.name()).is_some_and(|before| before.is_changed);
            all.insert(placed.name.clone(), placed);
        }
        Ok(())
    }

    fn is_unowned(&self, secret: &Secret) -> bool {
        self.placed.borrow().get(secret.name()).is_some_and(|placed| placed.is_unowned)
    }

    fn changed(&self) -> Vec<String> {
        let placed = self.placed.borrow();
        placed.values().filter(|placed| placed.is_changed).map(|placed| placed.name.clone()).collect()
    }
}

/// What changes on a host, for people.
fn describe(report: &Report) -> String {
    let mut text = format!("{}:", report.host);
    let versions = |versions: &[String]| match versions {
        [] => "∅".to_owned(),
        some => some.join(", "),
    };
    for change in &report.packages {
        text.push_str(&format!("\n  {} {} → {}", change.name, versions(&change.old), versions(&change.new)));
    }
    for (action, units) in &report.units.units {
        text.push_str(&format!("\n  {action}: {}", units.join(", ")));
    }
    if !report.secrets.is_empty() {
        text.push_str(&format!("\n  secrets: {}", report.secrets.join(", ")));
    }
    if report.packages.is_empty() && report.units.units.is_empty() {
        text.push_str(" no package and no unit changes");
    }
    if report.needs_reboot {
        text.push_str("\n  the kernel or what starts it changes: that needs a restart (--reboot)");
    }
    text
}

/// The line that shows how far a host is.
struct Line<'a> {
    bar: ProgressBar,
    change: &'a Change<'a>,
    host: &'a str,
    log: &'a Log,
    begun: Instant,
}

impl<'a> Line<'a> {
    fn of(change: &'a Change<'a>, host: &'a str, log: &'a Log) -> Self {
        Line { bar: change.session.progress.line_of(host), change, host, log, begun: Instant::now() }
    }

    fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.change.session.progress.detail(&format!("{}: {what}", self.host));
        self.log.write(&format!("[{:.1} s] {what}", self.begun.elapsed().as_secs_f64()));
    }
}

/// The file with everything that was said about a host. A disk that is full is no reason to leave a host half changed.
struct Log {
    path: Option<PathBuf>,
    file: Mutex<Option<File>>,
}

impl Log {
    fn begin(change: &Change<'_>, host: &str) -> Self {
        let directory = change.hosts.log_directory(change.session).join(host);
        let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let path = directory.join(format!("{}.log", seconds.as_millis()));
        let file = std::fs::create_dir_all(&directory).and_then(|()| File::create(&path));
        match file {
            Ok(file) => Log { path: Some(path), file: Mutex::new(Some(file)) },
            Err(error) => {
                change.session.progress.warn(&format!("cannot write {}: {error}", path.display()));
                Log { path: None, file: Mutex::new(None) }
            }
        }
    }

    fn write(&self, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = file.as_mut()
            && writeln!(open, "{text}").is_err()
        {
            *file = None;
        }
    }
}
