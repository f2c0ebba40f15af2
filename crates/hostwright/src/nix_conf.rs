//! Nix's settings, out of its own files: nix.conf(5).
//!
//! From weakest to strongest: `nix.conf` in `$NIX_CONF_DIR` (`/etc/nix`), the user's files (`$NIX_USER_CONF_FILES`, or
//! `nix/nix.conf` in the XDG directories for configuration, the user's own over those of the system), `$NIX_CONFIG`. A file is read line by
//! line, and what comes later wins; `extra-NAME` adds to what `NAME` is until then.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::configuration::Environment;
use crate::failure::Failure;

/// Where Nix's own configuration lies.
const DIRECTORY: &str = "/etc/nix";

/// How deep files may include each other.
const DEEPEST: usize = 16;

/// Names that settings had once.
const ALIASES: [(&str, &str); 17] = [
    ("binary-cache-public-keys", "trusted-public-keys"),
    ("binary-caches", "substituters"),
    ("binary-caches-parallel-connections", "http-connections"),
    ("build-cores", "cores"),
    ("build-extra-platforms", "extra-platforms"),
    ("build-fallback", "fallback"),
    ("build-max-jobs", "max-jobs"),
    ("build-max-silent-time", "max-silent-time"),
    ("build-sandbox-paths", "sandbox-paths"),
    ("build-chroot-dirs", "sandbox-paths"),
    ("build-timeout", "timeout"),
    ("build-use-chroot", "sandbox"),
    ("build-use-sandbox", "sandbox"),
    ("build-use-substitutes", "substitute"),
    ("gc-keep-derivations", "keep-derivations"),
    ("gc-keep-outputs", "keep-outputs"),
    ("trusted-binary-caches", "trusted-substituters"),
];

/// Settings that Nix knows (those of 2.8 and 2.26, `nix show-config`) and that say nothing here: they are about Nix's daemon and
/// the users that it builds as, its shell, its own files, or ways of working that this program does not have.
const WITHOUT_MEANING: [&str; 77] = [
    "allow-new-privileges",
    "allow-symlinked-store",
    "allow-unsafe-native-code-during-evaluation",
    "allowed-impure-host-deps",
    "allowed-users",
    "always-allow-substitutes",
    "auto-allocate-uids",
    "bash-prompt",
    "bash-prompt-prefix",
    "bash-prompt-suffix",
    "build-dir",
    "build-hook",
    "build-poll-interval",
    "build-users-group",
    "commit-lock-file-summary",
    "commit-lockfile-summary",
    "compress-build-log",
    "debugger-on-trace",
    "debugger-on-warn",
    "diff-hook",
    "download-buffer-size",
    "download-speed",
    "enforce-determinism",
    "filter-syscalls",
    "fsync-metadata",
    "gc-reserved-space",
    "hashed-mirrors",
    "http2",
    "id-count",
    "ignore-try",
    "ignored-acls",
    "impersonate-linux-26",
    "impure-env",
    "keep-build-log",
    "keep-env-derivations",
    "log-lines",
    "max-build-log-size",
    "min-free-check-interval",
    "nar-buffer-size",
    "nix-shell-always-looks-for-shell-nix",
    "nix-shell-shebang-arguments-relative-to-script",
    "plugin-files",
    "post-build-hook",
    "pre-build-hook",
    "preallocate-contents",
    "print-missing",
    "repeat",
    "require-drop-supplementary-groups",
    "run-diff-hook",
    "sandbox-build-dir",
    "sandbox-dev-shm-size",
    "sandbox-fallback",
    "show-trace",
    "start-id",
    "sync-before-registering",
    "trace-function-calls",
    "trust-tarballs-from-git-forges",
    "trusted-substituters",
    "trusted-users",
    "upgrade-nix-store-path-url",
    "use-case-hack",
    "use-cgroups",
    "use-sqlite-wal",
    "use-xdg-base-directories",
    "user-agent-suffix",
    "warn-large-path-threshold",
    "warn-short-path-literals",
    "lint-absolute-path-literals",
    "lint-short-path-literals",
    "lint-url-literals",
    "external-builders",
    "json-log-path",
    "eval-cores",
    "lazy-trees",
    "profile-dir",
    "eval-profiler",
    "eval-profiler-frequency",
];

/// What all places say together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct NixSettings {
    /// The settings that mean something here, by name.
    pub values: BTreeMap<String, String>,
    /// Sentences about what cannot be understood.
    pub warnings: Vec<String>,
    unknown: BTreeSet<String>,
}

/// The directory of Nix's own configuration: `$NIX_CONF_DIR`, or `/etc/nix`.
pub fn directory(environment: Environment<'_>) -> PathBuf {
    environment("NIX_CONF_DIR").map_or_else(|| PathBuf::from(DIRECTORY), PathBuf::from)
}

impl NixSettings {
    /// Reads all places. `is_known` tells the settings that mean something here.
    ///
    /// # Errors
    /// A line that is none, a file that is there and cannot be read, one that must be there and is not.
    pub fn read(environment: Environment<'_>, is_known: fn(&str) -> bool) -> Result<Self, Failure> {
        let mut settings = NixSettings::default();
        let system = directory(environment).join("nix.conf");
        for file in [system].into_iter().chain(user_files(environment)) {
            settings.add_file(&file, false, DEEPEST, is_known)?;
        }
        let text = environment("NIX_CONFIG").unwrap_or_default();
        settings.add_text(&text.to_string_lossy(), Path::new("NIX_CONFIG"), DEEPEST, is_known)?;
        // Builds are always sandboxed here. Distributions turn Nix's sandbox off, which is no wish concerning this one.
        settings.values.remove("sandbox");
        Ok(settings)
    }

    /// One setting from the command line (`--option NAME VALUE`).
    pub fn set_by_option(&mut self, name: &str, value: &str, is_known: fn(&str) -> bool) {
        let name = current_name(name);
        if !is_known(&name) {
            self.warnings.push(format!("the setting '{name}' has no effect"));
            return;
        }
        self.set(name, value.to_owned());
    }

    fn set(&mut self, name: String, value: String) {
        match name.strip_prefix("extra-") {
            // `extra-platforms` is a setting of its own, and not one that adds to another.
            Some(_) if name != "extra-platforms" => {
                let values = self.values.entry(name).or_default();
                values.push(' ');
                values.push_str(&value);
            }
            _ => {
                self.values.remove(&format!("extra-{name}"));
                self.values.insert(name, value);
            }
        }
    }

    fn add_file(
        &mut self,
        file: &Path,
        must_exist: bool,
        depth: usize,
        is_known: fn(&str) -> bool,
    ) -> Result<(), Failure> {
        match std::fs::read_to_string(file) {
            Ok(text) => self.add_text(&text, file, depth, is_known),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => Ok(()),
            Err(source) => Err(Failure::File { action: "read", path: file.to_owned(), source }),
        }
    }

    fn add_text(
        &mut self,
        text: &str,
        place: &Path,
        depth: usize,
        is_known: fn(&str) -> bool,
    ) -> Result<(), Failure> {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                [include @ ("include" | "!include"), file] if depth > 0 => {
                    let file = place.parent().unwrap_or(Path::new("/")).join(file);
                    self.add_file(&file, *include == "include", depth - 1, is_known)?;
                }
                [name, "=", values @ ..] => {
                    let name = current_name(name);
                    if is_known(&name) {
                        self.set(name, values.join(" "));
                    } else if !WITHOUT_MEANING.contains(&name.trim_start_matches("extra-"))
                        && self.unknown.insert(name.clone())
                    {
                        self.warnings.push(format!("unknown setting '{name}' in {}", place.display()));
                    }
                }
                _ => {
                    return Err(Failure::Usage(format!(
                        "'{}' in {} is not 'NAME = VALUE'",
                        line.trim(),
                        place.display()
                    )));
                }
            }
        }
        Ok(())
    }
}

/// What a setting is called today.
fn current_name(name: &str) -> String {
    let (extra, plain) = match name.strip_prefix("extra-") {
        Some(plain) => ("extra-", plain),
        None => ("", name),
    };
    let known = ALIASES.iter().find(|(old, _)| *old == plain);
    known.map_or_else(|| name.to_owned(), |(_, new)| format!("{extra}{new}"))
}

/// The user's files, the strongest last.
fn user_files(environment: Environment<'_>) -> Vec<PathBuf> {
    let list = |text: &std::ffi::OsStr| -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::env::split_paths(text).filter(|file| file.is_absolute()).collect();
        files.reverse();
        files
    };
    if let Some(files) = environment("NIX_USER_CONF_FILES") {
        return list(&files);
    }
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let systems = environment("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let mut files: Vec<PathBuf> =
        list(&systems).into_iter().map(|directory| directory.join("nix/nix.conf")).collect();
    let own = absolute("NIX_CONFIG_HOME")
        .or_else(|| absolute("XDG_CONFIG_HOME").map(|directory| directory.join("nix")))
        .or_else(|| absolute("HOME").map(|home| home.join(".config/nix")));
    files.extend(own.map(|directory| directory.join("nix.conf")));
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::fs;

    fn is_known(name: &str) -> bool {
        ["max-jobs", "substituters", "extra-substituters", "sandbox", "extra-platforms", "cores"]
            .contains(&name)
    }

    fn read(place: &Path, variables: &[(&str, &str)]) -> Result<NixSettings, Failure> {
        let environment = |name: &str| match name {
            "NIX_CONF_DIR" => Some(place.as_os_str().to_owned()),
            "HOME" => Some(place.join("home").into_os_string()),
            "XDG_CONFIG_DIRS" => Some(OsString::from("/nonexistent")),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)),
        };
        NixSettings::read(&environment, is_known)
    }

    #[test]
    fn the_later_place_wins() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        fs::write(
            place.join("nix.conf"),
            "# ours\nmax-jobs = 3 # few\nbinary-caches = a  b\nextra-substituters = c\nsandbox = false\n\
             trusted-users = me\n!include missing.conf\ninclude more.conf\nextra-platforms = x\n",
        )
        .unwrap();
        fs::write(place.join("more.conf"), "build-cores = 2\nextra-substituters = d\nmiror = x\nmiror = y\n")
            .unwrap();
        fs::create_dir_all(place.join("home/.config/nix")).unwrap();
        fs::write(place.join("home/.config/nix/nix.conf"), "max-jobs = 4\n").unwrap();

        let found = read(place, &[]).unwrap();
        let value =
            |found: &NixSettings, name: &str| found.values.get(name).map(|text| text.trim().to_owned());
        assert_eq!(value(&found, "max-jobs").as_deref(), Some("4"));
        assert_eq!(value(&found, "substituters").as_deref(), Some("a b"));
        assert_eq!(value(&found, "extra-substituters").as_deref(), Some("c d"));
        assert_eq!(value(&found, "cores").as_deref(), Some("2"));
        assert_eq!(value(&found, "extra-platforms").as_deref(), Some("x"));
        assert_eq!(value(&found, "sandbox"), None);
        let warning = format!("unknown setting 'miror' in {}", place.join("more.conf").display());
        assert_eq!(found.warnings, [warning]);

        // What sets a list ends what was added to it before.
        let found = read(place, &[("NIX_CONFIG", "substituters = e\nmax-jobs = 9")]).unwrap();
        assert_eq!(value(&found, "substituters").as_deref(), Some("e"));
        assert_eq!(value(&found, "extra-substituters"), None);
        assert_eq!(value(&found, "max-jobs").as_deref(), Some("9"));

        let other = place.join("other.conf");
        fs::write(&other, "max-jobs = 5\n").unwrap();
        let found = read(place, &[("NIX_USER_CONF_FILES", other.to_str().unwrap())]).unwrap();
        assert_eq!(value(&found, "max-jobs").as_deref(), Some("5"));
    }

    #[test]
    fn lines_that_are_none_are_errors() {
        let place = tempfile::tempdir().unwrap();
        for text in ["max-jobs", "max-jobs 3", "include missing.conf", "include nix.conf"] {
            fs::write(place.path().join("nix.conf"), text).unwrap();
            assert!(read(place.path(), &[]).is_err(), "{text}");
        }
    }
}
