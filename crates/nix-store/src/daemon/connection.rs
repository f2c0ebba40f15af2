//! One connection: greeting, and one operation after the other.

use std::fmt;
use std::io::{BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::framed::FramedWriter;
use super::log::{LogObserver, until_answer};
use super::transport::Transport;
use super::wire::{Message, read_number, read_text};
use crate::error::{Error, Result};

/// What client and daemon say first (`worker-protocol.hh` of Nix).
const CLIENT_MAGIC: u64 = 0x6e69_7863;
const DAEMON_MAGIC: u64 = 0x6478_696f;

/// Bytes that are read from a daemon at once.
const BUFFER: usize = 64 << 10;

/// A version of the worker protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtocolVersion {
    /// 1 since 2003.
    pub major: u8,
    /// Grows with every change.
    pub minor: u8,
}

impl ProtocolVersion {
    /// What is spoken with a daemon that speaks it too: that of Nix 2.19.
    pub const NEWEST: Self = ProtocolVersion { major: 1, minor: 37 };
    /// The oldest that is spoken: that of Nix 2.8.
    pub const OLDEST: Self = ProtocolVersion { major: 1, minor: 34 };

    fn number(self) -> u64 {
        u64::from(self.major) << 8 | u64::from(self.minor)
    }

    fn of_number(number: u64) -> Option<Self> {
        let [minor, major, rest @ ..] = number.to_le_bytes();
        (rest == [0; 6]).then_some(ProtocolVersion { major, minor })
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Whether the daemon does what its client says, such as taking paths without signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It does not tell; those before Nix 2.14 do not.
    Unknown,
    /// It does.
    Trusted,
    /// It does not.
    NotTrusted,
}

/// The operations by their numbers (`worker-protocol.hh` of Nix).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Operation {
    IsValidPath = 1,
    QueryReferrers = 6,
    BuildPaths = 9,
    EnsurePath = 10,
    AddTempRoot = 11,
    AddIndirectRoot = 12,
    FindRoots = 14,
    SetOptions = 19,
    CollectGarbage = 20,
    QueryAllValidPaths = 23,
    QueryPathInfo = 26,
    QueryPathFromHashPart = 29,
    QueryValidPaths = 31,
    QueryValidDerivers = 33,
    OptimiseStore = 34,
    VerifyStore = 35,
    BuildDerivation = 36,
    AddSignatures = 37,
    NarFromPath = 38,
    AddToStoreNar = 39,
    QueryMissing = 40,
    QueryDerivationOutputMap = 41,
    AddMultipleToStore = 44,
    BuildPathsWithResults = 46,
}

pub(super) type Reader = BufReader<Box<dyn Read + Send>>;

/// A connection between two operations.
pub(super) struct Connection {
    reader: Reader,
    pub transport: Transport,
    pub version: ProtocolVersion,
    pub daemon_version: String,
    pub trust: Trust,
    /// Whether an operation ended in its middle, so that nothing more can be understood.
    broken: bool,
}

impl Connection {
    /// Greets a daemon.
    pub fn open(mut transport: Transport, observer: &LogObserver<'_>) -> Result<Self> {
        let mut reader = BufReader::with_capacity(BUFFER, transport.take_reader());
        match greet(&mut reader, &mut transport, observer) {
            Ok((version, daemon_version, trust)) => {
                Ok(Connection { reader, transport, version, daemon_version, trust, broken: false })
            }
            // What connects tells why it cannot.
            Err(Error::Stream { source, .. }) => {
                let said = transport.last_words();
                Err(Error::Connect { place: transport.place().to_owned(), said, source })
            }
            Err(error) => Err(error),
        }
    }

    /// Begins an operation.
    pub fn message(operation: Operation) -> Message {
        let mut message = Message::default();
        message.number(operation as u64);
        message
    }

    fn check(&self) -> Result<()> {
        if self.broken {
            return Err(Error::BrokenConnection { place: self.transport.place().to_owned() });
        }
        Ok(())
    }

    /// Keeps in mind whether the daemon and we are still at the same place.
    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        // An error that the daemon reports ends an operation properly.
        if !matches!(result, Ok(_) | Err(Error::Daemon { .. })) {
            self.broken = true;
        }
        result
    }

    /// Sends an operation and reads its answer.
    pub fn request<T>(
        &mut self,
        message: &Message,
        observer: &LogObserver<'_>,
        answer: impl FnOnce(&mut Reader) -> Result<T>,
    ) -> Result<T> {
        self.check()?;
        let result = send(self.transport.writer(), message)
            .and_then(|()| until_answer(&mut self.reader, observer))
            .and_then(|()| answer(&mut self.reader));
        self.note(result)
    }

    /// Sends operations ahead, as many as `window` at once, and reads their answers in order: the way there and back
    /// costs its time only once. `answer` gets the number of each, and its error if the daemon has one. An operation must be short
    /// enough that those in the window fit into the buffers of a connection.
    pub fn pipeline(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
        window: usize,
        observer: &LogObserver<'_>,
        mut answer: impl FnMut(usize, Result<&mut Reader>) -> Result<()>,
    ) -> Result<()> {
        self.check()?;
        let mut messages = messages.into_iter().fuse();
        let (mut sent, mut answered) = (0, 0);
        let mut run = || -> Result<()> {
            loop {
                // Half a window at once, so that several operations share a packet.
                if sent - answered <= window / 2 {
                    let mut batch = Vec::new();
                    for message in messages.by_ref().take(window + answered - sent) {
                        batch.extend_from_slice(message.as_bytes());
                        sent += 1;
                    }
                    let writer = self.transport.writer();
                    writer.write_all(&batch).and_then(|()| writer.flush()).map_err(write_error)?;
                }
                if answered == sent {
                    return Ok(());
                }
                match until_answer(&mut self.reader, observer) {
                    Ok(()) => answer(answered, Ok(&mut self.reader))?,
                    Err(error @ Error::Daemon { .. }) => answer(answered, Err(error))?,
                    Err(error) => return Err(error),
                }
                answered += 1;
            }
        };
        let result = run();
        // Even a proper error leaves answers to what was sent after it.
        if result.is_err() {
            self.broken = true;
        }
        result
    }

    /// Sends an operation whose argument is a stream, which `body` writes, while what the daemon says is read.
    pub fn stream<T>(
        &mut self,
        message: &Message,
        observer: &LogObserver<'_>,
        body: impl FnOnce(&mut FramedWriter<'_>) -> Result<()>,
        answer: impl FnOnce(&mut Reader) -> Result<T>,
    ) -> Result<T> {
        self.check()?;
        let writer = self.transport.writer();
        if let Err(error) = send(writer, message) {
            return self.note(Err(error));
        }
        let ended = AtomicBool::new(false);
        let reader = &mut self.reader;
        let (written, closed, heard) = thread::scope(|scope| {
            let listener = scope.spawn(|| {
                let heard = until_answer(reader, observer);
                ended.store(true, Ordering::Relaxed);
                heard
            });
            let mut framed = FramedWriter::new(writer, &ended);
            let written = body(&mut framed);
            // Whatever happened, the daemon must see the end.
            let closed = framed.finish().map_err(write_error);
            let heard = match listener.join() {
                Ok(heard) => heard,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            (written, closed, heard)
        });
        let heard = self.note(heard);
        match (written, heard) {
            (Ok(()), Ok(())) => {
                self.note(closed)?;
                let result = answer(&mut self.reader);
                self.note(result)
            }
            // Our own trouble, of which the daemon knows no more than that the stream ended early.
            (Err(error), _) if !is_of_stream(&error) => Err(error),
            (_, Err(error)) | (Err(error), Ok(())) => Err(error),
        }
    }
}

/// Whether the stream itself could not be written, most likely because the daemon has an error and wants no more.
fn is_of_stream(error: &Error) -> bool {
    matches!(error, Error::Stream { action: "write", .. })
}

pub(super) fn write_error(source: std::io::Error) -> Error {
    Error::Stream { action: "write", source }
}

fn send(writer: &mut dyn Write, message: &Message) -> Result<()> {
    writer.write_all(message.as_bytes()).and_then(|()| writer.flush()).map_err(write_error)
}

fn greet(
    reader: &mut Reader,
    transport: &mut Transport,
    observer: &LogObserver<'_>,
) -> Result<(ProtocolVersion, String, Trust)> {
    let place = transport.place().to_owned();
    let unsupported = |problem: String| Error::UnsupportedDaemon { place: place.clone(), problem };
    let mut hello = Message::default();
    hello.number(CLIENT_MAGIC);
    send(transport.writer(), &hello)?;
    if read_number(reader)? != DAEMON_MAGIC {
        return Err(unsupported("it does not speak Nix's worker protocol".to_owned()));
    }
    let number = read_number(reader)?;
    let theirs = ProtocolVersion::of_number(number)
        .filter(|version| version.major == ProtocolVersion::NEWEST.major)
        .ok_or_else(|| unsupported("its protocol has an unknown version".to_owned()))?;
    if theirs < ProtocolVersion::OLDEST {
        let oldest = ProtocolVersion::OLDEST;
        return Err(unsupported(format!(
            "its protocol is {theirs}, but {oldest} (Nix 2.8) is the oldest that is spoken here"
        )));
    }
    let version = theirs.min(ProtocolVersion::NEWEST);
    let mut ours = Message::default();
    // Two wishes of long ago follow: a processor to run on, and space to reserve.
    ours.number(ProtocolVersion::NEWEST.number()).number(0).number(0);
    send(transport.writer(), &ours)?;
    let daemon_version = read_text(reader)?;
    let trust = match version.minor {
        35.. => match read_number(reader)? {
            0 => Trust::Unknown,
            1 => Trust::Trusted,
            2 => Trust::NotTrusted,
            _ => return Err(unsupported("it does not say whom it trusts".to_owned())),
        },
        _ => Trust::Unknown,
    };
    until_answer(reader, observer)?;
    Ok((version, daemon_version, trust))
}
