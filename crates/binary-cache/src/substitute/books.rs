//! The books on what becomes of each path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::Scope;
use std::time::{Duration, Instant};

use download::Cancellation;
use nix_store::{LocalStore, StorePath, ValidPathInfo};
use tokio::runtime::Handle;

use super::Substituted;
use super::fetch::{Content, Limits, fetch};
use super::message::Message;
use super::unpacking::{Unpack, unpack_one};
use super::window::{Held, Window, lock};
use crate::caches::{Asked, Available, Shared};
use crate::error::{Error, Kind, Result};

/// So many complete paths are registered together.
const BATCH: usize = 128;

/// No complete path waits longer than this for being registered, if others do not hold it up.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);

/// How often to look whether the caller has given up.
const POLL: Duration = Duration::from_millis(50);

/// A path and where it is had from now.
pub(super) struct Job {
    pub(super) available: Available,
    /// Caches that did not deliver.
    pub(super) tried: BTreeSet<usize>,
}

impl Job {
    pub(super) fn path(&self) -> &StorePath {
        &self.available.narinfo.info.path
    }
}

/// What is known of all paths.
pub(super) struct Books<'scope, 'environment, 'store> {
    pub(super) store: &'store LocalStore,
    pub(super) shared: &'environment Arc<Shared>,
    pub(super) runtime: &'environment Handle,
    pub(super) scope: &'scope Scope<'scope, 'environment>,
    pub(super) window: &'environment Window,
    pub(super) held: &'environment Held<'store>,
    pub(super) messages: Sender<Message>,
    pub(super) jobs: Sender<Unpack>,
    pub(super) limits: Limits,
    pub(super) stop: Cancellation,
    pub(super) paths: Vec<Job>,
    /// The paths of the closure.
    pub(super) inside: &'environment BTreeSet<&'environment StorePath>,
    /// What went wrong with paths that may still be had from elsewhere.
    pub(super) reasons: BTreeMap<usize, Error>,
    /// Complete, and not registered yet.
    pub(super) ready: BTreeMap<usize, ValidPathInfo>,
    /// How many paths are neither valid nor failed.
    pub(super) open: usize,
    /// Paths outside of the closure that are known to be valid.
    pub(super) known: BTreeSet<StorePath>,
    pub(super) substituted: Substituted,
    /// When paths were registered last.
    pub(super) registered: Instant,
}

impl<'scope, 'environment: 'scope, 'store: 'environment> Books<'scope, 'environment, 'store> {
    /// Goes on until each path is valid or failed.
    pub(super) fn keep(&mut self, inbox: &Receiver<Message>, cancellation: &Cancellation) -> Result<()> {
        while self.open > 0 {
            if cancellation.is_cancelled() {
                self.register()?;
                return Err(Error::Cancelled);
            }
            match inbox.recv_timeout(POLL) {
                Ok(message) => self.handle(message)?,
                Err(RecvTimeoutError::Timeout) => self.register()?,
                // There is a sender in these books.
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Cancelled),
            }
            let all_complete = self.ready.len() == lock(self.held).len();
            if self.ready.len() >= BATCH || all_complete || self.registered.elapsed() >= BATCH_INTERVAL {
                self.register()?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Stuck(error) => return Err(error),
            Message::Valid(number) => {
                self.substituted.valid.insert(self.paths[number].path().clone());
                self.close();
            }
            Message::Begun(number) => self.bring(number),
            Message::Arrived(number, Ok(content)) => self.unpack(number, content),
            Message::Restored(number, Ok(info)) => {
                self.shared.observer.finished(&info.path);
                self.ready.insert(number, *info);
            }
            Message::Arrived(number, Err(error)) | Message::Restored(number, Err(error)) => {
                self.failed_here(number, error)?;
            }
            Message::Elsewhere(number, Some(available)) => {
                let references = &available.narinfo.info.references;
                let usable = references.iter().all(|path| self.inside.contains(path) || self.is_valid(path));
                match usable {
                    true => {
                        self.paths[number].available = *available;
                        self.bring(number);
                    }
                    // It was built otherwise there, and needs what nobody looked for.
                    false => self.fail(number, None),
                }
            }
            Message::Elsewhere(number, None) => self.fail(number, None),
        }
        Ok(())
    }

    /// Begins to bring a path, unless what it needs has failed.
    fn bring(&mut self, number: usize) {
        let job = &self.paths[number];
        let failed = |reference: &&StorePath| self.substituted.failed.contains_key(*reference);
        if let Some(reference) = job.available.narinfo.info.references.iter().find(failed) {
            let error = Error::NotAvailable { path: reference.base_name().to_owned() };
            return self.fail(number, Some(error));
        }
        if self.shared.caches[job.available.cache].is_dead() {
            return self.look_elsewhere(number, false);
        }
        let (shared, available) = (Arc::clone(self.shared), job.available.clone());
        let (limits, stop, messages) = (self.limits.clone(), self.stop.clone(), self.messages.clone());
        self.runtime.spawn(async move {
            let arrived = |content| {
                // Nobody listens when the caller has given up.
                let _ = messages.send(Message::Arrived(number, content));
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = fetch(&shared, &available, &limits, arrived) => {}
            }
        });
    }

    fn unpack(&mut self, number: usize, content: Content) {
        let unpack = Unpack { number, available: self.paths[number].available.clone(), content };
        if unpack.content.is_on_its_way() {
            // Waits for the network most of the time: it must not hold up what is there already.
            let (store, shared, held) = (self.store, self.shared, self.held);
            let messages = self.messages.clone();
            self.scope.spawn(move || unpack_one(store, shared, unpack, held, &messages));
        } else if self.jobs.send(unpack).is_err() {
            // The threads live as long as these books.
            self.fail(number, None);
        }
    }

    /// A cache did not deliver a path.
    fn failed_here(&mut self, number: usize, error: Error) -> Result<()> {
        if error.kind() == Kind::FileSystem {
            return Err(error);
        }
        let cache = self.paths[number].available.cache;
        let lied = error.kind() == Kind::Integrity
            || matches!(&error, Error::Download(error) if error.is_not_found());
        // That another path found the cache dead is no news.
        if !matches!(error, Error::NotAvailable { .. }) {
            self.shared.caches[cache].complain(self.shared.observer.as_ref(), &error);
            self.reasons.insert(number, error);
        }
        self.look_elsewhere(number, lied);
        Ok(())
    }

    /// Asks the caches that were not tried; what this one said is forgotten if it was not true.
    fn look_elsewhere(&mut self, number: usize, lied: bool) {
        let job = &mut self.paths[number];
        let cache = job.available.cache;
        job.tried.insert(cache);
        let (path, tried) = (job.path().clone(), job.tried.clone());
        let (shared, messages, stop) = (Arc::clone(self.shared), self.messages.clone(), self.stop.clone());
        self.runtime.spawn(async move {
            let look = async {
                if lied {
                    shared.forget(cache, &path).await;
                }
                let found = Arc::clone(&shared).query(vec![path.clone()], Asked::Needed, tried).await;
                let found = found.ok().and_then(|mut found| found.remove(&path)).map(Box::new);
                // Nobody listens when the caller has given up.
                let _ = messages.send(Message::Elsewhere(number, found));
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = look => {}
            }
        });
    }

    /// No cache delivers the path.
    fn fail(&mut self, number: usize, error: Option<Error>) {
        let path = self.paths[number].path().clone();
        let error = error
            .or_else(|| self.reasons.remove(&number))
            .unwrap_or_else(|| Error::NotAvailable { path: path.base_name().to_owned() });
        self.substituted.failed.insert(path, error);
        lock(self.held).remove(&number);
        self.close();
    }

    fn close(&mut self) {
        self.open -= 1;
        self.window.leave();
    }

    fn is_valid(&mut self, path: &StorePath) -> bool {
        if self.substituted.valid.contains(path) || self.known.contains(path) {
            return true;
        }
        let valid = self.store.is_valid(path).unwrap_or(false);
        if valid {
            self.known.insert(path.clone());
        }
        valid
    }

    /// Registers what is complete and refers to nothing that is not.
    fn register(&mut self) -> Result<()> {
        self.registered = Instant::now();
        let mut together: BTreeSet<StorePath> = BTreeSet::new();
        let mut numbers = Vec::new();
        let mut lost = Vec::new();
        let ready = std::mem::take(&mut self.ready);
        // The order is one in which what is referred to comes first.
        for (number, info) in &ready {
            let mut missing =
                info.references.iter().filter(|path| **path != info.path && !together.contains(*path));
            if let Some(failed) = missing.clone().find(|path| self.substituted.failed.contains_key(*path)) {
                lost.push((*number, failed.clone()));
            } else if missing.all(|path| self.is_valid(path)) {
                together.insert(info.path.clone());
                numbers.push(*number);
            }
        }
        self.ready = ready;
        let infos: Vec<ValidPathInfo> =
            numbers.iter().filter_map(|number| self.ready.remove(number)).collect();
        self.store.register(&infos)?;
        for number in numbers {
            lock(self.held).remove(&number);
            self.close();
        }
        self.substituted.valid.extend(together);
        for (number, failed) in lost {
            self.ready.remove(&number);
            self.fail(number, Some(Error::NotAvailable { path: failed.base_name().to_owned() }));
        }
        Ok(())
    }
}
