//! Flake references: where a flake's tree comes from.
//!
//! The grammar is that of "Flake references" in the Nix manual (`nix flake --help`): a URL-like form for people and an
//! attribute-set form for lock files; what both look like for one tree is what Nix 2.26 makes of it. Hostwright adds one
//! scheme, `hostwright:NAME`, for trees that are compiled into the program.

mod attribute_set;
mod locate;
mod names;
mod parse;
mod print;
mod scheme;
#[cfg(test)]
mod tests;
pub(crate) mod url;

use std::path::{Component, Path, PathBuf};

use crate::attributes::{Attribute, Attributes};

pub(crate) use attribute_set::repaired_git_url;
pub(crate) use names::is_revision;

/// A code forge whose archives Nix fetches by owner and repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forge {
    /// `github:`
    GitHub,
    /// `gitlab:`
    GitLab,
    /// `sourcehut:`
    SourceHut,
}

impl Forge {
    /// The scheme of the URL form and the `type` of the attribute-set form.
    pub fn name(self) -> &'static str {
        match self {
            Forge::GitHub => "github",
            Forge::GitLab => "gitlab",
            Forge::SourceHut => "sourcehut",
        }
    }

    /// The host that is meant when a reference names none.
    pub fn default_host(self) -> &'static str {
        match self {
            Forge::GitHub => "github.com",
            Forge::GitLab => "gitlab.com",
            Forge::SourceHut => "git.sr.ht",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Forge::GitHub, Forge::GitLab, Forge::SourceHut].into_iter().find(|forge| forge.name() == name)
    }
}

/// The kind of place that a flake's tree comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// `hostwright:NAME`: a tree inside the program.
    Bundled {
        /// `debian`, `sops-nix`, …
        name: String,
    },
    /// `path:…`, or a plain path: a directory of this machine. Relative in a flake's inputs only.
    Path {
        /// The directory.
        path: String,
    },
    /// `git+https:…`, `git+ssh:…`, `git+file:…`, `git:…`
    Git {
        /// The repository's URL, without the `git+`.
        url: String,
    },
    /// `hg+https:…` and its kin.
    Mercurial {
        /// The repository's URL, without the `hg+`.
        url: String,
    },
    /// `github:OWNER/REPOSITORY` and its kin.
    Forge {
        /// Which one.
        forge: Forge,
        /// User, organisation or group.
        owner: String,
        /// The repository's name.
        repository: String,
    },
    /// An archive to download and unpack.
    Tarball {
        /// `https:`, `http:` or `file:` URL.
        url: String,
    },
    /// One file to download.
    File {
        /// `https:`, `http:` or `file:` URL.
        url: String,
    },
    /// `flake:NAME`, or a bare name: looked up in the flake registry.
    Indirect {
        /// The name in the registry.
        name: String,
    },
}

impl Source {
    /// The `type` of the attribute-set form.
    pub fn kind(&self) -> &'static str {
        match self {
            Source::Bundled { .. } => "hostwright",
            Source::Path { .. } => "path",
            Source::Git { .. } => "git",
            Source::Mercurial { .. } => "hg",
            Source::Forge { forge, .. } => forge.name(),
            Source::Tarball { .. } => "tarball",
            Source::File { .. } => "file",
            Source::Indirect { .. } => "indirect",
        }
    }
}

/// A reference to a flake (or, for inputs with `flake = false`, to any tree).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlakeReference {
    /// Where the tree comes from.
    pub source: Source,
    /// The branch or tag, `ref` in both forms.
    pub branch: Option<String>,
    /// The commit, `rev` in both forms: 40 hexadecimal digits.
    pub revision: Option<String>,
    /// The directory of `flake.nix` inside the tree; empty for its root.
    pub directory: String,
    /// All other attributes (`narHash`, `lastModified`, `host`, `submodules`, …), by their names in lock files.
    pub other: Attributes,
}

impl FlakeReference {
    /// A reference with nothing but a source.
    pub fn new(source: Source) -> Self {
        FlakeReference {
            source,
            branch: None,
            revision: None,
            directory: String::new(),
            other: Attributes::default(),
        }
    }

    /// A directory of this machine.
    pub fn from_directory(path: &Path) -> Self {
        Self::new(Source::Path { path: path.to_string_lossy().into_owned() })
    }

    /// The path of a `path:` reference that is relative to the flake that names it.
    pub fn relative_path(&self) -> Option<&str> {
        match &self.source {
            Source::Path { path } if !path.starts_with('/') => Some(path),
            _ => None,
        }
    }

    /// True for `path:` references that are relative to the flake that names them.
    pub fn is_relative_path(&self) -> bool {
        self.relative_path().is_some()
    }

    /// The hash of the tree's NAR that the reference demands, in SRI form.
    pub fn nar_hash(&self) -> Option<&str> {
        self.other.text("narHash")
    }

    /// When the tree was last changed, in seconds since 1970.
    pub fn last_modified(&self) -> Option<u64> {
        self.other.integer("lastModified")
    }

    /// Whether the reference means one content for ever, as pure evaluation and lock files demand: a commit, or a hash where
    /// nothing else pins the content.
    pub fn is_locked(&self) -> bool {
        let hashed = self.nar_hash().is_some();
        match &self.source {
            Source::Git { .. } | Source::Mercurial { .. } => self.revision.is_some(),
            Source::Forge { .. } => self.revision.is_some(),
            Source::Path { .. } | Source::Tarball { .. } | Source::File { .. } => hashed,
            // It changes with the program only, and the program's version says which it is.
            Source::Bundled { .. } => true,
            Source::Indirect { .. } => false,
        }
    }

    /// A switch of `git` references: absent means false.
    pub fn switch(&self, name: &str) -> bool {
        matches!(self.other.0.get(name), Some(Attribute::Boolean(true)))
    }

    /// The reference without the directory in it: what is fetched.
    #[must_use]
    pub fn tree(&self) -> Self {
        FlakeReference { directory: String::new(), ..self.clone() }
    }
}

/// Removes `.` and `..` by name alone, as Nix does with the paths of references.
pub(crate) fn normalise(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}
