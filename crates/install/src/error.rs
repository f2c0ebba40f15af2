use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong while an image is brought to where it belongs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No disk has this path.
    #[error("there is no disk `{}`", path.display())]
    NoSuchDisk {
        /// The path as given.
        path: PathBuf,
    },

    /// A partition is named where a disk is meant.
    #[error("`{}` is a partition; the disk is `{}`", path.display(), disk.display())]
    Partition {
        /// The path as given.
        path: PathBuf,
        /// The disk that it is on.
        disk: PathBuf,
    },

    /// The disk may not be written as it was named.
    #[error("`{}` ({name}) is refused: {reason}", path.display())]
    Refused {
        /// The disk.
        path: PathBuf,
        /// Its full name.
        name: String,
        /// Why.
        reason: String,
    },

    /// The disk is too small.
    #[error("the image of {needed} bytes does not fit on `{}`, which has {available}", path.display())]
    TooSmall {
        /// The disk.
        path: PathBuf,
        /// Bytes of the image; at least so many where its size is not known.
        needed: u64,
        /// Bytes of the disk.
        available: u64,
    },

    /// A file or a disk could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or disk.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// A file or a disk could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file or disk.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// The file is no image, or a damaged one.
    #[error("`{}` is not a disk image: {reason}", path.display())]
    InvalidImage {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The file is not the one that the checksum beside it is of.
    #[error("`{}` has the SHA-256 {actual}, and `{}` says {expected}", path.display(), checksum.display())]
    WrongChecksum {
        /// The file.
        path: PathBuf,
        /// The file with the checksum.
        checksum: PathBuf,
        /// What it says.
        expected: String,
        /// What was read.
        actual: String,
    },

    /// A disk does not hold what was written to it.
    #[error("`{}` does not hold what was written: the first difference is in the mebibyte at byte {offset}", path.display())]
    Corrupt {
        /// The disk.
        path: PathBuf,
        /// Where the part begins that differs.
        offset: u64,
    },

    /// The image could not be written from its plan.
    #[error(transparent)]
    Image(#[from] disk_image::Error),

    /// What a card is to have of its own cannot be so.
    #[error("{what}: {reason}")]
    InvalidPersonal {
        /// What is wrong.
        what: String,
        /// Why.
        reason: String,
    },

    /// The image has no place for what one card has of its own, or does not take it.
    #[error("`{}` cannot be personalised: {reason}", path.display())]
    NotPersonal {
        /// The image.
        path: PathBuf,
        /// Why.
        reason: String,
    },

    /// An address or a fingerprint of a controller that is none.
    #[error("{address:?} is not the address of a controller: {reason}")]
    InvalidBmc {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A controller cannot be reached, or is another one.
    #[error("cannot reach {address}: {reason}")]
    Unreachable {
        /// The node and its controller.
        address: String,
        /// Why.
        reason: String,
    },

    /// A controller refuses or fails.
    #[error("{address}: cannot {what}: {reason}")]
    Bmc {
        /// The node and its controller.
        address: String,
        /// What was asked.
        what: String,
        /// What it said.
        reason: String,
    },

    /// A node did not start.
    #[error("{address} did not start: {reason}")]
    NotStarted {
        /// The node and its controller.
        address: String,
        /// What was seen last.
        reason: String,
    },

    /// The caller's progress callback asked to stop.
    #[error("flashing was interrupted; `{}` does not start as it is", path.display())]
    Cancelled {
        /// What was being written.
        path: PathBuf,
    },
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failed read of `path`.
    pub(crate) fn read(path: &Path, source: impl Into<io::Error>) -> Self {
        Error::Read { path: path.to_owned(), source: source.into() }
    }

    /// A failed write to `path`.
    pub(crate) fn write(path: &Path, source: impl Into<io::Error>) -> Self {
        Error::Write { path: path.to_owned(), source: source.into() }
    }
}
