//! Repositories elsewhere: a bare clone of each in the cache, which is fetched into when something is missing there.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::bstr::BString;
use gix::progress::Discard;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::remote::fetch::{Shallow, Tags};
use gix::remote::{Connection, Direction};
use serde_json::json;

use super::super::Fetcher;
use super::super::http::is_passing;
use super::transport::WebTransport;
use super::{DEFAULT_BRANCH, Opened, failed};
use crate::error::Error;
use crate::reference::{FlakeReference, is_revision, url::Url};

/// All that a repository has, by the names that it has there.
const ALL: &str = "+refs/*:refs/*";

/// What a connection is made for.
enum Purpose<'a> {
    /// To learn which branch `HEAD` is.
    Head,
    /// To fetch by a refspec.
    Fetch { specification: &'a str, shallow: bool },
}

impl Fetcher {
    /// A clone of a repository elsewhere that has what the reference means: with the branch and the commit.
    pub(super) fn clone_of(
        &self,
        reference: &FlakeReference,
        url: &str,
    ) -> Result<(Opened, String, String), Error> {
        let shallow = reference.switch("shallow");
        let directory =
            self.cache.clone_directory(&format!("{url}{}", if shallow { "#shallow" } else { "" }));
        let _lock = self.cache.lock(&directory)?;
        let opened =
            Opened { repository: clone_at(&directory, url)?, shown: shown(url), url: url.to_owned() };
        let branch = match &reference.branch {
            Some(branch) => branch.clone(),
            None => self.remote_head(&opened)?,
        };
        let full = full_name(&branch);
        let fetched = json!({ "kind": "git-fetch", "url": url, "branch": branch, "shallow": shallow });
        let has_branch =
            opened.repository.try_find_reference(full.as_str()).is_ok_and(|found| found.is_some());
        let wanted = match (&reference.revision, reference.switch("allRefs")) {
            (Some(revision), _) if opened.has(revision) => None,
            (Some(_), true) => Some(ALL.to_owned()),
            (Some(revision), false) => Some(revision.clone()),
            (None, true) => Some(ALL.to_owned()),
            (None, false) => {
                let record = self.cache.recall::<bool>(&fetched);
                let is_known = has_branch && record.is_some_and(|record| self.is_fresh(record.age));
                let specification = if branch == "HEAD" { branch.clone() } else { format!("+{full}:{full}") };
                (!is_known).then_some(specification)
            }
        };
        if let Some(specification) = wanted {
            self.say_fetching(reference);
            let purpose = Purpose::Fetch { specification: &specification, shallow };
            match self.talk(&opened, &purpose) {
                Ok(_) => self.cache.remember(&fetched, &true),
                // A server may refuse to deliver a commit by its hash; it may still be on the branch.
                Err(_) if is_revision(&specification) && branch != "HEAD" && !self.settings.offline => {
                    let specification = format!("+{full}:{full}");
                    self.talk(&opened, &Purpose::Fetch { specification: &specification, shallow: false })?;
                }
                Err(error) if reference.revision.is_none() && has_branch && is_old_enough(&error) => {
                    (self.settings.warn)(&format!("{error}; using what was fetched before"));
                }
                Err(error) => return Err(error),
            }
        }
        // What was fetched came in new files.
        let opened = Opened { repository: clone_at(&directory, url)?, ..opened };
        let revision = match &reference.revision {
            Some(revision) => revision.clone(),
            None => opened.resolve(if branch == "HEAD" { "FETCH_HEAD" } else { &full })?,
        };
        Ok((opened, branch, revision))
    }

    /// The branch that is `HEAD` there.
    fn remote_head(&self, opened: &Opened) -> Result<String, Error> {
        let question = json!({ "kind": "git-head", "url": opened.url });
        let known = self.cache.recall::<String>(&question);
        if let Some(record) = &known
            && self.is_fresh(record.age)
        {
            return Ok(record.value.clone());
        }
        match (self.talk(opened, &Purpose::Head), known) {
            (Ok(Some(branch)), _) => {
                self.cache.remember(&question, &branch);
                Ok(branch)
            }
            (Ok(None), _) => {
                (self.settings.warn)(&format!(
                    "'{}' does not say which branch is its main one; taking '{DEFAULT_BRANCH}'",
                    opened.shown
                ));
                Ok(DEFAULT_BRANCH.to_owned())
            }
            (Err(_), Some(record)) => Ok(record.value),
            (Err(error), None) => Err(error),
        }
    }

    /// One conversation with the server.
    fn talk(&self, opened: &Opened, purpose: &Purpose<'_>) -> Result<Option<String>, Error> {
        if self.settings.offline {
            return Err(Error::Offline { what: opened.shown.clone() });
        }
        let failed =
            |source: gix::Error| Error::GitRemote { repository: opened.shown.clone(), source: source.into() };
        let effective = match opened.url.starts_with("http") {
            true => self.effective_url(&opened.url)?.to_string(),
            false => opened.url.clone(),
        };
        let mut remote =
            opened.repository.remote_at(effective.as_str()).map_err(failed)?.with_fetch_tags(Tags::None);
        let specification = match purpose {
            Purpose::Head => "HEAD",
            Purpose::Fetch { specification, .. } => specification,
        };
        remote = remote.with_refspecs([BString::from(specification)], Direction::Fetch).map_err(failed)?;
        if effective.starts_with("http") {
            let (url, version) = remote.sanitized_url_and_version(Direction::Fetch).map_err(failed)?;
            let transport = WebTransport::new(self, url, version)?;
            converse(remote.to_connection_with_transport(transport.into_inner()), purpose)
        } else {
            converse(remote.connect(Direction::Fetch).map_err(failed)?, purpose)
        }
        .map_err(failed)
    }
}

fn converse<T: Transport>(
    connection: Connection<'_, '_, '_, T>,
    purpose: &Purpose<'_>,
) -> Result<Option<String>, gix::Error> {
    // Git's credential helpers are programs that ask people; names and passwords come with the transport here.
    let connection = connection.with_credentials(|_| Ok(None));
    match purpose {
        Purpose::Head => {
            let (map, _) = connection.ref_map(Discard, Default::default())?;
            Ok(map.remote_refs.iter().find_map(|found| match found {
                gix::protocol::handshake::Ref::Symbolic { full_ref_name, target, .. }
                    if full_ref_name == "HEAD" =>
                {
                    Some(target.to_string())
                }
                _ => None,
            }))
        }
        Purpose::Fetch { specification, shallow } => {
            let options = gix::remote::ref_map::Options {
                // The library would ask for references that begin with `refs/*`, star and all.
                prefix_from_spec_as_filter_on_remote: *specification != ALL,
                ..Default::default()
            };
            let mut fetch = connection.prepare_fetch(Discard, options)?;
            if *shallow {
                fetch = fetch.with_shallow(Shallow::DepthAtRemote(std::num::NonZeroU32::MIN));
            }
            fetch.receive(Discard, &AtomicBool::new(false))?;
            Ok(None)
        }
    }
}

impl Opened {
    fn has(&self, revision: &str) -> bool {
        gix::ObjectId::from_hex(revision.to_ascii_lowercase().as_bytes())
            .is_ok_and(|id| self.repository.has_object(id))
    }
}

fn clone_at(directory: &Path, url: &str) -> Result<gix::Repository, Error> {
    let shown = shown(url);
    if directory.join("HEAD").exists() {
        return gix::open(directory).map_err(failed("open the clone of", &shown));
    }
    std::fs::create_dir_all(directory).map_err(Error::file("make the directory", directory))?;
    gix::init_bare(directory).map_err(failed("make a clone of", &shown))
}

/// The name of a branch in full: `main` is `refs/heads/main`.
fn full_name(branch: &str) -> String {
    if branch.starts_with("refs/") || branch == "HEAD" {
        branch.to_owned()
    } else {
        format!("refs/heads/{branch}")
    }
}

/// A URL as it may be shown: without a password.
fn shown(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
    if let Some((user, host)) = parsed.authority.as_deref().and_then(|authority| authority.rsplit_once('@')) {
        let name = user.split(':').next().unwrap_or_default();
        parsed.authority = Some(format!("{name}@{host}"));
    }
    parsed.to_string()
}

/// Whether what was fetched before may do.
fn is_old_enough(error: &Error) -> bool {
    matches!(error, Error::GitRemote { .. }) || is_passing(error)
}
