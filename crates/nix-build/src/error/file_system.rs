//! Failures of the file system, with the file that they are about.

use std::io;
use std::path::Path;

use super::{Error, Result};

impl Error {
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

    /// Whether the cause, however deep, is a full file system or an exhausted quota; of several failed builds, that of any.
    pub fn is_out_of_space(&self) -> bool {
        if let Error::Failed { failures, .. } = self {
            return failures.iter().any(|failure| failure.cause.is_out_of_space());
        }
        std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source())
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// Gives an I/O result the path that it is about.
pub(crate) trait IoContext<T> {
    /// Names what was being done (an infinitive) on which file.
    fn on(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::io(action, path, source))
    }
}

impl<T> IoContext<T> for Result<T, rustix::io::Errno> {
    fn on(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::io(action, path, source.into()))
    }
}
