//! GitHub, GitLab and SourceHut: a branch becomes a commit by the forge's interface, a commit becomes an archive.
//!
//! The interfaces: docs.github.com/rest/commits (`GET /repos/{owner}/{repo}/commits/{ref}`), docs.gitlab.com/api/commits
//! (`GET /projects/:id/repository/commits`), and for SourceHut git's own list of references over plain HTTP
//! (gitprotocol-http(5), `info/refs`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::http::Headers;
use super::{Fetched, Fetcher, archive};
use crate::error::Error;
use crate::reference::{FlakeReference, Forge, Source, is_revision};

/// A repository at a forge.
struct Repository<'a> {
    forge: Forge,
    host: &'a str,
    owner: &'a str,
    name: &'a str,
    /// For messages.
    reference: &'a FlakeReference,
}

/// What the archive of a commit held.
#[derive(Serialize, Deserialize)]
struct KnownArchive {
    nar_hash: String,
    last_modified: u64,
}

impl Fetcher {
    pub(super) fn fetch_forge(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let Source::Forge { forge, owner, repository } = &reference.source else {
            return Err(self.unsupported(reference, "it is not at a forge"));
        };
        let host = reference.other.text("host").unwrap_or(forge.default_host());
        let repository = Repository { forge: *forge, host, owner, name: repository, reference };
        let revision = match &reference.revision {
            Some(revision) => revision.clone(),
            None => repository.revision(self, reference.branch.as_deref().unwrap_or("HEAD"))?,
        };
        let mut locked = reference.clone();
        locked.branch = None;
        locked.revision = Some(revision.clone());

        let question = json!({
            "kind": "forge", "forge": forge.name(), "host": host, "owner": owner, "repository": repository.name,
            "revision": revision,
        });
        let known = self.cache.recall::<KnownArchive>(&question).map(|record| record.value);
        let cached = known.and_then(|known| Some((self.cached(&known.nar_hash)?, known.last_modified)));
        let (tree, last_modified) = match cached {
            Some(found) => found,
            None => {
                let (url, headers) = repository.archive(self, &revision);
                self.say_fetching(reference);
                let (nar_hash, place, last_modified) = self.cache.add(|place| {
                    let answer = self.get(&url, &headers, None)?;
                    archive::unpack(answer, &url, place)
                })?;
                self.cache.remember(&question, &KnownArchive { nar_hash: nar_hash.to_sri(), last_modified });
                (self.tree(nar_hash, place)?, last_modified)
            }
        };
        locked.other.set_integer("lastModified", last_modified);
        Ok(Fetched { reference: locked, tree })
    }
}

impl Repository<'_> {
    /// What the token of the host is told as.
    fn headers(&self, fetcher: &Fetcher) -> Headers {
        let Some(token) = fetcher.settings.access_tokens.get(self.host) else { return Headers::new() };
        let (name, value) = match self.forge {
            Forge::GitHub => ("Authorization", format!("token {token}")),
            Forge::SourceHut => ("Authorization", format!("Bearer {token}")),
            Forge::GitLab => match token.split_once(':') {
                Some(("OAuth2", token)) => ("Authorization", format!("Bearer {token}")),
                Some(("PAT", token)) => ("Private-Token", token.to_owned()),
                _ => {
                    (fetcher.settings.warn)(&format!(
                        "the access token for {} must be OAuth2:TOKEN or PAT:TOKEN; it is not used",
                        self.host
                    ));
                    return Headers::new();
                }
            },
        };
        vec![(name.to_owned(), value)]
    }

    /// The commit that a branch or tag is at.
    fn revision(&self, fetcher: &Fetcher, branch: &str) -> Result<String, Error> {
        let Repository { host, owner, name, .. } = self;
        let headers = self.headers(fetcher);
        let (url, found) = match self.forge {
            Forge::GitHub => {
                let url = match *host {
                    "github.com" => format!("https://api.{host}/repos/{owner}/{name}/commits/{branch}"),
                    _ => format!("https://{host}/api/v3/repos/{owner}/{name}/commits/{branch}"),
                };
                let answer: Value =
                    fetcher.json(&url, &headers).map_err(|error| self.explain(error, branch))?;
                let found = answer.get("sha").and_then(Value::as_str).map(str::to_owned);
                (url, found)
            }
            Forge::GitLab => {
                let url = format!(
                    "https://{host}/api/v4/projects/{owner}%2F{name}/repository/commits?ref_name={branch}"
                );
                let answer: Value =
                    fetcher.json(&url, &headers).map_err(|error| self.explain(error, branch))?;
                if answer.as_array().is_some_and(Vec::is_empty) {
                    return Err(self.no_branch(branch));
                }
                let found = answer.get(0).and_then(|commit| commit.get("id")).and_then(Value::as_str);
                let found = found.map(str::to_owned);
                (url, found)
            }
            Forge::SourceHut => {
                let url = format!("https://{host}/{owner}/{name}/info/refs");
                let wanted = match branch {
                    "HEAD" => {
                        let head = fetcher.text(&format!("https://{host}/{owner}/{name}/HEAD"), &headers)?;
                        let target =
                            head.lines().next().unwrap_or_default().trim_start_matches("ref:").trim();
                        vec![target.to_owned()]
                    }
                    _ => ["heads", "tags"].map(|kind| format!("refs/{kind}/{branch}")).to_vec(),
                };
                let references = fetcher.text(&url, &headers)?;
                let found = references.lines().find_map(|line| {
                    let (commit, name) = line.split_once('\t')?;
                    wanted.iter().any(|wanted| wanted == name.trim()).then(|| commit.to_owned())
                });
                (url, Some(found.ok_or_else(|| self.no_branch(branch))?))
            }
        };
        match found {
            Some(revision) if is_revision(&revision) => Ok(revision),
            _ => Err(Error::UnexpectedAnswer { url, reason: "it names no commit".to_owned() }),
        }
    }

    fn no_branch(&self, branch: &str) -> Error {
        Error::NoSuchRevision {
            repository: self.reference.to_string(),
            what: format!("branch or tag '{branch}'"),
            hint: "",
        }
    }

    /// That a forge does not find something is about the reference, not about the network.
    fn explain(&self, error: Error, branch: &str) -> Error {
        match error {
            Error::Download(download::Error::Status { code: 404 | 422, .. }) => Error::NoSuchRevision {
                repository: self.reference.to_string(),
                what: match branch {
                    "HEAD" => "public commits".to_owned(),
                    _ => format!("branch or tag '{branch}'"),
                },
                hint: "; if it is private, give a token with --option access-tokens HOST=TOKEN",
            },
            other => other,
        }
    }

    /// Where the archive of a commit is, and what has to be said to get it.
    fn archive(&self, fetcher: &Fetcher, revision: &str) -> (String, Headers) {
        let Repository { host, owner, name, .. } = self;
        let headers = self.headers(fetcher);
        let url = match self.forge {
            // The public address of archives has no limit on requests; the interface has one.
            Forge::GitHub if *host == "github.com" && headers.is_empty() => {
                format!("https://{host}/{owner}/{name}/archive/{revision}.tar.gz")
            }
            Forge::GitHub if *host == "github.com" => {
                format!("https://api.{host}/repos/{owner}/{name}/tarball/{revision}")
            }
            Forge::GitHub => format!("https://{host}/api/v3/repos/{owner}/{name}/tarball/{revision}"),
            Forge::GitLab => format!(
                "https://{host}/api/v4/projects/{owner}%2F{name}/repository/archive.tar.gz?sha={revision}"
            ),
            Forge::SourceHut => format!("https://{host}/{owner}/{name}/archive/{revision}.tar.gz"),
        };
        (url, headers)
    }
}
