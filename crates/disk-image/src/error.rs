use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong while an image is described, planned or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path inside the image is not one: empty, with `.` or `..`, a NUL byte or a name over 255 bytes.
    #[error("`{path}` is not a path inside an image: {reason}")]
    InvalidPath {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// A path leads through something that is not a directory.
    #[error("`{path}` in the image is not a directory")]
    NotADirectory {
        /// The part of the path that exists and is not a directory.
        path: String,
    },

    /// A directory stands where a file was to be put.
    #[error("`{path}` in the image is a directory and cannot be replaced by a file")]
    IsADirectory {
        /// The path of the directory.
        path: String,
    },

    /// A hard link names something that does not exist.
    #[error("`{path}` does not exist in the image")]
    NotFound {
        /// The missing path.
        path: String,
    },

    /// A file system cannot hold what the tree has at this path.
    #[error("{file_system} cannot hold `{path}`: {reason}")]
    Unrepresentable {
        /// The file system or archive format.
        file_system: &'static str,
        /// The path in the image.
        path: String,
        /// What it cannot hold.
        reason: String,
    },

    /// The options of a partition or of the whole image contradict each other.
    #[error("partition `{partition}`: {reason}")]
    InvalidPartition {
        /// The partition's name.
        partition: String,
        /// What is wrong.
        reason: String,
    },

    /// The content does not fit in the size that was asked for.
    #[error("partition `{partition}` of {available} bytes is too small: its content needs {needed} bytes")]
    TooSmall {
        /// The partition's name or label.
        partition: String,
        /// Bytes that the content needs, file system included.
        needed: u64,
        /// Bytes that were asked for.
        available: u64,
    },

    /// A file of the host could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file on the host.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// A file of the host changed its size between planning and writing.
    #[error("`{}` changed while the image was made: it was {planned} bytes long", path.display())]
    Changed {
        /// The file on the host.
        path: PathBuf,
        /// Its size in bytes when the image was planned.
        planned: u64,
    },

    /// The image could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The image.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// The file system or device that the image is written to is full.
    #[error("no space left for `{}`", path.display())]
    DiskFull {
        /// The image.
        path: PathBuf,
    },

    /// The stream that an archive is written to refused its bytes.
    #[error("cannot write the archive")]
    Stream {
        /// The stream's answer.
        source: io::Error,
    },

    /// A file that was to be converted is not what it should be.
    #[error("`{}` cannot be used as a disk image: {reason}", path.display())]
    InvalidImage {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The caller's progress callback asked to stop.
    #[error("writing the image was cancelled")]
    Cancelled,
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failed read of `path`.
    pub(crate) fn read(path: &Path, source: impl Into<io::Error>) -> Self {
        Error::Read { path: path.to_owned(), source: source.into() }
    }

    /// A failed write to `path`; a full disk is told apart.
    pub(crate) fn write(path: &Path, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::DiskFull { path: path.to_owned() }
            }
            _ => Error::Write { path: path.to_owned(), source },
        }
    }
}
