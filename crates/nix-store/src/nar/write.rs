//! The tokens of an archive.

use std::io::{self, Read, Write};

/// Writes the tokens of an archive one node at a time. The caller keeps the order: one node; in a
/// directory, each entry's name, its node, and its end.
pub struct NarWriter<W> {
    inner: W,
    /// Small tokens are gathered here, so that the writer sees few and large pieces.
    gathered: Vec<u8>,
}

/// The gathered tokens are passed on when they reach this size, which hashes well and stays in the cache.
const GATHERED_SIZE: usize = 32 << 10;

impl<W: Write> NarWriter<W> {
    /// Begins an archive.
    pub fn new(inner: W) -> Self {
        let mut writer = NarWriter { inner, gathered: Vec::with_capacity(GATHERED_SIZE + 512) };
        writer.string(b"nix-archive-1");
        writer
    }

    /// A symlink node.
    pub fn symlink(&mut self, target: &[u8]) -> io::Result<()> {
        for token in [b"(".as_slice(), b"type", b"symlink", b"target", target, b")"] {
            self.string(token);
        }
        self.pass_on()
    }

    /// A file node whose contents are the next `size` bytes of `contents`; returns how many of them were missing.
    pub fn file(&mut self, executable: bool, size: u64, contents: &mut impl Read) -> io::Result<u64> {
        self.begin_file(executable, size);
        let mut left = size;
        while left > 0 {
            let room = GATHERED_SIZE.saturating_sub(self.gathered.len()).max(512);
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(room);
            let start = self.gathered.len();
            self.gathered.resize(start + wanted, 0);
            let count = match contents.read(&mut self.gathered[start..]) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.gathered.truncate(start);
                    continue;
                }
                Err(error) => return Err(error),
            };
            self.gathered.truncate(start + count);
            if count == 0 {
                return Ok(left);
            }
            left -= count as u64;
            self.pass_on()?;
        }
        self.end_file(size)?;
        Ok(0)
    }

    /// A file node with contents in memory.
    pub fn file_of_bytes(&mut self, executable: bool, contents: &[u8]) -> io::Result<()> {
        self.begin_file(executable, contents.len() as u64);
        if contents.len() >= GATHERED_SIZE {
            self.flush_gathered()?;
            self.inner.write_all(contents)?;
        } else {
            self.gathered.extend_from_slice(contents);
        }
        self.end_file(contents.len() as u64)
    }

    /// Opens a directory node.
    pub fn begin_directory(&mut self) {
        for token in [b"(".as_slice(), b"type", b"directory"] {
            self.string(token);
        }
    }

    /// Opens an entry; its node must follow. Names come in order of their bytes.
    pub fn begin_entry(&mut self, name: &[u8]) {
        for token in [b"entry".as_slice(), b"(", b"name", name, b"node"] {
            self.string(token);
        }
    }

    /// Closes an entry.
    pub fn end_entry(&mut self) -> io::Result<()> {
        self.string(b")");
        self.pass_on()
    }

    /// Closes a directory node.
    pub fn end_directory(&mut self) -> io::Result<()> {
        self.string(b")");
        self.pass_on()
    }

    /// Passes on what is gathered and gives the writer back. The archive ends with its one node.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_gathered()?;
        Ok(self.inner)
    }

    fn begin_file(&mut self, executable: bool, size: u64) {
        for token in [b"(".as_slice(), b"type", b"regular"] {
            self.string(token);
        }
        if executable {
            self.string(b"executable");
            self.string(b"");
        }
        self.string(b"contents");
        self.gathered.extend_from_slice(&size.to_le_bytes());
    }

    fn end_file(&mut self, size: u64) -> io::Result<()> {
        self.pad(size);
        self.string(b")");
        self.pass_on()
    }

    fn string(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.gathered.extend_from_slice(bytes);
        self.pad(bytes.len() as u64);
    }

    fn pad(&mut self, length: u64) {
        let padding = padding(length);
        self.gathered.extend_from_slice(&[0; 8][..padding]);
    }

    fn pass_on(&mut self) -> io::Result<()> {
        if self.gathered.len() >= GATHERED_SIZE { self.flush_gathered() } else { Ok(()) }
    }

    fn flush_gathered(&mut self) -> io::Result<()> {
        self.inner.write_all(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }
}

/// Bytes of zeros behind a string of `length` bytes, up to the next multiple of 8.
pub(super) const fn padding(length: u64) -> usize {
    (8 - (length % 8) as usize) % 8
}
