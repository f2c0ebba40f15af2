//! Carrying out a plan on several threads.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix_store::daemon::DaemonOptions;
use nix_store::local::{CollectEvent, KeepOptions, SpaceThresholds};
use nix_store::{LocalStore, StorePath};

use crate::builders::Network;
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::realise::build::{Done, Run};
use crate::realise::failure::BuildFailure;
use crate::realise::log_file::LogFile;
use crate::realise::observer::{BuildObserver, Outcome};
use crate::realise::plan::{BuildId, Plan, PlannedBuild, Wanted, WantedOutputs, plan_without};
use crate::realise::queue::{Next, State, Worker};
use crate::realise::scratch::Scratch;
use crate::realise::substitute::Substitution;
use crate::realise::substituter::Means;
use crate::realise::valid_paths::ValidPaths;
use crate::remote::{RemoteBuilder, RemoteMachine};
use crate::sandbox::SandboxSettings;

/// Downloads side by side: enough to hide latency, few enough for one mirror.
const DOWNLOADS: usize = 12;

/// How a plan is carried out.
pub struct Settings {
    /// Builds at once; the number of processors by default.
    pub max_jobs: usize,
    /// Downloads at once, besides.
    pub max_downloads: usize,
    /// Whether to go on after a failure with all that does not wait for it.
    pub keep_going: bool,
    /// The network, if builds may use it.
    pub network: Option<Network>,
    /// Processors that one build may use (`NIX_BUILD_CORES`); 0 for all.
    pub cores: usize,
    /// How long the builder of a sandboxed build may run.
    pub timeout: Option<Duration>,
    /// How long it may print nothing.
    pub max_silent_time: Option<Duration>,
    /// Whether the build directories of failed builds are kept; their logs say where.
    pub keep_failed: bool,
    /// What of the machine sandboxes may have.
    pub sandbox: SandboxSettings,
    /// By what the plan was made.
    pub means: Means,
    /// Whether what a substituter offered and could not give is built instead; otherwise that is an error.
    pub fallback: bool,
    /// Whether machines of `builders` fetch inputs from their own substituters where they can (`builders-use-substitutes`).
    pub builders_use_substitutes: bool,
    /// When garbage is collected before a build, if ever (`min-free`, `max-free`).
    pub space: Option<SpaceThresholds>,
    /// What collections keep besides what roots need.
    pub keep: KeepOptions,
}

impl Settings {
    /// How many processors one build may use.
    pub(super) fn cores_or_all(&self) -> usize {
        match self.cores {
            0 => thread::available_parallelism().map_or(1, usize::from),
            cores => cores,
        }
    }

    fn remote_builder<'run>(&self, machine: &'run RemoteMachine, store: &LocalStore) -> RemoteBuilder<'run> {
        let seconds = |limit: Option<Duration>| limit.map_or(0, |limit| limit.as_secs());
        let options = DaemonOptions {
            keep_failed: self.keep_failed,
            max_silent_time: seconds(self.max_silent_time),
            // Nothing said is all processors, there as here.
            cores: self.cores as u64,
            settings: BTreeMap::from([(String::from("timeout"), seconds(self.timeout).to_string())]),
            ..DaemonOptions::default()
        };
        RemoteBuilder::new(machine, store.directory().clone(), options, self.builders_use_substitutes)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_jobs: thread::available_parallelism().map_or(1, usize::from),
            max_downloads: DOWNLOADS,
            keep_going: false,
            network: None,
            cores: 0,
            timeout: None,
            max_silent_time: None,
            keep_failed: false,
            sandbox: SandboxSettings::default(),
            means: Means::default(),
            fallback: true,
            builders_use_substitutes: false,
            space: None,
            keep: KeepOptions::default(),
        }
    }
}

/// What a run has achieved.
#[derive(Debug, Clone, PartialEq)]
pub struct Realised {
    /// The wanted outputs, all valid, by derivation in the order of the request.
    pub outputs: Vec<(StorePath, BTreeMap<String, StorePath>)>,
    /// How many derivations were built by this run, downloads included.
    pub built: usize,
    /// How many paths were fetched from a substituter.
    pub substituted: usize,
}

/// Carries out a plan. May be called by several threads and processes with one store: what two of them need is made by one.
///
/// # Errors
/// [`Error::Failed`] with every build that failed; [`Error::Cancelled`] if it was called off. What was built until then is
/// valid and stays.
pub fn realise(
    store: &LocalStore,
    plan: &Plan,
    settings: &Settings,
    observer: &dyn BuildObserver,
    cancellation: &Cancellation,
) -> Result<Realised> {
    observer.planned(plan);
    if plan.is_empty() {
        return Ok(Realised { outputs: plan.wanted.clone(), built: 0, substituted: 0 });
    }
    store.remove_leftovers()?;
    let (plan, substituted) = substitute(store, plan, settings, observer, cancellation)?;
    let run = Run {
        store,
        valid: ValidPaths::new(store),
        scratch: Scratch::create(store.root())?,
        settings,
        cancellation: cancellation.child(),
    };
    let machines = settings.means.builders.as_slice();
    let scheduler = Scheduler {
        plan: &plan,
        observer,
        keep_going: settings.keep_going,
        builders: machines.iter().map(|machine| settings.remote_builder(machine, store)).collect(),
        state: Mutex::new(State::of(&plan, machines, &|build| run.weight(build))),
        run: &run,
        collecting: Mutex::default(),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        let scheduler = &scheduler;
        let fetches = plan.fetches().count();
        let builds = plan.builds.len() - fetches;
        let start = |worker: Worker, count: usize, most: usize| {
            for _ in 0..count.max(1).min(most) {
                scope.spawn(move || scheduler.work(worker));
            }
        };
        start(Worker::Here, settings.max_jobs, builds);
        start(Worker::Fetch, settings.max_downloads, fetches);
        for (number, machine) in machines.iter().enumerate() {
            start(Worker::Machine(number), machine.max_jobs, builds);
        }
    });
    let realised = scheduler.conclude(cancellation)?;
    Ok(Realised { substituted, ..realised })
}

/// Fetches what a plan wants to have from a substituter. Returns what is to be built then: the plan's builds, or, where
/// something could not be had, those of another plan that does without it.
fn substitute<'plan>(
    store: &LocalStore,
    plan: &'plan Plan,
    settings: &Settings,
    observer: &dyn BuildObserver,
    cancellation: &Cancellation,
) -> Result<(Cow<'plan, Plan>, usize)> {
    let mut plan = Cow::Borrowed(plan);
    let mut substituted = 0;
    let mut unavailable = BTreeSet::new();
    while !plan.substitutions.is_empty() {
        let Some(substituter) = settings.means.substituter.as_deref() else {
            return Err(Error::NoSubstituter { path: plan.substitutions[0].path.base_name().to_owned() });
        };
        let substitution = Substitution { store, plan: &plan, substituter, observer, cancellation };
        let failures = substitution.run(settings.max_downloads)?;
        let wanted = plan.substitutions.iter().map(|substitution| &substitution.path);
        for path in wanted {
            substituted += usize::from(store.is_valid(path)?);
        }
        if failures.is_empty() {
            break;
        }
        let others = failures.len() - 1;
        let mut failures = failures.into_iter();
        let Some((path, source)) = failures.next() else { break };
        if !settings.fallback {
            return Err(Error::SubstitutionFailed { path: path.base_name().to_owned(), others, source });
        }
        observer.warning(&format!(
            "{path} could not be fetched ({source}){}; building instead",
            if others == 0 { String::new() } else { format!(", nor could {others} more") }
        ));
        unavailable.insert(path);
        unavailable.extend(failures.map(|(path, _)| path));
        let wanted: Vec<Wanted> = plan
            .wanted
            .iter()
            .map(|(derivation, outputs)| Wanted {
                derivation: derivation.clone(),
                outputs: WantedOutputs::Named(Arc::new(outputs.keys().cloned().collect())),
            })
            .collect();
        plan = Cow::Owned(plan_without(&unavailable, &settings.means, store, &wanted)?);
        observer.planned(&plan);
    }
    Ok((plan, substituted))
}

struct Scheduler<'run> {
    plan: &'run Plan,
    observer: &'run dyn BuildObserver,
    keep_going: bool,
    builders: Vec<RemoteBuilder<'run>>,
    /// Held by the thread that collects garbage.
    collecting: Mutex<()>,
    run: &'run Run<'run>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Scheduler<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every thread does until nothing is left.
    fn work(&self, worker: Worker) {
        let mut state = self.lock();
        loop {
            let is_over = state.left == 0 || state.stopped || self.run.cancellation.is_cancelled();
            if is_over || state.is_lost(worker) {
                self.changed.notify_all();
                return;
            }
            let next = state.next(worker);
            let queues = state.queues(&self.run.settings.means.builders);
            match next {
                Next::Wait => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                Next::Impossible(id) => {
                    let machines = state.machines_of(id).iter();
                    let machines = machines.map(|machine| self.builders[*machine].machine().name()).collect();
                    drop(state);
                    let build = &self.plan.builds[id];
                    let system = String::from_utf8_lossy(&build.derivation.system).into_owned();
                    let log = self.log_of(id);
                    let failure = failure_of(build, &log, Error::NoBuilderLeft { system, machines });
                    self.observer.finished(id, build, &Outcome::Failed(&failure), Duration::ZERO);
                    self.fail(id, Worker::Here, failure);
                }
                Next::Build(id) => {
                    // Somebody else may be the right one for the next build now.
                    self.changed.notify_all();
                    drop(state);
                    if !queues.is_empty() {
                        self.observer.queues(&queues);
                    }
                    self.build(id, worker);
                }
            }
            state = self.lock();
        }
    }

    fn log_of(&self, id: BuildId) -> LogFile<'_> {
        LogFile::new(self.run.store.root(), &self.plan.builds[id].derivation_path, self.observer, id)
    }

    /// Collects garbage if the settings say that there is too little space. One thread does it, and the others go on.
    fn make_space(&self) {
        let settings = self.run.settings;
        let (Some(thresholds), Ok(_turn)) = (settings.space, self.collecting.try_lock()) else { return };
        // What another process collects is collected.
        let mut observer = |event: CollectEvent<'_>| match event {
            CollectEvent::Waiting => ControlFlow::Break(()),
            CollectEvent::Removed { .. } if self.run.cancellation.is_cancelled() => ControlFlow::Break(()),
            CollectEvent::Removed { .. } => ControlFlow::Continue(()),
        };
        match self.run.store.collect_if_space_is_low(thresholds, settings.keep, &mut observer) {
            Ok(None) | Err(nix_store::Error::CollectionHeldOff { .. }) => {}
            Ok(Some(collection)) => self.observer.warning(&format!(
                "there was little space on the disk, so {} store paths were collected ({} MiB)",
                collection.removed.len(),
                collection.bytes_freed >> 20
            )),
            // The build may have space enough all the same.
            Err(error) => self.observer.warning(&with_causes(&error)),
        }
    }

    fn build(&self, id: BuildId, worker: Worker) {
        self.make_space();
        let build = &self.plan.builds[id];
        let begin = Instant::now();
        self.observer.started(id, build);
        let remote = match worker {
            Worker::Machine(number) => Some(&self.builders[number]),
            Worker::Here | Worker::Fetch => None,
        };
        if let Some(remote) = remote {
            self.observer.sent(id, build, &remote.machine().name());
        }
        let log = self.log_of(id);
        let result = self.run.build(build, remote, &log, &|| self.observer.hashing(id));
        match (result, worker) {
            (Ok(done), _) => {
                log.finish();
                let outcome = match done {
                    Done::Built(nar_size) => Outcome::Built { nar_size },
                    Done::AlreadyValid => Outcome::AlreadyValid,
                };
                self.observer.finished(id, build, &outcome, begin.elapsed());
                let mut state = self.lock();
                state.built += usize::from(matches!(outcome, Outcome::Built { .. }));
                state.succeed(id, worker, self.plan, &|build| self.run.weight(build));
                self.changed.notify_all();
            }
            // Work that was stopped is no failure of its own.
            (Err(Error::Cancelled), _) => {
                log.finish();
                self.observer.finished(id, build, &Outcome::Skipped, begin.elapsed());
                self.lock().end(id, worker);
                self.changed.notify_all();
            }
            // The build is somebody else's then.
            (Err(error @ Error::BuilderLost { .. }), Worker::Machine(number)) => {
                log.finish();
                let is_news = self.lock().lose(id, number, build);
                self.changed.notify_all();
                if is_news {
                    self.observer.warning(&with_causes(&error));
                }
            }
            (Err(cause), _) => {
                log.write_error(&cause);
                let failure = failure_of(build, &log, cause);
                self.observer.finished(id, build, &Outcome::Failed(&failure), begin.elapsed());
                self.fail(id, worker, failure);
            }
        }
    }

    fn fail(&self, id: BuildId, worker: Worker, failure: BuildFailure) {
        let mut state = self.lock();
        state.failures.push(failure);
        let given_up = state.give_up(id, worker);
        if !self.keep_going {
            state.stopped = true;
            self.run.cancellation.cancel();
        }
        self.changed.notify_all();
        drop(state);
        for skipped in given_up.into_iter().filter(|skipped| *skipped != id) {
            self.observer.finished(skipped, &self.plan.builds[skipped], &Outcome::Skipped, Duration::ZERO);
        }
    }

    /// What came of it, once all threads have ended.
    fn conclude(self, cancellation: &Cancellation) -> Result<Realised> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (id, build) in self.plan.builds.iter().enumerate() {
            if !state.ended[id] {
                self.observer.finished(id, build, &Outcome::Skipped, Duration::ZERO);
            }
        }
        cancellation.check()?;
        if state.failures.is_empty() {
            return Ok(Realised { outputs: self.plan.wanted.clone(), built: state.built, substituted: 0 });
        }
        let skipped = self.plan.builds.len() - state.built - state.failures.len();
        Err(Error::Failed { failures: state.failures, skipped })
    }
}

/// What is told of a build that failed.
fn failure_of(build: &PlannedBuild, log: &LogFile<'_>, cause: Error) -> BuildFailure {
    BuildFailure {
        derivation: build.derivation_path.clone(),
        name: build.name.clone(),
        builder: build.builder.name(),
        log: log.finish(),
        log_tail: log.tail(),
        cause: Box::new(cause),
    }
}

/// An error and its causes in one sentence.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
