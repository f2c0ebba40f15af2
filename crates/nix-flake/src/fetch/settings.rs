//! How trees are fetched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use nix_store::StoreDir;

/// Settings of a [`Fetcher`](super::Fetcher). The names are those of nix.conf(5) where it has them.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// Where store paths live.
    pub store_dir: StoreDir,
    /// Where trees and answers are kept.
    pub cache_directory: PathBuf,
    /// No network.
    pub offline: bool,
    /// How long an answer that may change is believed (`tarball-ttl`): an hour, as in Nix. Zero asks again.
    pub tarball_ttl: Duration,
    /// Tokens for code forges, by host (`access-tokens`).
    pub access_tokens: BTreeMap<String, String>,
    /// The file with names and passwords for HTTP (`netrc-file`).
    pub netrc_file: Option<PathBuf>,
    /// The registry that is asked last, a URL or a path (`flake-registry`); empty for none.
    pub flake_registry: String,
    /// The user's own registry.
    pub user_registry: Option<PathBuf>,
    /// The machine's registry.
    pub system_registry: PathBuf,
    /// Whether working trees with changes are taken (`allow-dirty`).
    pub allow_dirty: bool,
    /// Whether that is worth a warning (`warn-dirty`).
    pub warn_dirty: bool,
    /// Beginnings of URLs that are reached elsewhere, as git's `url.<base>.insteadOf`: what to ask instead, by the beginning.
    pub instead_of: BTreeMap<String, String>,
    /// Where warnings go.
    pub warn: fn(&str),
    /// Where it is said what is being fetched.
    pub note: fn(&str),
}

/// The registry that Nix comes with.
pub const GLOBAL_REGISTRY: &str = "https://channels.nixos.org/flake-registry.json";

impl FetchSettings {
    /// Nix's defaults, with everything fetched kept below `cache_directory`.
    pub fn new(cache_directory: PathBuf) -> Self {
        FetchSettings {
            store_dir: StoreDir::default(),
            cache_directory,
            offline: false,
            tarball_ttl: Duration::from_secs(3600),
            access_tokens: BTreeMap::new(),
            netrc_file: None,
            flake_registry: GLOBAL_REGISTRY.to_owned(),
            user_registry: None,
            system_registry: PathBuf::from("/etc/nix/registry.json"),
            allow_dirty: true,
            warn_dirty: true,
            instead_of: BTreeMap::new(),
            warn: |text| eprintln!("warning: {text}"),
            note: |_| {},
        }
    }
}
