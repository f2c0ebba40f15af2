//! Bringing paths from caches into a store.
//!
//! Paths go through three places at once. A sequencer takes their locks, each path after those that it refers to, so that
//! whoever holds a lock needs no other one to finish, and several processes can bring the same closure. Tasks bring
//! archives. Threads unpack them. The caller's thread keeps the books: it registers what is complete, many paths
//! in one transaction, and asks other caches for what one did not deliver.

mod fetch;
mod order;
mod restore;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use download::Cancellation;
use nix_store::local::{Begin, Unfinished};
use nix_store::{LocalStore, StorePath, ValidPathInfo};
use tokio::runtime::Handle;

use crate::caches::{Asked, Available, Caches, Closure, Shared};
use crate::error::{Error, Kind, Result};
use fetch::{Content, Limits, fetch};
use restore::restore;

/// Paths that are begun and not registered yet. Each has a lock, which is an open file; processes may have 1024.
const WINDOW: usize = 400;

/// So many complete paths are registered together.
const BATCH: usize = 128;

/// No complete path waits longer than this for being registered, if others do not hold it up.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);

/// How often to look whether the caller has given up.
const POLL: Duration = Duration::from_millis(50);

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

/// A path and where it is had from now.
struct Job {
    available: Available,
    /// Caches that did not deliver.
    tried: BTreeSet<usize>,
}

impl Job {
    fn path(&self) -> &StorePath {
        &self.available.narinfo.info.path
    }
}

/// What the keeper of the books is told; the number is that of the path in the order.
enum Message {
    /// The path's lock is taken.
    Begun(usize),
    /// Somebody else made the path.
    Valid(usize),
    /// The path's archive can be read.
    Arrived(usize, Result<Content>),
    /// The path's files are in their place.
    Restored(usize, Result<Box<ValidPathInfo>>),
    /// Another cache has it, or none.
    Elsewhere(usize, Option<Box<Available>>),
    /// A lock cannot be taken.
    Stuck(Error),
}

/// An archive to be unpacked.
struct Unpack {
    number: usize,
    available: Available,
    content: Content,
}

/// Paths that are begun, by number. Who works on one takes it out.
type Held<'store> = Mutex<BTreeMap<usize, Unfinished<'store>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the paths' locks in their order, not too many at a time.
fn take_locks<'store>(
    store: &'store LocalStore,
    paths: &[StorePath],
    window: &Window,
    held: &Held<'store>,
    messages: Sender<Message>,
) {
    for (number, path) in paths.iter().enumerate() {
        if !window.enter() {
            return;
        }
        let message = match store.begin(path) {
            Ok(Begin::Valid(_)) => Message::Valid(number),
            Ok(Begin::Unfinished(unfinished)) => {
                lock(held).insert(number, unfinished);
                Message::Begun(number)
            }
            Err(error) => Message::Stuck(error.into()),
        };
        if messages.send(message).is_err() {
            return;
        }
    }
}

/// Unpacks what is there, until there will be nothing more.
fn unpack_queued<'store>(
    store: &LocalStore,
    shared: &Shared,
    queue: &Mutex<Receiver<Unpack>>,
    held: &Held<'store>,
    messages: Sender<Message>,
) {
    loop {
        let next = lock(queue).recv();
        let Ok(unpack) = next else { return };
        unpack_one(store, shared, unpack, held, &messages);
    }
}

fn unpack_one<'store>(
    store: &LocalStore,
    shared: &Shared,
    unpack: Unpack,
    held: &Held<'store>,
    messages: &Sender<Message>,
) {
    let Unpack { number, available, content } = unpack;
    // Nobody else works on this path, so it is there.
    let Some(mut unfinished) = lock(held).remove(&number) else { return };
    let cache = &shared.caches[available.cache];
    let restored = restore(store, &mut unfinished, cache, &available.narinfo, content);
    lock(held).insert(number, unfinished);
    // Nobody listens when the caller has given up.
    let _ = messages.send(Message::Restored(number, restored.map(Box::new)));
}

/// What is known of all paths.
struct Books<'scope, 'environment, 'store> {
    store: &'store LocalStore,
    shared: &'environment Arc<Shared>,
    runtime: &'environment Handle,
    scope: &'scope Scope<'scope, 'environment>,
    window: &'environment Window,
    held: &'environment Held<'store>,
    messages: Sender<Message>,
    jobs: Sender<Unpack>,
    limits: Limits,
    stop: Cancellation,
    paths: Vec<Job>,
    /// The paths of the closure.
    inside: &'environment BTreeSet<&'environment StorePath>,
    /// What went wrong with paths that may still be had from elsewhere.
    reasons: BTreeMap<usize, Error>,
    /// Complete, and not registered yet.
    ready: BTreeMap<usize, ValidPathInfo>,
    /// How many paths are neither valid nor failed.
    open: usize,
    /// Paths outside of the closure that are known to be valid.
    known: BTreeSet<StorePath>,
    substituted: Substituted,
    /// When paths were registered last.
    registered: Instant,
}

impl<'scope, 'environment: 'scope, 'store: 'environment> Books<'scope, 'environment, 'store> {
    fn keep(&mut self, inbox: &Receiver<Message>, cancellation: &Cancellation) -> Result<()> {
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

/// A limit on paths that are begun.
#[derive(Default)]
struct Window {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    count: usize,
    closed: bool,
}

impl Window {
    /// Waits until there is room; `false` if there will not be.
    fn enter(&self) -> bool {
        let mut inside = lock(&self.inside);
        while inside.count >= WINDOW && !inside.closed {
            inside = self.changed.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        inside.count += 1;
        !inside.closed
    }

    fn leave(&self) {
        lock(&self.inside).count -= 1;
        self.changed.notify_one();
    }

    fn close(&self) {
        lock(&self.inside).closed = true;
        self.changed.notify_one();
    }
}
