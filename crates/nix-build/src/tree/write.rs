//! Writing a tree as an output of the store.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};
use rustix::io::Errno;

use crate::cancellation::Cancellation;
use crate::error::{Error, IoContext, Result};
use crate::tree::{Content, Directory, File, Node, Tree};

/// The modification time of everything in a store, in seconds since 1970 (Nix's `canonicalisePathMetaData`).
const STORE_TIME: Timestamps = Timestamps {
    last_access: Timespec { tv_sec: 1, tv_nsec: 0 },
    last_modification: Timespec { tv_sec: 1, tv_nsec: 0 },
};

/// Writes a tree to `destination`, which must not exist. Files of the store are hard-linked where the file system can;
/// the others get a store's modes and times at once. Directories stay writable for their owner: the output is
/// to be moved into the store yet.
///
/// # Errors
/// I/O errors; [`Error::InvalidAttribute`] for a file with setuid, setgid or sticky bit, which a store cannot hold;
/// [`Error::Cancelled`].
pub fn write(tree: &Tree, destination: &Path, cancellation: &Cancellation) -> Result<()> {
    write_directory(&tree.root, destination, cancellation)
}

fn write_directory(directory: &Directory, path: &Path, cancellation: &Cancellation) -> Result<()> {
    cancellation.check()?;
    fs::create_dir(path).on("create", path)?;
    let write_child = |(name, node): (&std::ffi::OsString, &Node)| -> Result<()> {
        let path = path.join(name);
        match node {
            Node::Directory(child) => write_directory(child, &path, cancellation),
            Node::Symlink(link) => {
                symlink(&link.target, &path).on("create", &path)?;
                rustix::fs::utimensat(CWD, &path, &STORE_TIME, AtFlags::SYMLINK_NOFOLLOW).on("date", &path)
            }
            Node::File(file) => write_file(file, &path),
        }
    };
    // Only directories are worth a thread; links into one directory would wait for its lock.
    let mut directories: Vec<_> = Vec::new();
    for child in &directory.children {
        match child.1 {
            Node::Directory(_) => directories.push(child),
            _ => write_child(child)?,
        }
    }
    directories.into_par_iter().try_for_each(write_child)
}

/// Writes a file as an output that is no directory; otherwise as [`write()`].
pub fn write_single_file(file: &File, destination: &Path) -> Result<()> {
    write_file(file, destination)
}

fn write_file(file: &File, path: &Path) -> Result<()> {
    if file.mode() & 0o7000 != 0 {
        return Err(Error::attribute(
            "mode",
            format!("a store path cannot hold setuid, setgid or sticky bits ('{}')", path.display()),
        ));
    }
    match &file.content {
        Content::Stored { path: source, executable, .. } if *executable == file.executable => {
            match rustix::fs::link(&**source, path) {
                // Another device, the limit of links to one file, a file of somebody else, or a file system
                // without links.
                Err(Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::NOTSUP) => {
                    copy(source, path, file.executable)
                }
                outcome => outcome.on("link", path),
            }
        }
        Content::Stored { path: source, .. } => copy(source, path, file.executable),
        Content::Bytes(bytes) => write_bytes(bytes, path, file.executable).on("write", path),
    }
}

fn copy(source: &Path, path: &Path, executable: bool) -> Result<()> {
    fs::copy(source, path).map_err(|error| Error::io("copy", source, error))?;
    let file = fs::File::open(path).on("open", path)?;
    settle(&file, executable).on("date", path)
}

fn write_bytes(bytes: &[u8], path: &Path, executable: bool) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(bytes)?;
    settle(&file, executable)
}

/// A store's mode and time.
fn settle(file: &fs::File, executable: bool) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(if executable { 0o555 } else { 0o444 }))?;
    rustix::fs::futimens(file, &STORE_TIME)?;
    Ok(())
}
