//! The exit status of each failure. The matches name every variant, so that a new kind of failure forces a decision.

use std::process::ExitCode;

use crate::vm::VmError;

/// The exit statuses that the manual page lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A fault inside.
    Internal = 1,
    /// Wrong usage.
    Usage = 2,
    /// The configuration does not evaluate.
    Evaluation = 3,
    /// Packages cannot be resolved.
    Resolution = 4,
    /// The network failed.
    Network = 5,
    /// A hash or signature is wrong.
    Integrity = 6,
    /// A build failed.
    Build = 7,
    /// A file could not be read or written.
    FileSystem = 8,
    /// The machine did not start.
    Host = 9,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status as u8)
    }
}

pub(super) fn of_flake(error: &nix_flake::Error) -> Status {
    use nix_flake::Error;
    match error {
        Error::InvalidReference { .. }
        | Error::InvalidAttributePath { .. }
        | Error::NoFlakeFile { .. }
        | Error::UnknownOverride { .. }
        | Error::UnknownInput { .. }
        | Error::UnknownBundled { .. }
        | Error::Unsupported { .. }
        | Error::DirtyTree { .. }
        | Error::InvalidSettings { .. } => Status::Usage,
        Error::Offline { .. }
        | Error::UnexpectedAnswer { .. }
        | Error::Archive { .. }
        | Error::GitRemote { .. }
        | Error::NoSuchRevision { .. } => Status::Network,
        Error::NotInRegistry { .. }
        | Error::RegistryCycle { .. }
        | Error::InvalidRegistry { .. }
        | Error::LockFileOutdated { .. }
        | Error::UnlockedInput { .. }
        | Error::NotWritable { .. } => Status::Resolution,
        Error::NotAFlake { .. }
        | Error::Untracked { .. }
        | Error::DanglingFollows { .. }
        | Error::FollowsCycle { .. }
        | Error::InputsTooDeep { .. }
        | Error::CircularInput { .. }
        | Error::InvalidFlake { .. }
        | Error::InvalidLockFile { .. }
        | Error::IndirectReference { .. }
        | Error::NotLocked { .. } => Status::Evaluation,
        Error::Evaluation(error) => of_evaluation(error),
        Error::ContentMismatch { .. } | Error::AttributeMismatch { .. } | Error::ArchiveMember { .. } => {
            Status::Integrity
        }
        Error::Input { source, .. } | Error::RegistryUnreachable { source, .. } => of_flake(source),
        Error::Download(error) => of_download(error),
        Error::Store(error) => of_store(error),
        Error::ShallowRepository { .. } | Error::Git { .. } | Error::File { .. } => Status::FileSystem,
    }
}

/// What evaluation fetches may fail for reasons of its own.
pub(super) fn of_evaluation(error: &nix_expr::EvalError) -> Status {
    match error.kind {
        nix_expr::ErrorKind::Fetch => Status::Network,
        nix_expr::ErrorKind::Integrity => Status::Integrity,
        _ => Status::Evaluation,
    }
}

pub(super) fn of_store(error: &nix_store::Error) -> Status {
    use nix_store::Error;
    match error {
        Error::OutOfSpace { .. }
        | Error::Io { .. }
        | Error::Stream { .. }
        | Error::FileChanged { .. }
        | Error::UnsupportedFileType { .. } => Status::FileSystem,
        Error::Database { .. }
        | Error::InvalidDatabase { .. }
        | Error::UnknownSchema { .. }
        | Error::NoStore { .. }
        | Error::ReadOnly { .. }
        | Error::StillAlive { .. }
        | Error::CollectionHeldOff { .. }
        | Error::RootInTheWay { .. } => Status::FileSystem,
        Error::InvalidNar { .. }
        | Error::InvalidNarInfo { .. }
        | Error::InvalidCacheInfo { .. }
        | Error::HashMismatch { .. }
        | Error::WrongContentAddress { .. } => Status::Integrity,
        Error::InvalidAge { .. } | Error::InvalidStoreUri { .. } | Error::InvalidKey { .. } => Status::Usage,
        Error::Connect { .. }
        | Error::UnsupportedDaemon { .. }
        | Error::BrokenConnection { .. }
        | Error::MalformedMessage { .. } => Status::Network,
        Error::Daemon { .. } => Status::Build,
        Error::UnknownHashAlgorithm { .. }
        | Error::InvalidHash { .. }
        | Error::InvalidStoreDirectory { .. }
        | Error::NotInStore { .. }
        | Error::InvalidStorePath { .. }
        | Error::ReferencesNotAllowed { .. }
        | Error::TextHashAlgorithm { .. }
        | Error::InvalidContentAddress { .. }
        | Error::InvalidDerivation { .. }
        | Error::UnsupportedDerivation { .. }
        | Error::DerivationCycle { .. }
        | Error::Incomplete { .. }
        | Error::NoRandomness { .. }
        | Error::NotValid { .. }
        | Error::MissingReference { .. } => Status::Internal,
    }
}

pub(super) fn of_install(error: &install::Error) -> Status {
    use install::Error;
    match error {
        Error::NoSuchDisk { .. }
        | Error::Partition { .. }
        | Error::Refused { .. }
        | Error::TooSmall { .. }
        | Error::InvalidPersonal { .. }
        | Error::NotPersonal { .. } => Status::Usage,
        Error::InvalidImage { .. } | Error::WrongChecksum { .. } | Error::Corrupt { .. } => Status::Integrity,
        Error::Read { .. } | Error::Write { .. } | Error::Image(_) => Status::FileSystem,
        Error::InvalidBmc { .. } => Status::Usage,
        Error::Unreachable { .. } => Status::Network,
        Error::Bmc { .. } | Error::NotStarted { .. } => Status::Host,
        Error::Cancelled { .. } => Status::Interrupted,
    }
}

pub(super) fn of_debian(error: &debian::Error) -> Status {
    use debian::Error;
    match error {
        Error::MalformedDependency { .. }
        | Error::MalformedVersion { .. }
        | Error::MalformedRequest { .. }
        | Error::PackageNotFound { .. }
        | Error::VirtualPackage { .. }
        | Error::VersionNotFound { .. }
        | Error::Unsatisfiable { .. }
        | Error::TwoVersions { .. }
        | Error::MalformedLock { .. }
        | Error::ComponentNotFound { .. } => Status::Resolution,
        Error::NoMirror { .. } => Status::Usage,
        Error::ReleaseNotFound { .. } | Error::NotCached { .. } => Status::Network,
        Error::Download { source } => of_download(source),
        Error::MalformedIndex { .. }
        | Error::Unsigned { .. }
        | Error::AlteredRelease { .. }
        | Error::UnknownKey { .. }
        | Error::ExpiredKey { .. }
        | Error::ExpiredRelease { .. }
        | Error::FutureRelease { .. }
        | Error::WrongSuite { .. }
        | Error::MalformedRelease { .. }
        | Error::Deb { .. } => Status::Integrity,
        Error::Keyring { .. } | Error::MalformedGlob { .. } => Status::Internal,
        Error::Io { .. } => Status::FileSystem,
    }
}

pub(super) fn of_build(error: &nix_build::Error) -> Status {
    use nix_build::realise::FailureKind;
    match error.kind() {
        FailureKind::Lock => Status::Resolution,
        FailureKind::Network => Status::Network,
        FailureKind::Integrity => Status::Integrity,
        FailureKind::Build => Status::Build,
        FailureKind::FileSystem => Status::FileSystem,
        FailureKind::Cancelled => Status::Interrupted,
    }
}

pub(super) fn of_download(error: &download::Error) -> Status {
    use download::Error;
    match error {
        Error::NoAddress { .. }
        | Error::UnsupportedAddress { .. }
        | Error::Unreachable { .. }
        | Error::Status { .. }
        | Error::Client { .. } => Status::Network,
        Error::WrongSize { .. } | Error::WrongHash { .. } | Error::TooLarge { .. } => Status::Integrity,
        Error::DiskFull { .. } | Error::Io { .. } => Status::FileSystem,
        Error::Cancelled => Status::Interrupted,
    }
}

pub(super) fn of_cache(error: &binary_cache::Error) -> Status {
    use binary_cache::Kind;
    match error.kind() {
        Kind::Usage => Status::Usage,
        Kind::Network => Status::Network,
        Kind::Integrity => Status::Integrity,
        Kind::FileSystem => Status::FileSystem,
        Kind::Cancelled => Status::Interrupted,
    }
}

pub(super) fn of_deploy(error: &deploy::Error) -> Status {
    use deploy::Error;
    match error {
        Error::InvalidPattern { .. } | Error::NothingSelected { .. } | Error::NoAddress { .. } => {
            Status::Usage
        }
        Error::InvalidDeployment { .. } | Error::InvalidKey { .. } => Status::Evaluation,
        Error::Io { .. } | Error::Start { .. } => Status::FileSystem,
        Error::Unreachable { .. } | Error::Lost { .. } | Error::Slow { .. } => Status::Network,
        Error::HostKeyChanged { .. } => Status::Integrity,
        Error::Refused { .. }
        | Error::Privilege { .. }
        | Error::Remote { .. }
        | Error::Answer { .. }
        | Error::Lacks { .. }
        | Error::NoSecret { .. }
        | Error::Unhealthy { .. } => Status::Host,
        Error::Store(error) => of_store(error),
        Error::Interrupted => Status::Interrupted,
    }
}

pub(super) fn of_vm(error: &VmError) -> Status {
    match error {
        VmError::PortTaken { .. } => Status::Usage,
        VmError::File { .. } => Status::FileSystem,
        VmError::IncompleteEmulator { .. }
        | VmError::Start { .. }
        | VmError::Ended { .. }
        | VmError::NoControl { .. }
        | VmError::NoAnswer { .. }
        | VmError::Running { .. }
        | VmError::Key(_) => Status::Host,
    }
}
