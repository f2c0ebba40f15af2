use super::{Target, copy_by_writing};
use crate::error::Result;
use crate::tree::HostFile;

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
}

impl<'a, T: Target> ObservedTarget<'a, T> {
    pub(crate) fn new(inner: T, observer: &'a mut dyn ByteObserver) -> Self {
        Self { inner, observer, seen: 0 }
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
        copy_by_writing(self, offset, source, source_offset, length)
    }

    fn zero(&mut self, offset: u64, length: u64) -> Result<()> {
        self.inner.zero(offset, length)
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.skip_to(size);
        self.inner.finish(size)
    }
}
