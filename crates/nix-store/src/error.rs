//! What can go wrong with store paths, hashes, derivations and archives.

use std::io;
use std::path::{Path, PathBuf};

use crate::hash::Hash;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a text is not the encoding of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashTextProblem {
    /// No encoding of this algorithm has that many characters.
    #[error("wrong length")]
    Length,
    /// A character outside the encoding's alphabet.
    #[error("a character that the encoding does not have")]
    Character,
    /// Bits are set that belong to no byte.
    #[error("the last digits hold more bits than the hash has")]
    UnusedBits,
    /// Neither `ALGORITHM:` nor `ALGORITHM-` stands before the digits, and none was given otherwise.
    #[error("no hash algorithm is named")]
    NoAlgorithm,
    /// The text names another algorithm than the caller does.
    #[error("it is of another algorithm than expected")]
    OtherAlgorithm,
}

/// Every error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A hash algorithm that is not md5, sha1, sha256 or sha512.
    #[error("unknown hash algorithm '{name}'")]
    UnknownHashAlgorithm {
        /// As it was written.
        name: String,
    },
    /// A text that should be a hash.
    #[error("'{text}' is not a valid hash")]
    InvalidHash {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        source: HashTextProblem,
    },
    /// A store directory that is not absolute or not normalised.
    #[error(
        "'{directory}' cannot be a store directory: it must be an absolute path without '.', '..' or '//'"
    )]
    InvalidStoreDirectory {
        /// As it was written.
        directory: String,
    },
    /// A path that does not lie directly in the store directory.
    #[error("path '{path}' is not in the store directory '{directory}'")]
    NotInStore {
        /// The path.
        path: String,
        /// The store directory.
        directory: String,
    },
    /// A base name that is not `HASH-NAME`.
    #[error("'{name}' is not a valid store path: {problem}")]
    InvalidStorePath {
        /// The base name, or the name part of it.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A flat or non-SHA-256 content address cannot have references.
    #[error("fixed-output path '{name}' may not refer to other store paths with this hash method")]
    ReferencesNotAllowed {
        /// The name part of the path.
        name: String,
    },
    /// A text content address is always SHA-256.
    #[error("text path '{name}' must be hashed with sha256")]
    TextHashAlgorithm {
        /// The name part of the path.
        name: String,
    },
    /// A content address text (`ca` of a path info) that is not understood.
    #[error("'{text}' is not a valid content address")]
    InvalidContentAddress {
        /// As it was written.
        text: String,
    },
    /// Bytes that are not a derivation in ATerm.
    #[error("derivation '{name}' cannot be read: {problem} at byte {offset}")]
    InvalidDerivation {
        /// The derivation's name, or the file's.
        name: String,
        /// What was expected.
        problem: &'static str,
        /// Where in the text, from 0.
        offset: usize,
    },
    /// A derivation whose outputs are of a kind that this operation has no meaning for.
    #[error("derivation '{name}': {problem}")]
    UnsupportedDerivation {
        /// The derivation's name.
        name: String,
        /// What it is about.
        problem: &'static str,
    },
    /// Derivations that need each other.
    #[error("derivation '{path}' depends on itself")]
    DerivationCycle {
        /// The base name of one of them.
        path: String,
    },
    /// Bytes that are not a NAR.
    #[error("malformed NAR: {problem} at byte {offset}")]
    InvalidNar {
        /// What is wrong.
        problem: &'static str,
        /// Where in the archive, from 0.
        offset: u64,
    },
    /// A text that should be a key or a signature.
    #[error("'{name}' is not a valid {what}: {problem}")]
    InvalidKey {
        /// The key's name, or the text as far as it may be shown.
        name: String,
        /// `secret key`, `public key` or `signature`.
        what: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No random numbers can be had.
    #[error("the system gives no random numbers for a key: {reason}")]
    NoRandomness {
        /// The system's account of it.
        reason: String,
    },
    /// What a binary cache says of a path makes no sense.
    #[error("the narinfo is malformed: {problem} in line {line}")]
    InvalidNarInfo {
        /// What is wrong.
        problem: &'static str,
        /// Where, from 1.
        line: usize,
    },
    /// A `nix-cache-info` that is none.
    #[error("the nix-cache-info is malformed: {problem}")]
    InvalidCacheInfo {
        /// What is wrong.
        problem: &'static str,
    },
    /// A path of which not enough is known to sign it, or to put it into a cache.
    #[error("path '{path}' has no {what}")]
    Incomplete {
        /// The base name.
        path: String,
        /// What is missing.
        what: &'static str,
    },
    /// A file that is neither regular, directory nor symlink.
    #[error("'{}' has a type that the store cannot hold", path.display())]
    UnsupportedFileType {
        /// The file.
        path: PathBuf,
    },
    /// A file that became shorter while it was read.
    #[error("'{}' changed while it was read", path.display())]
    FileChanged {
        /// The file.
        path: PathBuf,
    },
    /// The file system has no space, or the quota is used up.
    #[error("no space left to {action} '{}'", path.display())]
    OutOfSpace {
        /// What was being done, as an infinitive.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other failure of the file system.
    #[error("cannot {action} '{}'", path.display())]
    Io {
        /// What was being done, as an infinitive.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The store's database failed.
    #[error("the store database '{}' failed", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The database holds something that cannot be in a store.
    #[error("the store database '{}' is damaged: the {column} of '{store_path}' makes no sense", path.display())]
    InvalidDatabase {
        /// The database file.
        path: PathBuf,
        /// The path whose row it is.
        store_path: String,
        /// The column of `ValidPaths` or the table.
        column: &'static str,
    },
    /// A store in a format of another time.
    #[error("the store at '{}' has schema '{found}', but only schema 10 (Nix 2.0 and later) is known", path.display())]
    UnknownSchema {
        /// The store's root.
        path: PathBuf,
        /// What its schema file says.
        found: String,
    },
    /// There is no store to open for reading.
    #[error("there is no store at '{}'", path.display())]
    NoStore {
        /// The store's root.
        path: PathBuf,
    },
    /// A change to a store that was opened for reading.
    #[error("the store at '{}' was opened for reading only", path.display())]
    ReadOnly {
        /// The store's root.
        path: PathBuf,
    },
    /// A path that is not in the store's database.
    #[error("path '{path}' is not valid")]
    NotValid {
        /// The base name.
        path: String,
    },
    /// A path was to be registered that refers to one that is not valid.
    #[error("path '{path}' refers to '{reference}', which is not valid")]
    MissingReference {
        /// The base name of the referrer.
        path: String,
        /// The base name of the missing one.
        reference: String,
    },
    /// Content that is not what it should be.
    #[error("path '{path}' has hash {actual}, but {expected} was expected")]
    HashMismatch {
        /// The base name.
        path: String,
        /// The hash that it should have.
        expected: Box<Hash>,
        /// The hash that it has.
        actual: Box<Hash>,
    },
    /// A path that is said to follow from its content, but does not.
    #[error("path '{path}' does not follow from its content address '{address}'")]
    WrongContentAddress {
        /// The base name.
        path: String,
        /// The content address.
        address: String,
    },
    /// A link for a GC root cannot be made over what is there.
    #[error("'{}' cannot become a link to a store path: something else is there", path.display())]
    RootInTheWay {
        /// Where the link should be.
        path: PathBuf,
    },
    /// A path that was to be removed is needed.
    #[error("path '{path}' cannot be removed: {reason}")]
    StillAlive {
        /// The base name.
        path: String,
        /// What needs it.
        reason: String,
    },
    /// Another collection, or somebody who holds collections off, was not waited for.
    #[error("garbage of the store at '{}' cannot be collected now: somebody else has it locked", path.display())]
    CollectionHeldOff {
        /// The store's root.
        path: PathBuf,
    },
    /// A text that should be an age of generations.
    #[error("'{text}' is not an age: a number of days is meant, such as '30d'")]
    InvalidAge {
        /// As it was written.
        text: String,
    },
    /// The address of a store that is not understood.
    #[error("'{uri}' is not the address of a store that can be reached through a daemon: {problem}")]
    InvalidStoreUri {
        /// As it was written.
        uri: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No daemon answers.
    #[error("cannot reach the Nix daemon at '{place}'{}", if said.is_empty() { String::new() } else { format!(": {said}") })]
    Connect {
        /// The socket or host.
        place: String,
        /// What the program that was to connect said.
        said: String,
        /// Why.
        source: io::Error,
    },
    /// Something that should be a Nix daemon speaks an unknown protocol.
    #[error("the Nix daemon at '{place}' cannot be used: {problem}")]
    UnsupportedDaemon {
        /// The socket or host.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An operation failed in the daemon.
    #[error("the Nix daemon says: {message}")]
    Daemon {
        /// Its words.
        message: String,
    },
    /// Bytes that are not what the daemon's protocol, or the format of exported paths, has at their place.
    #[error("a message cannot be understood: {problem}")]
    MalformedMessage {
        /// What is wrong.
        problem: &'static str,
    },
    /// A connection that failed before, in the middle of something.
    #[error("the connection to the Nix daemon at '{place}' has failed before")]
    BrokenConnection {
        /// The socket or host.
        place: String,
    },
    /// A stream of bytes (not a file) could not be read or written.
    #[error("cannot {action} the stream")]
    Stream {
        /// `read` or `write`.
        action: &'static str,
        /// The stream's error.
        source: io::Error,
    },
}

impl Error {
    /// An error of SQLite; a full disk becomes [`Error::OutOfSpace`].
    pub(crate) fn database(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Error::OutOfSpace {
                action: "write",
                path,
                source: io::Error::new(io::ErrorKind::StorageFull, source),
            },
            _ => Error::Database { path, source },
        }
    }

    /// An I/O error on `path`; out of space becomes a variant of its own.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::OutOfSpace { action, path, source }
            }
            _ => Error::Io { action, path, source },
        }
    }

    /// Whether the cause is a full file system or an exhausted quota.
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Error::OutOfSpace { .. } => true,
            Error::Stream { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }
}
