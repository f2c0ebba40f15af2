//! What is told of builds that failed.

use std::path::PathBuf;

use nix_store::StorePath;

use crate::error::Error;

/// One build that failed, and why.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot build '{name}' (by {builder}, derivation {}){}",
    derivation.base_name(),
    log.as_ref().map(|log| format!("; its log is {}", log.display())).unwrap_or_default()
)]
pub struct BuildFailure {
    /// The derivation.
    pub derivation: StorePath,
    /// Its name.
    pub name: String,
    /// What should have built it.
    pub builder: &'static str,
    /// The whole log, on disk.
    pub log: Option<PathBuf>,
    /// The log's last lines, 25 at most.
    pub log_tail: Vec<String>,
    /// The cause.
    #[source]
    pub cause: Box<Error>,
}

/// Whose fault a failure is, for exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Packages must be locked first.
    Lock,
    /// Something could not be fetched.
    Network,
    /// Content is not what it must be.
    Integrity,
    /// A builder or its specification.
    Build,
    /// The disk is full, or files cannot be read or written.
    FileSystem,
    /// The user called it off.
    Cancelled,
}

impl Error {
    /// Whose fault this is; of several failed builds that of the first.
    pub fn kind(&self) -> FailureKind {
        match self {
            error if error.is_out_of_space() => FailureKind::FileSystem,
            Error::Failed { failures, .. } => {
                failures.first().map_or(FailureKind::Build, |failure| failure.cause.kind())
            }
            Error::CannotBuild { cause: super::Unbuildable::NeedsLock, .. } => FailureKind::Lock,
            Error::Cancelled => FailureKind::Cancelled,
            Error::HashMismatch { .. } | Error::NotTheSame { .. } => FailureKind::Integrity,
            Error::Download(download::Error::Cancelled) => FailureKind::Cancelled,
            Error::Download(error) if error.is_integrity() => FailureKind::Integrity,
            Error::Download(download::Error::Io { .. }) => FailureKind::FileSystem,
            Error::Download(_)
            | Error::NoMirror { .. }
            | Error::BuilderLost { .. }
            | Error::NoBuilderLeft { .. }
            | Error::NoSubstituter { .. }
            | Error::SubstitutionFailed { .. } => FailureKind::Network,
            Error::Store(nix_store::Error::HashMismatch { .. }) => FailureKind::Integrity,
            Error::Store(nix_store::Error::Io { .. }) => FailureKind::FileSystem,
            Error::Image(disk_image::Error::Read { .. } | disk_image::Error::Write { .. }) => {
                FailureKind::FileSystem
            }
            Error::Io { .. } => FailureKind::FileSystem,
            _ => FailureKind::Build,
        }
    }
}
