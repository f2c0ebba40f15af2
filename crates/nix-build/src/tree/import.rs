//! Reading a directory of the store into a tree.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, IoContext, Result};
use crate::tree::{Attributes, Content, Directory, File, Node, Selection, Symlink};

/// Reads what `selection` takes of the directory at the real path `directory`; symlinks are kept as they are. A
/// directory that `include` does not name is only there if something in it is taken.
///
/// # Errors
/// An unreadable file, or one that is neither file, directory nor symlink.
pub fn import(directory: &Path, selection: &Selection) -> Result<Directory> {
    import_below(directory, &mut PathBuf::new(), selection, selection.is_everything())
}

fn import_below(
    real: &Path,
    relative: &mut PathBuf,
    selection: &Selection,
    everything: bool,
) -> Result<Directory> {
    let mut directory = Directory::default();
    for entry in fs::read_dir(real).on("list", real)? {
        let entry = entry.on("list", real)?;
        let path = entry.path();
        relative.push(entry.file_name());
        if !selection.excludes(relative) {
            let included = everything || selection.includes(relative);
            let kind = entry.file_type().on("examine", &path)?;
            if kind.is_dir() {
                let child = import_below(&path, relative, selection, included)?;
                if included || !child.children.is_empty() {
                    directory.children.insert(entry.file_name(), Node::Directory(child));
                }
            } else if included {
                let node = if kind.is_symlink() {
                    let target = fs::read_link(&path).on("read", &path)?.into_os_string();
                    Node::Symlink(Symlink { target, attributes: Attributes::default() })
                } else {
                    let metadata = entry.metadata().on("examine", &path)?;
                    Node::File(import_file(path, &metadata)?)
                };
                directory.children.insert(entry.file_name(), node);
            }
        }
        relative.pop();
    }
    Ok(directory)
}

/// A file of the store as it lies there.
pub fn import_file(path: PathBuf, metadata: &Metadata) -> Result<File> {
    if !metadata.is_file() {
        return Err(Error::UnsupportedFileType { path });
    }
    let executable = metadata.permissions().mode() & 0o111 != 0;
    Ok(File {
        content: Content::Stored { path: Arc::from(path), size: metadata.len(), executable },
        executable,
        attributes: Attributes::default(),
    })
}
