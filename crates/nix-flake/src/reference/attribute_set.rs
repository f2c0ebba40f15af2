//! The attribute-set form, as lock files, registries and the builtins have it.

use std::path::Component;
use std::path::Path;

use super::names::{is_identifier, is_refused_by_git, is_revision};
use super::url::Url;
use super::{FlakeReference, Forge, Source, scheme};
use crate::attributes::Attributes;
use crate::error::Error;

impl FlakeReference {
    /// Reads the attribute-set form of lock files and of `inputs.NAME = { type = …; }`.
    pub fn from_attributes(attributes: &Attributes) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidReference {
            reference: serde_json::to_string(attributes).unwrap_or_default(),
            reason,
        };
        let mut rest = attributes.clone();
        let kind = rest.take_text("type").ok_or_else(|| invalid("it has no type".to_owned()))?;
        let mut need =
            |name: &str| rest.take_text(name).ok_or_else(|| invalid(format!("type '{kind}' needs '{name}'")));
        let source = match kind.as_str() {
            "hostwright" => Source::Bundled { name: need("name")? },
            "path" => Source::Path { path: need("path")? },
            "git" => Source::Git { url: repaired_git_url(&need("url")?) },
            "hg" => Source::Mercurial { url: need("url")? },
            "tarball" => Source::Tarball { url: need("url")? },
            "file" => Source::File { url: need("url")? },
            "indirect" => Source::Indirect { name: need("id")? },
            other => match Forge::from_name(other) {
                Some(forge) => Source::Forge { forge, owner: need("owner")?, repository: need("repo")? },
                None => return Err(invalid(format!("its type '{other}' is not known"))),
            },
        };
        let reference = FlakeReference {
            source,
            branch: rest.take_text("ref"),
            revision: rest.take_text("rev"),
            directory: rest.take_text("dir").unwrap_or_default(),
            other: rest,
        };
        reference.check().map_err(invalid)?;
        Ok(reference)
    }

    /// The attribute-set form, as lock files hold it.
    pub fn to_attributes(&self) -> Attributes {
        let mut attributes = self.other.clone();
        attributes.set_text("type", self.source.kind());
        let mut set = |name: &str, value: &str| attributes.set_text(name, value);
        match &self.source {
            Source::Bundled { name } => set("name", name),
            Source::Path { path } => set("path", path),
            Source::Git { url }
            | Source::Mercurial { url }
            | Source::Tarball { url }
            | Source::File { url } => set("url", url),
            Source::Indirect { name } => set("id", name),
            Source::Forge { owner, repository, .. } => {
                set("owner", owner);
                set("repo", repository);
            }
        }
        for (name, value) in [("ref", &self.branch), ("rev", &self.revision)] {
            if let Some(value) = value {
                attributes.set_text(name, value);
            }
        }
        if !self.directory.is_empty() {
            attributes.set_text("dir", &self.directory);
        }
        attributes
    }

    /// What is wrong with it, whichever form it came from.
    pub(super) fn check(&self) -> Result<(), String> {
        scheme::check(&self.source, &self.other, self.branch.is_some(), self.revision.is_some())?;
        match &self.source {
            Source::Git { url } => {
                Url::parse(url).map_err(|reason| format!("'{url}' is not a URL: {reason}"))?;
                if let Some(branch) = self.branch.as_ref().filter(|branch| is_refused_by_git(branch)) {
                    return Err(format!("'{branch}' cannot be the name of a branch or tag"));
                }
            }
            Source::Mercurial { url } | Source::Tarball { url } | Source::File { url } => {
                Url::parse(url).map_err(|reason| format!("'{url}' is not a URL: {reason}"))?;
            }
            Source::Indirect { name } | Source::Bundled { name } if !is_identifier(name) => {
                return Err(format!("'{name}' cannot be the name of a flake"));
            }
            _ => {}
        }
        if let (Source::Git { .. } | Source::Mercurial { .. } | Source::Forge { .. }, Some(revision)) =
            (&self.source, &self.revision)
            && !is_revision(revision)
        {
            return Err(format!("'{revision}' is not a commit hash: expected 40 hexadecimal digits"));
        }
        let leaves = Path::new(&self.directory).components().any(|part| part == Component::ParentDir);
        if leaves { Err(format!("dir '{}' leaves the tree", self.directory)) } else { Ok(()) }
    }
}

/// Git's own short forms as URLs: `git@host:path`, and paths of this machine.
pub(crate) fn repaired_git_url(url: &str) -> String {
    if !url.starts_with('/')
        && let Some((user, place)) = url.split_once('@')
        && !user.contains('/')
        && let Some((host, path)) = place.rsplit_once(':')
    {
        return format!("ssh://{user}@{host}/{path}");
    }
    if url.starts_with("file:") || url.contains("://") {
        return url.to_owned();
    }
    let (scheme, path) = ("file".to_owned(), url.to_owned());
    Url { scheme, authority: Some(String::new()), path, ..Url::default() }.to_string()
}
