//! How caches are used.

use std::path::PathBuf;
use std::time::Duration;

use nix_store::{StoreDir, TrustedKeys};

use crate::aws::AwsEnvironment;

/// How caches are used. The names are those of Nix's settings where it has them (nix.conf(5)).
#[derive(Debug, Clone)]
pub struct Settings {
    /// The store directory that paths are for.
    pub store_directory: StoreDir,
    /// `trusted-public-keys`.
    pub trusted_keys: TrustedKeys,
    /// `require-sigs`.
    pub require_signatures: bool,
    /// `http-connections`: questions at a time to one server, unless it speaks HTTP/2.
    pub connections: usize,
    /// `max-substitution-jobs`: large archives at a time.
    pub substitution_jobs: usize,
    /// `download-attempts`.
    pub attempts: u32,
    /// `connect-timeout`.
    pub connect_timeout: Duration,
    /// `stalled-download-timeout`.
    pub stall_timeout: Duration,
    /// `narinfo-cache-positive-ttl`.
    pub positive_ttl: Duration,
    /// `narinfo-cache-negative-ttl`.
    pub negative_ttl: Duration,
    /// The directory in which look-ups are remembered; `None`: they are not.
    pub lookup_directory: Option<PathBuf>,
    /// `netrc-file`. It need not exist.
    pub netrc_file: Option<PathBuf>,
    /// `ssl-cert-file`, if it is not the system's.
    pub certificate_file: Option<PathBuf>,
    /// Where the credentials for S3 come from.
    pub aws: AwsEnvironment,
    /// Name and version of the program, told to servers.
    pub user_agent: String,
}

impl Default for Settings {
    /// Nix's defaults, but for a stalled transfer, which is given up after half a minute instead of five; no key is
    /// trusted, and nothing remembered.
    fn default() -> Self {
        Settings {
            store_directory: StoreDir::default(),
            trusted_keys: TrustedKeys::default(),
            require_signatures: true,
            connections: 25,
            substitution_jobs: 16,
            attempts: 5,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            positive_ttl: Duration::from_secs(30 * 24 * 60 * 60),
            negative_ttl: Duration::from_secs(60 * 60),
            lookup_directory: None,
            netrc_file: None,
            certificate_file: None,
            aws: AwsEnvironment::default(),
            user_agent: concat!("hostwright/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

impl Settings {
    pub(crate) fn download(&self) -> download::Settings {
        download::Settings {
            connections: self.connections.max(1),
            attempts: self.attempts,
            connect_timeout: self.connect_timeout,
            stall_timeout: self.stall_timeout,
            user_agent: self.user_agent.clone(),
            certificate_file: self.certificate_file.clone(),
            ..download::Settings::default()
        }
    }
}
