//! A stream in pieces that are compressed each by itself: what `host/unpack.pl` reads.
//!
//! `ssh` compresses with zlib, which is slow for what is large. One stream of zstd would be no use for a protocol of questions and
//! answers, as its program hands nothing on before it has read a block; pieces end wherever the writer is flushed.

use std::io::{self, Write};

/// A piece has at most so many bytes.
const LARGEST: usize = 4 << 20;

/// What is smaller is left as it is.
const SMALLEST: usize = 1 << 10;

/// Cuts what is written into pieces.
pub(super) struct Packed<W: Write> {
    inner: W,
    piece: Vec<u8>,
}

impl<W: Write> Packed<W> {
    pub fn new(inner: W) -> Self {
        Packed { inner, piece: Vec::new() }
    }

    fn end_piece(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let packed = match self.piece.len() {
            SMALLEST.. => Some(zstd::bulk::compress(&self.piece, zstd::DEFAULT_COMPRESSION_LEVEL)?),
            _ => None,
        };
        let (kind, bytes) = match &packed {
            Some(packed) if packed.len() < self.piece.len() => (b'z', packed),
            _ => (b'r', &self.piece),
        };
        let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.inner.write_all(&[kind])?;
        self.inner.write_all(&size.to_be_bytes())?;
        self.inner.write_all(bytes)?;
        self.piece.clear();
        Ok(())
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(LARGEST - self.piece.len());
        self.piece.extend_from_slice(&bytes[..count]);
        if self.piece.len() == LARGEST {
            self.end_piece()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.end_piece()?;
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// What the host's program makes of a stream.
    fn unpacked(stream: &[u8]) -> (Option<i32>, Vec<u8>) {
        let mut child = Command::new("perl")
            .args(["-e", include_str!("../host/unpack.pl"), "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            // It may want no more.
            scope.spawn(move || drop(input.write_all(stream)));
            child.wait_with_output().unwrap()
        });
        (output.status.code(), output.stdout)
    }

    #[test]
    fn pieces_become_the_stream_again() {
        let mut packed = Packed::new(Vec::new());
        let mut all = Vec::new();
        for (size, flushes) in [(5, true), (3_000, true), (9 << 20, false), (0, true), (1, false)] {
            let text: Vec<u8> = (0..size).map(|n: usize| (n / 7 % 251) as u8).collect();
            packed.write_all(&text).unwrap();
            if flushes {
                packed.flush().unwrap();
            }
            all.extend(text);
        }
        packed.flush().unwrap();
        assert!(packed.inner.len() < all.len() / 10, "{} of {}", packed.inner.len(), all.len());
        assert!(unpacked(&packed.inner) == (Some(0), all), "another stream came out");
    }

    #[test]
    fn what_is_no_piece_is_refused() {
        assert_eq!(unpacked(b"q\0\0\0\x01x"), (Some(1), Vec::new()));
        // A connection that broke: no more than what came whole is handed on.
        assert_eq!(unpacked(b"r\0\0\0\x01xr\0\0\0\x05xy"), (Some(0), b"x".to_vec()));
    }
}
