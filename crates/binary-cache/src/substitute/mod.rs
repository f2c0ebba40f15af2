//! Bringing paths from caches into a store.
//!
//! Paths go through three places at once. A sequencer takes their locks, each path after those that it refers to, so that
//! whoever holds a lock needs no other one to finish, and several processes can bring the same closure. Tasks bring
//! archives. Threads unpack them. The caller's thread keeps the books: it registers what is complete, many paths
//! in one transaction, and asks other caches for what one did not deliver.

mod books;
mod fetch;
mod message;
mod order;
mod restore;
mod unpacking;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use download::Cancellation;
use nix_store::{LocalStore, StorePath};

use crate::caches::{Caches, Closure};
use crate::error::{Error, Result};
use books::{Books, Job};
use fetch::Limits;
use unpacking::unpack_queued;
use window::{Held, Window, take_locks};

/// What came of it.
#[derive(Debug, Default)]
pub struct Substituted {
    /// Paths that are valid now, those that somebody else brought meanwhile included.
    pub valid: BTreeSet<StorePath>,
    /// Paths that are not, each with the last reason; those that refer to such a path, too.
    pub failed: BTreeMap<StorePath, Error>,
}

impl Caches {
    /// Brings all that is available of `closure` into `store`. References that are not in it must be valid. All of it and what it refers
    /// to are temporary roots then, as long as the store is open.
    ///
    /// # Errors
    /// Those of this machine: the store, its file system; [`Error::Cancelled`]. What is complete then is registered. What
    /// cannot be had from any cache is no error but part of the result.
    pub fn substitute(
        &self,
        store: &LocalStore,
        closure: &Closure,
        cancellation: &Cancellation,
    ) -> Result<Substituted> {
        let needed = closure
            .available
            .iter()
            .flat_map(|(path, available)| available.narinfo.info.references.iter().chain([path]));
        store.add_temporary_roots(needed)?;
        let (ordered, circles) = order::order(&closure.available);
        let mut substituted = Substituted::default();
        for path in circles {
            let cache = &self.shared.caches[closure.available[path].cache];
            let error = cache.wrong(path.base_name(), "it refers to itself through others".to_owned());
            cache.complain(self.shared.observer.as_ref(), &error);
            substituted.failed.insert(path.clone(), error);
        }
        let paths: Vec<Job> = ordered
            .into_iter()
            .map(|path| Job { available: closure.available[path].clone(), tried: BTreeSet::new() })
            .collect();
        if paths.is_empty() {
            return Ok(substituted);
        }
        let names: Vec<StorePath> = paths.iter().map(|job| job.path().clone()).collect();
        let inside: BTreeSet<&StorePath> = closure.available.keys().collect();
        let (messages, inbox) = mpsc::channel();
        let (jobs, queue) = mpsc::channel();
        let (window, held, queue) = (Window::default(), Held::default(), Mutex::new(queue));
        thread::scope(|scope| {
            scope.spawn(|| take_locks(store, &names, &window, &held, messages.clone()));
            for _ in 0..thread::available_parallelism().map_or(2, std::num::NonZero::get) {
                let messages = messages.clone();
                scope.spawn(|| unpack_queued(store, &self.shared, &queue, &held, messages));
            }
            let stop = Cancellation::new();
            let mut books = Books {
                store,
                shared: &self.shared,
                runtime: self.tasks.handle(),
                scope,
                window: &window,
                held: &held,
                messages: messages.clone(),
                jobs,
                limits: Limits::new(self.shared.settings.substitution_jobs),
                stop: stop.clone(),
                paths,
                inside: &inside,
                reasons: BTreeMap::new(),
                ready: BTreeMap::new(),
                open: names.len(),
                known: BTreeSet::new(),
                substituted,
                registered: Instant::now(),
            };
            let result = books.keep(&inbox, cancellation);
            // Tasks and threads end when nobody waits for them.
            stop.cancel();
            window.close();
            let Books { substituted, .. } = books;
            result.map(|()| substituted)
        })
    }

    /// Brings `roots` and what they need.
    ///
    /// # Errors
    /// As [`Self::substitute`], and the first reason for which a root could not be had.
    pub fn fetch(
        &self,
        store: &LocalStore,
        roots: impl IntoIterator<Item = StorePath>,
        cancellation: &Cancellation,
    ) -> Result<Substituted> {
        // What is valid must stay so until what refers to it is registered.
        let mut present = |path: &StorePath| {
            store.add_temporary_roots([path])?;
            Ok(store.is_valid(path)?)
        };
        let closure = self.query_closure(roots, &mut present, cancellation)?;
        if let Some(path) = closure.missing.first() {
            return Err(self.shared.why_not(path));
        }
        let mut substituted = self.substitute(store, &closure, cancellation)?;
        // Of those that failed, one that has a reason of its own.
        let own = |error: &Error| !matches!(error, Error::NotAvailable { .. });
        let cause =
            substituted.failed.iter().find(|(_, error)| own(error)).or(substituted.failed.iter().next());
        match cause.map(|(path, _)| path.clone()) {
            Some(path) => Err(substituted.failed.remove(&path).unwrap_or(Error::Cancelled)),
            None => Ok(substituted),
        }
    }
}
