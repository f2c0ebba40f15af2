//! What can go wrong with a download.

use std::{io, path::PathBuf};

use crate::request::hexadecimal;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the address or the file that it went wrong with. Addresses are shown without passwords.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request names no address at all.
    #[error("there is no address to download {} from", destination.display())]
    NoAddress {
        /// Where the file should have gone.
        destination: PathBuf,
    },
    /// An address that is neither `http`, `https` nor `file`.
    #[error("cannot download {url}: addresses of this kind are not supported")]
    UnsupportedAddress {
        /// The address.
        url: String,
    },
    /// No answer, or none that was complete: name not found, refused, timed out, reset.
    #[error("cannot download {url}: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// What happened, in a few words.
        reason: String,
        /// The transport's own account of it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answered with something else than the file.
    #[error("cannot download {url}: the server answers {status}")]
    Status {
        /// The address.
        url: String,
        /// Code and phrase: `404 Not Found`.
        status: String,
        /// The code.
        code: u16,
    },
    /// The file has another length than it must have.
    #[error("{url} is not the file that was expected: it has {got} bytes instead of {expected}")]
    WrongSize {
        /// The address.
        url: String,
        /// Length that it must have.
        expected: u64,
        /// Length that it has, or what came of it before it was too long.
        got: u64,
    },
    /// The file has another content than it must have.
    #[error(
        "{url} is not the file that was expected: its SHA-256 is {} instead of {}",
        hexadecimal(got),
        hexadecimal(expected)
    )]
    WrongHash {
        /// The address.
        url: String,
        /// SHA-256 that it must have.
        expected: [u8; 32],
        /// SHA-256 that it has.
        got: [u8; 32],
    },
    /// The file is longer than the caller takes.
    #[error("{url} is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// No room for the file.
    #[error("no space left to write {}", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `create`, `write`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The caller gave up. What has arrived is kept.
    #[error("the download was cancelled")]
    Cancelled,
    /// The client could not be set up.
    #[error("cannot set up the HTTP client")]
    Client {
        /// Its own account.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Whether a server delivered something else than what was expected.
    pub fn is_integrity(&self) -> bool {
        matches!(self, Error::WrongSize { .. } | Error::WrongHash { .. } | Error::TooLarge { .. })
    }

    /// Whether the file is not there: a server that answers says so, or a local file does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            Error::Status { code, .. } => matches!(code, 404 | 410),
            Error::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    pub(crate) fn from_io(action: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull { path, source },
            _ => Error::Io { action, path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let full = |code| Error::from_io("write", Path::new("x"), io::Error::from_raw_os_error(code));
        // ENOSPC, EDQUOT, EIO of linux/errno.h.
        assert!(matches!(full(28), Error::DiskFull { .. }));
        assert!(matches!(full(122), Error::DiskFull { .. }));
        assert!(matches!(full(5), Error::Io { .. }));
    }
}
