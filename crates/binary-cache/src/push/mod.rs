//! Bringing paths from a store into a cache.
//!
//! A cache is complete at any time: a path's narinfo is written after its archive and after the narinfos of all that it
//! refers to, so who finds a path there finds all that it needs. What is there already is not sent again, so a push that was
//! broken off goes on where it stopped.

mod compress;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use download::{Cancellation, Web};
use nix_store::{CacheInfo, LocalStore, NarInfo, SecretKey, StorePath};
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::location::Location;
use crate::netrc::Netrc;
use crate::observer::Observer;
use crate::settings::Settings;
use crate::storage::FileType;
use crate::tasks::Tasks;
use compress::{Packed, pack};

/// Archives above this size are looked for before they are sent: a push that was broken off may have left them.
const WORTH_ASKING: u64 = 1 << 20;

/// Packed archives that wait for being sent; each may have some memory, or a file.
const PACKED: usize = 8;

/// Paths whose archives are sent at a time.
const UPLOADS: usize = 32;

/// How often to look whether the caller has given up.
const POLL: Duration = Duration::from_millis(50);

/// A cache that is written to, or worked on as a whole. Must not be used from within an asynchronous task.
pub struct Destination {
    pub(crate) shared: Arc<Written>,
    pub(crate) tasks: Tasks,
}

/// What tasks need of it.
pub(crate) struct Written {
    pub(crate) settings: Settings,
    pub(crate) cache: Cache,
    pub(crate) observer: Arc<dyn Observer>,
}

/// What a push did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Paths that are in the cache now and were not before.
    pub added: BTreeSet<StorePath>,
    /// Paths that were there.
    pub present: BTreeSet<StorePath>,
    /// Bytes of the archives of what was added, compressed.
    pub bytes: u64,
}

impl Destination {
    /// A cache by its address (see [`Location::parse`]). It need not exist.
    ///
    /// # Errors
    /// Those of [`Caches::new`](crate::Caches::new).
    pub fn open(settings: Settings, url: &str, observer: Arc<dyn Observer>) -> Result<Self> {
        let tasks = Tasks::new(2)?;
        let web = Web::new(settings.download())?;
        let netrc = match &settings.netrc_file {
            Some(file) => Arc::new(Netrc::read(file)?),
            None => Arc::default(),
        };
        let cache = Cache::new(Location::parse(url)?, &settings, &web, &netrc)?;
        Ok(Destination { shared: Arc::new(Written { settings, cache, observer }), tasks })
    }

    /// Its address, without settings and passwords.
    pub fn name(&self) -> &str {
        self.shared.cache.name()
    }

    /// Brings `roots` and all that they need into the cache, signed by `keys` and by that of the address. Collectors are kept
    /// away meanwhile.
    ///
    /// # Errors
    /// The first that goes wrong; what is complete by then stays. [`Error::ForeignStore`] for a cache of another store
    /// directory, [`Error::Damaged`], [`Error::Cancelled`], and those of the transport and of files.
    pub fn push(
        &self,
        store: &LocalStore,
        roots: &[StorePath],
        keys: &[SecretKey],
        cancellation: &Cancellation,
    ) -> Result<Pushed> {
        // A store that belongs to somebody else is only read; its collector is theirs.
        if store.is_writable() {
            store.add_temporary_roots(roots)?;
        }
        let closure = store.closure(roots)?;
        let mut keys = keys.to_vec();
        keys.extend(self.own_key()?);
        self.tasks.wait_for(cancellation, self.shared.prepare())?;
        let present = self.tasks.wait_for(cancellation, Arc::clone(&self.shared).present(closure.clone()))?;
        let missing: Vec<StorePath> = closure.into_iter().filter(|path| !present.contains(path)).collect();
        let (added, bytes) = self.add(store, &missing, &keys, cancellation)?;
        Ok(Pushed { added, present, bytes })
    }

    /// Which of `roots` and what they need is not in the cache.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn missing(
        &self,
        store: &LocalStore,
        roots: &[StorePath],
        cancellation: &Cancellation,
    ) -> Result<Vec<StorePath>> {
        let closure = store.closure(roots)?;
        let present = self.tasks.wait_for(cancellation, Arc::clone(&self.shared).present(closure.clone()))?;
        Ok(closure.into_iter().filter(|path| !present.contains(path)).collect())
    }

    /// The key that the address names.
    pub(crate) fn own_key(&self) -> Result<Option<SecretKey>> {
        self.shared.cache.location.secret_key.as_deref().map(read_key).transpose()
    }

    fn add(
        &self,
        store: &LocalStore,
        missing: &[StorePath],
        keys: &[SecretKey],
        cancellation: &Cancellation,
    ) -> Result<(BTreeSet<StorePath>, u64)> {
        let next = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let (sender, packed) = mpsc::sync_channel(PACKED);
        let packers = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        thread::scope(|scope| {
            for _ in 0..packers {
                let sender = sender.clone();
                scope.spawn(|| self.pack_next(store, missing, keys, &next, &stopped, sender));
            }
            drop(sender);
            let result = self.send(missing, packed, cancellation);
            // Who packs finds nobody to give it to, and ends.
            stopped.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Packs paths in their order, until there are no more.
    fn pack_next(
        &self,
        store: &LocalStore,
        missing: &[StorePath],
        keys: &[SecretKey],
        next: &AtomicUsize,
        stopped: &AtomicBool,
        sender: SyncSender<Result<(usize, Packed)>>,
    ) {
        while !stopped.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = missing.get(number) else { return };
            let packed = pack(store, path, &self.shared.cache, keys).map(|packed| (number, packed));
            if sender.send(packed).is_err() {
                return;
            }
        }
    }

    /// Sends what is packed, then the narinfos: each after those of what its path refers to.
    fn send(
        &self,
        missing: &[StorePath],
        packed: Receiver<Result<(usize, Packed)>>,
        cancellation: &Cancellation,
    ) -> Result<(BTreeSet<StorePath>, u64)> {
        let stop = Cancellation::new();
        let uploads = Arc::new(Semaphore::new(UPLOADS));
        let (sent, arrivals): (Sender<Sent>, _) = mpsc::channel();
        let inside: BTreeSet<&StorePath> = missing.iter().collect();
        let mut waiting: BTreeMap<usize, NarInfo> = BTreeMap::new();
        let mut begun: BTreeSet<usize> = BTreeSet::new();
        let mut done: BTreeSet<StorePath> = BTreeSet::new();
        let mut bytes = 0;
        let mut all_packed = false;
        let mut result = Ok(());
        let mut packed_count = 0;
        while result.is_ok() && done.len() < missing.len() {
            if cancellation.is_cancelled() {
                result = Err(Error::Cancelled);
                break;
            }
            // What has been sent makes room for what is to be: it is looked at first.
            while let Ok(message) = arrivals.try_recv() {
                result = result.and_then(|()| message.take(&mut waiting, &mut done, missing));
            }
            let ready: Vec<usize> = waiting
                .iter()
                .filter(|(number, narinfo)| {
                    !begun.contains(number)
                        && narinfo.info.references.iter().all(|path| {
                            *path == narinfo.info.path || done.contains(path) || !inside.contains(path)
                        })
                })
                .map(|(number, _)| *number)
                .collect();
            for number in ready {
                begun.insert(number);
                if let Some(narinfo) = waiting.get(&number) {
                    self.spawn(
                        &stop,
                        &sent,
                        number,
                        Arc::clone(&self.shared).put_narinfo(narinfo.clone()),
                        |number, ()| Sent::NarInfo(number),
                    );
                }
            }
            if result.is_err() || done.len() == missing.len() {
                break;
            }
            let in_flight = packed_count - done.len();
            match (all_packed, in_flight < UPLOADS * 4) {
                (false, true) => {
                    match packed.recv_timeout(if in_flight == 0 { POLL } else { Duration::from_millis(2) }) {
                        Ok(Ok((number, packed))) => {
                            packed_count += 1;
                            bytes += packed.narinfo.file_size.unwrap_or(0);
                            let work = Arc::clone(&self.shared).put_archive(packed, Arc::clone(&uploads));
                            self.spawn(&stop, &sent, number, work, |number, narinfo| {
                                Sent::Archive(number, Box::new(narinfo))
                            });
                        }
                        Ok(Err(error)) => result = Err(error),
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => all_packed = true,
                    }
                }
                _ => {
                    if let Ok(message) = arrivals.recv_timeout(POLL) {
                        result = message.take(&mut waiting, &mut done, missing);
                    }
                }
            }
        }
        stop.cancel();
        result.map(|()| (done, bytes))
    }

    fn spawn<T: Send + 'static>(
        &self,
        stop: &Cancellation,
        sent: &Sender<Sent>,
        number: usize,
        work: impl Future<Output = Result<T>> + Send + 'static,
        message: impl FnOnce(usize, T) -> Sent + Send + 'static,
    ) {
        let (stop, sent) = (stop.clone(), sent.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                result = work => {
                    let message = match result {
                        Ok(value) => message(number, value),
                        Err(error) => Sent::Failed(error),
                    };
                    // Nobody listens when the push has failed.
                    let _ = sent.send(message);
                }
            }
        });
    }
}

/// What a task has done; the number is that of the path.
enum Sent {
    Archive(usize, Box<NarInfo>),
    NarInfo(usize),
    Failed(Error),
}

impl Sent {
    fn take(
        self,
        waiting: &mut BTreeMap<usize, NarInfo>,
        done: &mut BTreeSet<StorePath>,
        missing: &[StorePath],
    ) -> Result<()> {
        match self {
            Sent::Archive(number, narinfo) => {
                waiting.insert(number, *narinfo);
            }
            Sent::NarInfo(number) => {
                waiting.remove(&number);
                done.insert(missing[number].clone());
            }
            Sent::Failed(error) => return Err(error),
        }
        Ok(())
    }
}

impl Written {
    /// Makes it a cache for our store directory, if it is none yet.
    async fn prepare(&self) -> Result<()> {
        self.cache.storage.prepare()?;
        let ours = self.settings.store_directory.as_str();
        match self.cache.info().await? {
            Some(CacheInfo { store_directory: Some(theirs), .. }) if theirs != ours => {
                Err(Error::ForeignStore {
                    cache: self.cache.name().to_owned(),
                    theirs,
                    ours: ours.to_owned(),
                })
            }
            Some(_) => Ok(()),
            None => {
                let location = &self.cache.location;
                let info = CacheInfo {
                    store_directory: Some(ours.to_owned()),
                    want_mass_query: location.want_mass_query,
                    priority: location.priority,
                };
                self.cache.storage.put("nix-cache-info", FileType::CacheInfo, info.to_string().into()).await
            }
        }
    }

    /// Which of `paths` it has, all asked for at once.
    pub(crate) async fn present(self: Arc<Self>, paths: Vec<StorePath>) -> Result<BTreeSet<StorePath>> {
        /// The connections set the true limit; this one keeps tasks few.
        const AT_ONCE: usize = 512;
        let mut present = BTreeSet::new();
        let mut tasks = tokio::task::JoinSet::new();
        let mut paths = paths.into_iter();
        loop {
            while tasks.len() < AT_ONCE
                && let Some(path) = paths.next()
            {
                let shared = Arc::clone(&self);
                tasks.spawn(async move {
                    let there = shared.cache.storage.exists(&narinfo_name(&path)).await;
                    there.map(|there| (path, there))
                });
            }
            match tasks.join_next().await {
                None => return Ok(present),
                Some(Ok(answer)) => {
                    let (path, there) = answer?;
                    if there {
                        present.insert(path);
                    }
                }
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Some(Err(_)) => return Err(Error::Cancelled),
            }
        }
    }

    /// Sends an archive, and the listing; the narinfo is for when all that it refers to is there.
    async fn put_archive(self: Arc<Self>, packed: Packed, uploads: Arc<Semaphore>) -> Result<NarInfo> {
        // Never closed.
        let _permit = uploads.acquire().await;
        let Packed { narinfo, archive, listing } = packed;
        let path = &narinfo.info.path;
        let size = narinfo.file_size.unwrap_or(0);
        self.observer.started(path, self.cache.name(), narinfo.file_size);
        if size < WORTH_ASKING || !self.cache.storage.exists(&narinfo.url).await? {
            self.cache.storage.put_large(&narinfo.url, FileType::Nar, archive).await?;
        }
        self.observer.advanced(path, size);
        if let Some(listing) = listing {
            let name = format!("{}.ls", path.hash_part());
            self.cache.storage.put(&name, FileType::Listing, listing.into()).await?;
        }
        Ok(narinfo)
    }

    pub(crate) async fn put_narinfo(self: Arc<Self>, narinfo: NarInfo) -> Result<()> {
        let text = narinfo.print(&self.settings.store_directory);
        self.cache.storage.put(&narinfo_name(&narinfo.info.path), FileType::NarInfo, text.into()).await?;
        self.observer.finished(&narinfo.info.path);
        Ok(())
    }
}

pub(crate) fn narinfo_name(path: &StorePath) -> String {
    format!("{}.narinfo", path.hash_part())
}

/// Reads the file of a secret key.
///
/// # Errors
/// [`Error::Io`]; [`nix_store::Error::InvalidKey`].
pub fn read_key(path: &Path) -> Result<SecretKey> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    Ok(text.parse()?)
}
