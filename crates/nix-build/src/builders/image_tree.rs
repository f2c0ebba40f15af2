//! Trees as archives and file systems have them, with modes, owners and times.

use std::path::PathBuf;

use disk_image::{Attributes, FileContent};

use crate::error::Result;
use crate::tree::{self, Content, Directory, Node, TreePath};

/// Adds what is in `directory` to the tree of an image, at `path`. Everything has the time `time`, in seconds since 1970.
pub(super) fn add_tree(
    image: &mut disk_image::Tree,
    path: &TreePath,
    directory: &Directory,
    time: i64,
) -> Result<()> {
    if !path.is_root() || directory.attributes != tree::Attributes::default() {
        let attributes = attributes(directory.mode(), directory.attributes, time);
        image.add_directory(in_image(path), attributes)?;
    }
    for (name, node) in &directory.children {
        let path = path.join(name);
        match node {
            Node::Directory(directory) => add_tree(image, &path, directory, time)?,
            Node::Symlink(link) => {
                let attributes = attributes(0o777, link.attributes, time);
                image.add_symlink(in_image(&path), &link.target, attributes)?;
            }
            Node::File(file) => {
                let content = match &file.content {
                    Content::Bytes(bytes) => FileContent::from_bytes(std::sync::Arc::clone(bytes)),
                    Content::Stored { path, .. } => FileContent::from_host(path.to_path_buf())?,
                };
                let attributes = attributes(file.mode(), file.attributes, time);
                image.add_file(in_image(&path), content, attributes)?;
            }
        }
    }
    Ok(())
}

fn attributes(mode: u16, wanted: tree::Attributes, time: i64) -> Attributes {
    Attributes::root(mode, time).owned_by(wanted.uid, wanted.gid)
}

/// How the image's trees name a path; their root is `/`.
pub(super) fn in_image(path: &TreePath) -> PathBuf {
    let mut absolute = PathBuf::from("/");
    absolute.extend(path.names());
    absolute
}
