//! What can go wrong when derivations are realised.

mod file_system;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub(crate) use file_system::IoContext;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every error of this crate. A cause is the `source`, never part of the text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The derivation's attributes are not what its builder takes.
    #[error("the attributes of a '{builder}' derivation are wrong")]
    InvalidAttributes {
        /// The builder.
        builder: &'static str,
        /// What is wrong: an unknown attribute's name, a type, a missing attribute.
        source: serde_json::Error,
    },
    /// An attribute has the right type and a value that means nothing.
    #[error("attribute '{attribute}': {problem}")]
    InvalidAttribute {
        /// The attribute.
        attribute: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// A derivation for `builtin:…` that is not marked `__structuredAttrs` and whose builder needs it.
    #[error("'{builder}' needs a derivation with '__structuredAttrs = true'")]
    AttributesNotStructured {
        /// The builder.
        builder: String,
    },
    /// A path inside an output that would lead out of it, or that no file system can hold.
    #[error("path '{path}' cannot lie in an output: {problem}")]
    InvalidTreePath {
        /// As it was written.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An entry lies below something that is not a directory.
    #[error("cannot put '{path}' into the tree: '{ancestor}' is {kind}")]
    NotADirectory {
        /// The entry.
        path: String,
        /// The ancestor in the way.
        ancestor: String,
        /// `a symlink` or `a file`.
        kind: &'static str,
    },
    /// An entry would replace a whole directory.
    #[error("cannot put {kind} at '{path}': there is a directory already")]
    WouldReplaceDirectory {
        /// The entry.
        path: String,
        /// `a symlink` or `a file`.
        kind: &'static str,
    },
    /// A pattern of `include` or `exclude` that cannot be read.
    #[error("pattern '{pattern}' is malformed")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// A source that should exist does not.
    #[error("source '{path}' does not exist")]
    MissingSource {
        /// The logical path.
        path: String,
    },
    /// A path that is not in the store, where only the store may be read.
    #[error("path '{path}' is outside the store '{store}'")]
    OutsideStore {
        /// The path.
        path: String,
        /// The store directory.
        store: String,
    },
    /// A store path that the derivation does not declare as an input.
    #[error("store path '{path}' is used, but is no input of the derivation")]
    NotAnInput {
        /// The logical store path.
        path: String,
    },
    /// A store path that is to be booted and is no NixOS system.
    #[error("'{path}' is no toplevel of NixOS: it has no '{missing}'")]
    NotAToplevel {
        /// The logical store path.
        path: String,
        /// What every toplevel has.
        missing: String,
    },
    /// Symbolic links that never end.
    #[error("too many symbolic links on the way to '{path}'")]
    TooManyLinks {
        /// The logical path.
        path: String,
    },
    /// A path whose last component is not what is needed.
    #[error("'{path}' is not {wanted}")]
    WrongFileType {
        /// The logical or real path.
        path: String,
        /// `a directory`, `a regular file`.
        wanted: &'static str,
    },
    /// A file that is neither regular file, directory nor symlink.
    #[error("'{}' has a type that the store cannot hold", path.display())]
    UnsupportedFileType {
        /// The file.
        path: PathBuf,
    },
    /// Two packages hold the same path with different content, and neither replaces the other's files.
    #[error(
        "'{path}' is in '{first}' and, with other content, in '{second}'; neither package replaces the other's files"
    )]
    PackageCollision {
        /// The path, relative to the root of the file system.
        path: String,
        /// The package that was merged first.
        first: String,
        /// The other package.
        second: String,
    },
    /// Two packages that declare that they cannot be installed together.
    #[error("{0}")]
    PackageConflict(Box<PackageConflict>),
    /// The same package in two versions in one environment.
    #[error("package '{package}' is merged twice: as '{first}' and as '{second}'")]
    DuplicatePackage {
        /// The package's name.
        package: String,
        /// One store path.
        first: String,
        /// The other.
        second: String,
    },
    /// A file whose content is not in the format that it should be in.
    #[error("'{}': {problem}", path.display())]
    InvalidFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Kernel modules that need each other.
    #[error("kernel modules depend on each other in a circle: {}", modules.join(", "))]
    ModuleCycle {
        /// Their names.
        modules: Vec<String>,
    },
    /// Kernel modules that are asked for and do not exist.
    #[error("kernel {version} has no module {}", modules.join(", "))]
    MissingModules {
        /// The kernel's version.
        version: String,
        /// Their names.
        modules: Vec<String>,
    },
    /// A shared library that a program needs and no package in the search list has.
    #[error("'{program}' needs the shared library '{library}', which is in none of the library paths")]
    MissingLibrary {
        /// The program or library that needs it.
        program: String,
        /// The library's name.
        library: String,
    },
    /// A file that should be downloaded, with no address to download it from.
    #[error("there is no mirror '{mirror}' for '{url}'")]
    NoMirror {
        /// The mirror's name.
        mirror: String,
        /// The address.
        url: String,
    },
    /// An address that is none.
    #[error("'{url}' is not an address to download from: {problem}")]
    InvalidAddress {
        /// As it was written.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A package is not the one that the derivation is for.
    #[error("'{}' is the package {found}, but {expected} is expected", path.display())]
    OtherPackage {
        /// The `.deb`.
        path: PathBuf,
        /// Name, version and architecture in it.
        found: String,
        /// Those of the derivation.
        expected: String,
    },
    /// Two packages of a user environment have the same file, and neither has priority.
    #[error(
        "'{first}' and '{second}' are the same file of the environment; give one package another priority than {priority}"
    )]
    EnvironmentCollision {
        /// One file.
        first: String,
        /// The other.
        second: String,
        /// The priority of both.
        priority: i64,
    },
    /// A directory of one package of a user environment is a file in another.
    #[error(
        "'{directory}' is a directory and '{other}' is not; they cannot be at one place of the environment"
    )]
    EnvironmentMismatch {
        /// The directory.
        directory: String,
        /// The other.
        other: String,
    },
    /// A derivation that has to be built and cannot be.
    #[error("derivation '{derivation}' cannot be built")]
    CannotBuild {
        /// Its base name.
        derivation: String,
        /// Why not.
        #[source]
        cause: crate::realise::Unbuildable,
    },
    /// An output that a derivation does not have.
    #[error("derivation '{derivation}' has no output '{output}'")]
    NoSuchOutput {
        /// Its base name.
        derivation: String,
        /// The output's name.
        output: String,
    },
    /// Builds failed.
    #[error("{} failed{}", counted(failures.len(), "build"), not_begun(*skipped))]
    Failed {
        /// Those that failed themselves, in the order of time.
        failures: Vec<crate::realise::BuildFailure>,
        /// How many were not done because of them.
        skipped: usize,
    },
    /// An output is not what its derivation says.
    #[error(
        "hash mismatch in '{name}'{}: wanted {}, got {}",
        urls.first().map(|url| format!(" from {url}")).unwrap_or_default(),
        expected.to_sri(),
        actual.to_sri()
    )]
    HashMismatch {
        /// The derivation's name.
        name: String,
        /// Where it was fetched from.
        urls: Vec<String>,
        /// The hash of the derivation.
        expected: Box<nix_store::Hash>,
        /// The hash that the output has.
        actual: Box<nix_store::Hash>,
    },
    /// An output whose hash is known in advance cannot refer to store paths.
    #[error("'{path}' refers to store paths, which an output whose hash is given in advance must not")]
    FixedOutputReferences {
        /// The output.
        path: String,
    },
    /// The kernel refuses what a sandbox is made of.
    #[error("this machine allows no sandbox: cannot {step}; {advice}")]
    NoSandbox {
        /// What was being done, as an infinitive.
        step: String,
        /// What to do about it, as an imperative.
        advice: String,
        /// The system's error.
        source: io::Error,
    },
    /// A sandbox could not be made, though the machine allows them.
    #[error("cannot {step} for the sandbox")]
    SandboxSetup {
        /// What was being done, as an infinitive.
        step: String,
        /// The system's error.
        source: io::Error,
    },
    /// The sandbox has no such program, or it cannot be run.
    #[error(
        "cannot run the builder '{builder}'; a builder must be among its derivation's inputs, or in 'sandbox-paths'"
    )]
    BuilderNotStarted {
        /// The program.
        builder: String,
        /// The system's error.
        source: io::Error,
    },
    /// The builder ended without success.
    #[error("the builder {how}")]
    BuilderFailed {
        /// `failed with exit code 1`, `was killed by signal 9`.
        how: String,
    },
    /// The builder ran longer than it may.
    #[error("the builder took longer than {seconds} seconds")]
    TookTooLong {
        /// The limit.
        seconds: f64,
    },
    /// The builder printed nothing for longer than it may.
    #[error("the builder printed nothing for {seconds} seconds")]
    SilentTooLong {
        /// The limit.
        seconds: f64,
    },
    /// The builder ended with success, and an output is not there.
    #[error("the builder made no output '{output}' at '{path}'")]
    OutputNotMade {
        /// The output's name.
        output: String,
        /// Where it should be.
        path: String,
    },
    /// An output refers to something that its derivation does not allow.
    #[error("output '{output}' must not refer to {}{}", paths.join(", "), if *indirectly { ", not even indirectly" } else { "" })]
    ForbiddenReferences {
        /// The output's path.
        output: String,
        /// What it refers to.
        paths: Vec<String>,
        /// Whether the whole closure counts.
        indirectly: bool,
    },
    /// An output is larger than its derivation allows.
    #[error("output '{output}'{} has {size} bytes, more than the allowed {limit}", if *with_closure { " with its closure" } else { "" })]
    OutputTooLarge {
        /// The output's path.
        output: String,
        /// Its size, or that of its closure, in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
        /// Whether the closure counts.
        with_closure: bool,
    },
    /// A derivation was built once more, and made something else.
    #[error(
        "'{path}' was built again and is not the same: it has {}, now it would have {}",
        expected.to_sri(),
        actual.to_sri()
    )]
    NotTheSame {
        /// The output.
        path: String,
        /// The hash of its archive in the store.
        expected: Box<nix_store::Hash>,
        /// That of what was made now.
        actual: Box<nix_store::Hash>,
    },
    /// A derivation is to be built once more, and what it needs for that is not in the store.
    #[error(
        "'{derivation}' cannot be built again: its inputs are not in the store any more; build them first"
    )]
    CheckWithoutInputs {
        /// Its base name.
        derivation: String,
    },
    /// What names a machine of `builders` cannot be read.
    #[error("'{line}' in {place} does not name a machine: {problem}")]
    InvalidMachine {
        /// The machine's line.
        line: String,
        /// Where it is.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A machine cannot be reached, or went away.
    #[error("the builder {machine} cannot be used")]
    BuilderLost {
        /// The machine.
        machine: String,
        /// Why.
        source: nix_store::Error,
    },
    /// All machines that could build something are lost.
    #[error("of the builders for a '{system}' build, none can be used: {}; one that can be reached is needed", machines.join(", "))]
    NoBuilderLeft {
        /// The platform that is needed.
        system: String,
        /// Those that could have.
        machines: Vec<String>,
    },
    /// A machine says that a build failed there.
    #[error("{machine} could not build it: {message}")]
    RemoteBuildFailed {
        /// The machine.
        machine: String,
        /// In one word.
        status: nix_store::daemon::BuildStatus,
        /// In its own words.
        message: String,
    },
    /// A plan wants to fetch paths, and there is nobody to fetch them from.
    #[error("'{path}' is to be fetched, and there is no substituter")]
    NoSubstituter {
        /// The first of these paths.
        path: String,
    },
    /// A path that was offered could not be had.
    #[error(
        "cannot fetch '{path}'{}; with '--fallback' it is built instead",
        if *others == 0 { String::new() } else { format!(" and {others} others") }
    )]
    SubstitutionFailed {
        /// The path.
        path: String,
        /// How many others could not be had, either.
        others: usize,
        /// Why.
        source: crate::realise::SubstitutionError,
    },
    /// A `.deb` cannot be unpacked.
    #[error(transparent)]
    Debian(#[from] debian::Error),
    /// A download failed.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// An image or archive cannot be made.
    #[error(transparent)]
    Image(#[from] disk_image::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] nix_store::Error),
    /// The work was called off.
    #[error("cancelled")]
    Cancelled,
    /// The file system has no space, or the quota is used up.
    #[error("no space left to {action} '{}'", path.display())]
    OutOfSpace {
        /// What was being done, as an infinitive.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Any other failure of the file system.
    #[error("cannot {action} '{}'", path.display())]
    Io {
        /// What was being done, as an infinitive.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Two packages that cannot be installed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageConflict {
    /// The package with the declaration.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The package that it conflicts with.
    pub other: String,
    /// Its version.
    pub other_version: String,
    /// `Conflicts` or `Breaks`.
    pub field: &'static str,
    /// The declaration.
    pub relation: String,
}

impl fmt::Display for PackageConflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "package '{}' ({}) cannot be installed together with '{}' ({}): it declares '{}: {}'",
            self.package, self.version, self.other, self.other_version, self.field, self.relation
        )
    }
}

impl Error {
    /// An attribute whose value means nothing.
    pub(crate) fn attribute(attribute: impl Into<String>, problem: impl Into<String>) -> Self {
        Error::InvalidAttribute { attribute: attribute.into(), problem: problem.into() }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn not_begun(skipped: usize) -> String {
    match skipped {
        0 => String::new(),
        count => format!("; {} not done", counted(count, "other")),
    }
}
