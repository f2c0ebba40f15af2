//! What was meant: the settings of a run, from all the places where they can be made.
//!
//! From strongest to weakest: the command line's own option, `--option NAME VALUE`, the environment (`HOSTWRIGHT_…`, then
//! `NIX_CONFIG`), Nix's own files ([`crate::nix_conf`]), `$XDG_CONFIG_HOME/hostwright/config.toml`, the default. Directories follow the XDG base directory
//! specification, and Nix's variables for its own (`NIX_CACHE_HOME`, `NIX_STATE_HOME`).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix_flake::{FlakeReference, InputPath};
use nix_store::local::KeepOptions;
use serde::Deserialize;

use crate::arguments::{BuildLimits, GlobalArguments};
use crate::building::{self, BuildSettings};
use crate::caches::{self, CacheConfiguration};
use crate::evaluation::{self, Evaluation, truth};
use crate::failure::Failure;
use crate::flakes::{self, FlakeConfiguration, FlakeDirectories};
use crate::nix_conf::{self, NixSettings};
use crate::store_choice::{DaemonChoice, StoreChoice};

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The directory that relative paths start from.
    pub working_directory: PathBuf,
    /// The root of our own store: store paths lie in `ROOT/nix/store`.
    pub store_root: PathBuf,
    /// The daemon whose store is used instead, if one is; our own is then a place to work in.
    pub daemon: Option<DaemonChoice>,
    /// Mirrors, where they were chosen.
    pub mirrors: Mirrors,
    /// Inputs taken from elsewhere.
    pub overrides: BTreeMap<InputPath, FlakeReference>,
    /// No network.
    pub offline: bool,
    /// Do not trust what was fetched recently.
    pub refresh: bool,
    /// Whether lock files may be written.
    pub write_lock_files: bool,
    /// Impure evaluation.
    pub impure: bool,
    /// How configurations are evaluated.
    pub evaluation: Evaluation,
    /// How flakes are fetched and locked.
    pub flakes: FlakeConfiguration,
    /// How binary caches are used.
    pub caches: CacheConfiguration,
    /// Whether results of evaluations are kept for later runs (Nix's setting `eval-cache`).
    pub evaluation_cache: bool,
    /// Builds at once.
    pub max_jobs: usize,
    /// Go on after a failed build.
    pub keep_going: bool,
    /// Show what builds print.
    pub print_build_logs: bool,
    /// What keeps store paths from being collected besides references.
    pub keep: KeepOptions,
    /// Where Nix keeps the profiles of the user.
    pub user_profiles: PathBuf,
    /// How derivations are built.
    pub building: BuildSettings,
    /// Keep equal files of the store once from the moment that they are added (`auto-optimise-store`).
    pub optimise_store: bool,
    /// Bring what is added to the disk before it counts (`fsync-store-paths`).
    pub sync_store_paths: bool,
    /// Nix's settings as they were given, for daemons that build for us.
    pub nix_settings: BTreeMap<String, String>,
    /// Where things lie that can be made again.
    pub cache_directory: PathBuf,
    /// Where things lie that are kept between runs.
    pub state_directory: PathBuf,
}

/// The archives' mirrors, as far as somebody chose them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// Of the Debian archive.
    pub debian: Option<String>,
    /// Of the security archive.
    pub security: Option<String>,
    /// Of the Debian archive on other days, for files that the mirror no longer has.
    pub snapshots: Vec<String>,
}

/// `config.toml`. A relative store is relative to the file's directory.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ConfigFile {
    store: Option<String>,
    mirror: Option<String>,
    security_mirror: Option<String>,
    #[serde(default)]
    snapshot_mirrors: Vec<String>,
    offline: Option<bool>,
    max_jobs: Option<NumberOrAuto>,
    keep_going: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum NumberOrAuto {
    Number(usize),
    Text(String),
}

impl NumberOrAuto {
    fn into_text(self) -> String {
        match self {
            NumberOrAuto::Number(number) => number.to_string(),
            NumberOrAuto::Text(text) => text,
        }
    }
}

/// The environment, as far as it matters; a type of its own so that tests need not change the process's.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Settings of Nix that mean something here, besides those of evaluation.
const NIX_SETTINGS: [&str; 8] = [
    "auto-optimise-store",
    "fsync-store-paths",
    "eval-cache",
    "keep-derivations",
    "keep-going",
    "keep-outputs",
    "max-jobs",
    "store",
];

fn is_known(setting: &str) -> bool {
    NIX_SETTINGS.contains(&setting)
        || building::SETTINGS.contains(&setting)
        || evaluation::SETTINGS.contains(&setting)
        || flakes::SETTINGS.contains(&setting)
        || caches::SETTINGS.contains(&setting)
}

impl Configuration {
    /// Works out the settings. Returns warnings beside them: settings of Nix that have no effect here.
    pub fn new(
        global: &GlobalArguments,
        limits: &BuildLimits,
        environment: Environment<'_>,
        working_directory: &Path,
    ) -> Result<(Self, Vec<String>), Failure> {
        let directory = |nix: &str, xdg: &str, fallback: &str| -> Result<PathBuf, Failure> {
            let absolute =
                |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let base = match absolute(nix) {
                Some(own) => return Ok(own.join("hostwright")),
                None => absolute(xdg),
            };
            let base = base.or_else(|| absolute("HOME").map(|home| home.join(fallback)));
            base.map(|base| base.join("hostwright")).ok_or_else(|| {
                Failure::Usage(format!(
                    "neither HOME nor {xdg} is set to an absolute path: where do files belong?"
                ))
            })
        };
        let config_directory = directory("NIX_CONFIG_HOME", "XDG_CONFIG_HOME", ".config")?;
        let data_directory = directory("", "XDG_DATA_HOME", ".local/share")?;
        let file = read_config_file(&config_directory.join("config.toml"))?;

        let mut settings = NixSettings::read(environment, is_known)?;
        for pair in global.option.chunks_exact(2) {
            settings.set_by_option(&pair[0], &pair[1], is_known);
        }
        let NixSettings { values: nix, warnings, .. } = settings;

        let remote = environment("NIX_REMOTE").map(|text| text.to_string_lossy().into_owned());
        let store = match (&global.store, &file.store) {
            (Some(store), _) => StoreChoice::parse(store, working_directory)?,
            (None, Some(store)) => StoreChoice::parse(store, &config_directory)?,
            (None, None) => match remote.as_ref().or_else(|| nix.get("store")) {
                Some(store) => StoreChoice::parse(store, working_directory)?,
                None => StoreChoice::Auto,
            },
        }
        .settle(&data_directory);

        let max_jobs = limits
            .max_jobs
            .clone()
            .or_else(|| nix.get("max-jobs").cloned())
            .or_else(|| file.max_jobs.map(NumberOrAuto::into_text));
        let keep_going = limits.keep_going
            || nix.get("keep-going").map_or(file.keep_going.unwrap_or(false), |value| value == "true");

        let mut overrides = BTreeMap::new();
        for pair in global.override_input.chunks_exact(2) {
            let input: InputPath = pair[0].parse()?;
            overrides.insert(input, FlakeReference::parse_argument(&pair[1], working_directory)?);
        }
        let cache_directory = directory("NIX_CACHE_HOME", "XDG_CACHE_HOME", ".cache")?;
        let offline = global.offline || file.offline.unwrap_or(false);
        let flake_directories = FlakeDirectories {
            cache: cache_directory.clone(),
            nix_config: flakes::nix_config_directory(environment),
            netrc_file: nix_conf::directory(environment).join("netrc"),
            data: data_directory,
        };
        let caches = CacheConfiguration::new(
            &nix,
            environment,
            cache_directory.clone(),
            nix_conf::directory(environment).join("netrc"),
        )?;
        let flakes = FlakeConfiguration::new(
            &global.flakes,
            &nix,
            &flake_directories,
            working_directory,
            (offline, global.refresh),
        )?;
        let configuration = Configuration {
            working_directory: working_directory.to_owned(),
            store_root: store.root,
            daemon: store.daemon,
            mirrors: Mirrors {
                debian: global.mirror.clone().or(file.mirror),
                security: global.security_mirror.clone().or(file.security_mirror),
                snapshots: match global.snapshot_mirror.as_slice() {
                    [] => file.snapshot_mirrors,
                    chosen => chosen.to_vec(),
                },
            },
            overrides,
            offline,
            refresh: global.refresh,
            write_lock_files: !global.no_write_lock_file,
            impure: global.impure || !truth(&nix, "pure-eval", true)?,
            evaluation: Evaluation::new(&global.evaluation, &nix, environment)?,
            flakes,
            caches,
            evaluation_cache: truth(&nix, "eval-cache", true)?,
            max_jobs: match max_jobs.as_deref() {
                None | Some("auto") => processors(),
                Some(text) => parse_number("max-jobs", text)?,
            },
            keep_going,
            print_build_logs: limits.print_build_logs,
            keep: KeepOptions {
                outputs: truth(&nix, "keep-outputs", KeepOptions::default().outputs)?,
                derivations: truth(&nix, "keep-derivations", KeepOptions::default().derivations)?,
            },
            user_profiles: user_profiles(environment),
            building: BuildSettings::new(limits, &nix, environment)?,
            optimise_store: truth(&nix, "auto-optimise-store", false)?,
            sync_store_paths: truth(&nix, "fsync-store-paths", false)?,
            nix_settings: nix,
            cache_directory,
            state_directory: directory("NIX_STATE_HOME", "XDG_STATE_HOME", ".local/state")?,
        };
        Ok((configuration, warnings))
    }
}

fn read_config_file(file: &Path) -> Result<ConfigFile, Failure> {
    match std::fs::read_to_string(file) {
        Ok(text) => toml::from_str(&text)
            .map_err(|source| Failure::ConfigFile { file: file.to_owned(), source: Box::new(source) }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigFile::default()),
        Err(source) => Err(Failure::File { action: "read", path: file.to_owned(), source }),
    }
}

/// Where Nix keeps the profiles of the user: below `NIX_STATE_HOME`, or `nix` in the XDG state directory. A directory
/// that is not there has no profiles.
fn user_profiles(environment: Environment<'_>) -> PathBuf {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("NIX_STATE_HOME").unwrap_or_else(|| {
        let home = || absolute("HOME").map(|home| home.join(".local/state"));
        absolute("XDG_STATE_HOME").or_else(home).unwrap_or_default().join("nix")
    });
    state.join("profiles")
}

fn parse_number(name: &str, text: &str) -> Result<usize, Failure> {
    text.parse().map_err(|_| Failure::Usage(format!("'{text}' is not a value of {name}: give a number")))
}

/// How many processors this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configure(
        global: GlobalArguments,
        limits: BuildLimits,
        environment: &[(&str, &str)],
        home: &Path,
    ) -> Result<(Configuration, Vec<String>), Failure> {
        let lookup = |name: &str| {
            if name == "HOME" || name == "NIX_CONF_DIR" {
                return Some(home.as_os_str().to_owned());
            }
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        Configuration::new(&global, &limits, &lookup, Path::new("/work-in-here"))
    }

    #[test]
    fn the_stronger_place_wins() {
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join(".config/hostwright");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(
            config.join("config.toml"),
            "store = \"s\"\nmax-jobs = 3\nkeep-going = true\nmirror = \"http://m\"\n",
        )
        .unwrap();

        let (only_file, _) =
            configure(GlobalArguments::default(), BuildLimits::default(), &[], home.path()).unwrap();
        assert_eq!((only_file.max_jobs, only_file.keep_going), (3, true));
        assert_eq!(only_file.store_root, config.join("s"));
        assert_eq!(only_file.mirrors.debian.as_deref(), Some("http://m"));

        let environment = [
            ("NIX_CONFIG", "max-jobs = 5\nkeep-going = false # none\nsandbox-fallback = false"),
            ("XDG_CACHE_HOME", "/c"),
        ];
        let (with_environment, _) =
            configure(GlobalArguments::default(), BuildLimits::default(), &environment, home.path()).unwrap();
        assert_eq!((with_environment.max_jobs, with_environment.keep_going), (5, false));
        assert_eq!(with_environment.cache_directory, Path::new("/c/hostwright"));

        let global = GlobalArguments {
            option: ["max-jobs", "7", "sandbox-fallback", "true"].map(str::to_owned).to_vec(),
            store: Some("local?root=there".to_owned()),
            ..GlobalArguments::default()
        };
        let limits = BuildLimits { keep_going: true, ..BuildLimits::default() };
        let (all, warnings) = configure(global, limits, &environment, home.path()).unwrap();
        assert_eq!((all.max_jobs, all.keep_going), (7, true));
        assert_eq!(all.store_root, Path::new("/work-in-here/there"));
        assert_eq!(warnings, ["the setting 'sandbox-fallback' has no effect"]);
    }

    #[test]
    fn mistakes_are_usage_errors() {
        let home = tempfile::tempdir().unwrap();
        for store in ["https://x", "local?real=/x"] {
            let global = GlobalArguments { store: Some(store.to_owned()), ..GlobalArguments::default() };
            assert!(configure(global, BuildLimits::default(), &[], home.path()).is_err(), "{store}");
        }
        let limits = BuildLimits { max_jobs: Some("many".to_owned()), ..BuildLimits::default() };
        assert!(configure(GlobalArguments::default(), limits, &[], home.path()).is_err());
        let config = home.path().join(".config/hostwright");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("config.toml"), "miror = \"http://m\"\n").unwrap();
        let error = configure(GlobalArguments::default(), BuildLimits::default(), &[], home.path());
        assert!(matches!(error, Err(Failure::ConfigFile { .. })));
    }
}
