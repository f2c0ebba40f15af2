//! Flake references: where a flake's tree comes from.
//!
//! The grammar is that of "Flake references" in the Nix manual (`nix flake --help`): a URL-like form for people and an
//! attribute-set form for lock files. Hostwright adds one scheme, `hostwright:NAME`, for trees that are compiled into
//! the program.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::attributes::{Attribute, Attributes};
use crate::error::Error;

/// A code forge whose archives Nix fetches by owner and repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

    fn from_name(name: &str) -> Option<Self> {
        [Forge::GitHub, Forge::GitLab, Forge::SourceHut].into_iter().find(|forge| forge.name() == name)
    }
}

/// The kind of place that a flake's tree comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// A reference to a flake (or, for inputs with `flake = false`, to any tree).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlakeReference {
    /// Where the tree comes from.
    pub source: Source,
    /// The branch or tag, `ref` in both forms.
    pub branch: Option<String>,
    /// The commit, `rev` in both forms: 40 or 64 hexadecimal digits.
    pub revision: Option<String>,
    /// The directory of `flake.nix` inside the tree; empty for its root.
    pub directory: String,
    /// All other attributes (`narHash`, `lastModified`, `host`, `submodules`, …), by their names in lock files.
    pub other: Attributes,
}

/// Query parameters of `git` references that are booleans in the attribute-set form.
const GIT_SWITCHES: [&str; 6] = ["allRefs", "exportIgnore", "lfs", "shallow", "submodules", "verifyCommit"];

/// File name endings by which Nix takes a plain URL for an archive.
const ARCHIVE_ENDINGS: [&str; 7] = [".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst"];

/// What is escaped when a query value is printed; RFC 3986 section 3.4 allows the rest.
const QUERY: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'=').add(b'>');

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

    /// Parses the URL form as it stands in a flake's `inputs`: relative paths stay relative, and a bare word is a name of
    /// the registry. `is_flake` is false for inputs with `flake = false`, where a plain URL means one file and not an
    /// archive.
    pub fn parse(text: &str, is_flake: bool) -> Result<Self, Error> {
        let (body, query) = match text.split_once('?') {
            Some((body, query)) => (body, parse_query(text, query)?),
            None => (text, Vec::new()),
        };
        if let Some(character) = body.chars().find(|c| c.is_control()) {
            return Err(invalid(text, format!("it contains the control character {character:?}")));
        }
        if body.contains('#') {
            return Err(invalid(text, "a fragment (`#…`) is not allowed here"));
        }
        let mut reference = parse_body(text, body, is_flake)?;
        for (name, value) in query {
            reference.apply_parameter(text, &name, value)?;
        }
        reference.check_directory(text)?;
        Ok(reference)
    }

    /// Parses a reference of the command line, where paths are relative to `working_directory` and become absolute.
    ///
    /// Beyond Nix's grammar, a bare `some/directory` that exists is a path: Nix would look up `some` in the registry.
    pub fn parse_argument(text: &str, working_directory: &Path) -> Result<Self, Error> {
        let body = text.split_once('?').map_or(text, |(body, _)| body);
        let plain = body.is_empty()
            || body.starts_with('.')
            || body.starts_with('/')
            || (!body.contains(':') && working_directory.join(body).is_dir());
        let mut reference = if plain {
            let body = if body.is_empty() { "." } else { body };
            let mut reference = Self::new(Source::Path { path: body.to_owned() });
            if let Some((_, query)) = text.split_once('?') {
                for (name, value) in parse_query(text, query)? {
                    reference.apply_parameter(text, &name, value)?;
                }
                reference.check_directory(text)?;
            }
            reference
        } else {
            Self::parse(text, true)?
        };
        if let Source::Path { path } = &mut reference.source {
            *path = normalise(&working_directory.join(&*path)).to_string_lossy().into_owned();
        }
        Ok(reference)
    }

    /// Reads the attribute-set form of lock files and of `inputs.NAME = { type = …; }`.
    pub fn from_attributes(attributes: &Attributes) -> Result<Self, Error> {
        let printed = || serde_json::to_string(attributes).unwrap_or_default();
        let mut rest = attributes.clone();
        let kind = rest.take_text("type").ok_or_else(|| invalid(&printed(), "it has no type"))?;
        let mut need = |name: &str| {
            rest.take_text(name).ok_or_else(|| invalid(&printed(), format!("type '{kind}' needs '{name}'")))
        };
        let source = match kind.as_str() {
            "hostwright" => Source::Bundled { name: need("name")? },
            "path" => Source::Path { path: need("path")? },
            "git" => Source::Git { url: need("url")? },
            "hg" => Source::Mercurial { url: need("url")? },
            "tarball" => Source::Tarball { url: need("url")? },
            "file" => Source::File { url: need("url")? },
            "indirect" => Source::Indirect { name: need("id")? },
            other => match Forge::from_name(other) {
                Some(forge) => Source::Forge { forge, owner: need("owner")?, repository: need("repo")? },
                None => return Err(invalid(&printed(), format!("its type '{other}' is not known"))),
            },
        };
        let reference = FlakeReference {
            source,
            branch: rest.take_text("ref"),
            revision: rest.take_text("rev"),
            directory: rest.take_text("dir").unwrap_or_default(),
            other: rest,
        };
        reference.check_directory(&reference.to_string())?;
        Ok(reference)
    }

    /// The attribute-set form, as lock files hold it.
    pub fn to_attributes(&self) -> Attributes {
        let mut attributes = self.other.clone();
        let mut set = |name: &str, value: &str| attributes.set_text(name, value);
        match &self.source {
            Source::Bundled { name } => {
                set("type", "hostwright");
                set("name", name);
            }
            Source::Path { path } => {
                set("type", "path");
                set("path", path);
            }
            Source::Git { url } => {
                set("type", "git");
                set("url", url);
            }
            Source::Mercurial { url } => {
                set("type", "hg");
                set("url", url);
            }
            Source::Tarball { url } => {
                set("type", "tarball");
                set("url", url);
            }
            Source::File { url } => {
                set("type", "file");
                set("url", url);
            }
            Source::Indirect { name } => {
                set("type", "indirect");
                set("id", name);
            }
            Source::Forge { forge, owner, repository } => {
                set("type", forge.name());
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

    /// True for `path:` references that are relative to the flake that names them.
    pub fn is_relative_path(&self) -> bool {
        matches!(&self.source, Source::Path { path } if !path.starts_with('/'))
    }

    fn apply_parameter(&mut self, text: &str, name: &str, value: String) -> Result<(), Error> {
        match name {
            "dir" => self.directory = value.trim_matches('/').to_owned(),
            "ref" => self.branch = Some(value),
            "rev" => {
                if !is_revision(&value) {
                    return Err(invalid(text, format!("'{value}' is not a commit hash")));
                }
                self.revision = Some(value);
            }
            "lastModified" | "revCount" => {
                let number =
                    value.parse().map_err(|_| invalid(text, format!("'{name}' must be a number")))?;
                self.other.set_integer(name, number);
            }
            _ => match &mut self.source {
                Source::Git { .. } if GIT_SWITCHES.contains(&name) => {
                    self.other.0.insert(name.to_owned(), Attribute::Boolean(value == "1"));
                }
                Source::Git { url }
                | Source::Mercurial { url }
                | Source::Tarball { url }
                | Source::File { url }
                    if !matches!(name, "narHash" | "name") =>
                {
                    // The server's own parameter: it stays part of the URL.
                    url.push(if url.contains('?') { '&' } else { '?' });
                    url.push_str(&format!("{name}={}", utf8_percent_encode(&value, QUERY)));
                }
                Source::Path { .. } | Source::Bundled { .. } | Source::Indirect { .. }
                    if name != "narHash" =>
                {
                    return Err(invalid(text, format!("it has an unknown parameter '{name}'")));
                }
                _ => self.other.set_text(name, value),
            },
        }
        Ok(())
    }

    /// A `dir` must stay inside the tree.
    fn check_directory(&self, text: &str) -> Result<(), Error> {
        let inside = Path::new(&self.directory).components().all(|part| matches!(part, Component::Normal(_)));
        if inside { Ok(()) } else { Err(invalid(text, format!("dir '{}' leaves the tree", self.directory))) }
    }
}

impl fmt::Display for FlakeReference {
    /// The URL form, which [`FlakeReference::parse`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parameters: Vec<(&str, String)> = Vec::new();
        let (mut branch_shown, mut revision_shown) = (false, false);
        let body = match &self.source {
            Source::Bundled { name } => format!("hostwright:{name}"),
            Source::Path { path } => format!("path:{path}"),
            Source::Git { url } if url.starts_with("git:") => url.clone(),
            Source::Git { url } => format!("git+{url}"),
            Source::Mercurial { url } => format!("hg+{url}"),
            Source::Tarball { url } => format!("tarball+{url}"),
            Source::File { url } => format!("file+{url}"),
            Source::Indirect { name } => {
                let mut body = format!("flake:{name}");
                for part in [&self.branch, &self.revision].into_iter().flatten() {
                    body.push('/');
                    body.push_str(part);
                }
                (branch_shown, revision_shown) = (true, true);
                body
            }
            Source::Forge { forge, owner, repository } => {
                let owner = owner.replace('/', "%2F");
                let mut body = format!("{}:{owner}/{repository}", forge.name());
                if let Some(revision) = &self.revision {
                    body.push('/');
                    body.push_str(revision);
                    revision_shown = true;
                } else if let Some(branch) = &self.branch {
                    body.push('/');
                    body.push_str(branch);
                    branch_shown = true;
                }
                body
            }
        };
        for (name, value) in &self.other.0 {
            let value = match value {
                Attribute::Boolean(value) => if *value { "1" } else { "0" }.to_owned(),
                Attribute::Integer(value) => value.to_string(),
                Attribute::Text(value) => value.clone(),
            };
            parameters.push((name, value));
        }
        if !self.directory.is_empty() {
            parameters.push(("dir", self.directory.clone()));
        }
        if let Some(branch) = self.branch.as_ref().filter(|_| !branch_shown) {
            parameters.push(("ref", branch.clone()));
        }
        if let Some(revision) = self.revision.as_ref().filter(|_| !revision_shown) {
            parameters.push(("rev", revision.clone()));
        }
        parameters.sort();
        f.write_str(&body)?;
        let mut separator = if body.contains('?') { '&' } else { '?' };
        for (name, value) in parameters {
            write!(f, "{separator}{name}={}", utf8_percent_encode(&value, QUERY))?;
            separator = '&';
        }
        Ok(())
    }
}

fn parse_body(text: &str, body: &str, is_flake: bool) -> Result<FlakeReference, Error> {
    let Some((scheme, rest)) = body.split_once(':') else {
        if body.starts_with('.') || body.starts_with('/') {
            return Ok(FlakeReference::new(Source::Path { path: body.to_owned() }));
        }
        return parse_indirect(text, body);
    };
    let (transport_prefix, transport) = scheme.split_once('+').map_or(("", scheme), |(a, b)| (a, b));
    let url = || format!("{transport}:{rest}");
    let has_authority = rest.starts_with("//");
    let source = match (transport_prefix, transport) {
        ("", "hostwright") => {
            if !is_name(rest) {
                return Err(invalid(text, "expected hostwright:NAME"));
            }
            Source::Bundled { name: rest.to_owned() }
        }
        ("", "path") => {
            let path = decode(text, rest.strip_prefix("//").unwrap_or(rest))?;
            if path.is_empty() {
                return Err(invalid(text, "the path is empty"));
            }
            Source::Path { path }
        }
        ("", "flake") => return parse_indirect(text, rest),
        ("", "github" | "gitlab" | "sourcehut") => return parse_forge(text, transport, rest),
        ("git", "http" | "https" | "ssh" | "file" | "git") | ("", "git") if has_authority => {
            Source::Git { url: url() }
        }
        ("hg", "http" | "https" | "ssh" | "file") if has_authority => Source::Mercurial { url: url() },
        ("tarball", "http" | "https" | "file") if has_authority => Source::Tarball { url: url() },
        ("file", "http" | "https" | "file") if has_authority => Source::File { url: url() },
        ("", "http" | "https" | "file") if has_authority => {
            if is_flake || ARCHIVE_ENDINGS.iter().any(|ending| rest.ends_with(ending)) {
                Source::Tarball { url: url() }
            } else {
                Source::File { url: url() }
            }
        }
        _ => {
            return Err(invalid(
                text,
                format!(
                    "the scheme '{scheme}:' is not known; known are path:, hostwright:, github:, gitlab:, sourcehut:, \
                     git+https:, git+ssh:, git+file:, hg+https:, https:, tarball+…:, file+…: and flake:"
                ),
            ));
        }
    };
    Ok(FlakeReference::new(source))
}

fn parse_indirect(text: &str, body: &str) -> Result<FlakeReference, Error> {
    let mut parts = body.split('/');
    let name = parts.next().unwrap_or_default();
    if !is_name(name) {
        return Err(invalid(text, "expected a directory, a URL or a name of the flake registry"));
    }
    let mut reference = FlakeReference::new(Source::Indirect { name: name.to_owned() });
    for part in parts {
        if is_revision(part) && reference.revision.is_none() {
            reference.revision = Some(part.to_owned());
        } else if reference.branch.is_none() && reference.revision.is_none() && !part.is_empty() {
            reference.branch = Some(part.to_owned());
        } else {
            return Err(invalid(text, "expected NAME, NAME/BRANCH, NAME/COMMIT or NAME/BRANCH/COMMIT"));
        }
    }
    Ok(reference)
}

fn parse_forge(text: &str, scheme: &str, rest: &str) -> Result<FlakeReference, Error> {
    let shape = || {
        invalid(
            text,
            format!("expected {scheme}:OWNER/REPOSITORY or {scheme}:OWNER/REPOSITORY/BRANCH-OR-COMMIT"),
        )
    };
    let forge = Forge::from_name(scheme).ok_or_else(shape)?;
    let mut parts = rest.splitn(3, '/');
    let (Some(owner), Some(repository), tail) = (parts.next(), parts.next(), parts.next()) else {
        return Err(shape());
    };
    if owner.is_empty() || repository.is_empty() || tail == Some("") {
        return Err(shape());
    }
    let mut reference = FlakeReference::new(Source::Forge {
        forge,
        owner: decode(text, owner)?,
        repository: decode(text, repository)?,
    });
    match tail {
        Some(tail) if is_revision(tail) => reference.revision = Some(tail.to_owned()),
        Some(tail) => reference.branch = Some(decode(text, tail)?),
        None => {}
    }
    Ok(reference)
}

fn parse_query(text: &str, query: &str) -> Result<Vec<(String, String)>, Error> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| invalid(text, format!("parameter '{pair}' has no value")))?;
            Ok((decode(text, name)?, decode(text, value)?))
        })
        .collect()
}

/// Names of the registry and of bundled inputs: `[a-zA-Z][a-zA-Z0-9_-]*`.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A commit: SHA-1 or SHA-256 in hexadecimal.
fn is_revision(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn decode(text: &str, part: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(part)
        .decode_utf8()
        .map_err(|_| invalid(text, "its percent-escapes are not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(invalid(text, "it contains a NUL character"));
    }
    Ok(decoded.into_owned())
}

fn invalid(reference: &str, reason: impl Into<String>) -> Error {
    Error::InvalidReference { reference: reference.to_owned(), reason: reason.into() }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> FlakeReference {
        FlakeReference::parse(text, true).unwrap()
    }

    #[test]
    fn forges_take_a_branch_or_a_commit() {
        let reference = parse("github:NixOS/nixpkgs/nixos-25.05?dir=lib");
        assert_eq!(
            reference.source,
            Source::Forge { forge: Forge::GitHub, owner: "NixOS".into(), repository: "nixpkgs".into() }
        );
        assert_eq!(reference.branch.as_deref(), Some("nixos-25.05"));
        assert_eq!(reference.directory, "lib");
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(parse(&format!("gitlab:a%2Fb/c/{commit}")).revision.as_deref(), Some(commit));
        assert!(FlakeReference::parse("github:NixOS", true).is_err());
    }

    #[test]
    fn git_switches_are_booleans_and_foreign_parameters_stay_in_the_url() {
        let reference = parse("git+https://example.org/r.git?ref=main&submodules=1&token=x%26y");
        assert_eq!(reference.source, Source::Git { url: "https://example.org/r.git?token=x%26y".into() });
        assert_eq!(reference.other.0.get("submodules"), Some(&Attribute::Boolean(true)));
        assert_eq!(reference.branch.as_deref(), Some("main"));
    }

    #[test]
    fn plain_urls_are_archives_for_flakes_and_files_otherwise() {
        assert!(matches!(parse("https://example.org/a").source, Source::Tarball { .. }));
        assert!(matches!(
            FlakeReference::parse("https://example.org/a", false).unwrap().source,
            Source::File { .. }
        ));
        assert!(matches!(
            FlakeReference::parse("https://example.org/a.tar.gz", false).unwrap().source,
            Source::Tarball { .. }
        ));
    }

    #[test]
    fn arguments_prefer_directories_that_exist() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("examples/one")).unwrap();
        let parse = |text: &str| FlakeReference::parse_argument(text, directory.path()).unwrap();
        let expected = directory.path().join("examples/one").to_string_lossy().into_owned();
        for text in ["examples/one", "./examples/one", "path:examples/one", "examples/../examples/one/."] {
            assert_eq!(parse(text).source, Source::Path { path: expected.clone() }, "{text}");
        }
        assert_eq!(parse("./examples?dir=one").directory, "one");
        assert!(matches!(parse("nixpkgs/nixos-25.05").source, Source::Indirect { .. }));
        assert_eq!(parse("").source, Source::Path { path: directory.path().to_string_lossy().into_owned() });
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for (text, part) in [
            ("ftp://x/y", "scheme 'ftp:' is not known"),
            ("hostwright:", "hostwright:NAME"),
            ("path:", "empty"),
            ("path:/a?dir=../b", "leaves the tree"),
            ("path:/a?wrong=1", "unknown parameter 'wrong'"),
            ("path:/a?rev=zz", "not a commit hash"),
            ("path:/a?dir", "has no value"),
            ("a b", "expected a directory"),
            ("x#y", "fragment"),
            ("path:/a%00", "NUL"),
        ] {
            let message = FlakeReference::parse(text, true).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn both_forms_read_back(
            kind in 0..7usize,
            name in "[a-z][a-z0-9_-]{0,8}",
            branch in proptest::option::of("[a-z][a-z0-9.-]{0,8}"),
            revision in proptest::option::of("[0-9a-f]{40}"),
            directory in "([a-z]{1,4}(/[a-z]{1,4}){0,2})?",
            nar_hash in proptest::option::of("sha256-[A-Za-z0-9+/]{43}="),
        ) {
            let source = match kind {
                0 => Source::Bundled { name: name.clone() },
                1 => Source::Path { path: format!("/{name}/x") },
                2 => Source::Git { url: format!("https://{name}/x.git") },
                3 => Source::Mercurial { url: format!("ssh://{name}/x") },
                4 => Source::Forge { forge: Forge::GitLab, owner: format!("{name}/sub"), repository: name.clone() },
                5 => Source::Tarball { url: format!("https://{name}/x?a=b") },
                _ => Source::Indirect { name: name.clone() },
            };
            let mut reference = FlakeReference::new(source);
            reference.branch = branch.filter(|b| !is_revision(b));
            reference.revision = revision;
            reference.directory = directory;
            if let Some(hash) = nar_hash {
                reference.other.set_text("narHash", hash);
            }
            prop_assert_eq!(&FlakeReference::from_attributes(&reference.to_attributes()).unwrap(), &reference);
            prop_assert_eq!(&FlakeReference::parse(&reference.to_string(), true).unwrap(), &reference);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,40}") {
            let _ = FlakeReference::parse(&text, true);
            let _ = FlakeReference::parse_argument(&text, Path::new("/nonexistent"));
        }
    }
}
