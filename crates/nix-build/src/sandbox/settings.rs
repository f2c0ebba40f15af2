//! What of the machine a sandbox may have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The settings of all sandboxes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxSettings {
    /// What of the machine is in every sandbox (Nix's `sandbox-paths`). A static shell for `/bin/sh` is the usual one.
    pub paths: Vec<SandboxPath>,
    /// The certificates that builds with a known output hash may trust (`ssl-cert-file`).
    pub certificates: Option<PathBuf>,
    /// Static emulators of other platforms, such as `qemu-aarch64-static` for `aarch64-linux` ([`find_emulator`](super::find_emulator)).
    pub emulators: BTreeMap<String, PathBuf>,
    /// The program that calls [`become_helper`](super::become_helper): this one, unless a library is used by a program that
    /// does not.
    pub helper: PathBuf,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        SandboxSettings {
            paths: Vec::new(),
            certificates: None,
            emulators: BTreeMap::new(),
            helper: PathBuf::from("/proc/self/exe"),
        }
    }
}

/// A path of the machine in the sandbox: `TARGET=SOURCE`, or just a path for the same place in both. With a `?` at
/// the end it may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxPath {
    /// Where it is in the sandbox.
    pub target: PathBuf,
    /// Where it is on the machine.
    pub source: PathBuf,
    /// Whether it is left out where the machine does not have it.
    pub optional: bool,
}

/// Neither `PATH` nor `TARGET=SOURCE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no path for sandboxes; write an absolute path, or TARGET=SOURCE with two of them")]
pub struct InvalidSandboxPath {
    /// As it was written.
    pub text: String,
}

impl FromStr for SandboxPath {
    type Err = InvalidSandboxPath;

    fn from_str(text: &str) -> Result<Self, InvalidSandboxPath> {
        let (paths, optional) = match text.strip_suffix('?') {
            Some(paths) => (paths, true),
            None => (text, false),
        };
        let (target, source) = paths.split_once('=').unwrap_or((paths, paths));
        let is_plain = |path: &str| {
            let path = Path::new(path);
            path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir)
        };
        if !is_plain(target) || !is_plain(source) || Path::new(target) == Path::new("/") {
            return Err(InvalidSandboxPath { text: text.to_owned() });
        }
        Ok(SandboxPath { target: target.into(), source: source.into(), optional })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_for_nix() {
        let shell: SandboxPath = "/bin/sh=/opt/busybox?".parse().unwrap();
        assert_eq!(
            shell,
            SandboxPath { target: "/bin/sh".into(), source: "/opt/busybox".into(), optional: true }
        );
        let same: SandboxPath = "/dev/kvm".parse().unwrap();
        assert_eq!(same.source, same.target);
        for text in ["bin/sh", "/bin/sh=busybox", "/../etc", "/", "/=/opt", ""] {
            assert!(text.parse::<SandboxPath>().is_err(), "{text}");
        }
    }
}
