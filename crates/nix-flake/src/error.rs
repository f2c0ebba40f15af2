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
    /// An input's tree has a source that this program has no fetcher for.
    #[error(
        "the input '{input}' ({reference}) cannot be fetched yet: {reason}\n\
         To use a bundled equivalent or a local copy instead, choose one of:\n  \
         - the input's URL in flake.nix:      inputs.{first}.url = \"hostwright:{bundled}\";\n  \
         - a hostwright.toml beside flake.nix: [inputs]\n                                       \
         {first} = \"hostwright:{bundled}\"\n  \
         - the command line:                   --override-input {input} hostwright:{bundled}\n\
         (a local checkout works in the same places, as path:/some/directory)"
    )]
    NotFetchable {
        /// The input's path from the root flake, `a/b`.
        input: InputPath,
        /// The input's first name.
        first: String,
        /// The reference that it has.
        reference: String,
        /// Why it cannot be fetched.
        reason: String,
        /// The bundled input that stands for it.
        bundled: String,
    },
    /// The flake named on the command line has a source that this program has no fetcher for.
    #[error(
        "the flake '{reference}' cannot be fetched yet: {reason}; check it out and name its directory instead"
    )]
    FlakeNotFetchable {
        /// The reference as given.
        reference: String,
        /// Why it cannot be fetched.
        reason: String,
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
    /// The flake's tree has moved away from what the lock file recorded.
    #[error(
        "the tree of input '{input}' does not match the lock file: it has hash {found}, flake.lock says {locked}\n\
         If the change is wanted, remove the input's entry from flake.lock to lock it anew."
    )]
    HashMismatch {
        /// The input's path from the root flake.
        input: InputPath,
        /// The hash in the lock file, SRI form.
        locked: String,
        /// The hash of the tree as it is, SRI form.
        found: String,
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

fn suggestion(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; it has: {}", known.join(", ")) }
}

impl From<nix_expr::EvalError> for Error {
    fn from(error: nix_expr::EvalError) -> Self {
        Error::Evaluation(Box::new(error))
    }
}
