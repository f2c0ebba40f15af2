//! Carrying out a plan on several threads.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix_store::{LocalStore, StorePath};

use crate::builders::Network;
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::realise::build::{Done, Run};
use crate::realise::failure::BuildFailure;
use crate::realise::log_file::LogFile;
use crate::realise::observer::{BuildObserver, Outcome};
use crate::realise::plan::{BuildId, Plan, PlannedBuild, Wanted, WantedOutputs, plan_without};
use crate::realise::scratch::Scratch;
use crate::realise::substitute::Substitution;
use crate::realise::substituter::Means;
use crate::realise::valid_paths::ValidPaths;
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
}

impl Settings {
    /// How many processors one build may use.
    pub(super) fn cores_or_all(&self) -> usize {
        match self.cores {
            0 => thread::available_parallelism().map_or(1, usize::from),
            cores => cores,
        }
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
    let _guard = store.hold_off_collection()?;
    store.remove_leftovers()?;
    let (plan, substituted) = substitute(store, plan, settings, observer, cancellation)?;
    let run = Run {
        store,
        valid: ValidPaths::new(store),
        scratch: Scratch::create(store.root())?,
        settings,
        cancellation: cancellation.child(),
    };
    let scheduler = Scheduler {
        plan: &plan,
        observer,
        keep_going: settings.keep_going,
        run: &run,
        state: Mutex::new(State::of(&plan, &run)),
        changed: Condvar::new(),
    };
    thread::scope(|scope| {
        let fetches = plan.fetches().count();
        for _ in 0..settings.max_jobs.max(1).min(plan.builds.len() - fetches) {
            scope.spawn(|| scheduler.work(Queue::Build));
        }
        for _ in 0..settings.max_downloads.max(1).min(fetches) {
            scope.spawn(|| scheduler.work(Queue::Fetch));
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
                outputs: WantedOutputs::Named(outputs.keys().cloned().collect()),
            })
            .collect();
        plan = Cow::Owned(plan_without(&unavailable, &settings.means, store, &wanted)?);
        observer.planned(&plan);
    }
    Ok((plan, substituted))
}

/// Which kind of work a thread does.
#[derive(Clone, Copy)]
enum Queue {
    Build,
    Fetch,
}

/// A build that can begin: those first that the longest chain of work waits for, of these the largest, as one that begins
/// last is waited for alone, then in the order of the plan.
type Ready = (u32, u64, Reverse<BuildId>);

struct State {
    builds: BinaryHeap<Ready>,
    fetches: BinaryHeap<Ready>,
    /// How many builds each waits for still.
    missing: Vec<usize>,
    dependents: Vec<Vec<BuildId>>,
    priorities: Vec<u32>,
    /// Builds that have neither ended nor been given up.
    left: usize,
    ended: Vec<bool>,
    stopped: bool,
    built: usize,
    failures: Vec<BuildFailure>,
}

impl State {
    fn of(plan: &Plan, run: &Run<'_>) -> Self {
        let count = plan.builds.len();
        let mut dependents: Vec<Vec<BuildId>> = vec![Vec::new(); count];
        let mut missing = vec![0; count];
        for (id, build) in plan.builds.iter().enumerate() {
            missing[id] = build.waits_for.len();
            for needed in &build.waits_for {
                dependents[*needed].push(id);
            }
        }
        // The plan has every build after those that it waits for, so from the end all dependents are known.
        let mut priorities: Vec<u32> = vec![0; count];
        for id in (0..count).rev() {
            let behind = dependents[id].iter().map(|dependent| priorities[*dependent]).max().unwrap_or(0);
            priorities[id] = behind + plan.builds[id].builder.cost();
        }
        let mut state = State {
            builds: BinaryHeap::new(),
            fetches: BinaryHeap::new(),
            missing,
            dependents,
            priorities,
            left: count,
            ended: vec![false; count],
            stopped: false,
            built: 0,
            failures: Vec::new(),
        };
        for (id, build) in plan.builds.iter().enumerate() {
            if state.missing[id] == 0 {
                state.make_ready(id, build, run);
            }
        }
        state
    }

    fn make_ready(&mut self, id: BuildId, build: &PlannedBuild, run: &Run<'_>) {
        let ready = (self.priorities[id], run.weight(build), Reverse(id));
        if build.builder.is_fetch() {
            self.fetches.push(ready);
        } else {
            self.builds.push(ready);
        }
    }

    fn next(&mut self, queue: Queue) -> Option<BuildId> {
        let heap = match queue {
            Queue::Build => &mut self.builds,
            Queue::Fetch => &mut self.fetches,
        };
        heap.pop().map(|(_, _, Reverse(id))| id)
    }

    /// Marks a build and everything that waits for it as ended; returns those that had not ended yet.
    fn give_up(&mut self, id: BuildId) -> Vec<BuildId> {
        let mut pending = vec![id];
        let mut given_up = Vec::new();
        while let Some(id) = pending.pop() {
            if !std::mem::replace(&mut self.ended[id], true) {
                self.left -= 1;
                given_up.push(id);
                pending.extend(&self.dependents[id]);
            }
        }
        given_up
    }
}

struct Scheduler<'run> {
    plan: &'run Plan,
    observer: &'run dyn BuildObserver,
    keep_going: bool,
    run: &'run Run<'run>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Scheduler<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every thread does until nothing is left.
    fn work(&self, queue: Queue) {
        let mut state = self.lock();
        loop {
            if state.left == 0 || state.stopped || self.run.cancellation.is_cancelled() {
                self.changed.notify_all();
                return;
            }
            let Some(id) = state.next(queue) else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            self.build(id);
            state = self.lock();
        }
    }

    fn build(&self, id: BuildId) {
        let build = &self.plan.builds[id];
        let begin = Instant::now();
        self.observer.started(id, build);
        let log = LogFile::new(self.run.store.root(), &build.derivation_path, self.observer, id);
        let result = self.run.build(build, &log, &|| self.observer.hashing(id));
        match result {
            Ok(done) => {
                log.finish();
                let outcome = match done {
                    Done::Built(nar_size) => Outcome::Built { nar_size },
                    Done::AlreadyValid => Outcome::AlreadyValid,
                };
                self.observer.finished(id, build, &outcome, begin.elapsed());
                self.succeed(id, matches!(outcome, Outcome::Built { .. }));
            }
            // Work that was stopped is no failure of its own.
            Err(Error::Cancelled) => {
                log.finish();
                self.observer.finished(id, build, &Outcome::Skipped, begin.elapsed());
                let mut state = self.lock();
                state.ended[id] = true;
                state.left -= 1;
                self.changed.notify_all();
            }
            Err(cause) => {
                log.write_error(&cause);
                let failure = BuildFailure {
                    derivation: build.derivation_path.clone(),
                    name: build.name.clone(),
                    builder: build.builder.name(),
                    log: log.finish(),
                    log_tail: log.tail(),
                    cause: Box::new(cause),
                };
                self.observer.finished(id, build, &Outcome::Failed(&failure), begin.elapsed());
                self.fail(id, failure);
            }
        }
    }

    fn succeed(&self, id: BuildId, built: bool) {
        let mut state = self.lock();
        state.ended[id] = true;
        state.left -= 1;
        state.built += usize::from(built);
        for dependent in state.dependents[id].clone() {
            state.missing[dependent] -= 1;
            if state.missing[dependent] == 0 && !state.ended[dependent] {
                state.make_ready(dependent, &self.plan.builds[dependent], self.run);
            }
        }
        self.changed.notify_all();
    }

    fn fail(&self, id: BuildId, failure: BuildFailure) {
        let mut state = self.lock();
        state.failures.push(failure);
        let given_up = state.give_up(id);
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
