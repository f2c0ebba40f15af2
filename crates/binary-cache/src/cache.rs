//! One cache: what it says of itself and of paths, and how far it can be believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use download::Web;
use nix_store::{CacheInfo, ContentAddressMethod, NarInfo, References, StorePath};
use tokio::sync::OnceCell;

use crate::compression::Compression;
use crate::error::{Error, Kind, Result};
use crate::location::Location;
use crate::lookup_cache::{CacheId, LookupCache};
use crate::netrc::Netrc;
use crate::observer::Observer;
use crate::settings::Settings;
use crate::storage::{Source, Storage};

/// The most that a `nix-cache-info` may have; it has three lines.
const LONGEST_CACHE_INFO: u64 = 64 << 10;

/// The most that a narinfo may have. A path with a thousand references has 60 KiB.
const LONGEST_NARINFO: u64 = 1 << 20;

/// What has the lowest priority comes first; a cache that names none has this (`store-api.hh` of Nix).
const DEFAULT_PRIORITY: i64 = 50;

/// So many wrong files, and a cache is not asked any more.
const STRIKES: usize = 3;

/// What a cache says of itself, as far as it matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) priority: i64,
    pub(crate) want_mass_query: bool,
    /// Under which its answers are remembered.
    pub(crate) id: Option<CacheId>,
}

pub(crate) struct Cache {
    pub(crate) location: Location,
    pub(crate) storage: Storage,
    facts: OnceCell<Option<Facts>>,
    warned: AtomicBool,
    dead: AtomicBool,
    strikes: AtomicUsize,
}

impl Cache {
    pub(crate) fn new(
        location: Location,
        settings: &Settings,
        web: &Web,
        netrc: &Arc<Netrc>,
    ) -> Result<Self> {
        Ok(Cache {
            storage: Storage::open(&location, settings, web, netrc)?,
            location,
            facts: OnceCell::new(),
            warned: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            strikes: AtomicUsize::new(0),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.location.name
    }

    /// What it says of itself; `None` if it cannot be used, of which the observer knows then.
    pub(crate) async fn facts(
        &self,
        settings: &Settings,
        lookups: Option<&LookupCache>,
        observer: &dyn Observer,
    ) -> Option<Facts> {
        let found = self.facts.get_or_init(|| async {
            match self.find_facts(settings, lookups).await {
                Ok(facts) => Some(facts),
                Err(error) => {
                    self.complain(observer, &error);
                    None
                }
            }
        });
        if self.is_dead() { None } else { *found.await }
    }

    async fn find_facts(&self, settings: &Settings, lookups: Option<&LookupCache>) -> Result<Facts> {
        let lookups = lookups.filter(|_| self.storage.is_remote());
        if let Some(lookups) = lookups
            && let Some((id, info)) = lookups.cache_info(self.name()).ok().flatten()
        {
            return self.judge(settings, &info, Some(id));
        }
        let info = self.info().await?.ok_or_else(|| Error::NotACache {
            cache: self.name().to_owned(),
            problem: "there is no nix-cache-info".to_owned(),
        })?;
        let facts = self.judge(settings, &info, None)?;
        let known = CacheInfo {
            priority: Some(info.priority.unwrap_or(DEFAULT_PRIORITY)),
            want_mass_query: Some(info.want_mass_query.unwrap_or(false)),
            store_directory: info.store_directory,
        };
        let id = lookups.and_then(|lookups| lookups.remember_cache(self.name(), &known).ok());
        Ok(Facts { id, ..facts })
    }

    fn judge(&self, settings: &Settings, info: &CacheInfo, id: Option<CacheId>) -> Result<Facts> {
        match &info.store_directory {
            Some(theirs) if theirs != settings.store_directory.as_str() => Err(Error::ForeignStore {
                cache: self.name().to_owned(),
                theirs: theirs.clone(),
                ours: settings.store_directory.as_str().to_owned(),
            }),
            _ => Ok(Facts {
                priority: self.location.priority.or(info.priority).unwrap_or(DEFAULT_PRIORITY),
                want_mass_query: self.location.want_mass_query.or(info.want_mass_query).unwrap_or(false),
                id,
            }),
        }
    }

    /// Its `nix-cache-info`; `None` if there is none.
    pub(crate) async fn info(&self) -> Result<Option<CacheInfo>> {
        let Some(text) = self.storage.get("nix-cache-info", LONGEST_CACHE_INFO).await? else {
            return Ok(None);
        };
        let info = CacheInfo::parse(&text).map_err(|error| Error::NotACache {
            cache: self.name().to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Some(info))
    }

    /// What it says of the path with this hash part; `None` if it has not got it.
    ///
    /// # Errors
    /// [`Error::Wrong`] for what is no narinfo, or that of another path; those of the transport.
    pub(crate) async fn narinfo(&self, settings: &Settings, hash_part: &str) -> Result<Option<NarInfo>> {
        let name = format!("{hash_part}.narinfo");
        let Some(text) = self.storage.get(&name, LONGEST_NARINFO).await? else { return Ok(None) };
        let wrong = |problem: String| self.wrong(&name, problem);
        let narinfo =
            NarInfo::parse(&settings.store_directory, &text).map_err(|error| wrong(error.to_string()))?;
        if narinfo.info.path.hash_part() != hash_part {
            return Err(wrong(format!("it is about '{}'", narinfo.info.path)));
        }
        Ok(Some(narinfo))
    }

    /// Whether a path from here may be used.
    ///
    /// # Errors
    /// [`Error::Wrong`] for another path than `path`, [`Error::Unsigned`], [`Error::UnknownCompression`].
    pub(crate) fn check(&self, settings: &Settings, path: &StorePath, narinfo: &NarInfo) -> Result<()> {
        if narinfo.info.path != *path {
            return Err(self.wrong(path.base_name(), format!("it is about '{}'", narinfo.info.path)));
        }
        narinfo.compression.parse::<Compression>()?;
        let trusted = !settings.require_signatures
            || self.location.trusted
            || is_content_addressed(settings, narinfo)
            || settings.trusted_keys.signer_of(&settings.store_directory, &narinfo.info).is_some();
        match trusted {
            true => Ok(()),
            false => {
                Err(Error::Unsigned { cache: self.name().to_owned(), path: path.base_name().to_owned() })
            }
        }
    }

    /// The compressed archive.
    pub(crate) fn archive(&self, narinfo: &NarInfo) -> Result<Source> {
        self.storage.read(&narinfo.url, narinfo.file_size)
    }

    pub(crate) fn wrong(&self, path: &str, problem: String) -> Error {
        Error::Wrong { cache: self.name().to_owned(), path: path.to_owned(), problem }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Takes note of a fault. The first is told to the observer, and no other: a cache that is down, or that has a
    /// thousand unsigned paths, is one thing to know. After it a cache is asked no more if it does not answer or is
    /// none, and if it has delivered something wrong too often.
    pub(crate) fn complain(&self, observer: &dyn Observer, error: &Error) {
        let one_path = matches!(error, Error::Unsigned { .. } | Error::UnknownCompression { .. })
            || matches!(error, Error::Download(error) if error.is_not_found());
        let dead = match error.kind() {
            _ if one_path => false,
            Kind::Integrity => self.strikes.fetch_add(1, Ordering::Relaxed) + 1 >= STRIKES,
            _ => true,
        };
        if dead {
            self.dead.store(true, Ordering::Relaxed);
        }
        if !self.warned.swap(true, Ordering::Relaxed) {
            let consequence = match dead {
                true => "it is not asked any more",
                false => "what is wrong there is taken from elsewhere, or built",
            };
            let text = error.in_one_line();
            let named = if text.contains(self.name()) {
                String::new()
            } else {
                format!("the cache {}: ", self.name())
            };
            observer.warning(&format!("{named}{text}; {consequence}"));
        }
    }
}

/// Whether the path follows from the content that is claimed. Then it needs no signature: whether the content is that
/// which is claimed is seen when it is there.
fn is_content_addressed(settings: &Settings, narinfo: &NarInfo) -> bool {
    let info = &narinfo.info;
    let Some(address) = &info.content_address else { return false };
    let others: Vec<StorePath> = info.references.iter().filter(|path| **path != info.path).cloned().collect();
    let itself = info.references.contains(&info.path);
    // Content that names its own path is hashed without it, which is not done here: such paths want a signature.
    if itself && address.method == ContentAddressMethod::Recursive {
        return false;
    }
    settings
        .store_directory
        .make_content_addressed_path(info.path.name(), address, References { others: &others, itself })
        .is_ok_and(|path| path == info.path)
}
