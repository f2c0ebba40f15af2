//! cpio archives of the newc form: what the kernel unpacks as its first root (kernel documentation,
//! driver-api/early-userspace/buffer-format).

use crate::error::{Error, Result};
use crate::tree::{FileContent, Node, NodeId, NodeKind, OpenContent, Tree, display_path};
use std::collections::HashMap;
use std::io::{self, Write};

const MAGIC: &str = "070701";
const TRAILER: &[u8] = b"TRAILER!!!";

/// Bytes that are read from a file at a time.
const BUFFER: usize = 256 << 10;

/// Writes `tree` as an archive, sorted, and returns its length in bytes, a multiple of 512.
///
/// Inode numbers are counted from 1 in the order of the names, device numbers are 0. The data of hard links is with the
/// last of them, as other programs expect. Extended attributes are left out: the format has no place for them.
///
/// # Errors
///
/// [`Error::Unrepresentable`] with the path of what the format cannot hold (files of 4 GiB and more, times before 1970
/// or after 2106); [`Error::Read`], [`Error::Changed`]; what `output` answers becomes [`Error::Stream`].
pub fn write(tree: &Tree, output: &mut dyn Write) -> Result<u64> {
    let mut archive = Archive { output, written: 0 };
    let mut entries = Vec::new();
    let mut names_left: HashMap<NodeId, u32> = HashMap::new();
    let mut numbers: HashMap<NodeId, u32> = HashMap::new();
    tree.walk(&mut |path, id, _| {
        let name = if path.is_empty() { b".".to_vec() } else { path.to_vec() };
        *names_left.entry(id).or_default() += 1;
        let next = numbers.len() as u32 + 1;
        numbers.entry(id).or_insert(next);
        entries.push((name, id));
    });
    let mut directories: HashMap<NodeId, u32> = HashMap::new();
    for (_, id) in &entries {
        let subdirectories = tree
            .children(*id)
            .filter(|(_, child)| matches!(tree.node(*child).kind, NodeKind::Directory(_)))
            .count();
        directories.insert(*id, subdirectories as u32);
    }
    let names: HashMap<NodeId, u32> = names_left.clone();
    for (name, id) in &entries {
        let left = names_left.entry(*id).or_default();
        *left = left.saturating_sub(1);
        let node = tree.node(*id);
        let links = match node.kind {
            NodeKind::Directory(_) => 2 + directories[id],
            _ => names[id],
        };
        archive.entry(name, node, numbers[id], links, *left == 0)?;
    }
    archive.trailer()?;
    Ok(archive.written)
}

struct Archive<'a> {
    output: &'a mut dyn Write,
    written: u64,
}

impl Archive<'_> {
    fn entry(&mut self, name: &[u8], node: &Node, number: u32, links: u32, last_name: bool) -> Result<()> {
        let refuse = |reason: &str| Error::Unrepresentable {
            file_system: "a cpio archive",
            path: display_path(name),
            reason: reason.to_owned(),
        };
        let (kind, device) = match &node.kind {
            NodeKind::Directory(_) => (0o040_000, (0, 0)),
            NodeKind::File(_) => (0o100_000, (0, 0)),
            NodeKind::Symlink(_) => (0o120_000, (0, 0)),
            NodeKind::CharacterDevice { major, minor } => (0o020_000, (*major, *minor)),
            NodeKind::BlockDevice { major, minor } => (0o060_000, (*major, *minor)),
            NodeKind::Fifo => (0o010_000, (0, 0)),
            NodeKind::Socket => (0o140_000, (0, 0)),
        };
        let size = match &node.kind {
            NodeKind::File(file) if last_name => {
                u32::try_from(file.size()).map_err(|_| refuse("it is larger than 4 GiB"))?
            }
            NodeKind::Symlink(target) => target.len() as u32,
            _ => 0,
        };
        let attributes = &node.attributes;
        let time = u32::try_from(attributes.mtime)
            .map_err(|_| refuse("its time is outside what the format holds (1970 to 2106)"))?;
        let mode = kind | u32::from(attributes.mode);
        self.header(
            name,
            [number, mode, attributes.uid, attributes.gid, links, time, size, 0, 0, device.0, device.1],
        )?;
        match &node.kind {
            NodeKind::File(file) if last_name => self.content(file)?,
            NodeKind::Symlink(target) => self.put(target)?,
            _ => {}
        }
        self.pad(4)
    }

    fn trailer(&mut self) -> Result<()> {
        self.header(TRAILER, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        self.pad(512)
    }

    /// Inode, mode, owner, group, links, time, size, device (major, minor), node's device (major, minor); then the
    /// length of the name and a checksum that is not used.
    fn header(&mut self, name: &[u8], fields: [u32; 11]) -> Result<()> {
        let mut header = String::with_capacity(110);
        header.push_str(MAGIC);
        for field in fields.into_iter().chain([name.len() as u32 + 1, 0]) {
            header.push_str(&format!("{field:08X}"));
        }
        self.put(header.as_bytes())?;
        self.put(name)?;
        self.put(&[0])?;
        self.pad(4)
    }

    fn content(&mut self, file: &FileContent) -> Result<()> {
        match file.open()? {
            OpenContent::Bytes(bytes) => self.put(bytes),
            OpenContent::File(host) => {
                let mut buffer = vec![0; BUFFER.min(usize::try_from(file.size()).unwrap_or(BUFFER))];
                let mut offset = 0;
                while offset < file.size() {
                    let count = buffer.len().min(usize::try_from(file.size() - offset).unwrap_or(BUFFER));
                    host.read_exact_at(&mut buffer[..count], offset)?;
                    self.put(&buffer[..count])?;
                    offset += count as u64;
                }
                Ok(())
            }
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).map_err(stream_error)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn pad(&mut self, alignment: u64) -> Result<()> {
        let missing = self.written.next_multiple_of(alignment) - self.written;
        self.put(&[0; 512][..missing as usize])
    }
}

fn stream_error(source: io::Error) -> Error {
    Error::Stream { source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Attributes;

    #[test]
    fn an_empty_tree_is_its_root_and_the_trailer() {
        let mut archive = Vec::new();
        let length = write(&Tree::new(Attributes::root(0o755, 1)), &mut archive).unwrap();
        assert_eq!(length, 512);
        let expected = "07070100000001000041ED00000000000000000000000200000001000000000000000000000000000000000000\
                        00000000000200000000.\0\0\0";
        assert!(archive.starts_with(&expected.as_bytes()[..110]), "{}", archive.escape_ascii());
    }
}
