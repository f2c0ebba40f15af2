//! `export-ignore` of gitattributes(5): what `git archive` leaves out, and `builtins.fetchGit` with it.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::AttributeStack;
use gix::ObjectId;
use gix::bstr::BStr;
use gix::index::entry::Mode;
use gix::objs::tree::EntryKind;
use gix::worktree::stack::state::attributes::Source;

use super::Opened;
use crate::error::Error;

/// Says of paths whether they are left out.
pub(super) struct ExportIgnored<'a> {
    stack: AttributeStack<'a>,
    outcome: gix::attrs::search::Outcome,
    opened: &'a Opened,
}

impl<'a> ExportIgnored<'a> {
    /// By the `.gitattributes` of a tree.
    pub(super) fn of_tree(opened: &'a Opened, tree: ObjectId) -> Result<Self, Error> {
        let index = opened.repository.index_from_tree(&tree).map_err(opened.error("read a tree of"))?;
        Self::of_index(opened, &index)
    }

    fn of_index(opened: &'a Opened, index: &gix::index::State) -> Result<Self, Error> {
        let failed = "read the attributes of";
        let stack =
            opened.repository.attributes_only(index, Source::IdMapping).map_err(opened.error(failed))?;
        let outcome = stack.selected_attribute_matches(["export-ignore"]);
        Ok(ExportIgnored { stack, outcome, opened })
    }

    /// Whether this path is left out. Its directories are asked for separately.
    pub(super) fn contains(&mut self, path: &Path, kind: EntryKind) -> Result<bool, Error> {
        let mode = match kind {
            EntryKind::Tree => Mode::DIR,
            EntryKind::Commit => Mode::COMMIT,
            EntryKind::Link => Mode::SYMLINK,
            EntryKind::BlobExecutable => Mode::FILE_EXECUTABLE,
            EntryKind::Blob => Mode::FILE,
        };
        let path: &BStr = path.as_os_str().as_bytes().into();
        let platform =
            self.stack.at_entry(path, Some(mode)).map_err(self.opened.error("read the attributes of"))?;
        platform.matching_attributes(&mut self.outcome);
        let set = gix::attrs::StateRef::Set;
        Ok(self.outcome.iter_selected().any(|found| found.assignment.state == set))
    }
}

/// Removes from the files of a working tree what its `.gitattributes` in the index exclude.
pub(super) fn remove_export_ignored(opened: &Opened, files: &mut BTreeSet<PathBuf>) -> Result<(), Error> {
    let index = opened.repository.index_or_empty().map_err(opened.error("read the index of"))?;
    let mut ignored = ExportIgnored::of_index(opened, &index)?;
    let mut left = BTreeSet::new();
    for file in std::mem::take(files) {
        let mut out = ignored.contains(&file, EntryKind::Blob)?;
        for directory in file.ancestors().skip(1).filter(|directory| !directory.as_os_str().is_empty()) {
            out = out || ignored.contains(directory, EntryKind::Tree)?;
        }
        if !out {
            left.insert(file);
        }
    }
    *files = left;
    Ok(())
}
