//! Every way in which a run can fail, and the exit status of each.

mod status;

use std::path::PathBuf;

use nix_build::realise::Unbuildable;

use crate::vm::VmError;

pub use status::Status;

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
    /// Derivations that do not evaluate; each was printed with its error.
    #[error("{count} of {total} do not evaluate; their lines say why")]
    JobsFailed {
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
    /// The exit status.
    pub fn status(&self) -> Status {
        match self {
            Failure::Usage(_) | Failure::ConfigFile { .. } => Status::Usage,
            Failure::Flake(error) => status::of_flake(error),
            Failure::Evaluation { error } => status::of_evaluation(error),
            Failure::Debian(error) => status::of_debian(error),
            Failure::MissingPackage { .. } | Failure::LockOutdated { .. } => Status::Resolution,
            Failure::MalformedRequest { .. } | Failure::OptionRecords { .. } => Status::Internal,
            Failure::NothingToLock { .. } => Status::Usage,
            Failure::Build(error) => status::of_build(error),
            Failure::DaemonBuild { .. } | Failure::NotBuilt { .. } => Status::Build,
            Failure::Offline { .. } => Status::Network,
            Failure::NoOutput { .. } | Failure::NoImage { .. } | Failure::NoLog { .. } => Status::Evaluation,
            Failure::ChecksFailed { .. }
            | Failure::JobsFailed { .. }
            | Failure::ScriptsNotProvided { .. } => Status::Evaluation,
            Failure::NoEmulator { .. } => Status::Usage,
            Failure::Install(error) => status::of_install(error),
            Failure::Declined => Status::Interrupted,
            Failure::DamagedStore { .. } | Failure::DamagedDaemonStore { .. } => Status::Integrity,
            Failure::Download(error) => status::of_download(error),
            Failure::Cache(error) => status::of_cache(error),
            Failure::CacheFaults { .. } => Status::Integrity,
            Failure::Store(error) => status::of_store(error),
            Failure::Deploy(error) => status::of_deploy(error),
            Failure::Hosts { .. } => Status::Host,
            Failure::Vm(error) => status::of_vm(error),
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

/// ` and 3 more are` for a sentence that began with one thing.
fn and_others(others: usize) -> String {
    if others == 0 { " is".to_owned() } else { format!(" and {others} more are") }
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
