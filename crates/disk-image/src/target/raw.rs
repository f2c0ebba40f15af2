use super::Target;
use crate::error::{Error, Result};
use crate::tree::HostFile;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::PathBuf;

/// Bytes gathered before they are written: large enough that the system calls do not count, small enough for the
/// processor's cache.
const BUFFER: usize = 1 << 20;

/// From this size on a file is handed to the kernel to copy: file systems that can share blocks then do.
const KERNEL_COPY: u64 = 4 << 20;

/// A raw image: a sparse file, or a device.
#[derive(Debug)]
pub(crate) struct RawTarget {
    file: File,
    path: PathBuf,
    device: bool,
    buffer: Vec<u8>,
    filled: usize,
    /// Offset of the buffer's first byte.
    start: u64,
    kernel_copies: bool,
}

impl RawTarget {
    /// Makes a sparse file at `path`, in place of a file that is there. A device at `path` is written in place: what
    /// the image's file systems need to be zero is zeroed, the rest of the device stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Write`].
    pub(crate) fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let device = std::fs::metadata(&path).is_ok_and(|metadata| metadata.file_type().is_block_device());
        let mut options = OpenOptions::new();
        options.write(true).create(!device).truncate(!device);
        let file = options.open(&path).map_err(|source| Error::write(&path, source))?;
        Ok(Self { file, path, device, buffer: vec![0; BUFFER], filled: 0, start: 0, kernel_copies: true })
    }

    fn flush(&mut self) -> Result<()> {
        if self.filled > 0 {
            self.file
                .write_all_at(&self.buffer[..self.filled], self.start)
                .map_err(|source| Error::write(&self.path, source))?;
            self.start += self.filled as u64;
            self.filled = 0;
        }
        Ok(())
    }

    /// Room in the buffer at `offset`, at least one byte.
    fn room(&mut self, offset: u64) -> Result<&mut [u8]> {
        if self.filled == BUFFER || self.start + self.filled as u64 != offset {
            self.flush()?;
            self.start = offset;
        }
        Ok(&mut self.buffer[self.filled..])
    }

    /// Lets the kernel copy; says how many bytes it did before it refused.
    fn kernel_copy(
        &mut self,
        offset: u64,
        source: &HostFile<'_>,
        source_offset: u64,
        length: u64,
    ) -> Result<u64> {
        self.flush()?;
        let mut copied = 0;
        while copied < length {
            let mut from = source_offset + copied;
            let mut to = offset + copied;
            let rest = usize::try_from((length - copied).min(1 << 30)).unwrap_or(usize::MAX);
            match rustix::fs::copy_file_range(&source.file, Some(&mut from), &self.file, Some(&mut to), rest)
            {
                Ok(0) => return Err(source.changed()),
                Ok(count) => copied += count as u64,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                    self.kernel_copies = false;
                    break;
                }
                Err(error) => return Err(Error::write(&self.path, error)),
            }
        }
        Ok(copied)
    }
}

impl Target for RawTarget {
    fn write(&mut self, mut offset: u64, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            let room = self.room(offset)?;
            let count = room.len().min(data.len());
            room[..count].copy_from_slice(&data[..count]);
            self.filled += count;
            offset += count as u64;
            data = &data[count..];
        }
        Ok(())
    }

    fn copy(&mut self, offset: u64, source: &HostFile<'_>, source_offset: u64, length: u64) -> Result<()> {
        let mut done = 0;
        if self.kernel_copies && length >= KERNEL_COPY {
            done = self.kernel_copy(offset, source, source_offset, length)?;
        }
        while done < length {
            let room = self.room(offset + done)?;
            let count = room.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
            source.read_exact_at(&mut room[..count], source_offset + done)?;
            self.filled += count;
            done += count as u64;
        }
        Ok(())
    }

    fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        // Padding after a file's last byte: written with the file, so that the next one follows in the same buffer.
        const PADDING: u64 = 4096;
        if length <= PADDING && self.filled > 0 && self.start + self.filled as u64 == offset {
            return self.write(offset, &[0; PADDING as usize][..length as usize]);
        }
        if !self.device {
            // A new file reads as zeros wherever nothing is written.
            return Ok(());
        }
        self.flush()?;
        let flags = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, flags, offset, length) {
            Ok(()) => Ok(()),
            // Not every device can; those take the zeros themselves.
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::NODEV) => {
                let zeros = vec![0; BUFFER];
                let mut done = 0;
                while done < length {
                    let count = zeros.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
                    self.write(offset + done, &zeros[..count])?;
                    done += count as u64;
                }
                Ok(())
            }
            Err(error) => Err(Error::write(&self.path, error)),
        }
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.flush()?;
        if self.device {
            self.file.sync_all().map_err(|source| Error::write(&self.path, source))
        } else {
            self.file.set_len(size).map_err(|source| Error::write(&self.path, source))
        }
    }
}
