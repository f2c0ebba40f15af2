//! What can go wrong with a binary cache.

use std::io;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the cache, path or file that it went wrong with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that is none of a binary cache.
    #[error("'{url}' is not the address of a binary cache: {problem}")]
    InvalidAddress {
        /// As it was written.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no `nix-cache-info`, or something else is in its place.
    #[error("{cache} is not a binary cache: {problem}")]
    NotACache {
        /// The cache.
        cache: String,
        /// Why not.
        problem: String,
    },
    /// A cache for another store directory.
    #[error("the cache {cache} is for the store directory '{theirs}', not '{ours}'")]
    ForeignStore {
        /// The cache.
        cache: String,
        /// Its store directory.
        theirs: String,
        /// That of this machine.
        ours: String,
    },
    /// What the cache delivers is not what it should be.
    #[error("the cache {cache} delivers something wrong for '{path}': {problem}")]
    Wrong {
        /// The cache.
        cache: String,
        /// The base name of the path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A path without a signature of a trusted key.
    #[error("'{path}' in the cache {cache} is not signed by any key of trusted-public-keys")]
    Unsigned {
        /// The cache.
        cache: String,
        /// The base name of the path.
        path: String,
    },
    /// A compression that this program does not have.
    #[error("'{name}' is not a compression that is known here (none, xz, zstd, gzip, bzip2, br)")]
    UnknownCompression {
        /// Its name.
        name: String,
    },
    /// A compression that can be read but not written.
    #[error("archives cannot be compressed with '{name}' here (but with none, xz, zstd, gzip, bzip2)")]
    CannotCompress {
        /// Its name.
        name: String,
    },
    /// A path that no cache has.
    #[error("no cache has '{path}'")]
    NotAvailable {
        /// The base name of the path.
        path: String,
    },
    /// A path whose files are not those that were registered.
    #[error("'{path}' was changed after it was registered: repair the store before it goes into a cache")]
    Damaged {
        /// The base name of the path.
        path: String,
    },
    /// Something that this kind of cache cannot do.
    #[error("the cache {cache} cannot {what}")]
    Unsupported {
        /// The cache.
        cache: String,
        /// An infinitive.
        what: &'static str,
    },
    /// A file of ours that is not written as it should be.
    #[error("'{}' cannot be understood: {problem}", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The transport.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] nix_store::Error),
    /// A file could not be read or written.
    #[error("cannot {action} '{}'", path.display())]
    Io {
        /// What was tried, as an infinitive.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The cache of look-ups failed.
    #[error("the look-up cache '{}' failed", path.display())]
    LookupCache {
        /// The database file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The caller gave up. What is complete is kept.
    #[error("cancelled")]
    Cancelled,
}

/// What kind of failure it is, for exit codes and decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Written wrongly by the user.
    Usage,
    /// A server does not answer, or not with what was asked for.
    Network,
    /// Content is not what it should be.
    Integrity,
    /// A file of this machine.
    FileSystem,
    /// The caller gave up.
    Cancelled,
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        match self {
            Error::InvalidAddress { .. }
            | Error::UnknownCompression { .. }
            | Error::CannotCompress { .. }
            | Error::Unsupported { .. }
            | Error::InvalidFile { .. } => Kind::Usage,
            Error::NotACache { .. } | Error::ForeignStore { .. } | Error::NotAvailable { .. } => {
                Kind::Network
            }
            Error::Wrong { .. } | Error::Unsigned { .. } | Error::Damaged { .. } => Kind::Integrity,
            Error::Download(error) => match error {
                download::Error::Cancelled => Kind::Cancelled,
                download::Error::DiskFull { .. } | download::Error::Io { .. } => Kind::FileSystem,
                error if error.is_integrity() => Kind::Integrity,
                _ => Kind::Network,
            },
            Error::Store(nix_store::Error::InvalidKey { .. } | nix_store::Error::NotValid { .. }) => {
                Kind::Usage
            }
            Error::Store(
                nix_store::Error::HashMismatch { .. }
                | nix_store::Error::InvalidNar { .. }
                | nix_store::Error::InvalidNarInfo { .. }
                | nix_store::Error::InvalidCacheInfo { .. },
            ) => Kind::Integrity,
            Error::Store(_) | Error::Io { .. } | Error::LookupCache { .. } => Kind::FileSystem,
            Error::Cancelled => Kind::Cancelled,
        }
    }

    /// Whether the cause is a full file system or an exhausted quota.
    pub fn is_out_of_space(&self) -> bool {
        match self {
            Error::Store(error) => error.is_out_of_space(),
            Error::Download(error) => matches!(error, download::Error::DiskFull { .. }),
            Error::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }

    /// The error and its causes in one line, for a warning.
    pub fn in_one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.ends_with(&more) {
                text.push_str(": ");
                text.push_str(&more);
            }
            cause = error.source();
        }
        text
    }

    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Error::Io { action, path: path.to_path_buf(), source }
    }
}
