//! What can go wrong between a flake reference and a flake's outputs.

use std::path::PathBuf;

use crate::InputPath;

/// Errors of this crate. A source error is available through [`std::error::Error::source`] and is not repeated in
/// the message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A reference does not follow the grammar of flake references.
    #[error("'{reference}' is not a valid flake reference: {reason}")]
    InvalidReference {
        /// The reference as given.
        reference: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The part after `#` is not an attribute path.
    #[error("'{fragment}' is not a valid attribute path: {reason}")]
    InvalidAttributePath {
        /// The text after `#`.
        fragment: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A kind of source that this program has no fetcher for.
    #[error("'{reference}' cannot be fetched: {reason}")]
    Unsupported {
        /// The reference.
        reference: String,
        /// Why, and what to do instead.
        reason: &'static str,
    },
    /// Something is to be downloaded, and nothing may be.
    #[error("'{what}' is not in the cache, and nothing may be downloaded (--offline)")]
    Offline {
        /// What would be downloaded.
        what: String,
    },
    /// A server that does not deliver.
    #[error(transparent)]
    Download(#[from] download::Error),
    /// A server whose answer is not what its interface promises.
    #[error("{url} answers in a way that is not understood: {reason}")]
    UnexpectedAnswer {
        /// What was asked.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// An archive that cannot be unpacked.
    #[error("cannot unpack {url}")]
    Archive {
        /// Where it came from.
        url: String,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// An archive whose members lead out of it, or that holds what no store path can hold.
    #[error("the archive {url} is refused: {reason}")]
    ArchiveMember {
        /// Where it came from.
        url: String,
        /// The member and what is wrong with it.
        reason: String,
    },
    /// A git repository of this machine that cannot be read.
    #[error("cannot {action} the git repository '{repository}'")]
    Git {
        /// "open", "read the index of", …
        action: &'static str,
        /// Its path or URL.
        repository: String,
        /// What git's library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A git repository elsewhere that cannot be fetched from.
    #[error("cannot fetch from the git repository '{repository}'")]
    GitRemote {
        /// Its URL.
        repository: String,
        /// What git's library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A branch, tag or commit that a repository does not have.
    #[error("the git repository '{repository}' has no {what}{hint}")]
    NoSuchRevision {
        /// Its path or URL.
        repository: String,
        /// `branch or tag 'x'`, `commit 0123…`
        what: String,
        /// What may help; begins with a semicolon, or is empty.
        hint: &'static str,
    },
    /// A clone without its history, where history is asked for.
    #[error(
        "'{repository}' is a shallow git repository, which has no history to count; add `shallow = true` (`?shallow=1`) to \
         use it as it is"
    )]
    ShallowRepository {
        /// Its path or URL.
        repository: String,
    },
    /// A working tree that differs from its last commit, where that is forbidden.
    #[error(
        "the git tree '{repository}' has changes that are not committed, and the setting allow-dirty is false"
    )]
    DirtyTree {
        /// Its path.
        repository: String,
    },
    /// A tree whose content is not what the reference demands.
    #[error("'{reference}' is not what was expected: the hash of its content is {got} instead of {expected}")]
    ContentMismatch {
        /// The reference.
        reference: String,
        /// The hash demanded, SRI form.
        expected: String,
        /// The hash of what was fetched, SRI form.
        got: String,
    },
    /// Something about a tree is not what the reference demands.
    #[error("'{reference}' is not what was expected: its {attribute} is {got} instead of {expected}")]
    AttributeMismatch {
        /// The reference.
        reference: String,
        /// `rev`, `revCount`, `lastModified`
        attribute: &'static str,
        /// As demanded.
        expected: String,
        /// As fetched.
        got: String,
    },
    /// A name that no registry has.
    #[error(
        "there is no '{reference}' in the flake registries ({})\nName the flake by its place instead, as in github:OWNER/REPOSITORY.",
        searched.join(", ")
    )]
    NotInRegistry {
        /// The reference.
        reference: String,
        /// Where it was looked for.
        searched: Vec<String>,
    },
    /// Registry entries that lead to each other.
    #[error("the entries of the flake registries lead from '{reference}' back to it")]
    RegistryCycle {
        /// The reference.
        reference: String,
    },
    /// A registry that cannot be understood.
    #[error("the flake registry {file} is not valid: {reason}")]
    InvalidRegistry {
        /// Its path or URL.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The global registry is needed and cannot be had.
    #[error(
        "'{reference}' is a name of the flake registry {url}, which cannot be fetched\n\
         Name the flake by its place (github:OWNER/REPOSITORY), or choose another registry with --option flake-registry PATH."
    )]
    RegistryUnreachable {
        /// The reference that was looked up.
        reference: String,
        /// The registry's URL.
        url: String,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A name of the registry where registries are not consulted.
    #[error("'{reference}' is a name of the flake registry, which pure evaluation does not consult")]
    IndirectReference {
        /// The reference.
        reference: String,
    },
    /// A reference that may change its meaning, where that is forbidden.
    #[error("'{reference}' is not locked: pure evaluation needs a commit or a hash (or --impure)")]
    NotLocked {
        /// The reference.
        reference: String,
    },
    /// The inputs are not what the lock file says, and it must stay as it is.
    #[error(
        "the inputs of '{flake}' are not what its flake.lock says, and --no-update-lock-file forbids to change it:\n{changes}"
    )]
    LockFileOutdated {
        /// The flake.
        flake: String,
        /// What would change.
        changes: String,
    },
    /// A lock file that would pin nothing.
    #[error(
        "flake.lock of '{flake}' is not written: its input '{reference}' has changes that are not committed. Commit them first."
    )]
    UnlockedInput {
        /// The flake.
        flake: String,
        /// The input's reference.
        reference: String,
    },
    /// A flake without a place to write its lock file to.
    #[error(
        "the lock file of '{flake}' cannot be written there; use --no-write-lock-file, or --output-lock-file FILE"
    )]
    NotWritable {
        /// The flake.
        flake: String,
    },
    /// Flakes that are inputs of themselves.
    #[error("the flake '{reference}' is an input of itself (through '{input}')")]
    CircularInput {
        /// The reference.
        reference: String,
        /// Where it was met again.
        input: InputPath,
    },
    /// An input to update that does not exist.
    #[error("cannot update the input '{input}': the flake has no such input{}", suggestion(known))]
    UnknownInput {
        /// The path given.
        input: String,
        /// The inputs that exist.
        known: Vec<String>,
    },
    /// An error about one input.
    #[error("the input '{input}' cannot be locked")]
    Input {
        /// The input's path from the root flake.
        input: InputPath,
        /// What is wrong.
        #[source]
        source: Box<Error>,
    },
    /// `hostwright:NAME` with a name that is not bundled.
    #[error("there is no bundled input 'hostwright:{name}'; bundled are: {}", known.join(", "))]
    UnknownBundled {
        /// The name asked for.
        name: String,
        /// All that are bundled.
        known: Vec<String>,
    },
    /// A directory (or one above it) has no `flake.nix`.
    #[error("there is no flake.nix in '{}' nor in a directory above it", .directory.display())]
    NoFlakeFile {
        /// Where the search began.
        directory: PathBuf,
    },
    /// The tree of an input has no `flake.nix`, and the input is not marked `flake = false`.
    #[error("'{}' has no flake.nix (an input that is no flake needs `flake = false`)", .directory.display())]
    NotAFlake {
        /// The directory that was looked in.
        directory: PathBuf,
    },
    /// A file that git does not track, so that flakes do not see it.
    #[error(
        "{} is there, but git does not track it, so the flake does not see it\n\
         To add it: git -C {} add {}\n\
         To use the directory as it is, whatever git says: path:{}",
        .file.display(), .repository.display(), .inside.display(),
        .file.parent().unwrap_or(.file).display()
    )]
    Untracked {
        /// The file.
        file: PathBuf,
        /// The working tree that it is in.
        repository: PathBuf,
        /// The file, relative to that.
        inside: PathBuf,
    },
    /// `follows` or an override names an input that does not exist.
    #[error("the input '{input}' follows '{target}', which does not exist")]
    DanglingFollows {
        /// The input that follows.
        input: InputPath,
        /// What it follows.
        target: InputPath,
    },
    /// `follows` goes around in a circle.
    #[error("the input '{input}' follows itself, through '{target}'")]
    FollowsCycle {
        /// The input that follows.
        input: InputPath,
        /// What it follows.
        target: InputPath,
    },
    /// An override names an input that no flake declares.
    #[error("cannot override the input '{input}': the flake has no such input{}", suggestion(known))]
    UnknownOverride {
        /// The path given.
        input: String,
        /// The inputs that exist.
        known: Vec<String>,
    },
    /// Inputs nest deeper than any real flake's do.
    #[error("the inputs of the flake nest too deeply at '{input}'")]
    InputsTooDeep {
        /// Where the limit was met.
        input: InputPath,
    },
    /// `flake.nix` has a shape that Nix does not take.
    #[error("{}: {reason}", .file.display())]
    InvalidFlake {
        /// The `flake.nix`.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A lock file cannot be read.
    #[error("{} is not a valid lock file: {reason}", .file.display())]
    InvalidLockFile {
        /// The `flake.lock`.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// `hostwright.toml` cannot be read.
    #[error("{} is not a valid settings file", .file.display())]
    InvalidSettings {
        /// The `hostwright.toml`.
        file: PathBuf,
        /// The parser's report with line and column.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A `flake.nix` does not evaluate.
    #[error(transparent)]
    Evaluation(Box<nix_expr::EvalError>),
    /// A tree could not be hashed or named.
    #[error(transparent)]
    Store(#[from] nix_store::Error),
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// "read", "write", …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err` after file operations.
    pub(crate) fn file(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::File { action, path, source }
    }

    /// Whether something is not what its hash says.
    pub fn is_integrity(&self) -> bool {
        match self {
            Error::ContentMismatch { .. } | Error::AttributeMismatch { .. } | Error::ArchiveMember { .. } => {
                true
            }
            Error::Download(error) => error.is_integrity(),
            _ => false,
        }
    }

    /// Whether a server could not be reached, or does not have what was asked for.
    pub fn is_network(&self) -> bool {
        matches!(
            self,
            Error::Offline { .. }
                | Error::Download(_)
                | Error::UnexpectedAnswer { .. }
                | Error::Archive { .. }
                | Error::GitRemote { .. }
                | Error::NoSuchRevision { .. }
        )
    }

    /// The error that an error about an input is about.
    pub fn innermost(&self) -> &Error {
        match self {
            Error::Input { source, .. } | Error::RegistryUnreachable { source, .. } => source.innermost(),
            other => other,
        }
    }
}

fn suggestion(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; it has: {}", known.join(", ")) }
}

impl From<nix_expr::EvalError> for Error {
    fn from(error: nix_expr::EvalError) -> Self {
        Error::Evaluation(Box::new(error))
    }
}
