//! Telling the caller how far a run is.

use std::time::Duration;

use crate::realise::failure::BuildFailure;
use crate::realise::plan::{BuildId, Plan, PlannedBuild, PlannedSubstitution};

/// How a build ended.
#[derive(Debug)]
pub enum Outcome<'failure> {
    /// The outputs are valid now.
    Built {
        /// Bytes of the outputs as NARs.
        nar_size: u64,
    },
    /// Another process has built them meanwhile.
    AlreadyValid,
    /// It failed.
    Failed(&'failure BuildFailure),
    /// It was called off, or something that it waits for failed.
    Skipped,
}

/// What a machine of `builders` has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderQueue {
    /// The machine.
    pub machine: String,
    /// Builds that run there.
    pub running: usize,
    /// Builds that can run there at once; none if it cannot be reached.
    pub slots: usize,
    /// Builds that could begin and that this machine can build.
    pub waiting: usize,
}

/// Is told what happens. Calls come from several threads at once, and often: they must return quickly.
pub trait BuildObserver: Sync {
    /// What is going to be done. Comes first, and again if substitution failed and other things have to be done.
    fn planned(&self, plan: &Plan) {
        let _ = plan;
    }

    /// Something is odd, and the work goes on.
    fn warning(&self, text: &str) {
        let _ = text;
    }

    /// A path is being fetched from a substituter.
    fn substitution_started(&self, substitution: &PlannedSubstitution) {
        let _ = substitution;
    }

    /// How far that is: bytes that have come, and all there are if that is known.
    fn substitution_progress(&self, substitution: &PlannedSubstitution, done: u64, total: Option<u64>) {
        let _ = (substitution, done, total);
    }

    /// The path is valid now, or could not be had.
    fn substitution_finished(&self, substitution: &PlannedSubstitution, succeeded: bool) {
        let _ = (substitution, succeeded);
    }

    /// A build begins.
    fn started(&self, id: BuildId, build: &PlannedBuild) {
        let _ = (id, build);
    }

    /// The build that has just begun runs on another machine.
    fn sent(&self, id: BuildId, build: &PlannedBuild, machine: &str) {
        let _ = (id, build, machine);
    }

    /// What other machines do and what waits for them has changed.
    fn queues(&self, queues: &[BuilderQueue]) {
        let _ = queues;
    }

    /// How far a build is: bytes done, and all there are if that is known.
    fn progress(&self, id: BuildId, done: u64, total: Option<u64>) {
        let _ = (id, done, total);
    }

    /// A line of a build's log.
    fn log_line(&self, id: BuildId, line: &str) {
        let _ = (id, line);
    }

    /// The output of a build is made and is now hashed and scanned for references.
    fn hashing(&self, id: BuildId) {
        let _ = id;
    }

    /// A build has ended. Comes for every build of the plan, also for those that never began.
    fn finished(&self, id: BuildId, build: &PlannedBuild, outcome: &Outcome<'_>, duration: Duration) {
        let _ = (id, build, outcome, duration);
    }
}

/// Nobody wants to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl BuildObserver for NoObserver {}
