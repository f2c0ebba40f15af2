use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, FallocateFlags, OFlags};
use rustix::io::Errno;

use super::buffer::{ALIGNMENT, AlignedBuffer, is_zero};
use super::chunks::CHUNK;
use crate::device::{Bus, Disk};
use crate::error::{Error, Result};

/// In units of so many bytes it is decided whether something is transferred.
const UNIT: usize = 64 << 10;

/// A disk that is open for writing, or for reading it back.
pub(super) struct Medium {
    file: File,
    path: PathBuf,
    size: u64,
    /// Whether the disk can be told that a range is zero.
    forgets: bool,
    /// Where what is there already is read to.
    seen: AlignedBuffer,
}

/// What became of the bytes of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transferred {
    /// Bytes that were sent to the disk.
    pub written: u64,
    /// Bytes that the disk was told to forget, or that were zero before.
    pub spared: u64,
}

impl Medium {
    /// Opens for writing. A block device is ours alone: this fails while something else uses it.
    pub(super) fn to_write(disk: &Disk) -> Result<Self> {
        let exclusive = if disk.bus == Bus::File { OFlags::empty() } else { OFlags::EXCL };
        let file = open(&disk.path, true, exclusive).map_err(|source| Error::write(&disk.path, source))?;
        Ok(Medium::new(disk, file))
    }

    /// Opens for reading, with nothing of what was written left in memory.
    pub(super) fn to_read(disk: &Disk) -> Result<Self> {
        let failed = |source| Error::read(&disk.path, source);
        let file = open(&disk.path, false, OFlags::empty()).map_err(failed)?;
        // For where the page cache could not be passed by; after a sync it holds nothing that the disk has not.
        rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).map_err(|error| failed(error.into()))?;
        Ok(Medium::new(disk, file))
    }

    fn new(disk: &Disk, file: File) -> Self {
        let seen = AlignedBuffer::new(CHUNK);
        Medium { file, path: disk.path.clone(), size: disk.size, forgets: true, seen }
    }

    /// Writes the first `length` bytes of a buffer, except for units of zeros, which become zero.
    pub(super) fn write(
        &mut self,
        offset: u64,
        buffer: &mut AlignedBuffer,
        length: usize,
    ) -> Result<Transferred> {
        let mut total = Transferred::default();
        let padded = self.padded(offset, length);
        buffer.bytes_mut()[length..padded].fill(0);
        let mut start = 0;
        while start < padded {
            let zero = is_zero(unit(buffer.bytes(), start, padded));
            let mut end = (start + UNIT).min(padded);
            while end < padded && is_zero(unit(buffer.bytes(), end, padded)) == zero {
                end = (end + UNIT).min(padded);
            }
            let at = offset + start as u64;
            if zero {
                let transferred = self.zero(at, (end - start) as u64)?;
                total.written += transferred.written;
                total.spared += transferred.spared;
            } else {
                let bytes = &buffer.bytes()[start..end];
                self.file.write_all_at(bytes, at).map_err(|source| Error::write(&self.path, source))?;
                total.written += (end - start) as u64;
            }
            start = end;
        }
        Ok(total)
    }

    /// The length of a transfer that ends in whole sectors, if the disk goes so far.
    fn padded(&self, offset: u64, length: usize) -> usize {
        let padded = length.next_multiple_of(ALIGNMENT);
        if offset + padded as u64 > self.size { length } else { padded }
    }

    /// Makes a range read as zeros.
    pub(super) fn zero(&mut self, offset: u64, length: u64) -> Result<Transferred> {
        if self.forgets && length >= UNIT as u64 {
            // Of block devices the kernel does this only with those that then read as zeros (fallocate(2) since 4.9).
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match rustix::fs::fallocate(&self.file, flags, offset, length) {
                Ok(()) => return Ok(Transferred { written: 0, spared: length }),
                Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::NODEV | Errno::NOTTY) => {
                    self.forgets = false;
                }
                Err(error) => return Err(Error::write(&self.path, error)),
            }
        }
        let mut total = Transferred::default();
        let zeros = AlignedBuffer::new(CHUNK.min(usize::try_from(length).unwrap_or(CHUNK)));
        let mut done = 0;
        while done < length {
            let count = zeros.bytes().len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
            let at = offset + done;
            // Cards read several times as fast as they write, and most of a new one is zero.
            let seen = &mut self.seen.bytes_mut()[..count];
            self.file.read_exact_at(seen, at).map_err(|source| Error::read(&self.path, source))?;
            if is_zero(seen) {
                total.spared += count as u64;
            } else {
                let bytes = &zeros.bytes()[..count];
                self.file.write_all_at(bytes, at).map_err(|source| Error::write(&self.path, source))?;
                total.written += count as u64;
            }
            done += count as u64;
        }
        Ok(total)
    }

    /// Reads `length` bytes, at most [`CHUNK`].
    pub(super) fn read(&mut self, offset: u64, length: usize) -> Result<&[u8]> {
        let padded = self.padded(offset, length);
        let buffer = &mut self.seen.bytes_mut()[..padded];
        self.file.read_exact_at(buffer, offset).map_err(|source| Error::read(&self.path, source))?;
        Ok(&buffer[..length])
    }

    /// Waits until the disk has everything.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|source| Error::write(&self.path, source))
    }
}

/// The unit of `bytes` that begins at `start`.
fn unit(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    &bytes[start..(start + UNIT).min(end)]
}

/// Opens past the page cache, or through it where the file system knows no other way.
fn open(path: &Path, write: bool, flags: OFlags) -> io::Result<File> {
    let open = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        OpenOptions::new().read(true).write(write).custom_flags(flags).open(path)
    };
    match open(flags | OFlags::DIRECT) {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => open(flags),
        outcome => outcome,
    }
}
