//! Working trees: the files that git tracks, as they lie there.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::BStr;
use gix::index::entry::Mode;
use gix::status::index_worktree::Item as WorkingTreeChange;
use gix::status::{Item, Submodule, UntrackedFiles};
use gix::submodule::config::Ignore;
use nix_store::{Hash, nar};
use serde_json::json;

use super::super::{Fetched, Fetcher};
use super::{NO_COMMIT, Opened, attributes, open, set_dirty, set_head};
use crate::error::Error;
use crate::reference::FlakeReference;
use crate::tree::{SourceTree, TREE_NAME, holds};

/// What a working tree holds.
#[derive(Debug, Default)]
pub(super) struct WorkingTree {
    /// Tracked files, relative to the tree, without those of submodules.
    files: BTreeSet<PathBuf>,
    /// Paths that differ from the last commit, there or not.
    changed: BTreeSet<PathBuf>,
    /// Places of submodules.
    submodules: Vec<PathBuf>,
    /// The last commit; none in a new repository.
    head: Option<ObjectId>,
}

impl Fetcher {
    pub(super) fn fetch_working_tree(
        &self,
        reference: &FlakeReference,
        place: &Path,
        url: &str,
    ) -> Result<Fetched, Error> {
        let opened = open(place, url)?;
        let mut tree = WorkingTree::read(&opened)?;
        if reference.switch("submodules") {
            self.add_checked_out_submodules(&mut tree, place)?;
        }
        if reference.switch("exportIgnore") {
            attributes::remove_export_ignored(&opened, &mut tree.files)?;
        }
        let mut locked = reference.clone();
        if tree.changed.is_empty() {
            let branch = opened.repository.head_name().ok().flatten().map(|name| name.as_bstr().to_string());
            match tree.head {
                Some(head) => {
                    let count = self.revision_count(&opened, head)?;
                    set_head(&mut locked, branch, &head.to_string(), count);
                }
                None => set_head(&mut locked, branch, NO_COMMIT, 0),
            }
        } else {
            if !self.settings.allow_dirty {
                return Err(Error::DirtyTree { repository: opened.shown });
            }
            if self.settings.warn_dirty {
                (self.settings.warn)(&format!(
                    "the git tree '{}' has changes that are not committed",
                    opened.shown
                ));
            }
            if let Some(head) = tree.head {
                set_dirty(&mut locked, head);
            }
        }
        let last_modified = tree.head.map_or(Ok(0), |head| opened.last_modified(head))?;
        locked.other.set_integer("lastModified", last_modified);

        let nar_hash = self.working_tree_hash(reference, place, &tree)?;
        let mut source = SourceTree::new(&self.settings.store_dir, TREE_NAME, nar_hash, place.to_owned())?;
        source.visible = Some(Arc::new(tree.files));
        Ok(Fetched { reference: locked, tree: source })
    }

    /// The hash of what git tracks. To hash a large tree takes longer than to see which of its files are changed, so it is
    /// remembered for a commit and its changes.
    fn working_tree_hash(
        &self,
        reference: &FlakeReference,
        place: &Path,
        tree: &WorkingTree,
    ) -> Result<Hash, Error> {
        let hash = || -> Result<Hash, Error> {
            let mut keep = |path: &Path, _| {
                Ok::<_, nix_store::Error>(holds(&tree.files, path.strip_prefix(place).unwrap_or(path)))
            };
            Ok(nar::hash_path_filtered(place, &mut keep)?.0)
        };
        // What submodules hold is not seen by their parent.
        let Some(head) = tree.head.filter(|_| !reference.switch("submodules")) else { return hash() };
        let mut changes = Vec::new();
        for path in &tree.changed {
            let content = match tree.files.contains(path) {
                true => nar::hash_path(&place.join(path))?.0.to_base32(),
                false => "removed".to_owned(),
            };
            changes.push((path.to_string_lossy().into_owned(), content));
        }
        let question = json!({
            "kind": "git-working-tree", "place": place.to_string_lossy(), "head": head.to_string(),
            "changes": Hash::sha256(json!(changes).to_string().as_bytes()).to_base32(),
            "exportIgnore": reference.switch("exportIgnore"), "files": tree.files.len(),
        });
        if let Some(record) = self.cache.recall::<String>(&question)
            && let Ok(known) = Hash::parse(&record.value, None)
        {
            return Ok(known);
        }
        let hash = hash()?;
        self.cache.remember(&question, &hash.to_sri());
        Ok(hash)
    }

    /// Adds the files of the submodules that are checked out.
    fn add_checked_out_submodules(&self, tree: &mut WorkingTree, place: &Path) -> Result<(), Error> {
        for submodule in std::mem::take(&mut tree.submodules) {
            let inside = place.join(&submodule);
            if !inside.join(".git").exists() {
                continue;
            }
            let opened = open(&inside, "")?;
            let mut nested = WorkingTree::read(&opened)?;
            self.add_checked_out_submodules(&mut nested, &inside)?;
            tree.files.extend(nested.files.iter().map(|file| submodule.join(file)));
            tree.changed.extend(nested.changed.iter().map(|file| submodule.join(file)));
        }
        Ok(())
    }
}

impl WorkingTree {
    fn read(opened: &Opened) -> Result<Self, Error> {
        let repository = &opened.repository;
        let index = repository.index_or_empty().map_err(opened.error("read the index of"))?;
        let mut tree =
            WorkingTree { head: repository.head_id().ok().map(gix::Id::detach), ..WorkingTree::default() };
        for entry in index.entries() {
            let path = native(entry.path(&index));
            if entry.mode == Mode::COMMIT {
                tree.submodules.push(path);
            } else if entry.mode == Mode::DIR {
                // A sparse index: what is below is not checked out.
            } else {
                tree.files.insert(path);
            }
        }
        let status = repository
            .status(gix::progress::Discard)
            .map_err(opened.error("compare the files of"))?
            .untracked_files(UntrackedFiles::None)
            .index_worktree_rewrites(None)
            .tree_index_track_renames(gix::status::tree_index::TrackRenames::Disabled)
            .index_worktree_submodules(Submodule::Given { ignore: Ignore::All, check_dirty: false });
        for change in status.into_iter(None).map_err(opened.error("compare the files of"))? {
            match change.map_err(opened.error("compare the files of"))? {
                Item::TreeIndex(change) => {
                    let (location, _, mode, _) = change.fields();
                    if mode != Mode::COMMIT {
                        tree.changed.insert(native(location));
                    }
                }
                Item::IndexWorktree(WorkingTreeChange::Modification { entry, rela_path, status, .. }) => {
                    use gix::status::plumbing::index_as_worktree::{Change, EntryStatus};
                    let removed = matches!(status, EntryStatus::Change(Change::Removed));
                    // Only the recorded times differ, not the file.
                    let is_change = !matches!(status, EntryStatus::NeedsUpdate(_));
                    if is_change && entry.mode != Mode::COMMIT {
                        let path = native(rela_path.as_ref());
                        if removed {
                            tree.files.remove(&path);
                        }
                        tree.changed.insert(path);
                    }
                }
                Item::IndexWorktree(_) => {}
            }
        }
        Ok(tree)
    }
}

/// A path of git's, as the system has it.
pub(super) fn native(path: &BStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}
