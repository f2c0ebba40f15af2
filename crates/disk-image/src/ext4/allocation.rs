//! Handing out blocks from the start of the disk to its end, and finding the size that is just enough.

use super::extents::{Extent, LONGEST};
use super::geometry::{BLOCK, Geometry};
use super::{Ext4Options, JournalSize};
use std::ops::Range;

/// Gives out the blocks that are free in a geometry, in rising order.
#[derive(Debug)]
pub(super) struct Allocator {
    /// Free runs, last one first.
    runs: Vec<Range<u64>>,
    cursor: u64,
}

impl Allocator {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let mut runs = Vec::new();
        let mut start = 0;
        for used in geometry.metadata_ranges() {
            runs.push(start..used.start);
            start = used.end;
        }
        runs.push(start..geometry.blocks);
        runs.retain(|run| !run.is_empty());
        runs.reverse();
        Self { runs, cursor: 0 }
    }

    /// At most `most` blocks that lie together; `None` when the disk is full.
    pub(super) fn take(&mut self, most: u64) -> Option<Range<u64>> {
        let run = self.runs.last_mut()?;
        let end = run.end.min(run.start + most);
        let taken = run.start..end;
        run.start = end;
        if run.is_empty() {
            self.runs.pop();
        }
        self.cursor = end;
        Some(taken)
    }

    /// Adds blocks for `logical` blocks of a file to `extents`; `None` when the disk is full.
    pub(super) fn extend(&mut self, extents: &mut Vec<Extent>, logical: Range<u64>) -> Option<()> {
        let mut next = logical.start;
        while next < logical.end {
            let physical = self.take((logical.end - next).min(LONGEST))?;
            let length = physical.end - physical.start;
            extents.push(Extent {
                logical: u32::try_from(next).ok()?,
                physical: physical.start,
                length: length as u32,
            });
            next += length;
        }
        Some(())
    }

    /// Everything before this block is used.
    pub(super) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Blocks that were not given out.
    pub(super) fn free(&self) -> u64 {
        self.runs.iter().map(|run| run.end - run.start).sum()
    }
}

/// Journals below 1024 blocks are not accepted by the kernel; more than 2^20 blocks are of no use.
const JOURNAL_BLOCKS: std::ops::RangeInclusive<u64> = 1024..=(1 << 20);

pub(super) fn is_journal_size(size: u64) -> bool {
    size.is_multiple_of(BLOCK) && JOURNAL_BLOCKS.contains(&(size / BLOCK))
}

/// Blocks of the journal in a file system of `blocks` blocks (`ext2fs_default_journal_size`'s table).
pub(super) fn journal_blocks(size: JournalSize, blocks: u64) -> u64 {
    match size {
        JournalSize::None => 0,
        JournalSize::Bytes(size) => size / BLOCK,
        JournalSize::Auto => match blocks {
            0..2_048 => 0,
            2_048..32_768 => 1_024,
            32_768..262_144 => 4_096,
            262_144..524_288 => 8_192,
            524_288..4_194_304 => 16_384,
            4_194_304..8_388_608 => 32_768,
            8_388_608..16_777_216 => 65_536,
            16_777_216..33_554_432 => 131_072,
            _ => 262_144,
        },
    }
}

/// What has to fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// Inodes, the reserved ones included.
    pub(super) inodes: u64,
    /// Blocks of all content, without extent trees, journal and file system.
    pub(super) content: u64,
    /// Blocks that are to stay free, besides those reserved for root.
    pub(super) free: u64,
}

/// The geometry of a file system of `blocks` blocks.
pub(super) fn geometry(blocks: u64, inodes: u64, options: &Ext4Options) -> Option<Geometry> {
    // As `mke2fs` does: growth to a thousand times the size, but not for ever; at least what was asked for.
    const TWO_TEBIBYTES: u64 = (2 << 40) / BLOCK;
    let grow_to = (blocks * 1024).min(TWO_TEBIBYTES).max(blocks * 32).max(options.grow_to / BLOCK);
    Geometry::new(blocks, inodes, options.bytes_per_inode, grow_to)
}

/// Blocks that root alone may use.
pub(super) fn reserved(blocks: u64, options: &Ext4Options) -> u64 {
    blocks * u64::from(options.reserved_percent) / 100
}

/// The smallest size in blocks for which the parts that are known before blocks are given out fit; extent trees may ask
/// for a few more.
pub(super) fn smallest(demand: &Demand, options: &Ext4Options) -> u64 {
    let wanted = demand.content + demand.free;
    let mut blocks = wanted.max(64);
    loop {
        let journal = journal_blocks(options.journal, blocks);
        // One block for the resize inode.
        let needed = wanted + journal + reserved(blocks, options) + 1;
        // A size that does not work out at all grows until it does.
        let Some(geometry) = geometry(blocks, demand.inodes, options) else {
            blocks += blocks / 8;
            continue;
        };
        let available = geometry.blocks - geometry.overhead();
        if available >= needed {
            return blocks;
        }
        blocks = blocks.max(geometry.blocks) + (needed - available);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::SizePolicy;
    use crate::seed::Seed;

    #[test]
    fn the_smallest_size_holds_what_is_asked_for() {
        let options = Ext4Options::new("root", &Seed::new("x"), 1, SizePolicy::Fit { free: 0 });
        for content in [1, 50, 1_000, 32_000, 40_000, 270_000, 5_000_000] {
            for inodes in [12, 30_000, 400_000] {
                let demand = Demand { inodes, content, free: 100 };
                let blocks = smallest(&demand, &options);
                let geometry = geometry(blocks, inodes, &options).unwrap();
                assert!(u64::from(geometry.inodes()) >= inodes);
                assert!(geometry.blocks - geometry.overhead() >= content + 100);
            }
        }
    }

    #[test]
    fn blocks_are_given_out_in_order_around_the_metadata() {
        let options = Ext4Options::new("root", &Seed::new("x"), 1, SizePolicy::Fit { free: 0 });
        let geometry = geometry(300_000, 12, &options).unwrap();
        let mut allocator = Allocator::new(&geometry);
        let all = allocator.free();
        let mut extents = Vec::new();
        allocator.extend(&mut extents, 0..all).unwrap();
        assert!(allocator.extend(&mut extents, all..all + 1).is_none());
        assert!(extents.is_sorted_by_key(|extent| extent.physical));
        let metadata = geometry.metadata_ranges();
        for extent in &extents {
            let blocks = extent.blocks();
            assert!(metadata.iter().all(|used| used.end <= blocks.start || used.start >= blocks.end));
        }
        assert_eq!(extents.iter().map(|extent| u64::from(extent.length)).sum::<u64>(), all);
    }
}
