//! Submodules of a commit: the repositories that `.gitmodules` names, at the commits that the tree names.

use std::path::Path;

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::super::Fetcher;
use super::working_tree::native;
use super::{Opened, checkout};
use crate::attributes::Attribute;
use crate::error::Error;
use crate::reference::{FlakeReference, Source, normalise};

impl Fetcher {
    /// Puts the trees of all submodules of `commit`, and of theirs, where its tree at `directory` has a place for them.
    pub(super) fn add_submodules(
        &self,
        opened: &Opened,
        commit: ObjectId,
        directory: &Path,
    ) -> Result<(), Error> {
        let modules = directory.join(".gitmodules");
        let text = match std::fs::read(&modules) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(Error::File { action: "read", path: modules, source }),
        };
        let failed = "read the submodules of";
        let invalid = |source: Box<dyn std::error::Error + Send + Sync>| Error::Git {
            action: failed,
            repository: opened.shown.clone(),
            source,
        };
        let file = gix::submodule::File::from_bytes(&text, None, &opened.repository.config_snapshot())
            .map_err(|error| invalid(error.into()))?;
        let commit = opened.repository.find_commit(commit).map_err(opened.error("read a commit of"))?;
        let mut tree = commit.tree().map_err(opened.error("read a tree of"))?;
        for name in file.names() {
            let path = file.path(name).map_err(|error| invalid(error.into()))?;
            let path = native(path.as_ref());
            let entry = tree.peel_to_entry_by_path(&path).map_err(opened.error("read a tree of"))?;
            let Some(entry) = entry.filter(|entry| entry.mode().kind() == EntryKind::Commit) else {
                continue;
            };
            let url = file.url(name).map_err(|error| invalid(error.into()))?.to_bstring().to_string();
            let mut reference = FlakeReference::new(Source::Git { url: absolute(&opened.url, &url) });
            reference.revision = Some(entry.object_id().to_string());
            for switch in ["submodules", "allRefs"] {
                reference.other.0.insert(switch.to_owned(), Attribute::Boolean(true));
            }
            let Source::Git { url } = &reference.source else { continue };
            let nested = match url.strip_prefix("file://") {
                Some(local) => super::open(Path::new(local), url)?,
                None => self.clone_of(&reference, url)?.0,
            };
            let revision = nested.commit(&entry.object_id().to_string())?;
            let place = directory.join(&path);
            // The place is an empty directory, out of the tree.
            std::fs::remove_dir(&place).map_err(Error::file("replace", &place))?;
            checkout::write(&nested, revision, false, &place)?;
            self.add_submodules(&nested, revision, &place)?;
        }
        Ok(())
    }
}

/// A submodule's URL, which may be relative to that of its repository (gitsubmodules(7)).
fn absolute(base: &str, url: &str) -> String {
    if !url.starts_with("./") && !url.starts_with("../") {
        return crate::reference::repaired_git_url(url);
    }
    let (scheme, place) = base.split_once("://").unwrap_or(("file", base));
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let path = normalise(&Path::new("/").join(path).join(url));
    format!("{scheme}://{host}{}", path.display())
}

#[cfg(test)]
mod tests {
    use super::absolute;

    #[test]
    fn relative_urls_are_relative_to_the_repository() {
        assert_eq!(absolute("https://h/a/b.git", "../c.git"), "https://h/a/c.git");
        assert_eq!(absolute("file:///srv/a", "./c"), "file:///srv/a/c");
        assert_eq!(absolute("https://h/a", "git@g:x/y"), "ssh://git@g/x/y");
    }
}
