//! The one door between the language and the world.
//!
//! Paths in the language are *logical*: `/nix/store/HASH-source/flake.nix` may really lie in a working copy that was never
//! copied to a store. An [`EvalIo`] maps them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix_store::{Derivation, Hash, StoreDir, StorePath};
use rustc_hash::FxHashMap;

use crate::file_system::AddedPath;

/// What a path names, symbolic links not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, socket or pipe.
    Unknown,
}

impl FileType {
    /// The type as `readDir` names it.
    pub fn name(self) -> &'static str {
        match self {
            FileType::Regular => "regular",
            FileType::Directory => "directory",
            FileType::Symlink => "symlink",
            FileType::Unknown => "unknown",
        }
    }
}

/// How a path becomes a store path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddMethod {
    /// The file's bytes are hashed.
    Flat,
    /// The NAR of the tree is hashed.
    Recursive,
}

/// Decides which paths of a tree are copied; gets the path, logical, and its type.
pub type PathFilter<'f> = dyn FnMut(&Path, FileType) -> Result<bool, IoError> + 'f;

/// A path that is to become a store path.
pub struct PathToAdd<'p, 'f> {
    /// The name of the store path.
    pub name: &'p str,
    /// The path, logical.
    pub path: &'p Path,
    /// How it is hashed.
    pub method: AddMethod,
    /// The SHA-256 that it must have.
    pub expected: Option<Hash>,
    /// Which paths below it are taken; all if `None`.
    pub filter: Option<&'p mut PathFilter<'f>>,
}

/// Derivations of an evaluation by the store path of their `.drv` file.
pub type DerivationTable = FxHashMap<StorePath, Arc<Derivation>>;

/// Something that must exist before evaluation can go on (import from derivation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Realisation {
    /// A store path.
    Path(StorePath),
    /// An output of a derivation.
    Output {
        /// The `.drv` file.
        derivation: StorePath,
        /// Name of the output.
        output: String,
    },
}

/// A tree or file to be fetched: the attributes of `fetchTree`, in text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The builtin that asks: `fetchTree`, `fetchGit`, `fetchMercurial`, `fetchTarball`, `fetchurl`, `getFlake`.
    pub builtin: &'static str,
    /// The attributes.
    pub attributes: BTreeMap<String, FetchAttribute>,
    /// Whether the result must be pinned (pure evaluation).
    pub pure: bool,
}

/// An attribute of a fetch request or of its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchAttribute {
    /// A string.
    String(String),
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The store path of the tree or file.
    pub path: StorePath,
    /// Further attributes of the result: `rev`, `narHash`, `lastModified`, …
    pub attributes: BTreeMap<String, FetchAttribute>,
}

/// What a fetcher got: its attributes for the language, and where its content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedContent {
    /// The store path and the attributes.
    pub fetched: Fetched,
    /// The content, as if the evaluation had added it.
    pub added: AddedPath,
}

/// A flake as an expression, for `getFlake`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlakeExpression {
    /// The text of an expression whose value is the flake.
    pub text: String,
    /// Trees that it reads.
    pub trees: Vec<AddedPath>,
}

/// What gets trees and files for evaluations, and knows flake references.
pub trait Fetch: std::fmt::Debug + Send + Sync {
    /// Fetches a tree or file.
    ///
    /// # Errors
    /// It could not be fetched, is not what was asked for, or is not pinned where it must be.
    fn fetch(&self, request: &FetchRequest) -> Result<FetchedContent, IoError>;

    /// Takes a flake reference apart, for `parseFlakeRef`.
    ///
    /// # Errors
    /// It is none.
    fn parse_reference(&self, text: &str) -> Result<BTreeMap<String, FetchAttribute>, IoError>;

    /// Puts a flake reference together, for `flakeRefToString`.
    ///
    /// # Errors
    /// The attributes are none of a reference.
    fn print_reference(&self, attributes: &BTreeMap<String, FetchAttribute>) -> Result<String, IoError>;

    /// An expression for the flake that a reference means, for `getFlake`.
    ///
    /// # Errors
    /// It could not be fetched or is no flake; with `pure`, it is not pinned.
    fn flake(&self, reference: &str, pure: bool) -> Result<FlakeExpression, IoError>;
}

/// A kind of evaluation that may not read everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// Pure evaluation: what is read is pinned.
    Pure,
    /// Restricted evaluation: what is read lies on the search path or was made by the evaluation.
    Restricted,
}

impl std::fmt::Display for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Confinement::Pure => "pure evaluation mode (use '--impure' to override)",
            Confinement::Restricted => "restricted mode",
        })
    }
}

/// Why the world did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The operating system refused.
    #[error("cannot read '{}'", path.display())]
    Io {
        /// The path as the user knows it.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The path does not exist.
    #[error("path '{}' does not exist", path.display())]
    NotFound {
        /// The path as the user knows it.
        path: PathBuf,
    },
    /// Pure or restricted evaluation may not look there.
    #[error("access to absolute path '{}' is forbidden in {mode}", path.display())]
    Restricted {
        /// The path.
        path: PathBuf,
        /// What forbids it.
        mode: Confinement,
    },
    /// This evaluation cannot do it.
    #[error("'{what}' is not available in this evaluation")]
    Unsupported {
        /// What was asked.
        what: String,
    },
    /// A path has another hash than its declaration says.
    #[error("hash mismatch of '{}': expected {expected}, got {got}", path.display())]
    HashMismatch {
        /// The path.
        path: PathBuf,
        /// As declared.
        expected: String,
        /// As found.
        got: String,
    },
    /// The store refused.
    #[error("cannot add '{}' to the store", path.display())]
    Store {
        /// The path that was being added.
        path: PathBuf,
        /// Why.
        #[source]
        source: nix_store::Error,
    },
    /// Something cannot be hashed, named or read as the store needs it.
    #[error("{0}")]
    Invalid(#[from] nix_store::Error),
    /// A file of a flake that git does not track, so that the flake does not have it.
    #[error(
        "'{}' is there, but git does not track it, so the flake does not see it; to add it: git -C {} add {}",
        file.display(), repository.display(), inside.display()
    )]
    Untracked {
        /// The file.
        file: PathBuf,
        /// The working tree that it is in.
        repository: PathBuf,
        /// The file, relative to that.
        inside: PathBuf,
    },
    /// A tree or file could not be fetched.
    #[error("{message}")]
    Fetch {
        /// What failed and why.
        message: String,
    },
    /// A tree or file is not what its hash says.
    #[error("{message}")]
    Integrity {
        /// What differs.
        message: String,
    },
    /// A reference that is not pinned, where it must be.
    #[error("{message}")]
    NotPinned {
        /// What is not pinned.
        message: String,
    },
    /// A build or a fetch failed.
    #[error("{message}")]
    Failed {
        /// What failed and why.
        message: String,
    },
    /// A filter function of the language failed; the evaluator holds the error.
    #[error("the filter function failed")]
    Filter,
}

/// What evaluation needs from the world. All paths are absolute and logical.
pub trait EvalIo {
    /// The store that paths are computed for.
    fn store_dir(&self) -> &StoreDir;

    /// The bytes of a file; symbolic links are followed.
    ///
    /// # Errors
    /// It is missing, unreadable, or forbidden.
    fn read_file(&self, path: &Path) -> Result<Vec<u8>, IoError>;

    /// The SHA-256 of a file, and its bytes unless that hash is `known`. Whoever remembers the hash need not read the file.
    ///
    /// # Errors
    /// As [`Self::read_file`].
    fn read_file_unless(
        &self,
        path: &Path,
        known: Option<&Hash>,
    ) -> Result<(Hash, Option<Vec<u8>>), IoError> {
        let bytes = self.read_file(path)?;
        let hash = Hash::sha256(&bytes);
        let is_known = known == Some(&hash);
        Ok((hash, (!is_known).then_some(bytes)))
    }

    /// What a path names, its last part not followed if it is a link; `None` if there is nothing.
    ///
    /// # Errors
    /// The path may not be looked at.
    fn file_type(&self, path: &Path) -> Result<Option<FileType>, IoError>;

    /// The entries of a directory, in any order.
    ///
    /// # Errors
    /// It is missing, unreadable, or forbidden.
    fn read_directory(&self, path: &Path) -> Result<Vec<(Vec<u8>, FileType)>, IoError>;

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// It is no link, or unreadable.
    fn read_link(&self, path: &Path) -> Result<Vec<u8>, IoError>;

    /// An environment variable; `None` in pure evaluation.
    fn environment_variable(&self, name: &[u8]) -> Option<Vec<u8>>;

    /// Seconds since 1970; `None` in pure evaluation.
    fn current_time(&self) -> Option<i64>;

    /// Computes the store path of a tree or file, and makes sure that it can be put into the store later.
    ///
    /// # Errors
    /// It is unreadable or forbidden, its name is no store path name, or the filter failed.
    fn add_path(&self, path: PathToAdd<'_, '_>) -> Result<StorePath, IoError>;

    /// Computes the store path of a text, and makes sure that it can be put into the store later.
    ///
    /// # Errors
    /// The name is no store path name.
    fn add_text(&self, name: &str, text: &[u8], references: &[StorePath]) -> Result<StorePath, IoError>;

    /// The store paths that a valid store path refers to; none if it is not valid.
    fn references(&self, path: &StorePath) -> Vec<StorePath> {
        let _ = path;
        Vec::new()
    }

    /// Makes store paths exist so that they can be read. `derivations` holds what was computed so far.
    ///
    /// # Errors
    /// The build failed, or this evaluation does not build.
    fn realise(&self, wanted: &[Realisation], derivations: &DerivationTable) -> Result<(), IoError> {
        let _ = derivations;
        match wanted.first() {
            None => Ok(()),
            Some(_) => Err(IoError::Unsupported { what: "import from derivation".into() }),
        }
    }

    /// Fetches a tree or file.
    ///
    /// # Errors
    /// It could not be fetched, or this evaluation does not fetch.
    fn fetch(&self, request: &FetchRequest) -> Result<Fetched, IoError> {
        Err(IoError::Unsupported { what: format!("builtins.{}", request.builtin) })
    }

    /// Takes a flake reference apart.
    ///
    /// # Errors
    /// It is none, or this evaluation knows nothing of them.
    fn parse_flake_reference(&self, text: &str) -> Result<BTreeMap<String, FetchAttribute>, IoError> {
        let _ = text;
        Err(IoError::Unsupported { what: "builtins.parseFlakeRef".into() })
    }

    /// Puts a flake reference together.
    ///
    /// # Errors
    /// The attributes are none of a reference, or this evaluation knows nothing of them.
    fn print_flake_reference(
        &self,
        attributes: &BTreeMap<String, FetchAttribute>,
    ) -> Result<String, IoError> {
        let _ = attributes;
        Err(IoError::Unsupported { what: "builtins.flakeRefToString".into() })
    }

    /// The text of an expression whose value is the flake that a reference means.
    ///
    /// # Errors
    /// It could not be fetched or is no flake, or this evaluation does not fetch.
    fn flake_expression(&self, reference: &str, pure: bool) -> Result<String, IoError> {
        let _ = (reference, pure);
        Err(IoError::Unsupported { what: "builtins.getFlake".into() })
    }

    /// From now on it is asked for one turn of an evaluation that several values share ([`crate::Session::in_turns`]), or
    /// for all that may come; a turn that is another than the last one has begun.
    fn asked_for(&self, turn: Option<u32>) {
        let _ = turn;
    }

    /// The path of a file as the user knows it, for messages.
    fn user_path(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}
