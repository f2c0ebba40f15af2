//! A file that a program writes into a working tree becomes one that git tracks, as `git add --intent-to-add` does: the
//! index names it, its content is for people to add.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gix::bstr::BString;
use gix::index::entry::{Flags, Mode, Stat};
use gix::worktree::stack::state::ignore::Source;

use super::super::Fetcher;
use super::{failed, open};
use crate::error::Error;

impl Fetcher {
    /// Names `file`, relative to the working tree at `root`, in its index, unless it is there already or ignored.
    pub(crate) fn track(&self, root: &Path, file: &Path) -> Result<(), Error> {
        let opened = open(root, "")?;
        let repository = &opened.repository;
        let path = BString::from(file.as_os_str().as_bytes());
        let shared = repository.index_or_empty().map_err(opened.error("read the index of"))?;
        if shared.entry_by_path(path.as_ref()).is_some() {
            return Ok(());
        }
        let mut ignored = repository
            .excludes(&shared, None, Source::WorktreeThenIdMappingIfNotSkipped)
            .map_err(opened.error("read what is ignored in"))?;
        let platform =
            ignored.at_entry(file, Some(Mode::FILE)).map_err(opened.error("read what is ignored in"))?;
        if platform.is_excluded() {
            return Ok(());
        }
        let mut index = gix::index::File::clone(&shared);
        let nothing = gix::ObjectId::empty_blob(repository.object_hash());
        let flags = Flags::INTENT_TO_ADD | Flags::EXTENDED;
        index.dangerously_push_entry(Stat::default(), nothing, flags, Mode::FILE, path.as_ref());
        index.sort_entries();
        // What it caches of trees is not true any more.
        index.remove_tree();
        index
            .write(gix::index::write::Options::default())
            .map_err(failed("write the index of", &opened.shown))
    }
}
