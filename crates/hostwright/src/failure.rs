//! Every way in which a run can fail, and the exit status of each.

use std::path::PathBuf;
use std::process::ExitCode;

use nix_build::realise::Unbuildable;

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

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// The user's `config.toml` cannot be read.
    #[error("{} is not a valid settings file", .file.display())]
    ConfigFile {
        /// The file.
        file: PathBuf,
        /// The parser's report.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// The flake, its inputs or its lock file.
    #[error(transparent)]
    Flake(#[from] nix_flake::Error),
    /// The configuration's own mistake.
    #[error(transparent)]
    Evaluation {
        /// What is wrong and where.
        error: Box<nix_expr::EvalError>,
    },
    /// The store or a derivation.
    #[error(transparent)]
    Store(#[from] nix_store::Error),
    /// Packages: their archive, their signatures, their resolution.
    #[error(transparent)]
    Debian(#[from] debian::Error),
    /// A package that the archive does not have.
    #[error(transparent)]
    MissingPackage {
        /// Its name, and where it is asked for.
        error: Box<nix_expr::EvalError>,
    },
    /// A placeholder of the base that is not understood: program and base do not fit together.
    #[error("the package request in {derivation} cannot be read")]
    MalformedRequest {
        /// The placeholder.
        derivation: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// Options and their records do not go together: the base is another one than this program's.
    #[error("the records of options cannot be read or written")]
    OptionRecords {
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// `lint` found what nothing is done instead of; it was shown.
    #[error("{host}: {count} of its packages have scripts that nothing takes the place of")]
    ScriptsNotProvided {
        /// The host.
        host: String,
        /// How many.
        count: usize,
    },
    /// `lock --check` found the lock to be another one.
    #[error("{} is not what the hosts need; 'hostwright lock' changes:\n{changes}", .file.display())]
    LockOutdated {
        /// The lock.
        file: PathBuf,
        /// What changes, one a line.
        changes: String,
    },
    /// A flake that has no packages to pin.
    #[error("the flake in {} does not use hostwright:debian, so it has no packages to pin", .flake.display())]
    NothingToLock {
        /// The directory of the flake.
        flake: PathBuf,
    },
    /// Builds.
    #[error(transparent)]
    Build(#[from] nix_build::Error),
    /// Builds that a daemon could not do.
    #[error("{daemon} could not build everything:\n{}", failures.join("\n"))]
    DaemonBuild {
        /// The daemon.
        daemon: String,
        /// What failed, and why, in the daemon's words.
        failures: Vec<String>,
    },
    /// A daemon found its store damaged.
    #[error("the store of {daemon} is damaged; what it says with -v tells where")]
    DamagedDaemonStore {
        /// The daemon.
        daemon: String,
    },
    /// A derivation that was not built here, or printed nothing.
    #[error("there is no log of '{derivation}': it was not built in this store, or printed nothing")]
    NoLog {
        /// The derivation.
        derivation: String,
    },
    /// Something is to be downloaded, and nothing may be.
    #[error("'{what}'{} not in the store, and --offline forbids to download", and_others(*.others))]
    Offline {
        /// The first thing that is missing.
        what: String,
        /// How many more are.
        others: usize,
    },
    /// A derivation lacks the output that was asked for.
    #[error("'{name}' has no output '{output}'")]
    NoOutput {
        /// What was asked for.
        name: String,
        /// The output.
        output: String,
    },
    /// An image that has not the one file that was expected.
    #[error("{} does not hold one image, but {found}", .directory.display())]
    NoImage {
        /// The output.
        directory: PathBuf,
        /// What is there.
        found: String,
    },
    /// A host for a machine that no emulator is known for.
    #[error("the host '{host}' is for {system}, which no virtual machine here can be")]
    NoEmulator {
        /// The host.
        host: String,
        /// Its system.
        system: String,
    },
    /// Flashing, or what one machine has of its own.
    #[error(transparent)]
    Install(#[from] install::Error),
    /// Somebody said no.
    #[error("nothing was written")]
    Declined,
    /// A download.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// A binary cache.
    #[error(transparent)]
    Cache(#[from] binary_cache::Error),
    /// What is wrong in a cache; each fault was printed.
    #[error("{count} things are wrong in the cache {cache}")]
    CacheFaults {
        /// The cache.
        cache: String,
        /// How many.
        count: usize,
    },
    /// A host that runs.
    #[error(transparent)]
    Deploy(#[from] deploy::Error),
    /// Hosts that are not as they were to be; each was reported.
    #[error("{count} of {total} hosts {} not as {} should be", if *count == 1 { "is" } else { "are" }, if *count == 1 { "it" } else { "they" })]
    Hosts {
        /// How many.
        count: usize,
        /// Of how many.
        total: usize,
    },
    /// A generation that a build which failed is missing for.
    #[error("it could not be built: {reason}")]
    NotBuilt {
        /// What failed.
        reason: String,
    },
    /// The virtual machine.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// A file of ours.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// "read", "write"…
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Standard output is closed or full.
    #[error("cannot write to standard output")]
    StandardOutput {
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Outputs of a flake that do not pass; each was reported.
    #[error("{count} of {total} outputs of the flake do not pass")]
    ChecksFailed {
        /// How many.
        count: usize,
        /// Of how many.
        total: usize,
    },
    /// Paths of the store that are not what they should be; each was reported.
    #[error("{count} of the store's paths {} damaged", if *count == 1 { "is" } else { "are" })]
    DamagedStore {
        /// How many.
        count: usize,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// What to do about a full file system.
const SPACE_ADVICE: &str = "Make room, or choose a store elsewhere with --store; what is complete is kept.";

/// What to do about paths without a signature that is trusted.
const UNSIGNED_ADVICE: &str =
    "Add the key to trusted-public-keys, or say --no-check-sigs if you trust the cache.";

impl Failure {
    /// The evaluator's error, if this is one.
    pub fn evaluation_error(&self) -> Option<&nix_expr::EvalError> {
        match self {
            Failure::Evaluation { error }
            | Failure::MissingPackage { error }
            | Failure::Flake(nix_flake::Error::Evaluation(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether what the user wrote is at fault: it does not evaluate, or asks for packages that cannot be had.
    pub fn is_about_configuration(&self) -> bool {
        matches!(self.status(), Status::Evaluation | Status::Resolution)
    }

    /// What to do next, where there is something to say that the message does not.
    pub fn advice(&self) -> Option<String> {
        match self {
            Failure::Store(error) if error.is_out_of_space() => Some(SPACE_ADVICE.to_owned()),
            Failure::Build(error) if error.is_out_of_space() => Some(SPACE_ADVICE.to_owned()),
            Failure::Cache(error) if error.is_out_of_space() => Some(SPACE_ADVICE.to_owned()),
            Failure::Deploy(error) => error.advice(),
            Failure::Cache(binary_cache::Error::Unsigned { .. }) => Some(UNSIGNED_ADVICE.to_owned()),
            Failure::Install(error) => install_advice(error),
            Failure::Build(nix_build::Error::CannotBuild {
                cause: Unbuildable::OtherSystem { machine, .. },
                ..
            }) => machine.first().map(|system| {
                format!("to compile it here for the other machine, set nixpkgs.buildPlatform = \"{system}\" on its host")
            }),
            Failure::Build(nix_build::Error::Failed { failures, .. })
                if failures.iter().any(is_gone_package) =>
            {
                Some(GONE_ADVICE.to_owned())
            }
            Failure::Flake(nix_flake::Error::Input { input, source })
                if source.innermost().is_network() =>
            {
                bundled_advice(&input.to_string())
            }
            _ => None,
        }
    }
    /// The exit status. The matches name every variant, so that a new kind of failure forces a decision.
    pub fn status(&self) -> Status {
        match self {
            Failure::Usage(_) | Failure::ConfigFile { .. } => Status::Usage,
            Failure::Flake(error) => flake_status(error),
            Failure::Evaluation { error } => evaluation_status(error),
            Failure::Debian(error) => debian_status(error),
            Failure::MissingPackage { .. } | Failure::LockOutdated { .. } => Status::Resolution,
            Failure::MalformedRequest { .. } | Failure::OptionRecords { .. } => Status::Internal,
            Failure::NothingToLock { .. } => Status::Usage,
            Failure::Build(error) => build_status(error),
            Failure::DaemonBuild { .. } | Failure::NotBuilt { .. } => Status::Build,
            Failure::Offline { .. } => Status::Network,
            Failure::NoOutput { .. } | Failure::NoImage { .. } | Failure::NoLog { .. } => Status::Evaluation,
            Failure::ChecksFailed { .. } | Failure::ScriptsNotProvided { .. } => Status::Evaluation,
            Failure::NoEmulator { .. } => Status::Usage,
            Failure::Install(error) => install_status(error),
            Failure::Declined => Status::Interrupted,
            Failure::DamagedStore { .. } | Failure::DamagedDaemonStore { .. } => Status::Integrity,
            Failure::Download(error) => download_status(error),
            Failure::Cache(error) => cache_status(error),
            Failure::CacheFaults { .. } => Status::Integrity,
            Failure::Store(error) => store_status(error),
            Failure::Deploy(error) => deploy_status(error),
            Failure::Hosts { .. } => Status::Host,
            Failure::Vm(error) => vm_status(error),
            Failure::File { .. } | Failure::StandardOutput { .. } => Status::FileSystem,
            Failure::Interrupted => Status::Interrupted,
        }
    }
}

/// A pinned package that no mirror has any more.
const GONE_ADVICE: &str = "the mirror no longer has a package that debian.lock pins: 'hostwright update' pins the newest ones; to \
                           keep those that are pinned, name a mirror of the day with --snapshot-mirror URL";

fn is_gone_package(failure: &nix_build::realise::BuildFailure) -> bool {
    failure.name.ends_with(".deb")
        && matches!(&*failure.cause, nix_build::Error::Download(error) if error.is_not_found())
}

/// What to do where an input is out of reach that the program has a tree for.
fn bundled_advice(input: &str) -> Option<String> {
    let name = input.rsplit('/').next().unwrap_or(input);
    let tree = if name == "nixpkgs" { "debian" } else { name };
    crate::bundled::names().any(|known| known == tree).then(|| {
        format!(
            "the program itself has a tree that can stand for it: say so in hostwright.toml beside flake.nix, by the lines \
             [inputs] and {input} = \"hostwright:{tree}\"; or for one run by --override-input {input} hostwright:{tree}; or \
             make hostwright:{tree} the input's url"
        )
    })
}

fn flake_status(error: &nix_flake::Error) -> Status {
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
        Error::Evaluation(error) => evaluation_status(error),
        Error::ContentMismatch { .. } | Error::AttributeMismatch { .. } | Error::ArchiveMember { .. } => {
            Status::Integrity
        }
        Error::Input { source, .. } | Error::RegistryUnreachable { source, .. } => flake_status(source),
        Error::Download(error) => download_status(error),
        Error::Store(error) => store_status(error),
        Error::ShallowRepository { .. } | Error::Git { .. } | Error::File { .. } => Status::FileSystem,
    }
}

/// What evaluation fetches may fail for reasons of its own.
fn evaluation_status(error: &nix_expr::EvalError) -> Status {
    match error.kind {
        nix_expr::ErrorKind::Fetch => Status::Network,
        nix_expr::ErrorKind::Integrity => Status::Integrity,
        _ => Status::Evaluation,
    }
}

fn store_status(error: &nix_store::Error) -> Status {
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

fn install_status(error: &install::Error) -> Status {
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

/// What to do about a disk.
fn install_advice(error: &install::Error) -> Option<String> {
    use install::Error;
    match error {
        Error::Refused { name, .. } => Some(format!(
            "If it is the right one all the same, unmount it, or name it in full: --named {name:?}. \
             'hostwright flash --list --all' shows every disk."
        )),
        Error::NoSuchDisk { .. } => Some("'hostwright flash --list' shows the disks that can be written.".to_owned()),
        Error::Write { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Some("Only root and the disk's group may write it: 'ls -l' on its node shows which, often 'disk'.".to_owned())
        }
        Error::Write { source, .. } if source.kind() == std::io::ErrorKind::ResourceBusy => {
            Some("Something uses it that did not tell the kernel before. Close it, or take the card out and in again.".to_owned())
        }
        Error::Corrupt { .. } => {
            Some("The card or its reader is at fault: try another reader first, then another card.".to_owned())
        }
        _ => None,
    }
}

fn debian_status(error: &debian::Error) -> Status {
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
        Error::Download { source } => download_status(source),
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

fn build_status(error: &nix_build::Error) -> Status {
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

/// ` and 3 more are` for a sentence that began with one thing.
fn and_others(others: usize) -> String {
    if others == 0 { " is".to_owned() } else { format!(" and {others} more are") }
}

fn download_status(error: &download::Error) -> Status {
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

fn cache_status(error: &binary_cache::Error) -> Status {
    use binary_cache::Kind;
    match error.kind() {
        Kind::Usage => Status::Usage,
        Kind::Network => Status::Network,
        Kind::Integrity => Status::Integrity,
        Kind::FileSystem => Status::FileSystem,
        Kind::Cancelled => Status::Interrupted,
    }
}

fn deploy_status(error: &deploy::Error) -> Status {
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
        Error::Store(error) => store_status(error),
        Error::Interrupted => Status::Interrupted,
    }
}

fn vm_status(error: &VmError) -> Status {
    match error {
        VmError::PortTaken { .. } => Status::Usage,
        VmError::File { .. } => Status::FileSystem,
        VmError::IncompleteEmulator { .. }
        | VmError::Start { .. }
        | VmError::Ended { .. }
        | VmError::NoAnswer { .. }
        | VmError::Running { .. }
        | VmError::Key(_) => Status::Host,
    }
}

impl From<nix_expr::EvalError> for Failure {
    fn from(error: nix_expr::EvalError) -> Self {
        if error.kind == nix_expr::ErrorKind::Interrupted {
            Failure::Interrupted
        } else {
            Failure::Evaluation { error: Box::new(error) }
        }
    }
}
