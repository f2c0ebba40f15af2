//! Getting the outputs that a plan wants from a substituter: several at once, each after what it refers to.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use nix_store::{LocalStore, StorePath};

use crate::builders::Log;
use crate::cancellation::Cancellation;
use crate::error::Result;
use crate::realise::observer::BuildObserver;
use crate::realise::plan::{Plan, PlannedSubstitution};
use crate::realise::substituter::{Substituter, SubstitutionError};

/// Work of several threads on the substitutions of one plan.
pub(super) struct Substitution<'run> {
    pub(super) store: &'run LocalStore,
    pub(super) plan: &'run Plan,
    pub(super) substituter: &'run dyn Substituter,
    pub(super) observer: &'run dyn BuildObserver,
    pub(super) cancellation: &'run Cancellation,
}

struct State {
    ready: Vec<usize>,
    /// How many each waits for still.
    missing: Vec<usize>,
    left: usize,
    failures: Vec<(StorePath, SubstitutionError)>,
}

impl Substitution<'_> {
    /// Gets all that can be had; returns the paths that could not, with the reasons.
    pub(super) fn run(&self, threads: usize) -> Result<Vec<(StorePath, SubstitutionError)>> {
        let all = &self.plan.substitutions;
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
        for (number, substitution) in all.iter().enumerate() {
            for needed in &substitution.waits_for {
                dependents[*needed].push(number);
            }
        }
        let missing: Vec<usize> = all.iter().map(|substitution| substitution.waits_for.len()).collect();
        let ready = (0..all.len()).rev().filter(|number| missing[*number] == 0).collect();
        let state = Mutex::new(State { ready, missing, left: all.len(), failures: Vec::new() });
        let changed = Condvar::new();
        thread::scope(|scope| {
            for _ in 0..threads.max(1).min(all.len()) {
                scope.spawn(|| self.work(&state, &changed, &dependents));
            }
        });
        self.cancellation.check()?;
        Ok(state.into_inner().unwrap_or_else(PoisonError::into_inner).failures)
    }

    fn work(&self, state: &Mutex<State>, changed: &Condvar, dependents: &[Vec<usize>]) {
        let lock = || -> MutexGuard<'_, State> { state.lock().unwrap_or_else(PoisonError::into_inner) };
        let mut current = lock();
        loop {
            if current.left == 0 || self.cancellation.is_cancelled() {
                changed.notify_all();
                return;
            }
            let Some(number) = current.ready.pop() else {
                current = changed.wait(current).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(current);
            let substitution = &self.plan.substitutions[number];
            self.observer.substitution_started(substitution);
            let result = self.fetch(substitution);
            self.observer.substitution_finished(substitution, result.is_ok());
            current = lock();
            current.left -= 1;
            match result {
                Ok(()) => {
                    for dependent in &dependents[number] {
                        current.missing[*dependent] -= 1;
                        if current.missing[*dependent] == 0 {
                            current.ready.push(*dependent);
                        }
                    }
                }
                Err(error) => {
                    current.failures.push((substitution.path.clone(), error));
                    // What refers to it cannot be had any more, either.
                    let mut lost = BTreeSet::new();
                    let mut pending = dependents[number].clone();
                    while let Some(dependent) = pending.pop() {
                        // One that was lost by another failure counts as waiting for ever.
                        if current.missing[dependent] != usize::MAX && lost.insert(dependent) {
                            pending.extend(&dependents[dependent]);
                        }
                    }
                    for dependent in lost {
                        current.missing[dependent] = usize::MAX;
                        current.left -= 1;
                    }
                }
            }
            changed.notify_all();
        }
    }

    fn fetch(&self, substitution: &PlannedSubstitution) -> Result<(), SubstitutionError> {
        self.cancellation.check()?;
        if self.store.is_valid(&substitution.path)? {
            return Ok(());
        }
        let log = SubstitutionLog { observer: self.observer, substitution };
        self.substituter.fetch(self.store, &substitution.path, &log, self.cancellation)?;
        if !self.store.is_valid(&substitution.path)? {
            return Err("it came, and is not valid".into());
        }
        Ok(())
    }
}

struct SubstitutionLog<'run> {
    observer: &'run dyn BuildObserver,
    substitution: &'run PlannedSubstitution,
}

impl Log for SubstitutionLog<'_> {
    fn line(&self, text: &str) {
        self.observer.warning(text);
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        self.observer.substitution_progress(self.substitution, done, total);
    }
}
