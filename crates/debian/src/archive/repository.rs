//! Getting releases and indices, from a mirror or from the cache.
//!
//! The cache directory holds
//! - `releases/ARCHIVE/SUITE/InRelease`: the newest one that was verified;
//! - `indices/SHA256`: `Packages` files, compressed as they came. Their name is their hash, so they never go stale.
//!
//! Everything in it is verified again whenever it is used: it may have been altered, or its time may have run out.

use std::{
    fs,
    io::{BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use download::{BlockingDownloader, Cancellation, Expected, Progress, Request, Url};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    keyring::Keyring,
    release::{IndexFile, RELEASE_LIMIT, Release, UnverifiedRelease, Verification},
    sources::{Archive, Sources},
};
use crate::{
    error::{Error, Result},
    index::{Index, IndexBuilder},
    lock::LockedRelease,
    locking::Origin,
};

/// Where to take releases from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// From a mirror.
    #[default]
    Refresh,
    /// From the cache if it is there, else from a mirror.
    Cached,
    /// From the cache alone; nothing is downloaded.
    Offline,
}

/// What to look at, and how.
#[derive(Clone, Debug)]
pub struct RepositoryOptions {
    /// The suite: `trixie`.
    pub suite: String,
    /// Components: `main`, `contrib`, …
    pub components: Vec<String>,
    /// Directory of the cache; made if it is not there.
    pub cache: PathBuf,
    /// Where to take releases from.
    pub freshness: Freshness,
    /// Takes releases that have run out.
    pub accept_expired: bool,
}

/// The suite as its archives have it: verified releases, and the way to their indices.
#[derive(Debug)]
pub struct Repository {
    options: RepositoryOptions,
    sources: Sources,
    suites: Vec<Suite>,
    notes: Vec<String>,
}

/// A suite of an archive, of which there are up to three: the suite, its updates, its security updates.
#[derive(Debug)]
struct Suite {
    archive: Archive,
    name: String,
    release: Release,
}

/// How things are fetched: passed from call to call.
#[derive(Clone, Copy)]
pub struct Fetch<'a> {
    /// Brings files.
    pub downloader: &'a BlockingDownloader,
    /// Is told about them.
    pub progress: &'a Arc<dyn Progress>,
    /// Ends it.
    pub cancellation: &'a Cancellation,
}

impl Repository {
    /// Gets and verifies the releases of the suite: the suite itself, its updates if there are any, and its security
    /// updates.
    ///
    /// # Errors
    /// Those of [`UnverifiedRelease::verify`]; [`Error::ReleaseNotFound`] if a mirror does not have it;
    /// [`Error::NotCached`] offline; [`Error::Download`].
    pub fn open(
        sources: &Sources,
        keyring: &Keyring,
        options: RepositoryOptions,
        fetch: Fetch<'_>,
    ) -> Result<Self> {
        let mut repository =
            Repository { sources: sources.clone(), suites: Vec::new(), notes: Vec::new(), options };
        let suite = repository.options.suite.clone();
        let wanted = [
            (Archive::Debian, suite.clone(), false),
            (Archive::Debian, format!("{suite}-updates"), true),
            (Archive::Security, format!("{suite}-security"), sources.may_be_missing(Archive::Security)),
        ];
        for (archive, name, may_be_missing) in wanted {
            match repository.release(archive, &name, keyring, fetch) {
                Ok(release) => repository.suites.push(Suite { archive, name, release }),
                Err(Error::ReleaseNotFound { .. } | Error::NotCached { .. }) if may_be_missing => {
                    repository.notes.push(format!("there is no {name} on the mirror; it is left out"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(repository)
    }

    /// What the user should know: suites that were left out.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What a lock says about the archives that it was made from.
    pub fn origin(&self) -> Origin {
        Origin {
            suite: self.options.suite.clone(),
            components: self.options.components.clone(),
            releases: self
                .suites
                .iter()
                .map(|suite| LockedRelease {
                    archive: suite.archive.name().to_owned(),
                    date: suite.release.date().to_owned(),
                    sha256: crate::hex::encode(&suite.release.sha256()),
                    signed_by: suite.release.signed_by().to_vec(),
                    suite: suite.name.clone(),
                })
                .collect(),
        }
    }

    /// The verified releases.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        self.suites.iter().map(|suite| &suite.release)
    }

    /// What the suite offers for an architecture, from all its archives.
    ///
    /// # Errors
    /// [`Error::ComponentNotFound`] if the suite has no such component or architecture; [`Error::NotCached`] offline;
    /// [`Error::Download`]; [`Error::MalformedIndex`].
    pub fn index(&self, architecture: &str, fetch: Fetch<'_>) -> Result<Index> {
        let mut wanted = Vec::new();
        for suite in &self.suites {
            for component in &self.options.components {
                let path = format!("{component}/binary-{architecture}/Packages");
                let found = ["xz", "gz"].iter().find_map(|extension| {
                    let path = format!("{path}.{extension}");
                    suite.release.file(&path).map(|file| (path, file))
                });
                match found {
                    Some((path, file)) => wanted.push((suite, path, file)),
                    // Updates need not have every component.
                    None if suite.name != self.options.suite => {}
                    None => {
                        return Err(Error::ComponentNotFound {
                            origin: suite.release.origin().to_owned(),
                            component: component.clone(),
                            architecture: architecture.to_owned(),
                        });
                    }
                }
            }
        }
        self.download(&wanted, fetch)?;
        let mut builder = IndexBuilder::new(architecture);
        for (suite, path, file) in &wanted {
            let origin = format!("{path} of {}", suite.name);
            let text = decompress(&self.index_path(file), file, &origin)?;
            builder.add(suite.archive.name(), &origin, &text)?;
        }
        builder.finish()
    }

    fn index_path(&self, file: &IndexFile) -> PathBuf {
        self.options.cache.join("indices").join(crate::hex::encode(&file.sha256))
    }

    fn download(&self, wanted: &[(&Suite, String, IndexFile)], fetch: Fetch<'_>) -> Result<()> {
        let directory = self.options.cache.join("indices");
        create_directory(&directory)?;
        let mut requests = Vec::new();
        for (suite, path, file) in wanted {
            let destination = self.index_path(file);
            // What is there is verified when it is read; here its length is enough.
            if fs::metadata(&destination).is_ok_and(|metadata| metadata.len() == file.size) {
                continue;
            }
            if self.options.freshness == Freshness::Offline {
                return Err(Error::NotCached { what: format!("{path} of {}", suite.name) });
            }
            let below = format!("dists/{}/{path}", suite.name);
            let mut urls = Vec::new();
            if suite.release.by_hash() {
                let folder = below.rsplit_once('/').map_or("", |(folder, _)| folder);
                let hashed = format!("{folder}/by-hash/SHA256/{}", crate::hex::encode(&file.sha256));
                urls.extend(self.sources.addresses(suite.archive, &hashed));
            }
            urls.extend(self.sources.addresses(suite.archive, &below));
            requests.push(Request::verified(urls, destination, file.size, file.sha256));
        }
        if requests.is_empty() {
            return Ok(());
        }
        fetch
            .downloader
            .fetch_all(requests, Arc::clone(fetch.progress), fetch.cancellation)
            .map_err(|source| Error::Download { source })
    }

    fn release(&self, archive: Archive, suite: &str, keyring: &Keyring, fetch: Fetch<'_>) -> Result<Release> {
        let verification =
            Verification { suite, now: Timestamp::now(), accept_expired: self.options.accept_expired };
        let directory = self.options.cache.join("releases").join(archive.name()).join(suite);
        let cached_path = directory.join("InRelease");
        let cached = || -> Result<Release> {
            let content = fs::read(&cached_path)
                .map_err(|_| Error::NotCached { what: format!("the release of {suite}") })?;
            UnverifiedRelease::new(format!("the cached release of {suite}"), content)
                .verify(keyring, &verification)
        };
        match self.options.freshness {
            Freshness::Offline => return cached(),
            Freshness::Cached => {
                if let Ok(release) = cached() {
                    return Ok(release);
                }
            }
            Freshness::Refresh => {}
        }
        create_directory(&directory)?;
        let mut failure = None;
        let path = format!("dists/{suite}/InRelease");
        for url in self.sources.addresses(archive, &path) {
            match fetch_release(url, &directory, keyring, &verification, fetch) {
                Ok((release, content)) => return self.keep(release, &content, cached, &cached_path),
                // A mirror that has something wrong matters more than one that has nothing.
                Err(error) => match &failure {
                    Some(earlier) if !matches!(earlier, Error::ReleaseNotFound { .. }) => {}
                    _ => failure = Some(error),
                },
            }
        }
        Err(failure.unwrap_or_else(|| Error::ReleaseNotFound {
            suite: suite.to_owned(),
            archive: archive.name(),
            url: None,
        }))
    }

    /// Keeps a release that was verified, unless the cache has a newer one: a mirror that lags behind, or that somebody
    /// holds back, must not undo updates.
    fn keep(
        &self,
        release: Release,
        content: &[u8],
        cached: impl Fn() -> Result<Release>,
        path: &Path,
    ) -> Result<Release> {
        if let Ok(cached) = cached()
            && cached.time() > release.time()
        {
            return Ok(cached);
        }
        // Written beside it and renamed: another process may be reading it.
        let temporary = path.with_extension(format!("new-{}", std::process::id()));
        fs::write(&temporary, content)
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|source| Error::Io { action: "write", path: path.to_owned(), source })?;
        Ok(release)
    }
}

fn fetch_release(
    url: Url,
    directory: &Path,
    keyring: &Keyring,
    verification: &Verification<'_>,
    fetch: Fetch<'_>,
) -> Result<(Release, Vec<u8>)> {
    let destination = directory.join(format!("InRelease.fetched-{}", std::process::id()));
    let request = Request {
        urls: vec![url.clone()],
        destination: destination.clone(),
        expected: Expected { limit: Some(RELEASE_LIMIT), ..Expected::default() },
    };
    let fetched = fetch.downloader.fetch(&request, fetch.progress.as_ref(), fetch.cancellation);
    fetched.map_err(|source| {
        // Its name is this process's own: no later run could go on with it.
        let _ = fs::remove_file(destination.with_added_extension("part"));
        match source.is_not_found() {
            true => Error::ReleaseNotFound {
                suite: verification.suite.to_owned(),
                archive: "",
                url: Some(url.to_string()),
            },
            false => Error::Download { source },
        }
    })?;
    let content = fs::read(&destination);
    // It is kept under another name if it is good; what is left of it otherwise helps nobody.
    let _ = fs::remove_file(&destination);
    let content = content.map_err(|source| Error::Io { action: "read", path: destination, source })?;
    let release = UnverifiedRelease::new(url, content.clone()).verify(keyring, verification)?;
    Ok((release, content))
}

fn create_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::Io { action: "create", path: path.to_owned(), source })
}

/// Reads an index from the cache: verifies its hash, and decompresses it by what it is, not by its name.
fn decompress(path: &Path, file: &IndexFile, origin: &str) -> Result<String> {
    /// Debian's largest index has 60 MB; this bounds what a signed but absurd one could take.
    const LIMIT: u64 = 1 << 30;
    let io = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let malformed = |problem: String| Error::MalformedIndex { origin: origin.to_owned(), problem };
    let content = fs::read(path).map_err(io)?;
    let got: [u8; 32] = Sha256::digest(&content).into();
    if got != file.sha256 {
        // Damaged in the cache: the next run fetches it again.
        let _ = fs::remove_file(path);
        return Err(malformed(
            "its copy in the cache was damaged, and has been removed; try again".to_owned(),
        ));
    }
    let mut text = String::new();
    let reader: Box<dyn Read> = if content.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        Box::new(liblzma::bufread::XzDecoder::new(content.as_slice()))
    } else {
        Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(content.as_slice())))
    };
    let length =
        reader.take(LIMIT + 1).read_to_string(&mut text).map_err(|error| malformed(error.to_string()))?;
    if length as u64 > LIMIT {
        return Err(malformed("it is larger than 1 GiB".to_owned()));
    }
    Ok(text)
}
