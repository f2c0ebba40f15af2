use super::attributes::{Attributes, Xattrs};
use super::content::{FileContent, data_ranges};
use super::node::{HostLink, MOST_LINKS, NodeId, NodeKind, Tree};
use super::path::{display_path, split};
use crate::error::{Error, Result};
use std::fs::{File, Metadata};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Who owns what is taken from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Always this owner and group.
    Fixed {
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
    /// The host's.
    Kept,
}

/// Which permission bits files of the host get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modes {
    /// As in a Nix store: directories and executable files 0555, other files 0444.
    Store,
    /// The host's.
    Kept,
}

/// What becomes of holes in files of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    /// Filled with zeros. A store path's hash does not know holes, and whether the host's file has them depends on the
    /// host's file system: only filled ones give the same image everywhere.
    Filled,
    /// Kept, in units of 4096 bytes.
    Kept,
}

/// What is taken over from files of the host besides their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPolicy {
    /// Owner and group.
    pub ownership: Ownership,
    /// Permission bits.
    pub modes: Modes,
    /// Modification time of everything in seconds since 1970; `None`: the host's.
    pub mtime: Option<i64>,
    /// Whether extended attributes are taken over.
    pub xattrs: bool,
    /// Holes in regular files.
    pub holes: Holes,
}

impl HostPolicy {
    /// For store paths: owned by root, canonical modes, time 1, no extended attributes: just what a NAR keeps.
    pub const STORE: HostPolicy = HostPolicy {
        ownership: Ownership::Fixed { uid: 0, gid: 0 },
        modes: Modes::Store,
        mtime: Some(1),
        xattrs: false,
        holes: Holes::Filled,
    };

    /// Everything as it is on the host.
    pub const KEEP: HostPolicy = HostPolicy {
        ownership: Ownership::Kept,
        modes: Modes::Kept,
        mtime: None,
        xattrs: true,
        holes: Holes::Kept,
    };

    fn attributes(&self, path: &Path, metadata: &Metadata) -> Result<Attributes> {
        let (uid, gid) = match self.ownership {
            Ownership::Fixed { uid, gid } => (uid, gid),
            Ownership::Kept => (metadata.uid(), metadata.gid()),
        };
        let kept = (metadata.mode() & 0o7777) as u16;
        let mode = match self.modes {
            _ if metadata.is_symlink() => 0o777,
            Modes::Kept => kept,
            Modes::Store if metadata.is_dir() || kept & 0o100 != 0 => 0o555,
            Modes::Store => 0o444,
        };
        let xattrs = if self.xattrs { read_xattrs(path)? } else { Xattrs::new() };
        Ok(Attributes { mode, uid, gid, mtime: self.mtime.unwrap_or(metadata.mtime()), xattrs })
    }
}

impl Tree {
    /// Puts the host's `host` (a file of any kind, or a directory with all below it) at `path`.
    ///
    /// Symbolic links are taken as links. Files that are hard links of each other on the host, also across several
    /// calls, are so in the tree. What is already in the tree stays unless it has the same path.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] with the host's path, and as [`Tree::add_file`].
    pub fn add_host(&mut self, path: impl AsRef<Path>, host: &Path, policy: &HostPolicy) -> Result<()> {
        let target = path.as_ref().as_os_str().as_bytes();
        let names = split(target)?;
        let metadata = std::fs::symlink_metadata(host).map_err(|source| Error::read(host, source))?;
        let parent = match names.split_last() {
            Some((_, parents)) => self.make_directories(parents)?,
            None => NodeId::ROOT,
        };
        let mut pending = Vec::new();
        match names.last() {
            Some(name) => {
                if let Some(id) = self.add_host_node(parent, name, host, &metadata, policy)? {
                    pending.push((id, host.to_owned()));
                }
            }
            None if metadata.is_dir() => {
                self.set(NodeId::ROOT, policy.attributes(host, &metadata)?);
                pending.push((NodeId::ROOT, host.to_owned()));
            }
            None => return Err(Error::IsADirectory { path: "/".to_owned() }),
        }
        while let Some((directory, host)) = pending.pop() {
            for (name, path) in sorted_entries(&host)? {
                let metadata =
                    std::fs::symlink_metadata(&path).map_err(|source| Error::read(&path, source))?;
                if let Some(id) = self.add_host_node(directory, &name, &path, &metadata, policy)? {
                    pending.push((id, path));
                }
            }
        }
        Ok(())
    }

    /// Adds one node; a directory's number comes back, for its entries to be added.
    fn add_host_node(
        &mut self,
        parent: NodeId,
        name: &[u8],
        host: &Path,
        metadata: &Metadata,
        policy: &HostPolicy,
    ) -> Result<Option<NodeId>> {
        let attributes = policy.attributes(host, metadata)?;
        if metadata.is_dir() {
            let (id, new) = self
                .directory_in(parent, name, &attributes)
                .ok_or_else(|| Error::NotADirectory { path: display_path(host.as_os_str().as_bytes()) })?;
            if !new {
                self.set(id, attributes);
            }
            return Ok(Some(id));
        }
        let link = (metadata.nlink() > 1).then(|| HostLink {
            device: metadata.dev(),
            inode: metadata.ino(),
            attributes: attributes.clone(),
        });
        let known = link.as_ref().and_then(|link| self.host_links.get(link)).copied();
        let id = match known.filter(|id| self.node(*id).links < MOST_LINKS) {
            Some(id) => id,
            None => {
                let id = self.push(kind_of(host, metadata, policy)?, attributes);
                if let Some(link) = link {
                    self.host_links.insert(link, id);
                }
                id
            }
        };
        self.insert(parent, name, id)
            .map_err(|()| Error::IsADirectory { path: display_path(host.as_os_str().as_bytes()) })?;
        Ok(None)
    }
}

fn sorted_entries(directory: &Path) -> Result<Vec<(Vec<u8>, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|source| Error::read(directory, source))? {
        let entry = entry.map_err(|source| Error::read(directory, source))?;
        entries.push((entry.file_name().into_vec(), entry.path()));
    }
    entries.sort_unstable();
    Ok(entries)
}

fn kind_of(path: &Path, metadata: &Metadata, policy: &HostPolicy) -> Result<NodeKind> {
    let file_type = metadata.file_type();
    let major = rustix::fs::major(metadata.rdev());
    let minor = rustix::fs::minor(metadata.rdev());
    Ok(if file_type.is_symlink() {
        let target = std::fs::read_link(path).map_err(|source| Error::read(path, source))?;
        NodeKind::Symlink(target.into_os_string().into_vec().into())
    } else if file_type.is_char_device() {
        NodeKind::CharacterDevice { major, minor }
    } else if file_type.is_block_device() {
        NodeKind::BlockDevice { major, minor }
    } else if file_type.is_fifo() {
        NodeKind::Fifo
    } else if file_type.is_socket() {
        NodeKind::Socket
    } else {
        let size = metadata.len();
        let may_have_holes = policy.holes == Holes::Kept && metadata.blocks() * 512 < size;
        let data = if may_have_holes {
            let file = File::open(path).map_err(|source| Error::read(path, source))?;
            data_ranges(path, &file, size)?
        } else {
            None
        };
        NodeKind::File(FileContent::of_host(path.to_owned(), size, data))
    })
}

fn read_xattrs(path: &Path) -> Result<Xattrs> {
    let mut xattrs = Xattrs::new();
    let failed = |error: rustix::io::Errno| Error::read(path, error);
    let names = match read_sized(|buffer| rustix::fs::llistxattr(path, buffer)) {
        Ok(names) => names,
        Err(rustix::io::Errno::NOTSUP) => return Ok(xattrs),
        Err(error) => return Err(failed(error)),
    };
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match read_sized(|buffer| rustix::fs::lgetxattr(path, name, buffer)) {
            Ok(value) => {
                xattrs.insert(name.to_owned(), value);
            }
            // Removed since it was listed.
            Err(rustix::io::Errno::NODATA) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(xattrs)
}

/// Calls `read` with a buffer as large as it asks for; it may grow between the two calls.
fn read_sized(mut read: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    loop {
        let size = read(&mut [])?;
        let mut buffer = vec![0; size];
        match read(&mut buffer) {
            Ok(size) => {
                buffer.truncate(size);
                return Ok(buffer);
            }
            Err(rustix::io::Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
}
