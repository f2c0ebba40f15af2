use std::sync::mpsc::{Receiver, SyncSender};

use sha2::{Digest, Sha256};

use super::buffer::{AlignedBuffer, is_zero};
use crate::error::{Error, Result};
use crate::source::Sink;

/// Bytes that are written, hashed and compared at a time: the allocation unit of the SD cards in use (SD Physical Layer
/// Specification, 4.13.1.8), so that a card erases once what is written.
pub const CHUNK: usize = 4 << 20;

/// Bytes that replace those of the image at an offset.
#[derive(Clone)]
pub struct Patch {
    /// Where, in bytes from the start of the disk.
    pub offset: u64,
    /// What.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Patch {
    /// The bytes are somebody's secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Patch({} bytes at {})", self.bytes.len(), self.offset)
    }
}

impl Patch {
    /// Whether it replaces anything from `start` to `end`.
    pub(crate) fn touches(&self, start: u64, end: u64) -> bool {
        self.offset < end && start < self.offset + self.bytes.len() as u64
    }

    /// Puts the part of it that belongs to `bytes`, which begin at `offset`, in its place.
    pub(crate) fn apply(&self, offset: u64, bytes: &mut [u8]) {
        let end = offset + bytes.len() as u64;
        let from = self.offset.max(offset);
        let to = (self.offset + self.bytes.len() as u64).min(end);
        if from < to {
            let place = |position: u64, start: u64| usize::try_from(position - start).unwrap_or(usize::MAX);
            let source = &self.bytes[place(from, self.offset)..place(to, self.offset)];
            bytes[place(from, offset)..place(to, offset)].copy_from_slice(source);
        }
    }
}

/// A part of the image on its way to the disk.
pub(super) enum Chunk {
    /// Bytes, of which the first `length` count.
    Data { offset: u64, buffer: AlignedBuffer, length: usize },
    /// Zeros.
    Zeros { offset: u64, length: u64 },
}

/// What was in a part of the image, to compare with later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// The SHA-256 of a chunk.
    Data { offset: u64, length: usize, digest: [u8; 32] },
    /// Zeros.
    Zeros { offset: u64, length: u64 },
}

/// Makes chunks of a stream.
pub(super) struct Chunks<'a> {
    chunks: SyncSender<Chunk>,
    /// Buffers that were written and can be used again.
    free: Receiver<AlignedBuffer>,
    buffer: AlignedBuffer,
    filled: usize,
    /// Offset of the buffer's first byte.
    offset: u64,
    patches: &'a [Patch],
    fingerprints: Vec<Fingerprint>,
    /// Bytes of the disk.
    room: u64,
    /// What is told when there are more.
    too_small: Box<dyn Fn(u64) -> Error + Send + 'a>,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(
        chunks: SyncSender<Chunk>,
        free: Receiver<AlignedBuffer>,
        patches: &'a [Patch],
        room: u64,
        too_small: impl Fn(u64) -> Error + Send + 'a,
    ) -> Self {
        let buffer = AlignedBuffer::new(CHUNK);
        let (fingerprints, too_small) = (Vec::new(), Box::new(too_small));
        Chunks { chunks, free, buffer, filled: 0, offset: 0, patches, fingerprints, room, too_small }
    }

    /// What was in all of it, and its size.
    pub(super) fn finish(mut self) -> Result<(Vec<Fingerprint>, u64)> {
        if self.filled > 0 {
            self.hand_on()?;
        }
        Ok((self.fingerprints, self.offset))
    }

    fn is_patched(&self, length: u64) -> bool {
        let end = self.offset + length;
        self.patches.iter().any(|patch| patch.touches(self.offset, end))
    }

    fn check_room(&self, length: u64) -> Result<()> {
        let end = self.offset + length;
        if end > self.room { Err((self.too_small)(end)) } else { Ok(()) }
    }

    /// Sends what is in the buffer.
    fn hand_on(&mut self) -> Result<()> {
        let (offset, length) = (self.offset, self.filled);
        self.check_room(length as u64)?;
        if self.is_patched(length as u64) {
            let bytes = &mut self.buffer.bytes_mut()[..length];
            for patch in self.patches {
                patch.apply(offset, bytes);
            }
        }
        let bytes = &self.buffer.bytes()[..length];
        if is_zero(bytes) {
            self.send_zeros(length as u64)?;
        } else {
            let digest = Sha256::digest(bytes).into();
            self.fingerprints.push(Fingerprint::Data { offset, length, digest });
            // There are as many buffers as chunks under way; a new one where none came back yet.
            let fresh = self.free.try_recv().unwrap_or_else(|_| AlignedBuffer::new(CHUNK));
            let buffer = std::mem::replace(&mut self.buffer, fresh);
            self.send(Chunk::Data { offset, buffer, length })?;
            self.offset += length as u64;
        }
        self.filled = 0;
        Ok(())
    }

    fn send_zeros(&mut self, length: u64) -> Result<()> {
        let offset = self.offset;
        self.fingerprints.push(Fingerprint::Zeros { offset, length });
        self.send(Chunk::Zeros { offset, length })?;
        self.offset += length;
        Ok(())
    }

    fn send(&self, chunk: Chunk) -> Result<()> {
        // Nobody takes it: the other side has failed, and says why.
        self.chunks.send(chunk).map_err(|_| Error::Cancelled { path: Default::default() })
    }
}

impl Sink for Chunks<'_> {
    fn data(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = bytes.len().min(CHUNK - self.filled);
            self.buffer.bytes_mut()[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
            self.filled += count;
            bytes = &bytes[count..];
            if self.filled == CHUNK {
                self.hand_on()?;
            }
        }
        Ok(())
    }

    fn zeros(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let whole = count - count % CHUNK as u64;
            if self.filled == 0 && whole > 0 && !self.is_patched(whole) {
                self.check_room(whole)?;
                self.send_zeros(whole)?;
                count -= whole;
                continue;
            }
            let room = CHUNK - self.filled;
            let now = room.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.buffer.bytes_mut()[self.filled..self.filled + now].fill(0);
            self.filled += now;
            count -= now as u64;
            if self.filled == CHUNK {
                self.hand_on()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_patch_is_put_where_it_belongs_across_parts() {
        let patch = Patch { offset: 3, bytes: vec![1, 2, 3, 4] };
        let mut image = vec![0; 12];
        for (index, part) in image.chunks_mut(5).enumerate() {
            patch.apply(index as u64 * 5, part);
        }
        assert_eq!(image, [0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn patched_parts_are_the_patched_whole(
            length in 1_usize..200, offset in 0_u64..250, bytes in prop::collection::vec(1_u8.., 0..60), part in 1_usize..70,
        ) {
            let patch = Patch { offset, bytes };
            let mut whole = vec![0; length];
            for (index, byte) in patch.bytes.iter().enumerate() {
                if let Some(place) = whole.get_mut(offset as usize + index) {
                    *place = *byte;
                }
            }
            let mut parts = vec![0; length];
            for (index, bytes) in parts.chunks_mut(part).enumerate() {
                patch.apply((index * part) as u64, bytes);
            }
            prop_assert_eq!(whole, parts);
        }
    }
}
