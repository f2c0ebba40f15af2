//! Streams within the protocol: pieces with their lengths, and an empty one at the end.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

/// Writes a stream in pieces.
pub(super) struct FramedWriter<'writer> {
    inner: &'writer mut dyn Write,
    piece: Vec<u8>,
    /// Whether the daemon has answered before the end: it has an error, and needs no more.
    ended: &'writer AtomicBool,
}

impl<'writer> FramedWriter<'writer> {
    pub fn new(inner: &'writer mut dyn Write, ended: &'writer AtomicBool) -> Self {
        FramedWriter { inner, piece: Vec::with_capacity(PIECE), ended }
    }

    fn write_piece(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        if self.ended.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.inner.write_all(&(self.piece.len() as u64).to_le_bytes())?;
        self.inner.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Ends the stream; what was not sent because the daemon has an error is no error here.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.ended.load(Ordering::Relaxed) {
            match self.write_piece() {
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                result => result?,
            }
        }
        self.inner.write_all(&0u64.to_le_bytes())?;
        self.inner.flush()
    }
}

impl Write for FramedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == PIECE {
            self.write_piece()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_piece()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_have_their_lengths(parts in proptest::collection::vec(0usize..100_000, 0..5)) {
            let (mut framed, ended) = (Vec::new(), AtomicBool::new(false));
            let mut written = Vec::new();
            let mut writer = FramedWriter::new(&mut framed, &ended);
            for (number, length) in parts.iter().enumerate() {
                let part = vec![number as u8; *length];
                writer.write_all(&part).unwrap();
                written.extend(part);
            }
            writer.finish().unwrap();
            let mut rest = framed.as_slice();
            let mut read = Vec::new();
            loop {
                let (length, after) = rest.split_first_chunk::<8>().unwrap();
                let length = u64::from_le_bytes(*length) as usize;
                rest = after;
                if length == 0 {
                    break;
                }
                read.extend_from_slice(&rest[..length]);
                rest = &rest[length..];
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(read, written);
        }
    }

    #[test]
    fn nothing_more_is_sent_after_an_answer() {
        let (mut framed, ended) = (Vec::new(), AtomicBool::new(true));
        let mut writer = FramedWriter::new(&mut framed, &ended);
        assert!(writer.write_all(&vec![1; PIECE * 2]).is_err());
        writer.finish().unwrap();
        assert_eq!(framed, [0; 8]);
    }
}
