//! The hash of an output with a raw image, taken on a thread of its own while the image is written.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender};

use disk_image::ByteObserver;
use nix_store::nar::{NarWriter, Node};
use nix_store::{Hash, HashAlgorithm, HashingWriter};

/// Bytes that change hands at once.
const PIECE: usize = 1 << 20;

/// Pieces under way: enough to bridge what either thread waits for.
pub(super) const PIECES: usize = 8;

/// A part of an image.
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Zeros(u64),
}

/// The thread that writes: gathers what it sees.
pub(super) struct Sender {
    gathered: Vec<u8>,
    pieces: SyncSender<Piece>,
}

impl Sender {
    pub(super) fn new(pieces: SyncSender<Piece>) -> Self {
        Sender { gathered: Vec::with_capacity(PIECE), pieces }
    }

    /// Passes on what is gathered.
    pub(super) fn flush(&mut self) {
        if !self.gathered.is_empty() {
            let bytes = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE));
            // If the other side is gone it has failed, which its result tells.
            let _ = self.pieces.send(Piece::Bytes(bytes));
        }
    }
}

impl ByteObserver for Sender {
    fn data(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.gathered.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
            if self.gathered.len() == PIECE {
                self.flush();
            }
        }
    }

    fn zeros(&mut self, count: u64) {
        self.flush();
        let _ = self.pieces.send(Piece::Zeros(count));
    }
}

/// The thread that hashes: reads what the other sends.
struct Image {
    pieces: Receiver<Piece>,
    current: Piece,
    /// Bytes of the current piece that were read.
    done: usize,
}

impl Read for Image {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.current {
                Piece::Bytes(bytes) if self.done < bytes.len() => {
                    let count = buffer.len().min(bytes.len() - self.done);
                    buffer[..count].copy_from_slice(&bytes[self.done..self.done + count]);
                    self.done += count;
                    return Ok(count);
                }
                Piece::Zeros(left) if *left > 0 => {
                    let count = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    buffer[..count].fill(0);
                    *left -= count as u64;
                    return Ok(count);
                }
                _ => {}
            }
            match self.pieces.recv() {
                Ok(piece) => (self.current, self.done) = (piece, 0),
                // The image was not written to its end.
                Err(_) => return Ok(0),
            }
        }
    }
}

/// The hash and the size of the archive of a directory with an image of `size` bytes, whose parts come over `pieces`, and other
/// entries; `None` if fewer bytes come.
pub(super) fn hash_output(
    pieces: Receiver<Piece>,
    (image_name, size): (&str, u64),
    others: &[(&str, Node)],
) -> io::Result<Option<(Hash, u64)>> {
    let mut image = Image { pieces, current: Piece::Zeros(0), done: 0 };
    let mut writer = NarWriter::new(HashingWriter::new(HashAlgorithm::Sha256, io::sink()));
    let (before, after): (Vec<_>, Vec<_>) = others.iter().partition(|(name, _)| *name < image_name);
    writer.begin_directory();
    write_entries(&mut writer, &before)?;
    writer.begin_entry(image_name.as_bytes());
    if writer.file(false, size, &mut image)? > 0 {
        return Ok(None);
    }
    writer.end_entry()?;
    write_entries(&mut writer, &after)?;
    writer.end_directory()?;
    let (hash, size, _) = writer.finish()?.finish();
    Ok(Some((hash, size)))
}

fn write_entries<W: io::Write>(writer: &mut NarWriter<W>, entries: &[&(&str, Node)]) -> io::Result<()> {
    for (name, node) in entries {
        writer.begin_entry(name.as_bytes());
        node.write(writer)?;
        writer.end_entry()?;
    }
    Ok(())
}
