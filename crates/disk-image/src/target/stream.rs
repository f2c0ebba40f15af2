use super::{Target, copy_by_writing};
use crate::error::{Error, Result};
use crate::tree::HostFile;
use std::io::Write;
use std::path::PathBuf;

/// A target that hands on all of an image's bytes in their order, as to a compressor.
pub(crate) struct StreamTarget<'a> {
    writer: &'a mut dyn Write,
    /// What the stream ends in, for messages.
    path: PathBuf,
    /// Bytes handed on.
    written: u64,
}

impl<'a> StreamTarget<'a> {
    pub(crate) fn new(writer: &'a mut dyn Write, path: PathBuf) -> Self {
        Self { writer, path, written: 0 }
    }

    fn hand_on(&mut self, data: &[u8]) -> Result<()> {
        self.writer.write_all(data).map_err(|source| Error::write(&self.path, source))?;
        self.written += data.len() as u64;
        Ok(())
    }

    /// Hands on zeros up to an offset.
    fn skip_to(&mut self, offset: u64) -> Result<()> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        while self.written < offset {
            let left = usize::try_from(offset - self.written).unwrap_or(usize::MAX);
            self.hand_on(&ZEROS[..left.min(ZEROS.len())])?;
        }
        Ok(())
    }
}

impl Target for StreamTarget<'_> {
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.skip_to(offset)?;
        self.hand_on(data)
    }

    fn copy(&mut self, offset: u64, source: &HostFile<'_>, source_offset: u64, length: u64) -> Result<()> {
        copy_by_writing(self, offset, source, source_offset, length)
    }

    fn zero(&mut self, _offset: u64, _length: u64) -> Result<()> {
        // What is not written is zeros.
        Ok(())
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.skip_to(size)
    }
}
