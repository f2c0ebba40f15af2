//! Where an image goes.
//!
//! Writers hand over their bytes in one pass with rising offsets, and say which ranges must read as zeros. Everything
//! else (free space of a file system) is left alone. So a target can be a sparse file, a device, or a format that is
//! appended to while the image is made.

mod observed;
mod raw;
mod stream;

pub use observed::ByteObserver;
pub(crate) use observed::ObservedTarget;
pub(crate) use raw::RawTarget;
pub(crate) use stream::StreamTarget;

use crate::error::Result;
use crate::image::Meter;
use crate::tree::{FileContent, HostFile, OpenContent};
use std::ops::Range;

/// A place that takes an image's bytes with rising offsets.
pub(crate) trait Target {
    /// Puts `data` at `offset`.
    fn write(&mut self, offset: u64, data: &[u8]) -> Result<()>;

    /// Puts `length` bytes of `source`, from `source_offset` on, at `offset`.
    fn copy(&mut self, offset: u64, source: &HostFile<'_>, source_offset: u64, length: u64) -> Result<()>;

    /// Makes `length` bytes at `offset` read as zeros.
    fn zero(&mut self, offset: u64, length: u64) -> Result<()>;

    /// Ends the image at `size` bytes.
    fn finish(&mut self, size: u64) -> Result<()>;
}

/// What [`Target::copy`] does where a target has to see the bytes.
fn copy_by_writing(
    target: &mut dyn Target,
    offset: u64,
    source: &HostFile<'_>,
    source_offset: u64,
    length: u64,
) -> Result<()> {
    // They are in the processor's cache still when they are written.
    let mut buffer = vec![0; 256 << 10];
    let mut done = 0;
    while done < length {
        let count = buffer.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
        source.read_exact_at(&mut buffer[..count], source_offset + done)?;
        target.write(offset + done, &buffer[..count])?;
        done += count as u64;
    }
    Ok(())
}

/// Puts the bytes `range` of a file at `offset`.
pub(crate) fn write_content(
    target: &mut dyn Target,
    offset: u64,
    content: &FileContent,
    range: Range<u64>,
    meter: &mut Meter<'_>,
) -> Result<()> {
    match content.open()? {
        OpenContent::Bytes(bytes) => {
            let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            target.write(offset, &bytes[place(range.start)..place(range.end)])?;
            meter.advance(range.end - range.start)
        }
        OpenContent::File(host) => copy_metered(target, offset, &host, range, meter),
    }
}

/// Puts the bytes `range` of a file of the host at `offset`, in parts, so that progress is seen and a request to stop
/// is heard within a large file.
pub(crate) fn copy_metered(
    target: &mut dyn Target,
    offset: u64,
    source: &HostFile<'_>,
    range: Range<u64>,
    meter: &mut Meter<'_>,
) -> Result<()> {
    const PART: u64 = 32 << 20;
    let mut position = range.start;
    while position < range.end {
        let part = PART.min(range.end - position);
        target.copy(offset + (position - range.start), source, position, part)?;
        meter.advance(part)?;
        position += part;
    }
    Ok(())
}
