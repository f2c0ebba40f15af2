//! Fetching: from a reference to a tree that can be read.
//!
//! A [`Fetcher`] gets what a [`FlakeReference`] means and says what that was: the reference with everything pinned that
//! pins its content, as lock files hold it. Directories and git's working trees are read where they are; everything else is
//! kept in a cache by its content, where it is read too. Nothing is copied to a store to be read.

mod archive;
mod cache;
mod curl;
mod forge;
mod git;
mod http;
mod path;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use download::Exchange;
use nix_store::{Hash, HashAlgorithm};

use crate::error::Error;
use crate::reference::{FlakeReference, Source};
use crate::registry::GlobalRegistry;
use crate::tree::{SourceTree, TREE_NAME};
use cache::FetchCache;

pub use settings::{FetchSettings, GLOBAL_REGISTRY};

/// A tree, and the reference that means it and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The reference with all that pins it, and what is known of the tree: `rev`, `revCount`, `lastModified`, `narHash`…
    pub reference: FlakeReference,
    /// The tree.
    pub tree: SourceTree,
}

/// Gets trees. May be shared between threads; a reference is fetched once in its life.
#[derive(Debug)]
pub struct Fetcher {
    pub(crate) settings: FetchSettings,
    /// Where the store really is, for paths that lie in it.
    real_store: Option<PathBuf>,
    pub(crate) cache: FetchCache,
    web: OnceLock<Exchange>,
    pub(crate) global_registry: OnceLock<GlobalRegistry>,
    /// What was fetched in this run: one run sees one content of each reference.
    seen: Mutex<BTreeMap<FlakeReference, Fetched>>,
}

impl Fetcher {
    /// A fetcher with these settings.
    pub fn new(settings: FetchSettings) -> Self {
        let cache = FetchCache::new(settings.cache_directory.clone());
        Fetcher {
            settings,
            real_store: None,
            cache,
            web: OnceLock::new(),
            global_registry: OnceLock::new(),
            seen: Mutex::default(),
        }
    }

    /// Says where the content of the store really is, if not in the store's directory.
    #[must_use]
    pub fn with_real_store(mut self, directory: PathBuf) -> Self {
        self.real_store = Some(directory);
        self
    }

    /// The settings.
    pub fn settings(&self) -> &FetchSettings {
        &self.settings
    }

    /// Forgets what this run has seen of a place, because it was written to.
    pub(crate) fn forget(&self, reference: &FlakeReference) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&reference.tree());
    }

    /// Gets the tree that a reference means, and checks it against what the reference says of it.
    ///
    /// # Errors
    /// It cannot be had, or it is not what the reference demands ([`Error::ContentMismatch`]).
    pub fn fetch(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let key = reference.tree();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(mut fetched) = seen {
            fetched.reference.directory.clone_from(&reference.directory);
            return Ok(fetched);
        }
        let mut fetched = match &key.source {
            Source::Path { .. } => self.fetch_path(&key),
            Source::Git { .. } => self.fetch_git(&key),
            Source::Forge { .. } => self.fetch_forge(&key),
            Source::Tarball { .. } => self.fetch_tarball(&key),
            Source::File { .. } => self.fetch_file(&key),
            Source::Mercurial { .. } => Err(self.unsupported(
                &key,
                "Mercurial repositories are not supported; use its archive or a git mirror",
            )),
            Source::Indirect { .. } => Err(Error::IndirectReference { reference: reference.to_string() }),
            Source::Bundled { .. } => Err(self.unsupported(&key, "it is bundled with the program")),
        }?;
        fetched.reference.other.set_text("narHash", fetched.tree.nar_hash.to_sri());
        check(&key, &fetched)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(key, fetched.clone());
        fetched.reference.directory.clone_from(&reference.directory);
        Ok(fetched)
    }

    /// Gets the tree of a lock file's entry. What the entry says is the last word: the result has the entry's attributes,
    /// and a tree that is in the cache by its hash is not looked for anywhere else.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub fn fetch_locked(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        if let Some(tree) = reference.nar_hash().and_then(|hash| self.cached(hash)) {
            return Ok(Fetched { reference: reference.clone(), tree });
        }
        let fetched = self.fetch(reference)?;
        Ok(Fetched { reference: reference.clone(), tree: fetched.tree })
    }

    /// The tree with this hash, if it is in the cache.
    pub(crate) fn cached(&self, nar_hash: &str) -> Option<SourceTree> {
        let hash =
            Hash::parse(nar_hash, None).ok().filter(|hash| hash.algorithm() == HashAlgorithm::Sha256)?;
        let place = self.cache.find(&hash)?;
        self.tree(hash, place).ok()
    }

    pub(crate) fn tree(&self, nar_hash: Hash, place: PathBuf) -> Result<SourceTree, Error> {
        SourceTree::new(&self.settings.store_dir, TREE_NAME, nar_hash, place)
    }

    /// Where a path that may lie in the store really is.
    pub(crate) fn real_path(&self, path: &Path) -> PathBuf {
        match (&self.real_store, path.strip_prefix(self.settings.store_dir.as_str())) {
            (Some(real), Ok(inside)) if !inside.as_os_str().is_empty() => {
                let real = real.join(inside);
                if real.exists() { real } else { path.to_owned() }
            }
            _ => path.to_owned(),
        }
    }

    pub(crate) fn is_fresh(&self, age: Duration) -> bool {
        self.settings.offline || age < self.settings.tarball_ttl
    }

    fn say_fetching(&self, reference: &FlakeReference) {
        (self.settings.note)(&format!("Fetching {reference}"));
    }

    fn unsupported(&self, reference: &FlakeReference, reason: &'static str) -> Error {
        Error::Unsupported { reference: reference.to_string(), reason }
    }
}

/// Whether what was fetched is what the reference says of it.
fn check(wanted: &FlakeReference, fetched: &Fetched) -> Result<(), Error> {
    let reference = || wanted.to_string();
    if let Some(hash) = wanted.nar_hash() {
        let expected = Hash::parse(hash, Some(HashAlgorithm::Sha256))?;
        let got = &fetched.tree.nar_hash;
        if expected != *got {
            let (expected, got) = (expected.to_sri(), got.to_sri());
            return Err(Error::ContentMismatch { reference: reference(), expected, got });
        }
    }
    let got = &fetched.reference;
    for (attribute, expected, got) in [
        ("rev", wanted.revision.clone(), got.revision.clone()),
        ("lastModified", number(wanted, "lastModified"), number(got, "lastModified")),
        ("revCount", number(wanted, "revCount"), number(got, "revCount")),
    ] {
        if let Some(expected) = expected
            && got.as_ref() != Some(&expected)
        {
            let got = got.unwrap_or_else(|| "unknown".to_owned());
            return Err(Error::AttributeMismatch { reference: reference(), attribute, expected, got });
        }
    }
    Ok(())
}

fn number(reference: &FlakeReference, name: &str) -> Option<String> {
    reference.other.integer(name).map(|number| number.to_string())
}
