//! Removing what no root needs.
//!
//! A collector has the exclusive lock on `gc.lock` and listens for the roots that running processes get meanwhile
//! ([`collector_socket`](super::collector_socket)): nobody has to wait for its end. It works through the paths that are not needed,
//! referrers first. Each is made invalid in the database, which refuses if anything refers to it by now, then renamed, and removed under
//! the new name. Killed at any moment, it leaves files that are not valid, which the next collection removes.
//!
//! Roots of processes are read before roots that are links: a process that makes a lasting root and ends has one of
//! the two at every moment.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustc_hash::FxHashSet;

use super::canonical::remove_tree_with;
use super::collector_socket::RootServer;
use super::freed::Freed;
use super::liveness::{KeepOptions, Liveness, hash_part};
use super::lock::{PathLock, open_lock_file};
use super::store::LocalStore;
use super::temporary::{LockedDirectory, unique};
use super::unfinished::is_lock_file;
use crate::error::{Error, Result};
use crate::store_path::StorePath;

/// How a collection is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectOptions {
    /// What keeps paths besides references.
    pub keep: KeepOptions,
    /// Stop when more than so many bytes have been freed.
    pub max_freed: Option<u64>,
}

/// What happens in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectEvent<'name> {
    /// Another collection, or somebody who holds collections off, is waited for.
    Waiting,
    /// Something was removed.
    Removed {
        /// Its name in the store directory.
        name: &'name str,
        /// The bytes that its removal freed.
        bytes: u64,
    },
}

/// Gets the events of a collection and can end it early.
pub type CollectObserver<'observer> = dyn FnMut(CollectEvent<'_>) -> ControlFlow<()> + 'observer;

/// What a collection did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collection {
    /// The names that were removed from the store directory, in their order.
    pub removed: Vec<String>,
    /// The bytes on the disk that this freed.
    pub bytes_freed: u64,
    /// Files in `.links` that nothing was linked to any more.
    pub links_removed: u64,
    /// Whether it ended before all was done: at its limit, or by its observer.
    pub stopped: bool,
}

/// Paths that go through the database together. Each of them may make a process wait that just then wants it.
const GROUP: usize = 32;

/// What the collector and the threads of its server share.
struct Collector<'store> {
    store: &'store LocalStore,
    state: Mutex<State>,
    /// Nothing is being removed.
    released: Condvar,
}

#[derive(Default)]
struct State {
    liveness: Option<Liveness>,
    /// Hash parts of roots that came before there was a `liveness`.
    early: Vec<String>,
    /// Hash parts of what is being removed: who names it as a root waits.
    removing: FxHashSet<String>,
}

/// Ends the server, also when a collection fails.
struct Stop<'collector, 'store>(&'collector RootServer, &'collector Collector<'store>);

impl Drop for Stop<'_, '_> {
    fn drop(&mut self) {
        self.1.release();
        self.0.stop();
    }
}

impl LocalStore {
    /// Removes what no root needs: paths, what killed processes left, and links that nothing uses. Works beside processes that
    /// add to the store, of Nix too; waits for other collections.
    ///
    /// # Errors
    /// Those of the file system and the database. What was removed until then is gone.
    pub fn collect_garbage(
        &self,
        options: &CollectOptions,
        observer: &mut CollectObserver<'_>,
    ) -> Result<Collection> {
        self.with_collector(observer, |collector, observer| {
            collector.load(options.keep, true)?;
            let mut work = Work::new(self, options.max_freed, observer)?;
            collector.remove_leftovers(&mut work)?;
            let dead = collector.liveness(Liveness::dead);
            collector.remove_paths(&dead, &mut work)?;
            work.clean_links(self)?;
            Ok(work.collection)
        })
    }

    /// Removes `paths`. With `ignore_roots`, not even roots keep them, save those of running processes.
    ///
    /// # Errors
    /// [`Error::StillAlive`] if one of them is needed, by a root or by a path that is not among them; then nothing is
    /// removed. Those of [`Self::collect_garbage`].
    pub fn delete_paths(
        &self,
        paths: &[StorePath],
        keep: KeepOptions,
        ignore_roots: bool,
        observer: &mut CollectObserver<'_>,
    ) -> Result<Collection> {
        // What keeps derivations or outputs would make a path that must go depend on others that need not.
        let keep = if ignore_roots { KeepOptions { outputs: false, derivations: false } } else { keep };
        self.with_collector(observer, |collector, observer| {
            collector.load(keep, !ignore_roots)?;
            let wanted: FxHashSet<&StorePath> = paths.iter().collect();
            for path in paths {
                if let Some(reason) = collector.reason_to_keep(path, &wanted)? {
                    return Err(Error::StillAlive { path: path.base_name().to_owned(), reason });
                }
            }
            let mut work = Work::new(self, None, observer)?;
            let numbers: FxHashSet<usize> = collector
                .liveness(|liveness| paths.iter().filter_map(|path| liveness.number(path)).collect());
            let mut dead = collector.liveness(Liveness::dead);
            dead.retain(|number| numbers.contains(number));
            collector.remove_paths(&dead, &mut work)?;
            for path in wanted {
                collector.remove_leftover(path.base_name().as_ref(), &mut work)?;
            }
            work.clean_links(self)?;
            Ok(work.collection)
        })
    }

    fn with_collector<T>(
        &self,
        observer: &mut CollectObserver<'_>,
        action: impl FnOnce(&Collector<'_>, &mut CollectObserver<'_>) -> Result<T>,
    ) -> Result<T> {
        self.check_writable()?;
        // Nix keeps some space here, so that the database can be written on a full disk.
        let reserved = self.root().database_directory().join("reserved");
        match fs::remove_file(&reserved) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &reserved, error));
            }
            _ => {}
        }
        let _lock = self.lock_for_collection(observer)?;
        let server = RootServer::listen(&self.root().collector_socket())?;
        let collector = Collector { store: self, state: Mutex::default(), released: Condvar::new() };
        let take = |line: &[u8]| collector.take(line);
        thread::scope(|scope| {
            scope.spawn(|| server.serve(scope, &take));
            let _stop = Stop(&server, &collector);
            action(&collector, observer)
        })
    }

    fn lock_for_collection(&self, observer: &mut CollectObserver<'_>) -> Result<File> {
        let path = self.root().collection_lock();
        let lock_error = |error| Error::io("lock", &path, error);
        let file = open_lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(lock_error(error)),
        }
        if observer(CollectEvent::Waiting).is_break() {
            return Err(Error::CollectionHeldOff { path: self.root().path().to_path_buf() });
        }
        file.lock().map_err(lock_error)?;
        Ok(file)
    }
}

impl Collector<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a root from a process; returns when the path is either gone or safe.
    fn take(&self, line: &[u8]) {
        let Ok(path) = self.store.directory().parse(line) else { return };
        let part = path.hash_part();
        let mut state = self.state();
        match &mut state.liveness {
            Some(liveness) => liveness.protect(part),
            None => state.early.push(part.to_owned()),
        }
        while state.removing.contains(part) {
            state = self.released.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the waiting of processes for what was being removed.
    fn release(&self) {
        self.state().removing.clear();
        self.released.notify_all();
    }

    /// Finds out what is needed.
    fn load(&self, keep: KeepOptions, with_lasting_roots: bool) -> Result<()> {
        let temporary = self.store.find_temporary_roots(true)?;
        let lasting = if with_lasting_roots { self.store.find_lasting_roots(true)? } else { Vec::new() };
        let mut liveness = Liveness::new(self.store.database.contents()?, keep);
        for root in &temporary {
            liveness.protect(root.path.hash_part());
        }
        for number in lasting.iter().filter_map(|root| liveness.number(&root.path)).collect::<Vec<_>>() {
            liveness.mark(number);
        }
        let mut state = self.state();
        for part in std::mem::take(&mut state.early) {
            liveness.protect(&part);
        }
        state.liveness = Some(liveness);
        Ok(())
    }

    /// Asks what is needed at this moment. Called after [`Self::load`] only; before it, nothing is known.
    fn liveness<T: Default>(&self, ask: impl FnOnce(&Liveness) -> T) -> T {
        self.state().liveness.as_ref().map(ask).unwrap_or_default()
    }

    /// Why `path` cannot be removed together with `wanted`.
    fn reason_to_keep(&self, path: &StorePath, wanted: &FxHashSet<&StorePath>) -> Result<Option<String>> {
        let alive = self.liveness(|liveness| {
            liveness.is_protected(path.hash_part())
                || liveness.number(path).is_some_and(|number| liveness.is_alive(number))
        });
        if alive {
            let roots = self.store.roots_needing(path)?;
            let source = roots.first().map(|root| root.source.path().display().to_string());
            return Ok(Some(match source {
                Some(source) => format!("the root '{source}' needs it"),
                None => "a running process needs it".to_owned(),
            }));
        }
        let referrers = self.store.referrers(path)?;
        let other = referrers.iter().find(|referrer| !wanted.contains(referrer));
        Ok(other.map(|referrer| format!("'{referrer}' refers to it")))
    }

    /// Removes those of the valid paths `dead` that are not needed by now.
    fn remove_paths(&self, dead: &[usize], work: &mut Work<'_, '_>) -> Result<()> {
        // With a limit, not one path more than needed.
        for group in dead.chunks(if work.max_freed.is_some() { 1 } else { GROUP }) {
            if work.collection.stopped {
                break;
            }
            let chosen = self.choose(group);
            let staying: FxHashSet<StorePath> =
                self.store.database.invalidate(&chosen.iter().collect::<Vec<_>>())?.into_iter().collect();
            let mut removed = Vec::new();
            for path in chosen.iter().filter(|path| !staying.contains(*path)) {
                let name = path.base_name().to_owned();
                removed.push((work.move_aside(self.store, OsStr::new(&name))?, name));
            }
            if let Some(liveness) = &mut self.state().liveness {
                for number in staying.iter().filter_map(|path| liveness.number(path)).collect::<Vec<_>>() {
                    liveness.mark(number);
                }
            }
            self.release();
            for (aside, name) in removed {
                work.remove(&aside, &name)?;
            }
        }
        Ok(())
    }

    /// Those of `group` that are not needed at this moment; from now on, who wants one of them waits.
    fn choose(&self, group: &[usize]) -> Vec<StorePath> {
        let mut state = self.state();
        let State { liveness: Some(liveness), removing, .. } = &mut *state else { return Vec::new() };
        let dead = group.iter().filter(|number| !liveness.is_alive(**number));
        let chosen: Vec<StorePath> = dead.map(|number| liveness.paths[*number].clone()).collect();
        removing.extend(chosen.iter().map(|path| path.hash_part().to_owned()));
        chosen
    }

    /// Removes what is in the store directory but not valid, unless it belongs to a root.
    fn remove_leftovers(&self, work: &mut Work<'_, '_>) -> Result<()> {
        for name in names(&self.store.root().store_directory())? {
            if work.collection.stopped {
                break;
            }
            self.remove_leftover(&name, work)?;
        }
        Ok(())
    }

    fn remove_leftover(&self, name: &OsStr, work: &mut Work<'_, '_>) -> Result<()> {
        let text = name.to_string_lossy();
        let real = self.store.root().store_directory().join(name);
        let Some(part) = hash_part(&text) else {
            return work.remove_nameless(&real, &text);
        };
        {
            let mut state = self.state();
            let State { liveness: Some(liveness), removing, .. } = &mut *state else { return Ok(()) };
            let path = StorePath::from_base_name(&text);
            if liveness.is_protected(part) || path.is_ok_and(|path| liveness.number(&path).is_some()) {
                return Ok(());
            }
            removing.insert(part.to_owned());
        }
        let aside = if let Some(locked) = text.strip_suffix(".lock")
            && is_lock_file(&real)
        {
            // Who has a lock removes it when it is given back.
            drop(PathLock::try_take(&real.with_file_name(locked))?);
            None
        } else if real.symlink_metadata().is_ok() {
            Some(work.move_aside(self.store, name)?)
        } else {
            None
        };
        self.release();
        match aside {
            Some(aside) => work.remove(&aside, &text),
            None => Ok(()),
        }
    }
}

/// The names in a directory, sorted.
pub(super) fn names(directory: &Path) -> Result<Vec<OsString>> {
    let read_error = |error| Error::io("read", directory, error);
    let entries = fs::read_dir(directory).map_err(read_error)?;
    let mut names =
        entries.map(|entry| Ok(entry.map_err(read_error)?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// What has been done, and when it is enough.
struct Work<'observer, 'closure> {
    freed: Freed,
    max_freed: Option<u64>,
    collection: Collection,
    observer: &'observer mut CollectObserver<'closure>,
}

impl<'observer, 'closure> Work<'observer, 'closure> {
    fn new(
        store: &LocalStore,
        max_freed: Option<u64>,
        observer: &'observer mut CollectObserver<'closure>,
    ) -> Result<Self> {
        let freed = Freed::new(&store.root().links_directory())?;
        let collection = Collection { stopped: max_freed == Some(0), ..Collection::default() };
        Ok(Work { freed, max_freed, collection, observer })
    }

    /// Takes what has the name `name` out of the way of whoever wants to make it again; returns where it is.
    fn move_aside(&mut self, store: &LocalStore, name: &OsStr) -> Result<PathBuf> {
        let directory = store.root().store_directory();
        let (from, to) = (directory.join(name), directory.join(format!(".removed-{}", unique())));
        match fs::rename(&from, &to) {
            Ok(()) => Ok(to),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(from),
            // Not every file system can rename directories that come from a layer below. Then it goes at once, and
            // nobody can see it half-removed, as those who want it wait.
            Err(_) => {
                self.remove_uncounted(&from)?;
                Ok(from)
            }
        }
    }

    fn remove_uncounted(&mut self, path: &Path) -> Result<()> {
        let freed = &mut self.freed;
        remove_tree_with(path, Some(&mut |metadata| freed.removes(metadata)))
    }

    /// Removes the files at `path`, which had the name `name`.
    fn remove(&mut self, path: &Path, name: &str) -> Result<()> {
        self.remove_uncounted(path)?;
        let bytes = self.freed.bytes - self.collection.bytes_freed;
        self.collection.bytes_freed = self.freed.bytes;
        self.collection.removed.push(name.to_owned());
        let wanted = (self.observer)(CollectEvent::Removed { name, bytes });
        if wanted.is_break() || self.max_freed.is_some_and(|limit| self.freed.bytes > limit) {
            self.collection.stopped = true;
        }
        Ok(())
    }

    /// Removes what has no name of a store path, unless a running process says by a lock that it uses it.
    fn remove_nameless(&mut self, path: &Path, name: &str) -> Result<()> {
        if name == ".links" {
            return Ok(());
        }
        let is_directory = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        if name.starts_with("tmp-") && is_directory {
            match LockedDirectory::try_take(path.to_path_buf())? {
                Some(_unused) => self.remove(path, name),
                None => Ok(()),
            }
        } else {
            self.remove(path, name)
        }
    }

    /// Removes the files in `.links` that nothing else is linked to.
    fn clean_links(&mut self, store: &LocalStore) -> Result<()> {
        self.collection.links_removed = self.freed.clean_links(&store.root().links_directory())?;
        self.collection.bytes_freed = self.freed.bytes;
        Ok(())
    }
}
