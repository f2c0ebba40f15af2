//! Git repositories, without a git program: working trees of this machine as they are, and commits from anywhere.
//!
//! What Nix takes of a repository is followed to the letter, as lock files hold it: a working tree is the files that git
//! tracks; if none is changed it is its last commit, else it is "dirty" and has no commit. A commit's tree is its blobs as
//! they are stored, without filters and line ends.

mod attributes;
mod checkout;
mod remote;
mod submodules;
mod track;
mod transport;
mod working_tree;

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::Repository;
use serde_json::json;

use super::{Fetched, Fetcher};
use crate::attributes::Attribute;
use crate::error::Error;
use crate::reference::{FlakeReference, Source, is_revision, url::Url};

/// The branch that is meant when a repository does not say.
const DEFAULT_BRANCH: &str = "master";

/// What Nix gives as the commit of a repository without commits.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A repository that can be read here.
struct Opened {
    repository: Repository,
    /// Its path or URL, for people.
    shown: String,
    /// Its URL: where its submodules' URLs are relative to.
    url: String,
}

impl Opened {
    fn error(&self, action: &'static str) -> impl FnOnce(gix::Error) -> Error {
        failed(action, &self.shown)
    }
}

/// For `map_err` after operations on a repository.
fn failed(action: &'static str, repository: &str) -> impl FnOnce(gix::Error) -> Error {
    let repository = repository.to_owned();
    move |source| Error::Git { action, repository, source: source.into() }
}

impl Fetcher {
    pub(super) fn fetch_git(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let Source::Git { url } = &reference.source else {
            return Err(self.unsupported(reference, "it is not a git repository"));
        };
        if reference.switch("verifyCommit") {
            return Err(self.unsupported(reference, "signatures of commits are not verified here"));
        }
        if reference.switch("exportIgnore") && reference.switch("submodules") {
            return Err(self.unsupported(reference, "exportIgnore and submodules exclude each other"));
        }
        let parsed = Url::parse(url)
            .map_err(|reason| Error::InvalidReference { reference: reference.to_string(), reason })?;
        if parsed.scheme != "file" {
            return self.fetch_commit(reference, url, None);
        }
        let place = PathBuf::from(&parsed.path);
        let has_working_tree = place.join(".git").exists();
        let names_commit = reference.branch.is_some() || reference.revision.is_some();
        if has_working_tree && !names_commit {
            return self.fetch_working_tree(reference, &place, url);
        }
        self.fetch_commit(reference, url, Some(&place))
    }

    /// The tree of a commit; `local` is the repository's place if it is on this machine.
    fn fetch_commit(
        &self,
        reference: &FlakeReference,
        url: &str,
        local: Option<&Path>,
    ) -> Result<Fetched, Error> {
        let is_shallow = reference.switch("shallow");
        let mut locked = reference.clone();
        let (opened, branch, revision) = match local {
            Some(place) => {
                let opened = open(place, url)?;
                let branch = match &reference.branch {
                    Some(branch) => branch.clone(),
                    None => self.head_branch(&opened),
                };
                let revision = match &reference.revision {
                    Some(revision) => revision.clone(),
                    None => opened.resolve(&branch)?,
                };
                (opened, branch, revision)
            }
            None => self.clone_of(reference, url)?,
        };
        locked.branch = Some(branch);
        locked.revision = Some(revision.to_ascii_lowercase());
        if opened.is_shallow()? && !is_shallow {
            return Err(Error::ShallowRepository { repository: opened.shown });
        }
        let commit = opened.commit(&revision)?;
        if !is_shallow {
            locked.other.set_integer("revCount", self.revision_count(&opened, commit)?);
        }
        locked.other.set_integer("lastModified", opened.last_modified(commit)?);
        let tree = self.commit_tree(reference, &opened, commit)?;
        Ok(Fetched { reference: locked, tree })
    }

    /// The tree of a commit that is here, out of the cache or written there.
    fn commit_tree(
        &self,
        reference: &FlakeReference,
        opened: &Opened,
        commit: ObjectId,
    ) -> Result<crate::tree::SourceTree, Error> {
        let (submodules, export_ignore) = (reference.switch("submodules"), reference.switch("exportIgnore"));
        let question = json!({
            "kind": "git-tree", "commit": commit.to_string(), "submodules": submodules, "exportIgnore": export_ignore,
        });
        let known = self.cache.recall::<String>(&question);
        if let Some(tree) = known.and_then(|record| self.cached(&record.value)) {
            return Ok(tree);
        }
        let (nar_hash, place, ()) = self.cache.add(|place| {
            checkout::write(opened, commit, export_ignore, place)?;
            if submodules { self.add_submodules(opened, commit, place) } else { Ok(()) }
        })?;
        self.cache.remember(&question, &nar_hash.to_sri());
        self.tree(nar_hash, place)
    }

    /// The branch that a repository is at.
    fn head_branch(&self, opened: &Opened) -> String {
        match opened.repository.head_name() {
            Ok(Some(name)) => name.as_bstr().to_string(),
            _ => DEFAULT_BRANCH.to_owned(),
        }
    }

    /// How many commits led to this one.
    fn revision_count(&self, opened: &Opened, commit: ObjectId) -> Result<u64, Error> {
        let question = json!({ "kind": "git-revision-count", "commit": commit.to_string() });
        if let Some(record) = self.cache.recall::<u64>(&question) {
            return Ok(record.value);
        }
        let walk = opened.repository.rev_walk([commit]).all().map_err(opened.error("read the history of"))?;
        let mut count = 0;
        for step in walk {
            step.map_err(opened.error("read the history of"))?;
            count += 1;
        }
        self.cache.remember(&question, &count);
        Ok(count)
    }
}

impl Opened {
    fn is_shallow(&self) -> Result<bool, Error> {
        self.repository.is_shallow().map_err(self.error("read"))
    }

    fn commit(&self, revision: &str) -> Result<ObjectId, Error> {
        let missing = || Error::NoSuchRevision {
            repository: self.shown.clone(),
            what: format!("commit {revision}"),
            hint: "; if it is on another branch, name that with ref=BRANCH or add allRefs=1",
        };
        let id = ObjectId::from_hex(revision.to_ascii_lowercase().as_bytes()).map_err(|_| missing())?;
        let object = self.repository.try_find_object(id).map_err(self.error("read"))?.ok_or_else(missing)?;
        let commit = object.peel_to_commit().map_err(self.error("read"))?;
        Ok(commit.id)
    }

    fn last_modified(&self, commit: ObjectId) -> Result<u64, Error> {
        let commit = self.repository.find_commit(commit).map_err(self.error("read a commit of"))?;
        let time = commit.time().map_err(self.error("read a commit of"))?;
        Ok(u64::try_from(time.seconds).unwrap_or(0))
    }

    /// The commit that a branch, a tag or a commit's hash means.
    fn resolve(&self, name: &str) -> Result<String, Error> {
        if is_revision(name) {
            return Ok(name.to_ascii_lowercase());
        }
        let found = self.repository.try_find_reference(name).map_err(self.error("read the branches of"))?;
        let Some(mut found) = found else {
            return Err(Error::NoSuchRevision {
                repository: self.shown.clone(),
                what: format!("branch or tag '{name}'"),
                hint: "",
            });
        };
        let commit = found.peel_to_commit().map_err(self.error("read the branches of"))?;
        Ok(commit.id.to_string())
    }
}

/// Opens a repository of this machine, bare or not.
fn open(place: &Path, url: &str) -> Result<Opened, Error> {
    let shown = place.display().to_string();
    let repository = gix::open(place).map_err(failed("open", &shown))?;
    Ok(Opened { repository, shown, url: url.to_owned() })
}

/// Sets what a reference says of a working tree that is its last commit.
fn set_head(locked: &mut FlakeReference, branch: Option<String>, revision: &str, count: u64) {
    if branch.is_some() {
        locked.branch = branch;
    }
    locked.revision = Some(revision.to_owned());
    locked.other.set_integer("revCount", count);
}

/// Sets what a reference says of a working tree with changes.
fn set_dirty(locked: &mut FlakeReference, head: ObjectId) {
    let head = head.to_string();
    let short = head.get(..7).unwrap_or(&head);
    for (name, value) in [("dirtyRev", format!("{head}-dirty")), ("dirtyShortRev", format!("{short}-dirty"))]
    {
        locked.other.0.insert(name.to_owned(), Attribute::Text(value));
    }
}
