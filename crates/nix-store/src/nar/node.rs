//! A file system object in memory.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::{NarWriter, Sink, read};
use crate::error::{Error, Result};
use crate::hash::{Hash, HashAlgorithm, HashingWriter};

/// A file system object in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    Regular {
        /// Whether its owner may execute it.
        executable: bool,
        /// Its bytes.
        contents: Vec<u8>,
    },
    /// A symlink.
    Symlink {
        /// Where it points, as written.
        target: Vec<u8>,
    },
    /// A directory with its entries by name.
    Directory(BTreeMap<Vec<u8>, Node>),
}

impl Node {
    /// A file that is not executable.
    pub fn file(contents: impl Into<Vec<u8>>) -> Self {
        Node::Regular { executable: false, contents: contents.into() }
    }

    /// Writes the archive of this object.
    pub fn dump(&self, writer: &mut impl Write) -> Result<()> {
        let write_error = |source| Error::Stream { action: "write", source };
        let mut writer = NarWriter::new(writer);
        self.write(&mut writer).map_err(write_error)?;
        writer.finish().map_err(write_error)?;
        Ok(())
    }

    /// Writes this object as a node of an archive.
    pub fn write<W: Write>(&self, writer: &mut NarWriter<W>) -> io::Result<()> {
        match self {
            Node::Regular { executable, contents } => writer.file_of_bytes(*executable, contents),
            Node::Symlink { target } => writer.symlink(target),
            Node::Directory(entries) => {
                writer.begin_directory();
                for (name, node) in entries {
                    writer.begin_entry(name);
                    node.write(writer)?;
                    writer.end_entry()?;
                }
                writer.end_directory()
            }
        }
    }

    /// The SHA-256 and the size of the archive of this object.
    pub fn nar_hash(&self) -> Result<(Hash, u64)> {
        let mut writer = HashingWriter::new(HashAlgorithm::Sha256, io::sink());
        self.dump(&mut writer)?;
        let (hash, size, _) = writer.finish();
        Ok((hash, size))
    }

    /// Reads an archive. All of it is kept in memory: for sources that are known to be small.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(reader: &mut impl Read) -> Result<Self> {
        let mut sink = NodeSink { open: Vec::new(), finished: None };
        read(reader, &mut sink)?;
        sink.finished.ok_or(Error::InvalidNar { problem: "there is no file in it", offset: 0 })
    }
}

/// Builds a [`Node`] from the events of [`read`].
struct NodeSink {
    /// The directories around the current place, each with the entry that is being read.
    open: Vec<OpenDirectory>,
    finished: Option<Node>,
}

#[derive(Default)]
struct OpenDirectory {
    entries: BTreeMap<Vec<u8>, Node>,
    current: Vec<u8>,
}

impl Sink for NodeSink {
    fn directory(&mut self) -> Result<()> {
        self.open.push(OpenDirectory::default());
        Ok(())
    }

    fn enter(&mut self, name: &[u8]) -> Result<()> {
        if let Some(directory) = self.open.last_mut() {
            directory.current = name.to_vec();
        }
        Ok(())
    }

    fn file(&mut self, executable: bool, _size: u64) -> Result<()> {
        self.finished = Some(Node::Regular { executable, contents: Vec::new() });
        Ok(())
    }

    fn contents(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(Node::Regular { contents, .. }) = &mut self.finished {
            contents.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        Ok(())
    }

    fn symlink(&mut self, target: &[u8]) -> Result<()> {
        self.finished = Some(Node::Symlink { target: target.to_vec() });
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        if let (Some(node), Some(directory)) = (self.finished.take(), self.open.last_mut()) {
            directory.entries.insert(std::mem::take(&mut directory.current), node);
        }
        Ok(())
    }

    fn end_directory(&mut self) -> Result<()> {
        self.finished = self.open.pop().map(|directory| Node::Directory(directory.entries));
        Ok(())
    }
}
