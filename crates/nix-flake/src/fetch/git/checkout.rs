//! The tree of a commit, written to a directory: blobs as they are stored.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::working_tree::native;
use super::{Opened, attributes};
use crate::error::Error;

/// Trees nest no deeper in any real repository; a hostile one must not exhaust the stack.
const DEPTH_MOST: usize = 200;

/// Writes the tree of `commit` to `directory`, which is made. Places of submodules become empty directories. What
/// `.gitattributes` exclude from archives is left out if `export_ignore`.
pub(super) fn write(
    opened: &Opened,
    commit: ObjectId,
    export_ignore: bool,
    directory: &Path,
) -> Result<(), Error> {
    let commit = opened.repository.find_commit(commit).map_err(opened.error("read a commit of"))?;
    let tree = commit.tree_id().map_err(opened.error("read a commit of"))?.detach();
    let mut ignored = match export_ignore {
        true => Some(attributes::ExportIgnored::of_tree(opened, tree)?),
        false => None,
    };
    write_tree(opened, tree, directory, Path::new(""), &mut ignored, 0)
}

fn write_tree(
    opened: &Opened,
    tree: ObjectId,
    root: &Path,
    inside: &Path,
    ignored: &mut Option<attributes::ExportIgnored<'_>>,
    depth: usize,
) -> Result<(), Error> {
    let directory = root.join(inside);
    fs::create_dir(&directory).map_err(Error::file("make the directory", &directory))?;
    let broken = |what: &str| Error::Git {
        action: "read a tree of",
        repository: opened.shown.clone(),
        source: what.to_owned().into(),
    };
    if depth > DEPTH_MOST {
        return Err(broken("its directories nest too deeply"));
    }
    let tree = opened.repository.find_tree(tree).map_err(opened.error("read a tree of"))?;
    for entry in tree.iter() {
        let entry = entry.map_err(opened.error("read a tree of"))?;
        let name = native(entry.filename());
        if !is_file_name(&name) {
            return Err(broken("it has a file name that no directory can have"));
        }
        let path = inside.join(name);
        let kind = entry.mode().kind();
        if let Some(ignored) = ignored
            && ignored.contains(&path, kind)?
        {
            continue;
        }
        let place = root.join(&path);
        let id = entry.object_id();
        match kind {
            EntryKind::Tree => write_tree(opened, id, root, &path, ignored, depth + 1)?,
            EntryKind::Commit => fs::create_dir(&place).map_err(Error::file("make the directory", &place))?,
            EntryKind::Link => {
                let blob = opened.repository.find_blob(id).map_err(opened.error("read a file of"))?;
                symlink(std::ffi::OsStr::from_bytes(&blob.data), &place)
                    .map_err(Error::file("write", &place))?;
            }
            EntryKind::Blob | EntryKind::BlobExecutable => {
                let blob = opened.repository.find_blob(id).map_err(opened.error("read a file of"))?;
                let mode = if kind == EntryKind::BlobExecutable { 0o755 } else { 0o644 };
                fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(mode)
                    .open(&place)
                    .and_then(|mut file| file.write_all(&blob.data))
                    .map_err(Error::file("write", &place))?;
            }
        }
    }
    Ok(())
}

/// One name, and not that of git's own directory: a tree of a hostile repository may hold anything.
fn is_file_name(name: &Path) -> bool {
    let mut parts = name.components();
    matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(only)), None) if only == name.as_os_str())
}
