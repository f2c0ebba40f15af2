//! How binary caches are used: Nix's settings, worked out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use binary_cache::{AwsEnvironment, Settings};
use nix_store::TrustedKeys;

use crate::configuration::Environment;
use crate::evaluation::truth;
use crate::failure::Failure;

/// Nix's settings that concern caches.
pub const SETTINGS: [&str; 16] = [
    "connect-timeout",
    "download-attempts",
    "extra-substituters",
    "extra-trusted-public-keys",
    "http-connections",
    "max-substitution-jobs",
    "narinfo-cache-negative-ttl",
    "narinfo-cache-positive-ttl",
    "netrc-file",
    "require-sigs",
    "secret-key-files",
    "ssl-cert-file",
    "stalled-download-timeout",
    "substitute",
    "substituters",
    "trusted-public-keys",
];

/// The key of the cache that Nix knows by default (nix.conf(5)).
const DEFAULT_KEY: &str = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";

/// The cache that Nix knows by default.
const DEFAULT_SUBSTITUTER: &str = "https://cache.nixos.org";

/// How binary caches are used.
#[derive(Debug, Clone)]
pub struct CacheConfiguration {
    /// What is asked for paths before they are built; none if nothing may be substituted.
    pub substituters: Vec<String>,
    /// Whether nobody has said which.
    pub is_default: bool,
    /// What paths are signed with when they go into a cache (`secret-key-files`).
    pub secret_key_files: Vec<PathBuf>,
    /// The rest.
    pub settings: Settings,
}

impl CacheConfiguration {
    /// Works out the settings. `nix` are Nix's, the command line's `--option` over `NIX_CONFIG`; `netrc_file` is where the
    /// default one lies.
    ///
    /// # Errors
    /// A setting has a value that it cannot have.
    pub fn new(
        nix: &BTreeMap<String, String>,
        environment: Environment<'_>,
        lookup_directory: PathBuf,
        netrc_file: PathBuf,
    ) -> Result<Self, Failure> {
        let words = |name: &str| -> Option<Vec<String>> {
            nix.get(name).map(|text| text.split_whitespace().map(str::to_owned).collect())
        };
        let list = |name: &str, extra: &str, default: &str| {
            let mut all = words(name).unwrap_or_else(|| vec![default.to_owned()]);
            all.extend(words(extra).unwrap_or_default());
            all
        };
        let keys = list("trusted-public-keys", "extra-trusted-public-keys", DEFAULT_KEY);
        let defaults = Settings::default();
        let seconds = |name: &str, default: Duration| -> Result<Duration, Failure> {
            // Nix has 0 for "its own default" here.
            Ok(match number(nix, name)? {
                None | Some(0) => default,
                Some(seconds) => Duration::from_secs(seconds),
            })
        };
        let age = |name: &str, default: Duration| -> Result<Duration, Failure> {
            Ok(number(nix, name)?.map_or(default, Duration::from_secs))
        };
        let count = |name: &str, default: usize| -> Result<usize, Failure> {
            let count = number(nix, name)?.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
            Ok(count.map_or(default, |count| if count == 0 { default } else { count }))
        };
        let attempts =
            number(nix, "download-attempts")?.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        Ok(CacheConfiguration {
            is_default: words("substituters").or_else(|| words("extra-substituters")).is_none(),
            substituters: match truth(nix, "substitute", true)? {
                true => list("substituters", "extra-substituters", DEFAULT_SUBSTITUTER),
                false => Vec::new(),
            },
            secret_key_files: words("secret-key-files")
                .unwrap_or_default()
                .into_iter()
                .map(PathBuf::from)
                .collect(),
            settings: Settings {
                trusted_keys: TrustedKeys::parse(keys.iter().map(String::as_str))?,
                require_signatures: truth(nix, "require-sigs", true)?,
                connections: count("http-connections", defaults.connections)?,
                substitution_jobs: count("max-substitution-jobs", defaults.substitution_jobs)?,
                attempts: attempts.unwrap_or(defaults.attempts).max(1),
                connect_timeout: seconds("connect-timeout", defaults.connect_timeout)?,
                stall_timeout: seconds("stalled-download-timeout", defaults.stall_timeout)?,
                positive_ttl: age("narinfo-cache-positive-ttl", defaults.positive_ttl)?,
                negative_ttl: age("narinfo-cache-negative-ttl", defaults.negative_ttl)?,
                lookup_directory: Some(lookup_directory),
                netrc_file: Some(nix.get("netrc-file").map_or(netrc_file, PathBuf::from)),
                certificate_file: nix.get("ssl-cert-file").filter(|file| !file.is_empty()).map(PathBuf::from),
                aws: AwsEnvironment::of(environment),
                ..defaults
            },
        })
    }
}

fn number(nix: &BTreeMap<String, String>, name: &str) -> Result<Option<u64>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|_| Failure::Usage(format!("'{text}' is not a value of {name}: give a number")))
    };
    nix.get(name).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configure(settings: &[(&str, &str)]) -> Result<CacheConfiguration, Failure> {
        let nix = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        CacheConfiguration::new(&nix, &|_| None, "/cache".into(), "/etc/nix/netrc".into())
    }

    #[test]
    fn settings_mean_what_they_mean_to_nix() {
        let caches = configure(&[]).unwrap();
        assert_eq!(caches.substituters, [DEFAULT_SUBSTITUTER]);
        assert!(caches.settings.require_signatures && !caches.settings.trusted_keys.is_empty());
        let caches = configure(&[
            ("substituters", "file:///a  https://b"),
            ("extra-substituters", "s3://c"),
            ("trusted-public-keys", ""),
            ("require-sigs", "false"),
            ("connect-timeout", "3"),
            ("stalled-download-timeout", "0"),
            ("narinfo-cache-negative-ttl", "0"),
            ("secret-key-files", "/k /l"),
        ])
        .unwrap();
        assert_eq!(caches.substituters, ["file:///a", "https://b", "s3://c"]);
        assert!(caches.settings.trusted_keys.is_empty() && !caches.settings.require_signatures);
        assert_eq!(caches.settings.connect_timeout, Duration::from_secs(3));
        assert_eq!(caches.settings.stall_timeout, Settings::default().stall_timeout);
        assert_eq!(caches.settings.negative_ttl, Duration::ZERO);
        assert_eq!(caches.secret_key_files.len(), 2);
        assert!(configure(&[("substitute", "false")]).unwrap().substituters.is_empty());
    }

    #[test]
    fn mistakes_are_usage_errors() {
        for pair in
            [("http-connections", "many"), ("trusted-public-keys", "nonsense"), ("require-sigs", "maybe")]
        {
            let failure = configure(&[pair]).unwrap_err();
            assert_eq!(failure.status(), crate::failure::Status::Usage, "{pair:?}");
        }
    }
}
