//! How flakes are fetched and locked: the command line's options and Nix's settings, worked out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix_flake::{FetchSettings, GLOBAL_REGISTRY, InputPath};

use crate::arguments::FlakeArguments;
use crate::configuration::Environment;
use crate::evaluation::truth;
use crate::failure::Failure;

/// Nix's settings that concern flakes.
pub const SETTINGS: [&str; 9] = [
    "accept-flake-config",
    "access-tokens",
    "allow-dirty",
    "extra-access-tokens",
    "flake-registry",
    "netrc-file",
    "tarball-ttl",
    "use-registries",
    "warn-dirty",
];

/// How flakes are fetched and locked.
#[derive(Debug, Clone)]
pub struct FlakeConfiguration {
    /// Settings that a flake asks for are taken without asking people (`accept-flake-config`).
    pub accept_settings: bool,
    /// Whether names of the flake registry are looked up (`use-registries`).
    pub use_registries: bool,
    /// Whether a lock file that does not fit may be changed.
    pub update_lock_file: bool,
    /// Inputs that are locked anew.
    pub updates: BTreeSet<InputPath>,
    /// All inputs are locked anew.
    pub recreate_lock_file: bool,
    /// The lock file that is read instead of the flake's own.
    pub reference_lock_file: Option<PathBuf>,
    /// Where the lock file is written instead of beside `flake.nix`.
    pub output_lock_file: Option<PathBuf>,
    /// Where people's decisions on a flake's settings are kept.
    pub trusted_settings: PathBuf,
    /// How trees are fetched.
    pub fetching: FetchSettings,
}

/// Directories that settings of flakes lie in.
#[derive(Debug)]
pub struct FlakeDirectories {
    /// What can be fetched again.
    pub cache: PathBuf,
    /// Nix's own settings of the user.
    pub nix_config: PathBuf,
    /// The names and passwords of Nix's own configuration.
    pub netrc_file: PathBuf,
    /// The program's own data of the user.
    pub data: PathBuf,
}

impl FlakeConfiguration {
    /// Works out the settings. `nix` are Nix's, the command line's `--option` over `NIX_CONFIG`.
    ///
    /// # Errors
    /// A setting has a value that it cannot have.
    pub fn new(
        arguments: &FlakeArguments,
        nix: &BTreeMap<String, String>,
        directories: &FlakeDirectories,
        working_directory: &Path,
        (offline, refresh): (bool, bool),
    ) -> Result<Self, Failure> {
        let mut fetching = FetchSettings::new(directories.cache.clone());
        fetching.offline = offline;
        fetching.tarball_ttl = match (refresh, nix.get("tarball-ttl")) {
            (true, _) => Duration::ZERO,
            (false, None) => fetching.tarball_ttl,
            (false, Some(text)) => Duration::from_secs(text.parse().map_err(|_| {
                Failure::Usage(format!("'{text}' is not a value of tarball-ttl: give a number of seconds"))
            })?),
        };
        for name in ["access-tokens", "extra-access-tokens"] {
            let pairs = nix.get(name).map(String::as_str).unwrap_or_default().split_whitespace();
            for pair in pairs {
                let (host, token) = pair.split_once('=').ok_or_else(|| {
                    // The token itself is not shown: messages end up in logs.
                    Failure::Usage(format!("{name} must be HOST=TOKEN pairs, divided by blanks"))
                })?;
                fetching.access_tokens.insert(host.to_owned(), token.to_owned());
            }
        }
        fetching.netrc_file =
            Some(nix.get("netrc-file").map_or_else(|| directories.netrc_file.clone(), PathBuf::from));
        fetching.flake_registry =
            nix.get("flake-registry").map_or(GLOBAL_REGISTRY, String::as_str).to_owned();
        fetching.user_registry = Some(directories.nix_config.join("registry.json"));
        fetching.allow_dirty = truth(nix, "allow-dirty", true)?;
        fetching.warn_dirty = truth(nix, "warn-dirty", true)?;
        let updates = arguments.update_input.iter().map(|input| input.parse());
        Ok(FlakeConfiguration {
            accept_settings: arguments.accept_flake_config || truth(nix, "accept-flake-config", false)?,
            use_registries: !arguments.no_registries && truth(nix, "use-registries", true)?,
            update_lock_file: !arguments.no_update_lock_file,
            updates: updates.collect::<Result<_, _>>()?,
            recreate_lock_file: arguments.recreate_lock_file,
            reference_lock_file: arguments
                .reference_lock_file
                .as_ref()
                .map(|file| working_directory.join(file)),
            output_lock_file: arguments.output_lock_file.as_ref().map(|file| working_directory.join(file)),
            trusted_settings: directories.data.join("trusted-settings.json"),
            fetching,
        })
    }
}

/// The directory of Nix's own settings of the user: `$NIX_CONFIG_HOME`, `$XDG_CONFIG_HOME/nix` or `~/.config/nix`.
pub fn nix_config_directory(environment: Environment<'_>) -> PathBuf {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let nix = absolute("NIX_CONFIG_HOME");
    let xdg = || absolute("XDG_CONFIG_HOME").map(|directory| directory.join("nix"));
    let home = || absolute("HOME").map(|directory| directory.join(".config/nix"));
    nix.or_else(xdg).or_else(home).unwrap_or_else(|| PathBuf::from("/nonexistent"))
}
