//! How derivations are built: settings of Nix, and the options that stand for them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use nix_build::realise::{Machine, Settings};
use nix_build::sandbox::{SandboxPath, SandboxSettings};

use crate::arguments::BuildLimits;
use crate::configuration::Environment;
use crate::evaluation::truth;
use crate::failure::Failure;

/// Settings of Nix that are about building, besides `max-jobs` and `keep-going`.
pub const SETTINGS: [&str; 12] = [
    "cores",
    "extra-platforms",
    "extra-sandbox-paths",
    "extra-system-features",
    "fallback",
    "keep-failed",
    "max-silent-time",
    "sandbox",
    "sandbox-paths",
    "ssl-cert-file",
    "system-features",
    "timeout",
];

/// Where distributions keep the certificates of authorities that all trust.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

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
            ..SandboxSettings::default()
        };
        let cores = number("cores", limits.cores, 0)?;
        Ok(BuildSettings {
            machine,
            sandbox,
            cores: usize::try_from(cores).unwrap_or(usize::MAX),
            timeout: seconds(number("timeout", limits.timeout, 0)?),
            max_silent_time: seconds(number("max-silent-time", limits.max_silent_time, 0)?),
            keep_failed: limits.keep_failed || truth(nix, "keep-failed", false)?,
            fallback: limits.fallback || truth(nix, "fallback", true)?,
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
            ],
        )
        .unwrap();
        assert_eq!(found.timeout, Some(Duration::from_secs(9)));
        assert_eq!(found.max_silent_time, Some(Duration::from_secs(7)));
        assert_eq!(found.cores, 3);
        assert!(found.machine.systems.contains(&"aarch64-linux".to_owned()));
        assert_eq!(found.machine.features, ["a", "b", "c"].map(str::to_owned).into());
        assert_eq!(found.sandbox.paths.len(), 2);
        assert_eq!(settings(BuildLimits::default(), &[("timeout", "0")]).unwrap().timeout, None);
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for pair in
            [("timeout", "long"), ("sandbox", "false"), ("sandbox-paths", "bin"), ("fallback", "perhaps")]
        {
            assert!(matches!(settings(BuildLimits::default(), &[pair]), Err(Failure::Usage(_))), "{pair:?}");
        }
    }
}
