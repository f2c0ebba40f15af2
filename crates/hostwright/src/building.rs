//! How derivations are built: settings of Nix, and the options that stand for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use nix_build::realise::{Machine, Settings};
use nix_build::remote::RemoteMachine;
use nix_build::sandbox::{SandboxPath, SandboxSettings, find_emulator};
use nix_store::daemon::StoreUri;
use nix_store::local::SpaceThresholds;

use crate::arguments::{BuildLimits, size};
use crate::configuration::Environment;
use crate::evaluation::truth;
use crate::failure::Failure;
use crate::nix_conf;

/// Settings of Nix that are about building, besides `max-jobs` and `keep-going`.
pub const SETTINGS: [&str; 17] = [
    "builders",
    "builders-use-substitutes",
    "connect-timeout",
    "cores",
    "extra-platforms",
    "extra-sandbox-paths",
    "extra-system-features",
    "fallback",
    "keep-failed",
    "max-free",
    "max-silent-time",
    "min-free",
    "sandbox",
    "sandbox-paths",
    "ssl-cert-file",
    "system-features",
    "timeout",
];

/// Where distributions keep the certificates of authorities that all trust.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// How long a machine of `builders` may take to answer, if `connect-timeout` does not say.
const PATIENCE: Duration = Duration::from_secs(15);

/// How derivations are built.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// What can be built here.
    pub machine: Machine,
    /// What of this machine builds see.
    pub sandbox: SandboxSettings,
    /// Processors that one build may use; 0 for all.
    pub cores: usize,
    /// How long a build may take.
    pub timeout: Option<Duration>,
    /// How long it may print nothing.
    pub max_silent_time: Option<Duration>,
    /// Keep the directories of failed builds.
    pub keep_failed: bool,
    /// Build what should have been fetched and could not be.
    pub fallback: bool,
    /// When garbage is collected before a build, if ever.
    pub space: Option<SpaceThresholds>,
    /// Other machines that build.
    pub builders: Vec<RemoteMachine>,
    /// Whether these fetch what they need from their own substituters where they can.
    pub builders_use_substitutes: bool,
}

impl BuildSettings {
    /// The settings, the command line's first.
    pub fn new(
        limits: &BuildLimits,
        nix: &BTreeMap<String, String>,
        environment: Environment<'_>,
    ) -> Result<Self, Failure> {
        if !truth(nix, "sandbox", true)? {
            return Err(Failure::Usage(String::from(
                "builds are always sandboxed here; for one that needs more, name it in sandbox-paths",
            )));
        }
        let number = |name: &str, given: Option<u64>, default: u64| match (given, nix.get(name)) {
            (Some(number), _) => Ok(number),
            (None, None) => Ok(default),
            (None, Some(text)) => text
                .parse()
                .map_err(|_| Failure::Usage(format!("'{text}' is not a value of {name}: give a number"))),
        };
        let words = |name: &str| nix.get(name).map(|text| text.split_whitespace().map(str::to_owned));
        // As for Nix, no seconds are no limit.
        let seconds = |number: u64| (number > 0).then(|| Duration::from_secs(number));

        let mut machine = Machine::this();
        machine.systems.extend(words("extra-platforms").into_iter().flatten());
        let path = environment("PATH").unwrap_or_default();
        let directories: Vec<PathBuf> =
            std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]).collect();
        // Without one of ours, the machine's own table may have one.
        let emulators =
            words("extra-platforms").into_iter().flatten().filter(|system| *system != "i686-linux");
        let emulators =
            emulators.filter_map(|system| Some((system.clone(), find_emulator(&system, &directories)?)));
        if let Some(features) = words("system-features") {
            machine.features = features.collect::<BTreeSet<String>>();
        }
        machine.features.extend(words("extra-system-features").into_iter().flatten());

        let paths = ["sandbox-paths", "extra-sandbox-paths"].into_iter().filter_map(words).flatten();
        let paths = paths.map(|path| path.parse::<SandboxPath>()).collect::<Result<Vec<_>, _>>();
        let certificates = nix
            .get("ssl-cert-file")
            .map(PathBuf::from)
            .or_else(|| environment("NIX_SSL_CERT_FILE").map(PathBuf::from))
            .or_else(|| CERTIFICATES.iter().map(PathBuf::from).find(|path| path.exists()));
        let sandbox = SandboxSettings {
            paths: paths.map_err(|error| Failure::Usage(error.to_string()))?,
            certificates,
            emulators: emulators.collect(),
            ..SandboxSettings::default()
        };
        let cores = number("cores", limits.cores, 0)?;
        // Without a word on it, Nix looks for this file.
        let list = limits.builders.as_ref().or_else(|| nix.get("builders"));
        let list = list
            .cloned()
            .unwrap_or_else(|| format!("@{}", nix_conf::directory(environment).join("machines").display()));
        let mut builders =
            RemoteMachine::parse_list(&list, &machine.systems[0]).map_err(|error| match error {
                error @ nix_build::Error::InvalidMachine { .. } => Failure::Usage(error.to_string()),
                other => other.into(),
            })?;
        let patience = number("connect-timeout", None, 0)?;
        for builder in &mut builders {
            if let StoreUri::Ssh(address) = &mut builder.uri {
                address.connect_timeout = Some(seconds(patience).unwrap_or(PATIENCE));
            }
        }
        let bytes = |name: &str, default: u64| match nix.get(name) {
            None => Ok(default),
            Some(text) => size(text)
                .map_err(|problem| Failure::Usage(format!("'{text}' is not a value of {name}: {problem}"))),
        };
        let (min_free, max_free) = (bytes("min-free", 0)?, bytes("max-free", u64::MAX)?);
        Ok(BuildSettings {
            space: (min_free > 0).then_some(SpaceThresholds { min_free, max_free }),
            machine,
            sandbox,
            cores: usize::try_from(cores).unwrap_or(usize::MAX),
            timeout: seconds(number("timeout", limits.timeout, 0)?),
            max_silent_time: seconds(number("max-silent-time", limits.max_silent_time, 0)?),
            keep_failed: limits.keep_failed || truth(nix, "keep-failed", false)?,
            fallback: limits.fallback || truth(nix, "fallback", true)?,
            builders,
            builders_use_substitutes: truth(nix, "builders-use-substitutes", false)?,
        })
    }

    /// The part of the scheduler's settings that is decided here.
    pub fn settings(&self) -> Settings {
        Settings {
            cores: self.cores,
            timeout: self.timeout,
            max_silent_time: self.max_silent_time,
            keep_failed: self.keep_failed,
            fallback: self.fallback,
            builders_use_substitutes: self.builders_use_substitutes,
            space: self.space,
            sandbox: self.sandbox.clone(),
            ..Settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(limits: BuildLimits, nix: &[(&str, &str)]) -> Result<BuildSettings, Failure> {
        let nix = nix.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        BuildSettings::new(&limits, &nix, &|_| None)
    }

    #[test]
    fn settings_mean_what_they_mean_to_nix() {
        let limits = BuildLimits { timeout: Some(9), ..BuildLimits::default() };
        let found = settings(
            limits,
            &[
                ("timeout", "5"),
                ("max-silent-time", "7"),
                ("cores", "3"),
                ("extra-platforms", "aarch64-linux"),
                ("system-features", "a b"),
                ("extra-system-features", "c"),
                ("sandbox-paths", "/bin/sh=/opt/busybox /etc/x?"),
                ("builders", "ssh-ng://mac aarch64-darwin - 4 ; arm aarch64-linux"),
                ("connect-timeout", "3"),
                ("min-free", "2G"),
            ],
        )
        .unwrap();
        assert_eq!(found.timeout, Some(Duration::from_secs(9)));
        assert_eq!(found.max_silent_time, Some(Duration::from_secs(7)));
        assert_eq!(found.cores, 3);
        assert!(found.machine.systems.contains(&"aarch64-linux".to_owned()));
        assert_eq!(found.machine.features, ["a", "b", "c"].map(str::to_owned).into());
        assert_eq!(found.sandbox.paths.len(), 2);
        assert_eq!(found.builders.len(), 2);
        assert_eq!(found.space, Some(SpaceThresholds { min_free: 2 << 30, max_free: u64::MAX }));
        let StoreUri::Ssh(address) = &found.builders[1].uri else { panic!() };
        assert_eq!(address.connect_timeout, Some(Duration::from_secs(3)));
        assert_eq!(settings(BuildLimits::default(), &[("timeout", "0")]).unwrap().timeout, None);
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for pair in [
            ("timeout", "long"),
            ("sandbox", "false"),
            ("sandbox-paths", "bin"),
            ("fallback", "perhaps"),
            ("builders", "a b c d"),
        ] {
            assert!(matches!(settings(BuildLimits::default(), &[pair]), Err(Failure::Usage(_))), "{pair:?}");
        }
    }
}
