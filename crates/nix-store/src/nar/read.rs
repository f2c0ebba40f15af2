//! Reading archives. They may come from anyone: whatever a correct archive cannot have is an error, before
//! anything of it reaches the [`Sink`].

use std::io::{self, Read};

use super::DEEPEST;
use super::write::padding;
use crate::error::{Error, Result};

/// The longest name of a file on Linux.
const LONGEST_NAME: u64 = 255;

/// The longest target of a symlink on Linux.
const LONGEST_TARGET: u64 = 4095;

/// The longest of the fixed words of the format, `nix-archive-1`.
const LONGEST_WORD: u64 = 16;

/// What is told of an archive while it is read, in its order. Names are valid, sorted, and without repetition.
pub trait Sink {
    /// The current place is a directory; its entries follow.
    fn directory(&mut self) -> Result<()>;
    /// Goes to the entry `name` of the current directory.
    fn enter(&mut self, name: &[u8]) -> Result<()>;
    /// The current place is a file of `size` bytes; its contents follow. The size is a claim until then.
    fn file(&mut self, executable: bool, size: u64) -> Result<()>;
    /// The next bytes of the file.
    fn contents(&mut self, bytes: &[u8]) -> Result<()>;
    /// The file is complete.
    fn end_file(&mut self) -> Result<()>;
    /// The current place is a symlink.
    fn symlink(&mut self, target: &[u8]) -> Result<()>;
    /// Goes back to the directory around.
    fn leave(&mut self) -> Result<()>;
    /// The directory is complete.
    fn end_directory(&mut self) -> Result<()>;
}

/// Reads one archive from `reader` and not a byte more; give it a [`std::io::BufReader`] where reads are costly.
///
/// # Errors
/// [`Error::InvalidNar`] for wrong words, names that are empty, `.`, `..`, too long, or have a slash or NUL,
/// entries out of order or repeated, padding that is not zero, nesting beyond [`DEEPEST`], and an early end; the reader's and the sink's.
pub fn read(reader: &mut impl Read, sink: &mut impl Sink) -> Result<()> {
    let mut tokens = Tokens { reader, offset: 0, string: Vec::new() };
    tokens.expect(b"nix-archive-1")?;
    // The name of the last entry of each open directory.
    let mut open: Vec<Vec<u8>> = Vec::new();
    tokens.node(sink, &mut open)?;
    while let Some(last) = open.last_mut() {
        match tokens.string(LONGEST_WORD)? {
            b")" => {
                open.pop();
                sink.end_directory()?;
                if !open.is_empty() {
                    tokens.expect(b")")?;
                    sink.leave()?;
                }
            }
            b"entry" => {
                tokens.expect(b"(")?;
                tokens.expect(b"name")?;
                let offset = tokens.offset;
                let invalid = |problem| Error::InvalidNar { problem, offset };
                let name = tokens.string(LONGEST_NAME)?;
                if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0) {
                    return Err(invalid("a name that no file can have"));
                }
                if name <= last.as_slice() {
                    return Err(invalid("the entries of a directory are not sorted"));
                }
                last.clear();
                last.extend_from_slice(name);
                sink.enter(name)?;
                tokens.expect(b"node")?;
                let depth = open.len();
                tokens.node(sink, &mut open)?;
                if open.len() == depth {
                    tokens.expect(b")")?;
                    sink.leave()?;
                }
            }
            _ => return Err(tokens.invalid("an entry or the end of a directory was expected")),
        }
    }
    Ok(())
}

struct Tokens<'reader, R> {
    reader: &'reader mut R,
    /// Bytes read so far.
    offset: u64,
    string: Vec<u8>,
}

impl<R: Read> Tokens<'_, R> {
    fn invalid(&self, problem: &'static str) -> Error {
        Error::InvalidNar { problem, offset: self.offset }
    }

    /// Reads a file or symlink whole, or opens a directory.
    fn node(&mut self, sink: &mut impl Sink, open: &mut Vec<Vec<u8>>) -> Result<()> {
        self.expect(b"(")?;
        self.expect(b"type")?;
        match self.string(LONGEST_WORD)? {
            b"regular" => {
                let executable = match self.string(LONGEST_WORD)? {
                    b"executable" => {
                        self.expect(b"")?;
                        self.expect(b"contents")?;
                        true
                    }
                    b"contents" => false,
                    // Nix before 2.0 left the contents of an empty file away.
                    b")" => {
                        sink.file(false, 0)?;
                        return sink.end_file();
                    }
                    _ => return Err(self.invalid("the contents of a file were expected")),
                };
                self.contents(executable, sink)?;
                self.expect(b")")
            }
            b"symlink" => {
                self.expect(b"target")?;
                let target = self.string(LONGEST_TARGET)?;
                if target.is_empty() || target.contains(&0) {
                    return Err(self.invalid("a target that no symlink can have"));
                }
                sink.symlink(target)?;
                self.expect(b")")
            }
            b"directory" => {
                if open.len() >= DEEPEST {
                    return Err(self.invalid("directories are nested too deeply"));
                }
                open.push(Vec::new());
                sink.directory()
            }
            _ => Err(self.invalid("an unknown type of file")),
        }
    }

    fn contents(&mut self, executable: bool, sink: &mut impl Sink) -> Result<()> {
        let size = self.number()?;
        sink.file(executable, size)?;
        let mut buffer = [0; 64 << 10];
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let count = self.read_some(&mut buffer[..wanted])?;
            sink.contents(&buffer[..count])?;
            left -= count as u64;
        }
        self.padding(size)?;
        sink.end_file()
    }

    fn expect(&mut self, word: &'static [u8]) -> Result<()> {
        if self.string(LONGEST_WORD)? == word { Ok(()) } else { Err(self.invalid("an unexpected word")) }
    }

    fn string(&mut self, longest: u64) -> Result<&[u8]> {
        let length = self.number()?;
        if length > longest {
            return Err(self.invalid("a name, target or word is too long"));
        }
        let mut string = std::mem::take(&mut self.string);
        string.resize(length as usize, 0);
        self.read_exact(&mut string)?;
        self.string = string;
        self.padding(length)?;
        Ok(&self.string)
    }

    fn number(&mut self) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn padding(&mut self, length: u64) -> Result<()> {
        let mut bytes = [0; 8];
        let bytes = &mut bytes[..padding(length)];
        self.read_exact(bytes)?;
        if bytes.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(self.invalid("padding that is not zero"))
        }
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            filled += self.read_some(&mut buffer[filled..])?;
        }
        Ok(())
    }

    /// At least one byte.
    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Ok(0) => return Err(self.invalid("it ends too early")),
                Ok(count) => {
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Stream { action: "read", source }),
            }
        }
    }
}
