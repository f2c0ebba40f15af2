//! Several caches: who has which path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use download::{Cancellation, Web};
use nix_store::{NarInfo, StorePath};
use tokio::task::JoinSet;

use crate::cache::{Cache, Facts};
use crate::error::{Error, Result};
use crate::location::Location;
use crate::lookup_cache::{LookupCache, Remembered};
use crate::netrc::Netrc;
use crate::observer::Observer;
use crate::settings::Settings;
use crate::tasks::Tasks;

/// Tasks that look paths up at a time. The connections set a lower limit to what is asked; this one keeps a hundred
/// thousand paths from becoming as many tasks.
const LOOK_UPS: usize = 512;

/// Caches that paths can be had from. May be used from several threads at once; must not be used from within an
/// asynchronous task.
pub struct Caches {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tasks: Tasks,
}

/// What tasks need of it.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) caches: Vec<Cache>,
    pub(crate) lookups: Option<LookupCache>,
    pub(crate) observer: Arc<dyn Observer>,
    /// Why paths that a cache has are not taken from it, the last reason for each.
    refused: Mutex<BTreeMap<StorePath, Error>>,
}

/// A path that a cache has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Available {
    /// The number of the cache, for [`Caches::name`].
    pub cache: usize,
    /// What the cache says of it. The signature was checked.
    pub narinfo: NarInfo,
}

/// What is needed to have some paths, as far as it is not there already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// What caches have.
    pub available: BTreeMap<StorePath, Available>,
    /// What none has.
    pub missing: BTreeSet<StorePath>,
}

impl Closure {
    /// Bytes to be transferred, as far as the caches say.
    pub fn download_size(&self) -> u64 {
        self.available.values().filter_map(|available| available.narinfo.file_size).sum()
    }

    /// Bytes of the archives, unpacked.
    pub fn nar_size(&self) -> u64 {
        self.available.values().map(|available| available.narinfo.info.nar_size).sum()
    }
}

impl Caches {
    /// Caches by their addresses (see [`Location::parse`]). None is asked yet.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`], [`Error::InvalidFile`] for a netrc or AWS's files, [`download::Error::Client`]. A
    /// look-up cache that cannot be opened is told to the observer, and done without.
    pub fn new<'urls>(
        settings: Settings,
        urls: impl IntoIterator<Item = &'urls str>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        // TLS and signatures are the work here.
        let tasks =
            Tasks::new(std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 4)))?;
        let web = Web::new(settings.download())?;
        let netrc = match &settings.netrc_file {
            Some(file) => Arc::new(Netrc::read(file)?),
            None => Arc::default(),
        };
        let mut caches: Vec<Cache> = Vec::new();
        for url in urls {
            let location = Location::parse(url)?;
            if caches.iter().all(|cache| cache.name() != location.name) {
                caches.push(Cache::new(location, &settings, &web, &netrc)?);
            }
        }
        let remember = settings
            .lookup_directory
            .as_ref()
            .filter(|_| caches.iter().any(|cache| cache.storage.is_remote()));
        let lookups = remember.and_then(|directory| {
            LookupCache::open(directory, &settings)
                .map_err(|error| {
                    observer.warning(&format!("nothing is remembered of caches: {}", error.in_one_line()))
                })
                .ok()
        });
        Ok(Caches {
            shared: Arc::new(Shared { settings, caches, lookups, observer, refused: Mutex::default() }),
            tasks,
        })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shared.caches.is_empty()
    }

    /// A cache's address, without settings and passwords.
    pub fn name(&self, cache: usize) -> &str {
        self.shared.caches.get(cache).map_or("", Cache::name)
    }

    /// Which of `paths` can be had, each from the first cache (by priority) that has it with a good signature.
    ///
    /// # Errors
    /// [`Error::Cancelled`]. What goes wrong with a cache is told to the observer.
    pub fn query(
        &self,
        paths: &[StorePath],
        cancellation: &Cancellation,
    ) -> Result<BTreeMap<StorePath, Available>> {
        self.tasks.wait_for(
            cancellation,
            Arc::clone(&self.shared).query(paths.to_vec(), Asked::Needed, BTreeSet::new()),
        )
    }

    /// As [`Self::query`] for paths of which few will be used, as when all that there is to build is shown: only caches
    /// that want many questions (`WantMassQuery`) are asked.
    ///
    /// # Errors
    /// As there.
    pub fn query_many(
        &self,
        paths: &[StorePath],
        cancellation: &Cancellation,
    ) -> Result<BTreeMap<StorePath, Available>> {
        self.tasks.wait_for(
            cancellation,
            Arc::clone(&self.shared).query(paths.to_vec(), Asked::Perhaps, BTreeSet::new()),
        )
    }

    /// What is needed to have `roots`, breadth first, each depth with all its look-ups at once. `present` says of a path
    /// whether it is there already; what it needs is not looked for then.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and those of `present`.
    pub fn query_closure(
        &self,
        roots: impl IntoIterator<Item = StorePath>,
        present: &mut dyn FnMut(&StorePath) -> Result<bool>,
        cancellation: &Cancellation,
    ) -> Result<Closure> {
        let mut closure = Closure::default();
        let mut seen = BTreeSet::new();
        let mut next: Vec<StorePath> = roots.into_iter().collect();
        loop {
            let mut round = Vec::new();
            for path in next.drain(..) {
                if seen.insert(path.clone()) && !present(&path)? {
                    round.push(path);
                }
            }
            if round.is_empty() {
                return Ok(closure);
            }
            let found = self.query(&round, cancellation)?;
            next.extend(found.values().flat_map(|available| &available.narinfo.info.references).cloned());
            closure.missing.extend(round.into_iter().filter(|path| !found.contains_key(path)));
            closure.available.extend(found);
        }
    }
}

/// How likely it is that what is asked for is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Needed,
    Perhaps,
}

impl Shared {
    /// The caches that can be used, in the order in which they are asked.
    async fn in_order(&self) -> Vec<(usize, Facts)> {
        let mut usable = Vec::new();
        // All are asked what they are at once: a dead one holds up the others no longer than it takes itself.
        let asked = self.caches.iter().enumerate().map(|(index, cache)| async move {
            (index, cache.facts(&self.settings, self.lookups.as_ref(), self.observer.as_ref()).await)
        });
        for (index, facts) in join_all(asked).await {
            usable.extend(facts.map(|facts| (index, facts)));
        }
        // Among equals, that which was named first.
        usable.sort_by_key(|(index, facts)| (facts.priority, *index));
        usable
    }

    /// Looks paths up, not in the caches `except`.
    pub(crate) async fn query(
        self: Arc<Self>,
        paths: Vec<StorePath>,
        asked: Asked,
        except: BTreeSet<usize>,
    ) -> Result<BTreeMap<StorePath, Available>> {
        let mut found = BTreeMap::new();
        let mut wanted = paths;
        for (index, facts) in self.in_order().await {
            if wanted.is_empty() {
                break;
            }
            if except.contains(&index) || (asked == Asked::Perhaps && !facts.want_mass_query) {
                continue;
            }
            let here = self.look_up(index, facts, &wanted).await;
            wanted.retain(|path| !here.contains_key(path));
            found.extend(here.into_iter().map(|(path, narinfo)| (path, Available { cache: index, narinfo })));
        }
        Ok(found)
    }

    /// Those of `paths` that one cache has, and that may be used.
    async fn look_up(
        self: &Arc<Self>,
        index: usize,
        facts: Facts,
        paths: &[StorePath],
    ) -> BTreeMap<StorePath, NarInfo> {
        let cache = &self.caches[index];
        let mut found = BTreeMap::new();
        let remembered = match (&self.lookups, facts.id) {
            // What cannot be remembered is asked for again.
            (Some(lookups), Some(id)) => lookups.recall(id, paths).unwrap_or_default(),
            _ => BTreeMap::new(),
        };
        let mut unknown = Vec::new();
        for path in paths {
            match remembered.get(path) {
                Some(Remembered::Absent) => {}
                Some(Remembered::Present(narinfo)) => match cache.check(&self.settings, path, narinfo) {
                    Ok(()) => {
                        found.insert(path.clone(), NarInfo::clone(narinfo));
                    }
                    Err(error) => self.refuse(cache, path, error),
                },
                None => unknown.push(path.clone()),
            }
        }
        let total = unknown.len();
        let mut answers: Vec<(StorePath, Option<NarInfo>)> = Vec::with_capacity(total);
        let mut unknown = unknown.into_iter();
        let mut tasks = JoinSet::new();
        let ask = |tasks: &mut JoinSet<_>, path: StorePath| {
            let shared = Arc::clone(self);
            tasks.spawn(async move {
                let cache = &shared.caches[index];
                let answer = cache.narinfo(&shared.settings, path.hash_part()).await;
                let answer = answer.map(|narinfo| {
                    let checked =
                        narinfo.as_ref().map(|narinfo| cache.check(&shared.settings, &path, narinfo));
                    (narinfo, checked)
                });
                (path, answer)
            });
        };
        for path in unknown.by_ref().take(LOOK_UPS) {
            ask(&mut tasks, path);
        }
        while let Some(joined) = tasks.join_next().await {
            let (path, answer) = match joined {
                Ok(answered) => answered,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => continue,
            };
            match answer {
                Ok((None, _)) => answers.push((path, None)),
                Ok((Some(narinfo), checked)) => {
                    match checked {
                        Some(Err(error)) => self.refuse(cache, &path, error),
                        _ => {
                            found.insert(path.clone(), narinfo.clone());
                        }
                    }
                    if narinfo.info.path == path {
                        answers.push((path, Some(narinfo)));
                    }
                }
                Err(error) => self.refuse(cache, &path, error),
            }
            self.observer.looked_up(cache.name(), answers.len(), total);
            if cache.is_dead() {
                // What it has said so far stands; nothing else is waited for.
                tasks.abort_all();
                break;
            }
            if let Some(path) = unknown.next() {
                ask(&mut tasks, path);
            }
        }
        if let (Some(lookups), Some(id)) = (&self.lookups, facts.id)
            && !answers.is_empty()
        {
            // What cannot be remembered is asked for again.
            let _ = lookups.remember(id, answers.iter().map(|(path, narinfo)| (path, narinfo.as_ref())));
        }
        found
    }

    fn refuse(&self, cache: &Cache, path: &StorePath, error: Error) {
        cache.complain(self.observer.as_ref(), &error);
        self.refused().insert(path.clone(), error);
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<StorePath, Error>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why a path cannot be had: what was wrong with it where it was, or that it is nowhere.
    pub(crate) fn why_not(&self, path: &StorePath) -> Error {
        let refused = self.refused().remove(path);
        refused.unwrap_or_else(|| Error::NotAvailable { path: path.base_name().to_owned() })
    }

    /// Forgets what a cache said of a path, as it is not so.
    pub(crate) async fn forget(&self, cache: usize, path: &StorePath) {
        let cache = &self.caches[cache];
        let facts = cache.facts(&self.settings, self.lookups.as_ref(), self.observer.as_ref()).await;
        if let (Some(lookups), Some(id)) = (&self.lookups, facts.and_then(|facts| facts.id)) {
            // It stays until it is too old, then.
            let _ = lookups.forget(id, path);
        }
    }
}

/// Waits for all of a few futures at once.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut waiting {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, output)| output).collect()
}
