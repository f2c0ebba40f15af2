//! The lock file, `debian.lock`: which `.deb` every package name stands for, and what each needs.
//!
//! JSON, written so that a change of one package changes few lines, and that equal locks are equal bytes: keys sorted, one
//! field a line, lists on one line. It is read by the evaluator's `fromJSON` and by [`Lock::parse`]; what is read may come
//! from anywhere, so everything that becomes a path or a URL later is checked here.

use std::{collections::BTreeMap, fmt::Write};

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    index::{Index, is_package_name, is_pool_path},
    version::Version,
};

/// Version of the format, in the field `version`.
pub const LOCK_VERSION: u32 = 1;

/// A lock file of a large fleet is some megabytes; what is far larger was not written by this program.
pub const LOCK_SIZE_LIMIT: usize = 64 << 20;

/// Content of a lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Components of the archives: `main`, `contrib`, …
    pub components: Vec<String>,
    /// Locked packages by architecture and name.
    pub packages: BTreeMap<String, BTreeMap<String, LockedPackage>>,
    /// The signed releases that the packages were found in.
    pub releases: Vec<LockedRelease>,
    /// The suite: `trixie`.
    pub suite: String,
    /// Version of the format.
    pub version: u32,
}

/// A signed release of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedRelease {
    /// Name of the archive: `debian`, `debian-security`.
    pub archive: String,
    /// Its field `Date`, as written there.
    pub date: String,
    /// SHA-256 of `InRelease`, hexadecimal.
    pub sha256: String,
    /// Fingerprints of the keys whose signatures were good.
    pub signed_by: Vec<String>,
    /// The suite: `trixie-security`.
    pub suite: String,
}

/// One locked package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedPackage {
    /// `all`, or the architecture it stands under.
    pub architecture: String,
    /// Locked packages that it conflicts with or breaks at the locked versions.
    pub conflicts: Vec<String>,
    /// Only its files were asked for: its dependencies are not locked, and [`depends`](Self::depends) says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub content_only: bool,
    /// What it needs: of each group the locked packages that satisfy it, the one to take first.
    pub depends: Vec<Vec<String>>,
    /// Archive and path of the `.deb` in it: `debian/pool/main/h/hello/hello_2.10-3_amd64.deb`.
    pub file: String,
    /// SHA-256 of the `.deb`, hexadecimal.
    pub sha256: String,
    /// Length of the `.deb` in bytes.
    pub size: u64,
    /// Its version.
    pub version: String,
}

impl Lock {
    /// Reads a lock file. `origin` names it in errors.
    ///
    /// # Errors
    /// [`Error::MalformedLock`] for text that is no lock, is of another version of the format, or holds a name, hash or
    /// path that cannot be right.
    pub fn parse(text: &str, origin: &str) -> Result<Lock> {
        let malformed = |problem: String| Error::MalformedLock { origin: origin.to_owned(), problem };
        if text.len() > LOCK_SIZE_LIMIT {
            return Err(malformed(format!("it is larger than {} MiB", LOCK_SIZE_LIMIT >> 20)));
        }
        let lock: Lock = serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
        lock.check().map_err(malformed)?;
        Ok(lock)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if self.version != LOCK_VERSION {
            return Err(format!("its version is {}, this program reads {LOCK_VERSION}", self.version));
        }
        for word in self.components.iter().chain([&self.suite]) {
            if !is_pool_path(word) {
                return Err(format!("`{}` is no name of a suite or component", word.escape_debug()));
            }
        }
        for release in &self.releases {
            if !is_package_name(&release.archive) || !is_pool_path(&release.suite) {
                return Err(format!("`{}` is no name of an archive", release.archive.escape_debug()));
            }
            if crate::hex::decode(&release.sha256).is_none() {
                return Err(format!("release {}: its sha256 is not 64 hexadecimal digits", release.suite));
            }
        }
        for (architecture, packages) in &self.packages {
            if !is_package_name(architecture) {
                return Err(format!("`{}` is no architecture", architecture.escape_debug()));
            }
            for (name, package) in packages {
                package.check(name, architecture, packages).map_err(|problem| {
                    format!("package {} ({architecture}): {problem}", name.escape_debug())
                })?;
            }
        }
        Ok(())
    }

    /// The file's text; the same for equal locks.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{{")?;
        writeln!(out, "  \"components\": {},", json(&self.components))?;
        write!(out, "  \"packages\": {{")?;
        for (position, (architecture, packages)) in self.packages.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(out, "{comma}\n    {}: {{", json(architecture))?;
            for (position, (name, package)) in packages.iter().enumerate() {
                let comma = if position == 0 { "" } else { "," };
                write!(out, "{comma}\n      {}: {{\n", json(name))?;
                package.write(out)?;
                write!(out, "\n      }}")?;
            }
            write!(out, "{}}}", if packages.is_empty() { "" } else { "\n    " })?;
        }
        writeln!(out, "{}}},", if self.packages.is_empty() { "" } else { "\n  " })?;
        write!(out, "  \"releases\": [")?;
        for (position, release) in self.releases.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(out, "{comma}\n    {{\n")?;
            writeln!(out, "      \"archive\": {},", json(&release.archive))?;
            writeln!(out, "      \"date\": {},", json(&release.date))?;
            writeln!(out, "      \"sha256\": {},", json(&release.sha256))?;
            writeln!(out, "      \"signedBy\": {},", json(&release.signed_by))?;
            writeln!(out, "      \"suite\": {}", json(&release.suite))?;
            write!(out, "    }}")?;
        }
        writeln!(out, "{}],", if self.releases.is_empty() { "" } else { "\n  " })?;
        writeln!(out, "  \"suite\": {},", json(&self.suite))?;
        writeln!(out, "  \"version\": {}", self.version)?;
        writeln!(out, "}}")
    }
}

impl LockedPackage {
    /// The archive's name: first component of [`file`](Self::file).
    pub fn archive(&self) -> &str {
        self.file.split_once('/').map_or("", |(archive, _)| archive)
    }

    /// The path below the archive's root.
    pub fn pool_path(&self) -> &str {
        self.file.split_once('/').map_or("", |(_, path)| path)
    }

    fn check(
        &self,
        name: &str,
        architecture: &str,
        locked: &BTreeMap<String, LockedPackage>,
    ) -> std::result::Result<(), String> {
        if !is_package_name(name) {
            return Err("that is no name for a package".to_owned());
        }
        if self.architecture != architecture && self.architecture != "all" {
            return Err(format!("its architecture is `{}`", self.architecture.escape_debug()));
        }
        self.version.parse::<Version>().map_err(|error| error.to_string())?;
        if crate::hex::decode(&self.sha256).is_none() {
            return Err("its sha256 is not 64 hexadecimal digits".to_owned());
        }
        if !is_pool_path(&self.file) || !self.file.contains('/') {
            return Err(format!("`{}` is no path below an archive", self.file.escape_debug()));
        }
        for other in self.depends.iter().flatten().chain(&self.conflicts) {
            if !locked.contains_key(other) {
                return Err(format!("it refers to `{}`, which is not locked", other.escape_debug()));
            }
        }
        if self.depends.iter().any(Vec::is_empty) {
            return Err("a group of its dependencies is empty".to_owned());
        }
        Ok(())
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "        \"architecture\": {},", json(&self.architecture))?;
        writeln!(out, "        \"conflicts\": {},", json(&self.conflicts))?;
        if self.content_only {
            writeln!(out, "        \"contentOnly\": true,")?;
        }
        writeln!(out, "        \"depends\": {},", json(&self.depends))?;
        writeln!(out, "        \"file\": {},", json(&self.file))?;
        writeln!(out, "        \"sha256\": {},", json(&self.sha256))?;
        writeln!(out, "        \"size\": {},", self.size)?;
        write!(out, "        \"version\": {}", json(&self.version))
    }
}

/// Strings and lists of strings: JSON for these cannot fail.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The universe: every name that the archive has for the architectures of `indices`, in the lock's shape but without
/// hashes and dependencies. What a fleet uses is found by evaluating it with this in place of its lock.
pub fn universe_json(indices: &[&Index]) -> String {
    let mut out = String::from("{\"packages\":{");
    for (position, index) in indices.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        // Names, architectures and versions hold no character that JSON would escape: the index checked them.
        let _ = write!(out, "{comma}\"{}\":{{", index.architecture());
        let mut last = "";
        for package in index.packages() {
            if package.name() == last {
                continue;
            }
            let comma = if last.is_empty() { "" } else { "," };
            last = package.name();
            let _ = write!(
                out,
                "{comma}\"{last}\":{{\"architecture\":\"{}\",\"version\":\"{}\"}}",
                package.architecture(),
                package.version()
            );
        }
        out.push('}');
    }
    let _ = write!(out, "}},\"universe\":true,\"version\":{LOCK_VERSION}}}");
    out
}
