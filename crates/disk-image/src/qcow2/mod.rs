//! qcow2 images, version 3 (QEMU's docs/interop/qcow2.txt): written while the disk is made, converted from raw ones, or
//! laid over another image.
//!
//! Clusters are appended in the order of the disk; those that are zero are left out. Tables follow the data, so that
//! one pass is enough.

mod format;
mod target;

pub(crate) use target::Qcow2Target;

use crate::error::{Error, Result};
use crate::image::{Meter, Progress};
use crate::target::{RawTarget, Target, copy_metered};
use crate::tree::{HostFile, data_ranges};
use format::{CLUSTER, Header, L2_SPAN, SECTOR, refcounts};
use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The form of an image that another one is laid over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackingFormat {
    /// Raw.
    Raw,
    /// qcow2.
    Qcow2,
}

/// Converts the raw image `raw` into a qcow2 image at `path`. Holes are not read.
///
/// # Errors
///
/// [`Error::Read`], [`Error::InvalidImage`] for an empty file, [`Error::Write`], [`Error::DiskFull`],
/// [`Error::Cancelled`].
pub fn convert(raw: &Path, path: &Path, progress: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Result<()> {
    let file = File::open(raw).map_err(|source| Error::read(raw, source))?;
    let size = file.metadata().map_err(|source| Error::read(raw, source))?.len();
    if size == 0 {
        return Err(Error::InvalidImage { path: raw.to_owned(), reason: "it is empty".to_owned() });
    }
    let ranges = data_ranges(raw, &file, size)?.unwrap_or_else(|| std::iter::once(0..size).collect());
    let total = ranges.iter().map(|range| range.end - range.start).sum();
    let mut meter = Meter::new(total, progress);
    let source = HostFile { file, path: raw, planned: size };
    let mut target = Qcow2Target::create(path)?;
    for range in ranges {
        copy_metered(&mut target, range.start, &source, range, &mut meter)?;
    }
    target.finish(size.next_multiple_of(SECTOR))
}

/// Makes an empty image of `size` bytes over `backing`: what is not written to it is read from there, and beyond the
/// end of `backing` it is zero. A relative `backing` is relative to the directory of `path`.
///
/// # Errors
///
/// [`Error::InvalidImage`] when `size` is not a multiple of 512 or the path of `backing` has more than 1023 bytes;
/// [`Error::Write`], [`Error::DiskFull`].
pub fn create_overlay(path: &Path, backing: &Path, format: BackingFormat, size: u64) -> Result<()> {
    const LONGEST_BACKING: usize = 1023;
    let invalid = |reason: &str| Error::InvalidImage { path: path.to_owned(), reason: reason.to_owned() };
    if size == 0 || !size.is_multiple_of(SECTOR) {
        return Err(invalid("its size is not a multiple of 512 bytes"));
    }
    let name = backing.as_os_str().as_bytes();
    if name.is_empty() || name.len() > LONGEST_BACKING {
        return Err(invalid("the path of the image below it is empty or longer than 1023 bytes"));
    }
    // Header, level 1 table, then reference counts.
    let l1_clusters = size.div_ceil(L2_SPAN).max(1).div_ceil(CLUSTER / 8);
    let counts = refcounts(1 + l1_clusters);
    let header = Header {
        size,
        l1_offset: CLUSTER,
        refcount_table_offset: counts.table_offset,
        refcount_table_clusters: counts.table_clusters,
        backing: Some((name, format)),
    };
    let mut target = RawTarget::create(path)?;
    target.write(0, &header.encode())?;
    target.write(counts.offset, &counts.bytes)?;
    target.finish(counts.end())
}
