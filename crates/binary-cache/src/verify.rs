//! Looking whether a cache is what it says it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::{Buf, Bytes};
use download::{Cancellation, Transfer};
use nix_store::nar::{self, Sink};
use nix_store::{Hash, HashAlgorithm, Hasher, HashingReader, NarInfo, ReferenceScanner, StorePath};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::compression::Compression;
use crate::error::{Error, Kind, Result};
use crate::push::{Destination, Written};
use crate::storage::Source;

/// Narinfos in work at a time.
const AT_ONCE: usize = 64;

/// Bytes read at a time.
const BUFFER: usize = 64 << 10;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Paths that were looked at.
    pub paths: usize,
    /// Bytes of their archives, unpacked.
    pub bytes: u64,
    /// What is wrong, by path.
    pub faults: Vec<Fault>,
}

/// Something that is wrong in a cache.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The base name of the path, or the name of the file.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Destination {
    /// Reads `paths`, or all that the cache has: narinfos, signatures, whether what they refer to is there, archives, and whether
    /// these name what the narinfo does not.
    ///
    /// # Errors
    /// The cache does not answer, or does not list its paths; [`Error::Cancelled`]. What is wrong in it is no error but part
    /// of the result.
    pub fn verify(&self, paths: Option<&[StorePath]>, cancellation: &Cancellation) -> Result<Verified> {
        let shared = &self.shared;
        let (narinfos, mut faults) =
            self.tasks.wait_for(cancellation, Arc::clone(shared).read_narinfos(paths))?;
        let mut known: BTreeSet<StorePath> = narinfos.keys().cloned().collect();
        let referred: BTreeSet<&StorePath> =
            narinfos.values().flat_map(|narinfo| &narinfo.info.references).collect();
        let unknown: Vec<StorePath> =
            referred.into_iter().filter(|path| !known.contains(*path)).cloned().collect();
        known.extend(self.tasks.wait_for(cancellation, Arc::clone(shared).present(unknown))?);

        let next = AtomicUsize::new(0);
        let found = Mutex::new((Vec::new(), Ok(())));
        let all: Vec<&NarInfo> = narinfos.values().collect();
        let work = || {
            while let Some(narinfo) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = match cancellation.is_cancelled() {
                    true => Err(Error::Cancelled),
                    false => shared.verify_one(self.tasks.handle(), narinfo, &known),
                };
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                match result {
                    Ok(problems) => {
                        let path = narinfo.info.path.base_name();
                        let fault = |problem| Fault { path: path.to_owned(), problem };
                        found.0.extend(problems.into_iter().map(fault));
                    }
                    Err(error) => {
                        // The others need not go on.
                        next.store(usize::MAX / 2, Ordering::Relaxed);
                        found.1 = Err(error);
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(2, std::num::NonZero::get) {
                scope.spawn(work);
            }
        });
        let (more, result) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        result?;
        faults.extend(more);
        faults.sort_unstable();
        let bytes = all.iter().map(|narinfo| narinfo.info.nar_size).sum();
        Ok(Verified { paths: all.len(), bytes, faults })
    }
}

impl Written {
    async fn read_narinfos(
        self: Arc<Self>,
        paths: Option<&[StorePath]>,
    ) -> Result<(BTreeMap<StorePath, NarInfo>, Vec<Fault>)> {
        let (mut narinfos, mut faults) = (BTreeMap::new(), Vec::new());
        if self.cache.info().await?.is_none() {
            let problem = "there is no nix-cache-info".to_owned();
            return Err(Error::NotACache { cache: self.cache.name().to_owned(), problem });
        }
        let mut names = self.names(paths).await?.into_iter();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE
                && let Some(name) = names.next()
            {
                let shared = Arc::clone(&self);
                tasks.spawn(async move {
                    let hash_part = name.trim_end_matches(".narinfo");
                    let narinfo = shared.cache.narinfo(&shared.settings, hash_part).await;
                    (name, narinfo)
                });
            }
            let (name, narinfo) = match tasks.join_next().await {
                None => return Ok((narinfos, faults)),
                Some(Ok(read)) => read,
                Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Some(Err(_)) => return Err(Error::Cancelled),
            };
            match narinfo {
                Ok(Some(narinfo)) => {
                    narinfos.insert(narinfo.info.path.clone(), narinfo);
                }
                Ok(None) => faults.push(Fault { path: name, problem: "it is not in the cache".to_owned() }),
                Err(Error::Wrong { problem, .. }) => faults.push(Fault { path: name, problem }),
                Err(error) => return Err(error),
            }
        }
    }

    /// What is wrong with a path.
    fn verify_one(
        &self,
        runtime: &Handle,
        narinfo: &NarInfo,
        known: &BTreeSet<StorePath>,
    ) -> Result<Vec<String>> {
        let info = &narinfo.info;
        let mut problems = Vec::new();
        match self.cache.check(&self.settings, &info.path, narinfo) {
            Ok(()) => {}
            Err(Error::Unsigned { .. }) => problems.push("it has no signature of a trusted key".to_owned()),
            Err(error @ Error::UnknownCompression { .. }) => return Ok(vec![error.to_string()]),
            Err(error) => return Err(error),
        }
        for reference in info.references.iter().filter(|path| !known.contains(*path)) {
            problems.push(format!("it refers to '{reference}', which is not in the cache"));
        }
        match self.read_archive(runtime, narinfo, known) {
            Ok(found) => problems.extend(found),
            Err(error) => match &error {
                Error::Download(download) if download.is_not_found() || error.kind() == Kind::Integrity => {
                    problems.push(error.to_string());
                }
                // A directory has no other way to say that a file is not there.
                Error::Download(_) if !self.cache.storage.is_remote() => problems.push(error.to_string()),
                Error::InvalidAddress { .. } => problems.push(error.to_string()),
                _ => return Err(error),
            },
        }
        Ok(problems)
    }

    fn read_archive(
        &self,
        runtime: &Handle,
        narinfo: &NarInfo,
        known: &BTreeSet<StorePath>,
    ) -> Result<Vec<String>> {
        // What it must have is looked at below; a fault of its length is not the only thing to tell.
        let content: Box<dyn Read + Send> = match self.cache.storage.read(&narinfo.url, None)? {
            Source::File(file) => Box::new(file),
            Source::Transfer(transfer) => {
                Box::new(Blocking { runtime: runtime.clone(), transfer, piece: Bytes::new() })
            }
        };
        let algorithm = narinfo.file_hash.map_or(HashAlgorithm::Sha256, |hash| hash.algorithm());
        let mut file = HashingReader::new(algorithm, content);
        let mut problems = unpack(&mut file, narinfo, known)?;
        if let Err(error) = io::copy(&mut file, &mut io::sink()) {
            problems.push(unreadable(error)?);
        }
        let (hash, size, _) = file.finish();
        expect(&mut problems, "FileSize", narinfo.file_size.unwrap_or(size), size);
        expect::<Hash>(&mut problems, "FileHash", narinfo.file_hash.unwrap_or(hash), hash);
        Ok(problems)
    }
}

/// What is wrong with a compressed archive.
fn unpack(
    file: &mut (dyn Read + Send),
    narinfo: &NarInfo,
    known: &BTreeSet<StorePath>,
) -> Result<Vec<String>> {
    let info = &narinfo.info;
    let mut problems = Vec::new();
    let compression: Compression = narinfo.compression.parse()?;
    let decoder = match compression.decoder(file) {
        Ok(decoder) => decoder,
        Err(error) => return Ok(vec![unreadable(error)?]),
    };
    let mut scanned = Scanned {
        // One byte more shows that there is too much.
        inner: BufReader::with_capacity(BUFFER, decoder.take(info.nar_size.saturating_add(1))),
        hasher: Hasher::new(HashAlgorithm::Sha256),
        scanner: ReferenceScanner::new(known),
        count: 0,
    };
    match nar::read(&mut scanned, &mut Nothing) {
        Ok(()) => {}
        Err(nix_store::Error::Stream { source, .. }) => problems.push(unreadable(source)?),
        Err(error) => problems.push(error.to_string()),
    }
    match io::copy(&mut scanned, &mut io::sink()) {
        Ok(_) if !problems.is_empty() => {}
        Ok(0) => {}
        Ok(_) => problems.push("something stands behind its archive".to_owned()),
        Err(error) if problems.is_empty() => problems.push(unreadable(error)?),
        Err(_) => {}
    }
    if problems.is_empty() {
        expect(&mut problems, "NarSize", info.nar_size, scanned.count);
        expect(&mut problems, "NarHash", info.nar_hash, scanned.hasher.finish());
        for reference in scanned.scanner.finish().difference(&info.references) {
            problems.push(format!("it contains a reference to '{reference}' that its narinfo lacks"));
        }
    }
    Ok(problems)
}

/// A fault of the content, or else the transport's error.
fn unreadable(error: io::Error) -> Result<String> {
    match error.downcast::<download::Error>() {
        Ok(error) => Err(Error::Download(error)),
        Err(error) => Ok(format!("its archive cannot be unpacked: {error}")),
    }
}

fn expect<T: PartialEq + std::fmt::Display>(problems: &mut Vec<String>, field: &str, said: T, found: T) {
    if said != found {
        problems.push(format!("{field} is {said}, but {found} was found"));
    }
}

/// A transfer, for a thread that waits.
struct Blocking {
    runtime: Handle,
    transfer: Box<Transfer>,
    piece: Bytes,
}

impl Read for Blocking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            match self.runtime.block_on(self.transfer.chunk()) {
                Ok(Some(piece)) => self.piece = piece,
                Ok(None) => return Ok(0),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Hashes what passes, and looks for references in it.
struct Scanned<R> {
    inner: R,
    hasher: Hasher,
    scanner: ReferenceScanner,
    count: u64,
}

impl<R: Read> Read for Scanned<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.scanner.scan(&buffer[..count]);
        self.count += count as u64;
        Ok(count)
    }
}

/// Keeps nothing.
struct Nothing;

impl Sink for Nothing {
    fn directory(&mut self) -> nix_store::Result<()> {
        Ok(())
    }
    fn enter(&mut self, _name: &[u8]) -> nix_store::Result<()> {
        Ok(())
    }
    fn file(&mut self, _executable: bool, _size: u64) -> nix_store::Result<()> {
        Ok(())
    }
    fn contents(&mut self, _bytes: &[u8]) -> nix_store::Result<()> {
        Ok(())
    }
    fn end_file(&mut self) -> nix_store::Result<()> {
        Ok(())
    }
    fn symlink(&mut self, _target: &[u8]) -> nix_store::Result<()> {
        Ok(())
    }
    fn leave(&mut self) -> nix_store::Result<()> {
        Ok(())
    }
    fn end_directory(&mut self) -> nix_store::Result<()> {
        Ok(())
    }
}
