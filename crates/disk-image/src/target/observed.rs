use super::Target;
use crate::error::Result;
use crate::tree::HostFile;

/// Bytes that are read from a file of the host at a time: they are in the processor's cache still when they are written.
const BUFFER: usize = 256 << 10;

/// Sees an image's bytes in their order while it is written, so that it need not be read again to be hashed.
pub trait ByteObserver {
    /// The next bytes.
    fn data(&mut self, bytes: &[u8]);

    /// That many zeros.
    fn zeros(&mut self, count: u64);
}

/// A target whose bytes somebody sees.
pub(crate) struct ObservedTarget<'a, T> {
    inner: T,
    observer: &'a mut dyn ByteObserver,
    /// All bytes before this offset were seen.
    seen: u64,
    buffer: Vec<u8>,
}

impl<'a, T: Target> ObservedTarget<'a, T> {
    pub(crate) fn new(inner: T, observer: &'a mut dyn ByteObserver) -> Self {
        Self { inner, observer, seen: 0, buffer: vec![0; BUFFER] }
    }

    /// Shows the zeros between what was written last and `offset`.
    fn skip_to(&mut self, offset: u64) {
        let gap = offset.saturating_sub(self.seen);
        if gap > 0 {
            self.observer.zeros(gap);
            self.seen = offset;
        }
    }
}

impl<T: Target> Target for ObservedTarget<'_, T> {
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.skip_to(offset);
        self.observer.data(data);
        self.seen += data.len() as u64;
        self.inner.write(offset, data)
    }

    fn copy(&mut self, offset: u64, source: &HostFile<'_>, source_offset: u64, length: u64) -> Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut done = 0;
        while done < length {
            let count = buffer.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
            source.read_exact_at(&mut buffer[..count], source_offset + done)?;
            self.write(offset + done, &buffer[..count])?;
            done += count as u64;
        }
        self.buffer = buffer;
        Ok(())
    }

    fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        self.inner.zero(offset, length)
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.skip_to(size);
        self.inner.finish(size)
    }
}
