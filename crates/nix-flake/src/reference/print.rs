//! The URL form, printed.

use std::collections::BTreeMap;
use std::fmt;

use super::url::Url;
use super::{FlakeReference, Source};
use crate::attributes::Attribute;

impl fmt::Display for FlakeReference {
    /// The URL form, as Nix prints it. It drops what the URL form has no place for, such as `lastModified` of a commit.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = match &self.source {
            Source::Bundled { name } => self.with_hash(opaque("hostwright", name.clone())),
            Source::Path { path } => self.path_url(path),
            Source::Git { url } | Source::Mercurial { url } => match self.repository_url(url) {
                Some(url) => url,
                None => return f.write_str(url),
            },
            Source::Forge { forge, owner, repository } => {
                let tail = self.branch.as_ref().or(self.revision.as_ref());
                let tail = tail.map(|tail| format!("/{tail}")).unwrap_or_default();
                self.with_hash(opaque(forge.name(), format!("{owner}/{repository}{tail}")))
            }
            Source::Tarball { url } | Source::File { url } => {
                let Ok(url) = Url::parse(url) else { return f.write_str(url) };
                self.with_hash(url)
            }
            Source::Indirect { name } => {
                let mut path = name.clone();
                for part in [&self.branch, &self.revision].into_iter().flatten() {
                    path.push('/');
                    path.push_str(part);
                }
                opaque("flake", path)
            }
        };
        if !self.directory.is_empty() {
            url.query.entry("dir".to_owned()).or_insert_with(|| self.directory.clone());
        }
        url.fmt(f)
    }
}

fn opaque(scheme: &str, path: String) -> Url {
    Url { scheme: scheme.to_owned(), path, ..Url::default() }
}

impl FlakeReference {
    fn with_hash(&self, mut url: Url) -> Url {
        if let Some(hash) = self.nar_hash() {
            url.query.insert("narHash".to_owned(), hash.to_owned());
        }
        url
    }

    fn path_url(&self, path: &str) -> Url {
        let mut url = opaque("path", path.to_owned());
        url.query = self.other.0.iter().map(|(name, value)| (name.clone(), in_query(value))).collect();
        if let Some(revision) = &self.revision {
            url.query.insert("rev".to_owned(), revision.clone());
        }
        url
    }

    /// `None` for what is no URL, which references that were parsed do not have.
    fn repository_url(&self, url: &str) -> Option<Url> {
        let mut url = Url::parse(url).ok()?;
        let application = if matches!(self.source, Source::Git { .. }) { "git" } else { "hg" };
        if url.scheme != "git" {
            url.scheme = format!("{application}+{}", url.scheme);
        }
        let mut extra = BTreeMap::new();
        if let Some(revision) = &self.revision {
            extra.insert("rev", revision.to_ascii_lowercase());
        }
        if let Some(branch) = &self.branch {
            extra.insert("ref", branch.clone());
        }
        for name in ["exportIgnore", "shallow", "submodules", "verifyCommit"] {
            if self.switch(name) {
                extra.insert(name, "1".to_owned());
            }
        }
        for name in super::scheme::GIT_TEXTS {
            if let Some(value) = self.other.text(name) {
                extra.insert(name, value.to_owned());
            }
        }
        url.query.extend(extra.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Some(url)
    }
}

fn in_query(value: &Attribute) -> String {
    match value {
        Attribute::Boolean(value) => if *value { "1" } else { "0" }.to_owned(),
        Attribute::Integer(value) => value.to_string(),
        Attribute::Text(value) => value.clone(),
    }
}
