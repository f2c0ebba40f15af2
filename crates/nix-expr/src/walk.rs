//! Looking at everything below a value, in as many evaluations as the memory asks for.
//!
//! Nothing that an evaluation made is given back before its end. Where all packages of a tree are asked for, one after the
//! other, most of what was made for one is of no use to the next: an evaluation that has grown large ends, and a new one
//! goes on where it stopped.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{ErrorKind, EvalError};
use crate::io::EvalIo;
use crate::pool::EvaluationPool;
use crate::session::{Session, ValueRef, evaluate_in};
use crate::settings::Settings;

/// What a walk may take of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkLimits {
    /// How many evaluations there are at once.
    pub workers: NonZeroUsize,
    /// How large an evaluation grows before the next one begins, in bytes. What one value takes by itself is not bounded.
    pub memory: usize,
}

/// What looks at values on a walk. Several workers call it at once.
pub trait Visitor: Sync {
    /// The value that everything else lies below. Each evaluation asks for it once.
    ///
    /// # Errors
    /// The walk ends with them.
    fn root<'a>(&self, session: &Session<'a>) -> Result<ValueRef<'a>, EvalError>;

    /// Looks at the value at `path`, the names of attributes from the root on, and says which of its attributes are to be
    /// looked at, too.
    ///
    /// # Errors
    /// They go to [`Self::failed`].
    fn visit<'a>(
        &self,
        session: &Session<'a>,
        path: &[String],
        value: ValueRef<'a>,
    ) -> Result<Vec<String>, EvalError>;

    /// Takes note of a value that could not be looked at.
    ///
    /// # Errors
    /// The walk ends with them.
    fn failed(&self, path: &[String], error: EvalError) -> Result<(), EvalError>;
}

/// Looks at the root, at the attributes of it that the visitor wants to see, at those of theirs, and so on: each once, by
/// any worker, in no order that could be relied on, but for those of one worker, which are sorted.
///
/// # Errors
/// Those with which the visitor ends the walk; a thread could not be started.
pub fn walk(
    pool: &EvaluationPool,
    settings: &Settings,
    io: &(dyn EvalIo + Sync),
    limits: WalkLimits,
    visitor: &impl Visitor,
) -> Result<(), EvalError> {
    let agenda = Agenda::new(limits.workers);
    thread::scope(|scope| {
        let work = |worker| work(pool, settings, io, limits.memory, visitor, &agenda, worker);
        let helpers: Vec<_> =
            (1..limits.workers.get()).map(|worker| scope.spawn(move || work(worker))).collect();
        work(0);
        for helper in helpers {
            helper.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    agenda.end()
}

/// One worker: evaluations that follow one another, until nothing is left to be looked at.
fn work(
    pool: &EvaluationPool,
    settings: &Settings,
    io: &(dyn EvalIo + Sync),
    memory: usize,
    visitor: &impl Visitor,
    agenda: &Agenda,
    worker: usize,
) {
    while let Some(first) = agenda.next(worker) {
        let result = evaluate_in(pool, settings, io, |session| {
            let root = visitor.root(session)?;
            let mut task = Some(first);
            while let Some(current) = task {
                match look(visitor, session, root, &current.path) {
                    Ok(names) => agenda.add(worker, &current.path, names),
                    Err(error) => visitor.failed(&current.path, error)?,
                }
                drop(current);
                task = if session.memory() < memory { agenda.next(worker) } else { None };
            }
            Ok(())
        });
        if let Err(error) = result {
            agenda.fail(error);
        }
    }
}

/// Lets the visitor look at a value, unless it is a set that it lies in itself, as `pkgs` does in `pkgs.pkgs`.
fn look<'a>(
    visitor: &impl Visitor,
    session: &Session<'a>,
    root: ValueRef<'a>,
    path: &[String],
) -> Result<Vec<String>, EvalError> {
    let mut value = root;
    let mut around = Vec::with_capacity(path.len());
    for name in path {
        around.push(value);
        value = session.attribute(value, name)?.ok_or_else(|| {
            let message = format!("attribute '{name}' was there before, and is not there any more");
            EvalError::new(ErrorKind::MissingAttribute, message)
        })?;
    }
    session.force(value)?;
    if around.into_iter().any(|outer| session.is_same_set(outer, value)) {
        return Ok(Vec::new());
    }
    visitor.visit(session, path, value)
}

/// What is still to be looked at.
struct Agenda {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// For each worker; the last one is next. What lies side by side needs the same things more often than what lies far
    /// apart, so a worker goes on with neighbours, and one that has nothing left takes the far half of what another one has.
    open: Vec<VecDeque<Vec<String>>>,
    /// How many are being looked at, and may add more.
    busy: usize,
    failure: Option<EvalError>,
}

/// Something that is being looked at, until this is dropped.
struct Task<'g> {
    agenda: &'g Agenda,
    path: Vec<String>,
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.agenda.lock().busy -= 1;
        self.agenda.changed.notify_all();
    }
}

impl State {
    fn take(&mut self, worker: usize) -> Option<Vec<String>> {
        if self.open[worker].is_empty()
            && let Some(other) = self.open.iter_mut().max_by_key(|open| open.len())
        {
            let rest = other.split_off(other.len().div_ceil(2));
            self.open[worker] = std::mem::replace(other, rest);
        }
        self.open[worker].pop_back()
    }
}

impl Agenda {
    /// One with the root, for so many workers.
    fn new(workers: NonZeroUsize) -> Self {
        let mut open = vec![VecDeque::new(); workers.get()];
        open[0].push_back(Vec::new());
        Agenda { state: Mutex::new(State { open, busy: 0, failure: None }), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be looked at next; `None` when the walk is over. Waits while others may still find more.
    fn next(&self, worker: usize) -> Option<Task<'_>> {
        let mut state = self.lock();
        loop {
            if state.failure.is_some() {
                return None;
            }
            if let Some(path) = state.take(worker) {
                state.busy += 1;
                return Some(Task { agenda: self, path });
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn add(&self, worker: usize, path: &[String], names: Vec<String>) {
        let below = names.into_iter().rev().map(|name| [path, &[name]].concat());
        self.lock().open[worker].extend(below);
        self.changed.notify_all();
    }

    fn fail(&self, error: EvalError) {
        self.lock().failure.get_or_insert(error);
        self.changed.notify_all();
    }

    fn end(self) -> Result<(), EvalError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.failure.map_or(Ok(()), Err)
    }
}
