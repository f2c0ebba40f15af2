//! Where archives are: from apt's configuration or from what the user says.
//!
//! Format: sources.list(5), both the one-line style (`*.list`) and deb822 (`*.sources`), and apt's lists of mirrors
//! (apt-transport-mirror(1)). The program names no mirror itself: a machine that runs Debian knows its own.

use std::{fs, path::Path};

use url::Url;

use crate::{
    control::Paragraphs,
    error::{Error, Result},
};

/// One of the two archives that a Debian suite is spread over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Archive {
    /// The archive proper, with the suite and its updates.
    Debian,
    /// Security updates.
    Security,
}

impl Archive {
    /// Its name in lock files and `mirror://` addresses.
    pub fn name(self) -> &'static str {
        match self {
            Archive::Debian => "debian",
            Archive::Security => "debian-security",
        }
    }
}

/// The mirrors of both archives, in the order in which they are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    debian: Vec<Url>,
    security: Vec<Url>,
    /// The security mirrors were not named but guessed, and may not exist.
    security_is_guessed: bool,
}

/// Names of Debian suites: those of the releases that may still be on mirrors, and those that move from one to the next.
const SUITES: [&str; 13] = [
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "stable",
    "oldstable",
    "oldoldstable",
    "testing",
    "unstable",
    "experimental",
];

/// Files of apt's configuration have some kilobytes.
const FILE_LIMIT: u64 = 1 << 20;

/// What one entry of apt's configuration says.
#[derive(Debug)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
}

impl Sources {
    /// The mirrors that apt on this machine uses.
    ///
    /// # Errors
    /// [`Error::NoMirror`] if it has none of Debian's archive.
    pub fn from_system() -> Result<Self> {
        Self::from_apt(Path::new("/etc/apt"))
    }

    /// The mirrors that an apt configuration in `directory` names. Its suites do not matter: a mirror has all of them.
    ///
    /// # Errors
    /// [`Error::NoMirror`] if there is none of Debian's archive. What cannot be read is passed over.
    pub fn from_apt(directory: &Path) -> Result<Self> {
        let mut files = vec![directory.join("sources.list")];
        if let Ok(entries) = fs::read_dir(directory.join("sources.list.d")) {
            files.extend(entries.filter_map(std::result::Result::ok).map(|entry| entry.path()));
        }
        files[1..].sort();
        let mut entries = Vec::new();
        for file in files {
            let Some(text) = read(&file) else { continue };
            match file.extension().and_then(|extension| extension.to_str()) {
                Some("list") => entries.extend(text.lines().filter_map(one_line)),
                Some("sources") => entries.extend(paragraphs(&text)),
                _ => {}
            }
        }
        let mut debian = Vec::new();
        let mut security = Vec::new();
        for entry in &entries {
            if !entry.components.iter().any(|component| component == "main") {
                continue;
            }
            let urls = || entry.uris.iter().flat_map(|uri| mirrors(uri));
            let kinds: Vec<Archive> = entry.suites.iter().filter_map(|suite| archive_of(suite)).collect();
            if kinds.contains(&Archive::Debian) {
                debian.extend(urls());
            }
            if kinds.contains(&Archive::Security) {
                security.extend(urls());
            }
        }
        if debian.is_empty() {
            return Err(Error::NoMirror { directory: directory.to_owned() });
        }
        let security_is_guessed = security.is_empty();
        if security_is_guessed {
            security = debian.iter().filter_map(beside).collect();
        }
        Ok(Sources { debian: ranked(debian), security: ranked(security), security_is_guessed })
    }

    /// A mirror that the user names, and the one of the security archive; without the latter it is looked for beside the
    /// former.
    pub fn from_mirror(mirror: &Url, security: Option<&Url>) -> Self {
        let mirror = directory(mirror.clone());
        let named = security.cloned().map(directory);
        let security_is_guessed = named.is_none();
        let security = named.or_else(|| beside(&mirror)).into_iter().collect();
        Sources { debian: vec![mirror], security, security_is_guessed }
    }

    /// The mirrors of an archive, each ending in a slash.
    pub fn mirrors(&self, archive: Archive) -> &[Url] {
        match archive {
            Archive::Debian => &self.debian,
            Archive::Security => &self.security,
        }
    }

    /// Whether the archive may be missing, because nobody said that it is there.
    pub(super) fn may_be_missing(&self, archive: Archive) -> bool {
        archive == Archive::Security && self.security_is_guessed
    }

    /// The addresses of a path below an archive, one a mirror. `%` and other characters that mean something in an address
    /// are escaped.
    pub fn addresses(&self, archive: Archive, path: &str) -> Vec<Url> {
        self.mirrors(archive)
            .iter()
            .map(|mirror| {
                let mut url = mirror.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().extend(path.split('/'));
                }
                url
            })
            .collect()
    }

    /// The addresses that a `mirror://debian/pool/…` or `mirror://debian-security/pool/…` address stands for; none if it
    /// is not one of these.
    pub fn resolve(&self, address: &str) -> Option<Vec<Url>> {
        let (name, path) = address.strip_prefix("mirror://")?.split_once('/')?;
        let archive =
            [Archive::Debian, Archive::Security].into_iter().find(|archive| archive.name() == name)?;
        crate::index::is_pool_path(path).then(|| self.addresses(archive, path))
    }
}

fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > FILE_LIMIT {
        return None;
    }
    fs::read_to_string(path).ok()
}

/// `deb [OPTIONS] URI SUITE COMPONENTS`, with a comment behind it.
fn one_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '[']))?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Entry { uris: vec![words.next()?], suites: vec![words.next()?], components: words.collect() })
}

fn paragraphs(text: &str) -> Vec<Entry> {
    let words = |value: Option<&str>| -> Vec<String> {
        value
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect()
    };
    Paragraphs::new(text)
        .map_while(std::result::Result::ok)
        .filter(|paragraph| {
            words(paragraph.get("Types")).iter().any(|kind| kind == "deb")
                && !paragraph.get("Enabled").is_some_and(|value| {
                    ["no", "false", "off", "0", "without", "disable"]
                        .iter()
                        .any(|no| value.eq_ignore_ascii_case(no))
                })
        })
        .map(|paragraph| Entry {
            uris: words(paragraph.get("URIs")),
            suites: words(paragraph.get("Suites")),
            components: words(paragraph.get("Components")),
        })
        .collect()
}

/// The archive that a suite lies in, if it is one of Debian's.
fn archive_of(suite: &str) -> Option<Archive> {
    let (base, archive) = match suite.strip_suffix("-security").or_else(|| suite.strip_suffix("/updates")) {
        Some(base) => (base, Archive::Security),
        None => {
            let base = ["-updates", "-proposed-updates", "-backports", "-backports-sloppy"]
                .iter()
                .find_map(|suffix| suite.strip_suffix(suffix));
            (base.unwrap_or(suite), Archive::Debian)
        }
    };
    SUITES.contains(&base).then_some(archive)
}

/// The addresses that a URI of apt's stands for. Methods that need apt itself (`cdrom:`, `tor+http:`, …) have none.
fn mirrors(uri: &str) -> Vec<Url> {
    if let Some(list) = uri.strip_prefix("mirror+file:") {
        let path = list.strip_prefix("//").unwrap_or(list);
        let text = read(Path::new(path)).unwrap_or_default();
        return text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_whitespace().next())
            .filter_map(plain)
            .collect();
    }
    plain(uri).into_iter().collect()
}

fn plain(uri: &str) -> Option<Url> {
    let local = uri.strip_prefix("copy:").map(|path| format!("file:{path}"));
    let url = Url::parse(local.as_deref().unwrap_or(uri)).ok()?;
    matches!(url.scheme(), "http" | "https" | "file").then(|| directory(url))
}

/// Ends the path in a slash.
fn directory(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

/// The security archive that lies beside a mirror: its path with `debian-security` for `debian`.
fn beside(mirror: &Url) -> Option<Url> {
    let position = mirror.path_segments()?.collect::<Vec<_>>().iter().rposition(|name| *name == "debian")?;
    let names: Vec<&str> = mirror
        .path_segments()?
        .enumerate()
        .map(|(at, name)| if at == position { "debian-security" } else { name })
        .collect();
    let mut url = mirror.clone();
    url.set_path(&names.join("/"));
    Some(url)
}

/// Every mirror once; first those whose path looks like Debian's own. Others may use the names of Debian's suites too, and
/// only the signature tells.
fn ranked(urls: Vec<Url>) -> Vec<Url> {
    let mut unique: Vec<Url> = Vec::new();
    for url in urls {
        if !unique.contains(&url) {
            unique.push(url);
        }
    }
    unique.sort_by_key(|url| {
        let own = |name: &str| name == "debian" || name == "debian-security";
        !url.path_segments().is_some_and(|mut names| names.any(own))
    });
    unique
}

#[cfg(test)]
mod tests {

    use super::*;

    fn apt(files: &[(&str, &str)]) -> Result<Sources, Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        fs::create_dir(directory.path().join("sources.list.d"))?;
        for (name, text) in files {
            fs::write(directory.path().join(name), text)?;
        }
        Ok(Sources::from_apt(directory.path())?)
    }

    fn texts(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    #[test]
    fn both_styles_are_read() -> Result<(), Box<dyn std::error::Error>> {
        let sources = apt(&[
            (
                "sources.list",
                "# nothing\ndeb-src http://x.example/debian trixie main\n\
                 deb [arch=amd64 signed-by=/x] http://a.example/debian bookworm main # c\n\
                 deb http://a.example/security bookworm-security main contrib\n\
                 deb cdrom:[Debian 12 - Disc 1]/ bookworm main\n\
                 deb http://other.example/apt nodistro main\n\
                 deb http://docker.example/linux/debian bookworm stable\n",
            ),
            (
                "sources.list.d/debian.sources",
                "Types: deb deb-src\nURIs: https://b.example/pub/debian/\n http://a.example/debian/\n\
                 Suites: sid\nComponents: main\n\nTypes: deb\nEnabled: no\nURIs: http://c.example/debian\n\
                 Suites: sid\nComponents: main\n",
            ),
            ("sources.list.d/z.list.save", "deb http://d.example/debian sid main\n"),
            ("sources.list.d/y.list", "deb http://e.example/chrome stable main\n"),
        ])?;
        assert_eq!(
            texts(sources.mirrors(Archive::Debian)),
            ["http://a.example/debian/", "https://b.example/pub/debian/", "http://e.example/chrome/"]
        );
        assert_eq!(texts(sources.mirrors(Archive::Security)), ["http://a.example/security/"]);
        Ok(())
    }

    #[test]
    fn lists_of_mirrors_are_followed() -> Result<(), Box<dyn std::error::Error>> {
        let list = tempfile::NamedTempFile::new()?;
        fs::write(list.path(), "http://a.example/debian\tpriority:1\nhttps://b.example/debian\n")?;
        let text = format!(
            "Types: deb\nURIs: mirror+file://{}\nSuites: trixie\nComponents: main\n",
            list.path().display()
        );
        let sources = apt(&[("sources.list.d/debian.sources", &text)])?;
        assert_eq!(
            texts(sources.mirrors(Archive::Debian)),
            ["http://a.example/debian/", "https://b.example/debian/"]
        );
        Ok(())
    }

    #[test]
    fn without_a_mirror_the_error_says_what_to_do() -> Result<(), Box<dyn std::error::Error>> {
        let error = apt(&[("sources.list", "deb http://u.example/ubuntu noble main\n")])
            .err()
            .ok_or("a mirror was found")?;
        assert!(error.to_string().contains("--mirror"), "{error}");
        assert!(error.source().is_none());
        Ok(())
    }

    #[test]
    fn security_is_looked_for_beside_the_mirror() -> Result<(), url::ParseError> {
        let mirror = Url::parse("http://a.example/archive/debian/20250101T000000Z")?;
        let sources = Sources::from_mirror(&mirror, None);
        assert_eq!(
            texts(sources.mirrors(Archive::Security)),
            ["http://a.example/archive/debian-security/20250101T000000Z/"]
        );
        assert!(sources.may_be_missing(Archive::Security));
        let sources = Sources::from_mirror(&Url::parse("file:///srv/mirror")?, None);
        assert!(sources.mirrors(Archive::Security).is_empty());
        Ok(())
    }

    #[test]
    fn mirror_addresses_are_resolved_and_escaped() -> Result<(), url::ParseError> {
        let sources = Sources::from_mirror(&Url::parse("http://a.example/debian")?, None);
        let urls = sources.resolve("mirror://debian/pool/main/x/x_1%3a2+b~1_all.deb").unwrap_or_default();
        assert_eq!(texts(&urls), ["http://a.example/debian/pool/main/x/x_1%253a2+b~1_all.deb"]);
        assert_eq!(sources.resolve("mirror://debian/../etc/passwd"), None);
        assert_eq!(sources.resolve("mirror://elsewhere/pool/x"), None);
        assert_eq!(sources.resolve("http://a.example/x"), None);
        Ok(())
    }
}
