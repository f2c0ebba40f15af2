//! What can go wrong with a host.

use std::io;
use std::path::{Path, PathBuf};

/// Why something could not be done with a host. Hosts are named as in the fleet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern of `--on` that cannot be.
    #[error("'{pattern}' is not a pattern for hosts: {problem}")]
    InvalidPattern {
        /// As it was written.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// `--on` leaves nothing.
    #[error("'{pattern}' selects none of the hosts {}", .hosts.join(", "))]
    NothingSelected {
        /// As it was written.
        pattern: String,
        /// All hosts.
        hosts: Vec<String>,
    },
    /// The options of a host do not fit their types.
    #[error("the option deployment.{option} of '{host}' cannot be read")]
    InvalidDeployment {
        /// The host.
        host: String,
        /// The option.
        option: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A host that says that it is not reached over SSH.
    #[error("'{host}' cannot be deployed to: deployment.targetHost is null")]
    NoAddress {
        /// The host.
        host: String,
    },
    /// The options of a secret cannot be. They are not repeated, as the secret may be among them.
    #[error("deployment.keys.{key} of '{host}' cannot be used: {problem}")]
    InvalidKey {
        /// The host.
        host: String,
        /// The secret's name.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A secret that could not be had on this machine.
    #[error("the secret '{key}' of '{host}' could not be had: {said}")]
    NoSecret {
        /// The host.
        host: String,
        /// The secret's name.
        key: String,
        /// Why not.
        said: String,
    },
    /// A file of this machine.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// "read", "write"…
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// `ssh` itself.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nobody answers.
    #[error("{address} does not answer: {said}")]
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// What `ssh` said.
        said: String,
    },
    /// Somebody else answers, or the host was installed anew.
    #[error("{address} has another host key than the one that is pinned in {}", .known_hosts.display())]
    HostKeyChanged {
        /// Where it was looked for.
        address: String,
        /// The file with the pinned key.
        known_hosts: PathBuf,
        /// What `ssh` said.
        said: String,
    },
    /// No key or password lets us in.
    #[error("{address} does not let us in: {said}")]
    Refused {
        /// Where we knocked.
        address: String,
        /// What `ssh` said.
        said: String,
    },
    /// We are in, but may not become root.
    #[error("cannot become root on '{host}': {said}")]
    Privilege {
        /// The host.
        host: String,
        /// What the program said.
        said: String,
    },
    /// The connection broke.
    #[error("the connection to '{host}' broke while it was to {action}: {said}")]
    Lost {
        /// The host.
        host: String,
        /// What was going on.
        action: String,
        /// What `ssh` said.
        said: String,
    },
    /// The host took too long.
    #[error("'{host}' did not {action} within {seconds} s")]
    Slow {
        /// The host.
        host: String,
        /// What it was to do.
        action: String,
        /// How long it had.
        seconds: u64,
    },
    /// Something that was run on the host failed.
    #[error("'{host}' could not {action} (status {status}): {said}")]
    Remote {
        /// The host.
        host: String,
        /// What it was to do.
        action: String,
        /// The exit status.
        status: i32,
        /// The end of what it said.
        said: String,
    },
    /// An answer that is not understood.
    #[error("'{host}' answered something else than expected: {problem}")]
    Answer {
        /// The host.
        host: String,
        /// What is wrong.
        problem: String,
    },
    /// A host that closures cannot be given to.
    #[error("'{host}' has no {program}, which deploying needs")]
    Lacks {
        /// The host.
        host: String,
        /// The program.
        program: &'static str,
    },
    /// A store, here or there.
    #[error(transparent)]
    Store(#[from] nix_store::Error),
    /// A health check.
    #[error("the check '{check}' failed: {said}")]
    Unhealthy {
        /// Its name.
        check: String,
        /// What was found.
        said: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a file of this machine.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Error::Io { action, path: path.to_owned(), source }
    }

    /// What to do next, where there is something to say.
    pub fn advice(&self) -> Option<String> {
        match self {
            Error::HostKeyChanged { known_hosts, said, .. } => Some(format!(
                "Either the host was installed anew, or somebody else answers in its place. Compare its key on its console \
                 (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); if it is right, remove the old line from {}.\n{said}",
                known_hosts.display()
            )),
            Error::NoAddress { .. } => {
                Some("Give it an address with deployment.targetHost or --target-host.".to_owned())
            }
            Error::Refused { .. } => Some(
                "Check users.users.<name>.openssh.authorizedKeys.keys of the host, deployment.targetUser, and that your key \
                 is in the agent (ssh-add -l)."
                    .to_owned(),
            ),
            Error::Privilege { .. } => Some(
                "Say --ask-sudo-password if a password is needed, deploy as root, or set \
                 deployment.privilegeEscalationCommand."
                    .to_owned(),
            ),
            Error::Lacks { program: "nix-daemon", .. } => {
                Some("Set nix.enable = true on the host and give it a new image once.".to_owned())
            }
            _ => None,
        }
    }

    /// Whether trying again a little later may help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Error::Unreachable { .. } | Error::Lost { .. } | Error::Slow { .. })
    }
}
