//! Everything that can go wrong between an archive's index and an unpacked package.

use std::{io, path::PathBuf};

use crate::{deb::DebError, dependency::DependencyError, version::VersionError};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the file, package or archive that it went wrong with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Text that should be the list of an archive's packages.
    #[error("{origin} is not a usable package index: {problem}")]
    MalformedIndex {
        /// The index, as a person would name it.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A relationship field of a package that was looked at.
    #[error("package {package}: its field {field} cannot be read")]
    MalformedDependency {
        /// Name of the package.
        package: String,
        /// Name of the field.
        field: &'static str,
        /// What is wrong with it.
        source: DependencyError,
    },
    /// A version that the user or a lock file gives.
    #[error("the version asked for of package {package} cannot be read")]
    MalformedVersion {
        /// Name of the package.
        package: String,
        /// What is wrong with it.
        source: VersionError,
    },
    /// A request that is neither `NAME` nor `NAME=VERSION`.
    #[error("`{request}` does not name a package")]
    MalformedRequest {
        /// The request as written.
        request: String,
    },
    /// No package of that name, real or virtual.
    #[error("there is no package `{package}` for {architecture} in the archive{}", did_you_mean(suggestions))]
    PackageNotFound {
        /// The name asked for.
        package: String,
        /// The architecture it was looked for.
        architecture: String,
        /// Close names, closest first.
        suggestions: Vec<String>,
    },
    /// A name that several packages provide and none has.
    #[error("`{package}` is a virtual package; ask for one that provides it: {}", providers.join(", "))]
    VirtualPackage {
        /// The name asked for.
        package: String,
        /// The packages that provide it.
        providers: Vec<String>,
    },
    /// The package is there, not at that version.
    #[error("package {package} is not offered at version {version} for {architecture}; the archive has {}", offered.join(", "))]
    VersionNotFound {
        /// Name of the package.
        package: String,
        /// The architecture it was looked for.
        architecture: String,
        /// The version asked for.
        version: String,
        /// The versions that there are, newest first.
        offered: Vec<String>,
    },
    /// No set of packages meets all relationships.
    #[error(
        "the packages of {environment} ({architecture}) cannot be installed together{}",
        as_list(explanation)
    )]
    Unsatisfiable {
        /// The environment.
        environment: String,
        /// Its architecture.
        architecture: String,
        /// The facts that contradict each other, one sentence each.
        explanation: Vec<String>,
    },
    /// Two requests pin a package differently; a lock has one version of a package an architecture.
    #[error("package {package} ({architecture}) is asked for at two versions, {} and {}", versions[0], versions[1])]
    TwoVersions {
        /// Name of the package.
        package: String,
        /// The architecture.
        architecture: String,
        /// The two versions.
        versions: [String; 2],
    },
    /// A lock file that is not what this program writes.
    #[error("{origin} is not a usable package lock: {problem}")]
    MalformedLock {
        /// The lock file, as a person would name it.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// apt's configuration names no mirror of Debian's archive.
    #[error("no mirror of the Debian archive is configured in {}; pass one with --mirror URL", directory.display())]
    NoMirror {
        /// Where apt's configuration was looked for.
        directory: PathBuf,
    },
    /// Keys that cannot be read.
    #[error("{origin} is not a usable keyring: {problem}")]
    Keyring {
        /// The keyring.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No such suite on the mirrors.
    #[error("there is no suite {suite} {}", match url { Some(url) => format!("at {url}"), None => format!("of the archive {archive}: no mirror of it is known") })]
    ReleaseNotFound {
        /// The suite.
        suite: String,
        /// Name of the archive.
        archive: &'static str,
        /// The address that was asked; none if there was none to ask.
        url: Option<String>,
    },
    /// A release without a signature.
    #[error("the release {origin} is not signed")]
    Unsigned {
        /// Where it came from.
        origin: String,
    },
    /// A release whose signature does not fit.
    #[error("the release {origin} was altered: {problem}")]
    AlteredRelease {
        /// Where it came from.
        origin: String,
        /// What does not fit.
        problem: String,
    },
    /// A release that no trusted key has signed.
    #[error("the release {origin} is signed by no trusted key; its signers are {}", keys.join(", "))]
    UnknownKey {
        /// Where it came from.
        origin: String,
        /// Fingerprints or key ids of its signers.
        keys: Vec<String>,
    },
    /// A release that was signed by keys whose time has run out.
    #[error("the release {origin} is signed by a key that has expired: {}", keys.join(", "))]
    ExpiredKey {
        /// Where it came from.
        origin: String,
        /// Fingerprints of the keys.
        keys: Vec<String>,
    },
    /// A release whose time has run out: the mirror is old, or somebody replays an old release.
    #[error("the release {origin} was valid until {until}; the mirror is out of date")]
    ExpiredRelease {
        /// Where it came from.
        origin: String,
        /// Its field `Valid-Until`.
        until: String,
    },
    /// A release from the future.
    #[error("the release {origin} is dated {date}, which is in the future; is this machine's clock right?")]
    FutureRelease {
        /// Where it came from.
        origin: String,
        /// Its field `Date`.
        date: String,
    },
    /// A release of another suite.
    #[error("the release {origin} is of the suite {got}, not of {expected}")]
    WrongSuite {
        /// Where it came from.
        origin: String,
        /// The suite that was asked for.
        expected: String,
        /// The suite that it is of.
        got: String,
    },
    /// A release that is signed, but cannot be read.
    #[error("the release {origin} cannot be used: {problem}")]
    MalformedRelease {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The suite has no such component for this architecture.
    #[error("the release {origin} has no component {component} for {architecture}")]
    ComponentNotFound {
        /// Where the release came from.
        origin: String,
        /// The component.
        component: String,
        /// The architecture.
        architecture: String,
    },
    /// Offline, and not in the cache.
    #[error("{what} is not in the cache, and nothing may be downloaded")]
    NotCached {
        /// What was needed.
        what: String,
    },
    /// A download failed.
    #[error(transparent)]
    Download {
        /// The downloader's account.
        source: download::Error,
    },
    /// A `.deb` that cannot be unpacked, or a place that it cannot be unpacked to.
    #[error("cannot unpack the package {origin}")]
    Deb {
        /// The package's file.
        origin: String,
        /// What is wrong with it.
        source: DebError,
    },
    /// A pattern for paths that cannot be read.
    #[error("`{glob}` is no usable pattern for paths")]
    MalformedGlob {
        /// The pattern as written.
        glob: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// A file could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `create`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

fn did_you_mean(suggestions: &[String]) -> String {
    match suggestions {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    }
}

fn as_list(sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let mut text = ":".to_owned();
    for sentence in sentences {
        text.push_str("\n  - ");
        text.push_str(sentence);
    }
    text
}
