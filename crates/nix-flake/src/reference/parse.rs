//! The URL form, read.

use std::collections::BTreeMap;

use nix_store::{Hash, HashAlgorithm};

use super::attribute_set::repaired_git_url;
use super::names::{is_host, is_identifier, is_reference_name, is_revision};
use super::url::{Url, decode, decode_query};
use super::{FlakeReference, Forge, Source, scheme};
use crate::attributes::Attribute;
use crate::error::Error;

/// File name endings by which Nix takes a plain URL for an archive.
const ARCHIVE_ENDINGS: [&str; 7] = [".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst"];

/// What is wrong, for [`Error::InvalidReference`].
type Parsed<T> = Result<T, String>;

impl FlakeReference {
    /// Parses the URL form as it stands in a flake's `inputs`: relative paths stay relative, and a bare word is a name of
    /// the registry. `is_flake` is false for inputs with `flake = false`, where a plain URL means one file and not an
    /// archive.
    pub fn parse(text: &str, is_flake: bool) -> Result<Self, Error> {
        let invalid = |reason: String| Error::InvalidReference { reference: text.to_owned(), reason };
        let (reference, fragment) = Self::parse_with_fragment(text, is_flake).map_err(invalid)?;
        if !fragment.is_empty() {
            return Err(invalid(format!("a fragment ('#{fragment}') is not allowed here")));
        }
        Ok(reference)
    }

    /// As [`FlakeReference::parse`], with what follows `#` beside it.
    pub(super) fn parse_with_fragment(text: &str, is_flake: bool) -> Parsed<(Self, String)> {
        if let Some(character) = text.chars().find(|c| c.is_control()) {
            return Err(format!("it contains the control character {character:?}"));
        }
        let (body, fragment) = text.split_once('#').unwrap_or((text, ""));
        if let Some(reference) = parse_short_indirect(body) {
            return Ok((reference, decode(fragment)?));
        }
        if body.contains(':') && !body.starts_with(['/', '.', '~']) {
            let mut url = Url::parse(text)?;
            let fragment = std::mem::take(&mut url.fragment);
            return Ok((from_url(url, is_flake)?, fragment));
        }
        Ok((parse_path(body)?, decode(fragment)?))
    }
}

/// A bare path, `./x?dir=y`.
pub(super) fn parse_path(body: &str) -> Parsed<FlakeReference> {
    let (path, query) = body.split_once('?').unwrap_or((body, ""));
    if !path.starts_with(['/', '.', '~']) {
        return Err("expected a directory, a URL or a name of the flake registry".to_owned());
    }
    path_reference(path.to_owned(), decode_query(query)?)
}

fn from_url(mut url: Url, is_flake: bool) -> Parsed<FlakeReference> {
    let directory = url.query.remove("dir").unwrap_or_default();
    let mut reference = match (url.application(), url.transport()) {
        (None, "git") | (Some("git"), "http" | "https" | "ssh" | "file") => git(url),
        (Some("hg"), "http" | "https" | "ssh" | "file") => mercurial(url),
        (None, "github" | "gitlab" | "sourcehut") => forge(&url),
        (None, "flake") => indirect(&url.path),
        (None, "hostwright") => bundled(url),
        (None, "path") => {
            if let Some(host) = url.authority.filter(|host| !host.is_empty()) {
                return Err(format!("a path has no host ('{host}')"));
            }
            path_reference(url.path, url.query)
        }
        (Some(kind @ ("tarball" | "file")), "http" | "https" | "file") => {
            let is_archive = kind == "tarball";
            curl(url, is_archive)
        }
        (None, "http" | "https" | "file") => {
            let is_archive = is_flake || ARCHIVE_ENDINGS.iter().any(|ending| url.path.ends_with(ending));
            curl(url, is_archive)
        }
        _ => Err(format!(
            "the scheme '{}:' is not known; known are path:, hostwright:, github:, gitlab:, sourcehut:, git+https:, \
             git+ssh:, git+file:, https:, tarball+…:, file+…: and flake:",
            url.scheme
        )),
    }?;
    reference.directory = directory;
    reference.check()?;
    Ok(reference)
}

fn git(url: Url) -> Parsed<FlakeReference> {
    let query = url.query;
    let mut repository =
        Url { scheme: url.scheme.trim_start_matches("git+").to_owned(), query: BTreeMap::new(), ..url };
    let mut reference = FlakeReference::new(Source::Git { url: String::new() });
    for (name, value) in query {
        match name.as_str() {
            "ref" => reference.branch = Some(value),
            "rev" => reference.revision = Some(value),
            name if scheme::GIT_SWITCHES.contains(&name) => {
                reference.other.0.insert(name.to_owned(), Attribute::Boolean(value == "1"));
            }
            name if scheme::GIT_TEXTS.contains(&name) => reference.other.set_text(name, value),
            // The server's own parameter: it stays part of the URL.
            _ => {
                repository.query.insert(name, value);
            }
        }
    }
    reference.source = Source::Git { url: repaired_git_url(&repository.to_string()) };
    Ok(reference)
}

fn mercurial(url: Url) -> Parsed<FlakeReference> {
    let query = url.query;
    let mut repository =
        Url { scheme: url.scheme.trim_start_matches("hg+").to_owned(), query: BTreeMap::new(), ..url };
    let mut reference = FlakeReference::new(Source::Mercurial { url: String::new() });
    for (name, value) in query {
        match name.as_str() {
            "ref" => reference.branch = Some(value),
            "rev" => reference.revision = Some(value),
            _ => {
                repository.query.insert(name, value);
            }
        }
    }
    reference.source = Source::Mercurial { url: repository.to_string() };
    Ok(reference)
}

fn forge(url: &Url) -> Parsed<FlakeReference> {
    let scheme = &url.scheme;
    let shape =
        || format!("expected {scheme}:OWNER/REPOSITORY or {scheme}:OWNER/REPOSITORY/BRANCH-OR-COMMIT");
    let forge = Forge::from_name(scheme).ok_or_else(shape)?;
    let parts: Vec<&str> = url.path.split('/').filter(|part| !part.is_empty()).collect();
    let [owner, repository, tail @ ..] = parts.as_slice() else { return Err(shape()) };
    let mut reference = FlakeReference::new(Source::Forge {
        forge,
        owner: (*owner).to_owned(),
        repository: (*repository).to_owned(),
    });
    match tail {
        [] => {}
        [commit] if is_revision(commit) => reference.revision = Some(commit.to_ascii_lowercase()),
        _ => {
            let branch = tail.join("/");
            if !is_reference_name(&branch) {
                return Err(format!("'{branch}' is not the name of a branch or tag, nor a commit"));
            }
            reference.branch = Some(branch);
        }
    }
    for (name, value) in &url.query {
        match name.as_str() {
            "rev" if reference.revision.is_some() => return Err("it names two commits".to_owned()),
            "rev" => reference.revision = Some(commit(value)?),
            "ref" if reference.branch.is_some() => return Err("it names two branches".to_owned()),
            "ref" if !is_reference_name(value) => {
                return Err(format!("'{value}' is not the name of a branch or tag"));
            }
            "ref" => reference.branch = Some(value.clone()),
            "host" if !is_host(value) => return Err(format!("'{value}' is not a host")),
            "host" | "narHash" => reference.other.set_text(name, value),
            // Passed over, as Nix does: references in the wild have `submodules=1` here.
            _ => {}
        }
    }
    if reference.revision.is_some() && reference.branch.is_some() {
        return Err("it names both a commit and a branch; name one of them".to_owned());
    }
    Ok(reference)
}

/// A commit in any form of a SHA-1, as hexadecimal digits.
fn commit(text: &str) -> Parsed<String> {
    match Hash::parse(text, Some(HashAlgorithm::Sha1)) {
        Ok(hash) => Ok(hash.to_base16()),
        Err(_) => Err(format!("'{text}' is not a commit hash")),
    }
}

fn bundled(url: Url) -> Parsed<FlakeReference> {
    if !is_identifier(&url.path) || url.authority.is_some() {
        return Err("expected hostwright:NAME".to_owned());
    }
    let mut reference = FlakeReference::new(Source::Bundled { name: url.path });
    for (name, value) in url.query {
        match name.as_str() {
            "narHash" => reference.other.set_text(&name, value),
            _ => return Err(format!("it has an unknown parameter '{name}'")),
        }
    }
    Ok(reference)
}

fn path_reference(path: String, query: BTreeMap<String, String>) -> Parsed<FlakeReference> {
    if path.is_empty() {
        return Err("the path is empty".to_owned());
    }
    // Printed behind `path:`, two slashes would announce a host.
    let path = match path.strip_prefix("//") {
        Some(rest) => format!("/{}", rest.trim_start_matches('/')),
        None => path,
    };
    let mut reference = FlakeReference::new(Source::Path { path });
    for (name, value) in query {
        match name.as_str() {
            "dir" => reference.directory = value,
            "rev" => reference.revision = Some(value),
            "narHash" => reference.other.set_text(&name, value),
            "revCount" | "lastModified" => reference.other.set_integer(&name, number(&name, &value)?),
            _ => return Err(format!("it has an unknown parameter '{name}'")),
        }
    }
    reference.check()?;
    Ok(reference)
}

fn curl(mut url: Url, is_archive: bool) -> Parsed<FlakeReference> {
    url.scheme = url.transport().to_owned();
    let mut reference = FlakeReference::new(Source::File { url: String::new() });
    for name in scheme::CURL_PARAMETERS {
        let Some(value) = url.query.remove(name) else { continue };
        match name {
            "narHash" => reference.other.set_text(name, value),
            "rev" => reference.revision = Some(value),
            "revCount" | "lastModified" => reference.other.set_integer(name, number(name, &value)?),
            // Understood by Nix's fetchers, and without a meaning here.
            _ => {}
        }
    }
    let url = url.to_string();
    reference.source = if is_archive { Source::Tarball { url } } else { Source::File { url } };
    Ok(reference)
}

fn number(name: &str, value: &str) -> Parsed<u64> {
    value.parse().map_err(|_| format!("'{name}' must be a number"))
}

/// `nixpkgs`, `nixpkgs/BRANCH`, `nixpkgs/COMMIT`, `nixpkgs/BRANCH/COMMIT`: `None` if it is none of these.
fn parse_short_indirect(body: &str) -> Option<FlakeReference> {
    let looks_like_one = body.split('/').next().is_some_and(is_identifier) && !body.contains([':', '?']);
    if looks_like_one { indirect(body).ok() } else { None }
}

fn indirect(path: &str) -> Parsed<FlakeReference> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some((name, rest)) = parts.split_first().filter(|(name, _)| is_identifier(name)) else {
        return Err("expected a directory, a URL or a name of the flake registry".to_owned());
    };
    let mut reference = FlakeReference::new(Source::Indirect { name: (*name).to_owned() });
    match rest {
        [] => {}
        [commit] if is_revision(commit) => reference.revision = Some(commit.to_ascii_lowercase()),
        [branch] if is_reference_name(branch) => reference.branch = Some((*branch).to_owned()),
        [branch, commit] if is_reference_name(branch) && is_revision(commit) => {
            reference.branch = Some((*branch).to_owned());
            reference.revision = Some(commit.to_ascii_lowercase());
        }
        _ => return Err("expected NAME, NAME/BRANCH, NAME/COMMIT or NAME/BRANCH/COMMIT".to_owned()),
    }
    Ok(reference)
}
