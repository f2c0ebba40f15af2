//! The outer container.
//!
//! Format: ar(5) as deb(5) narrows it: the magic line, then members, each with a header of 60 bytes of text and content
//! that is padded to an even length. No symbol table, no long names.

use std::io::{self, Read};

use super::DebError;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Goes through the members of an archive in order.
pub(super) struct Ar<R> {
    reader: R,
    /// Bytes of the open member that were not read yet, and its padding.
    remaining: u64,
    padding: u64,
}

impl<R: Read> Ar<R> {
    pub(super) fn open(mut reader: R) -> Result<Self, DebError> {
        let mut magic = [0; MAGIC.len()];
        reader.read_exact(&mut magic).map_err(DebError::Read)?;
        if &magic != MAGIC {
            return Err(DebError::Container("it is not an ar archive".to_owned()));
        }
        Ok(Ar { reader, remaining: 0, padding: 0 })
    }

    /// The name of the next member, whose content this reads from then on; none at the end.
    pub(super) fn next_member(&mut self) -> Result<Option<String>, DebError> {
        let rest = self.remaining + self.padding;
        let skipped =
            io::copy(&mut (&mut self.reader).take(rest), &mut io::sink()).map_err(DebError::Read)?;
        // The last member's padding may be missing, as some archivers leave it.
        if skipped < self.remaining {
            return Err(DebError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut header = [0; HEADER];
        let mut filled = 0;
        while filled < HEADER {
            match self.reader.read(&mut header[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(DebError::Read(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DebError::Read(error)),
            }
        }
        if &header[58..] != b"`\n" {
            return Err(DebError::Container("the header of a member does not end as it must".to_owned()));
        }
        let field =
            |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).ok().map(str::trim_end);
        let name = field(0..16)
            .map(|name| name.strip_suffix('/').unwrap_or(name))
            .filter(|name| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            })
            .ok_or_else(|| DebError::Container("a member has no usable name".to_owned()))?;
        let size = field(48..58)
            .filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| DebError::Container(format!("member {name} has no usable size")))?;
        self.remaining = size;
        self.padding = size % 2;
        Ok(Some(name.to_owned()))
    }
}

impl<R: Read> Read for Ar<R> {
    /// Reads the open member's content; an archive that ends within it is an error, not an end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.remaining == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.reader.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.remaining -= count as u64;
        Ok(count)
    }
}
