//! Bringing compressed archives: small ones whole, so that many can be on their way at once; large ones piece by piece,
//! so that memory does not depend on their size.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::caches::Available;
use crate::caches::Shared;
use crate::error::{Error, Result};
use crate::storage::Source;

/// Archives up to this size are brought whole.
const SMALL: u64 = 256 << 10;

/// Memory for archives that are brought whole, those that wait for being unpacked included.
const SMALL_MEMORY: u64 = 64 << 20;

/// Pieces of a large archive that wait for being unpacked; a piece has up to some hundred KiB.
const PIECES: usize = 16;

/// Limits that all fetches of a substitution share.
#[derive(Clone)]
pub(super) struct Limits {
    /// In KiB.
    memory: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(large: usize) -> Self {
        Limits {
            memory: Arc::new(Semaphore::new((SMALL_MEMORY >> 10) as usize)),
            large: Arc::new(Semaphore::new(large.max(1))),
        }
    }
}

/// A compressed archive that is there, or on its way. Reading it may block.
pub(super) struct Content {
    kind: Kind,
    /// What the transport said when it gave up; the reader above it only sees that something failed.
    failure: Option<Error>,
    _permit: Option<OwnedSemaphorePermit>,
}

enum Kind {
    Whole(VecDeque<Bytes>),
    Pieces(mpsc::Receiver<Result<Bytes>>, Bytes),
    File(File),
}

impl Content {
    /// Whether unpacking it waits for the network.
    pub(super) fn is_on_its_way(&self) -> bool {
        matches!(self.kind, Kind::Pieces(..))
    }

    /// Why reading failed, if the transport is to blame.
    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = match &mut self.kind {
            Kind::File(file) => return file.read(buffer),
            Kind::Whole(pieces) => {
                while pieces.front().is_some_and(Bytes::is_empty) {
                    pieces.pop_front();
                }
                match pieces.front_mut() {
                    Some(piece) => piece,
                    None => return Ok(0),
                }
            }
            Kind::Pieces(pieces, piece) => {
                while piece.is_empty() {
                    match pieces.blocking_recv() {
                        Some(Ok(next)) => *piece = next,
                        Some(Err(error)) => {
                            self.failure = Some(error);
                            return Err(io::ErrorKind::ConnectionAborted.into());
                        }
                        None => return Ok(0),
                    }
                }
                piece
            }
        };
        let count = buffer.len().min(piece.len());
        piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// Begins to bring an archive; `arrived` is given it as soon as it can be read. For a large one the call goes on until
/// all of it was read.
pub(super) async fn fetch(
    shared: &Shared,
    available: &Available,
    limits: &Limits,
    arrived: impl FnOnce(Result<Content>),
) {
    let cache = &shared.caches[available.cache];
    let path = &available.narinfo.info.path;
    let size = available.narinfo.file_size;
    let small = size.filter(|size| *size <= SMALL);
    let permit = match small {
        // At least one page is lost with each.
        Some(size) => Arc::clone(&limits.memory).acquire_many_owned((size >> 10) as u32 + 4).await,
        None => Arc::clone(&limits.large).acquire_owned().await,
    };
    // Neither semaphore is ever closed.
    let permit = permit.ok();
    if cache.is_dead() {
        return arrived(Err(Error::NotAvailable { path: path.base_name().to_owned() }));
    }
    shared.observer.started(path, cache.name(), size);
    let mut transfer = match cache.archive(&available.narinfo) {
        Ok(Source::Transfer(transfer)) => transfer,
        Ok(Source::File(file)) => {
            return arrived(Ok(Content { kind: Kind::File(file), failure: None, _permit: permit }));
        }
        Err(error) => return arrived(Err(error)),
    };
    if small.is_some() {
        let mut pieces = VecDeque::new();
        loop {
            match transfer.chunk().await {
                Ok(Some(piece)) => {
                    shared.observer.advanced(path, piece.len() as u64);
                    pieces.push_back(piece);
                }
                Ok(None) => break,
                Err(error) => return arrived(Err(error.into())),
            }
        }
        return arrived(Ok(Content { kind: Kind::Whole(pieces), failure: None, _permit: permit }));
    }
    let first = match transfer.chunk().await {
        Ok(first) => first,
        Err(error) => return arrived(Err(error.into())),
    };
    let (sender, receiver) = mpsc::channel(PIECES);
    arrived(Ok(Content { kind: Kind::Pieces(receiver, Bytes::new()), failure: None, _permit: permit }));
    let mut next = Ok(first);
    loop {
        let (piece, ended) = match next {
            Ok(Some(piece)) => {
                shared.observer.advanced(path, piece.len() as u64);
                (Ok(piece), false)
            }
            Ok(None) => return,
            Err(error) => (Err(Error::from(error)), true),
        };
        // Who unpacks has given up if nobody receives.
        if sender.send(piece).await.is_err() || ended {
            return;
        }
        next = transfer.chunk().await;
    }
}
