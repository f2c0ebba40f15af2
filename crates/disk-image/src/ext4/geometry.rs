//! Where the parts of an ext4 file system lie, from its size and the number of inodes alone.
//!
//! The disk is cut into groups of 128 MiB. Group 0 and the groups whose number is a power of 3, 5 or 7 begin with a
//! copy of the superblock, of the group descriptors, and of the room that is kept for more descriptors when the file
//! system grows. The bitmaps and inode tables of sixteen groups lie together in the first of them (`flex_bg`), so that
//! data lies in long runs.

use std::ops::Range;

/// Bytes in a block.
pub(super) const BLOCK: u64 = 4096;

/// Blocks in a group: as many as one block of bitmap has bits.
pub(super) const GROUP_BLOCKS: u64 = 8 * BLOCK;

/// Groups whose bitmaps and inode tables lie together, as `mke2fs` has it.
pub(super) const FLEX_GROUPS: u32 = 16;
pub(super) const LOG_FLEX_GROUPS: u8 = 4;

/// Bytes in an inode.
pub(super) const INODE: usize = 256;
pub(super) const INODES_PER_BLOCK: u32 = (BLOCK as usize / INODE) as u32;

/// Bytes in a group descriptor (with feature `64bit`).
pub(super) const DESCRIPTOR: usize = 64;
pub(super) const DESCRIPTORS_PER_BLOCK: u32 = (BLOCK as usize / DESCRIPTOR) as u32;

/// The bitmaps and inode tables of sixteen groups have to fit in the first of them, together with its copy of the
/// descriptors: 16 × (24576 / 16 + 2) of 32768 blocks leave room for all descriptors that can be.
const MOST_INODES_PER_GROUP: u32 = 24_576;

/// The resize inode has one block of pointers, one for each block of descriptors.
const MOST_DESCRIPTOR_BLOCKS: u32 = 1024;

/// A last group with less room than this after its own overhead is left out, as `mke2fs` does.
const SMALLEST_REST: u64 = 50;

/// Sizes and places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) blocks: u64,
    pub(super) groups: u32,
    pub(super) inodes_per_group: u32,
    /// Blocks of group descriptors in each copy.
    pub(super) descriptor_blocks: u32,
    /// Blocks kept for more descriptors after each copy.
    pub(super) reserved_blocks: u32,
}

impl Geometry {
    /// A file system of at most `blocks` blocks with at least `inodes` inodes and one for each `bytes_per_inode`
    /// bytes, that can grow online to `grow_to` blocks; `None` if such a one cannot be.
    pub(super) fn new(blocks: u64, inodes: u64, bytes_per_inode: u64, grow_to: u64) -> Option<Self> {
        let mut blocks = blocks;
        loop {
            let groups = u32::try_from(blocks.div_ceil(GROUP_BLOCKS)).ok().filter(|groups| *groups > 0)?;
            let by_size = GROUP_BLOCKS.min(blocks) * BLOCK / bytes_per_inode.max(BLOCK);
            let by_count = inodes.div_ceil(u64::from(groups));
            let inodes_per_group = u32::try_from(by_size.max(by_count))
                .ok()?
                .max(INODES_PER_BLOCK)
                .next_multiple_of(INODES_PER_BLOCK);
            if inodes_per_group > MOST_INODES_PER_GROUP && by_count > u64::from(MOST_INODES_PER_GROUP) {
                return None;
            }
            let descriptor_blocks = groups.div_ceil(DESCRIPTORS_PER_BLOCK);
            let grown = grow_to.max(blocks).div_ceil(GROUP_BLOCKS).div_ceil(u64::from(DESCRIPTORS_PER_BLOCK));
            let grown = u32::try_from(grown).unwrap_or(u32::MAX).min(MOST_DESCRIPTOR_BLOCKS);
            let geometry = Self {
                blocks,
                groups,
                inodes_per_group: inodes_per_group.min(MOST_INODES_PER_GROUP),
                descriptor_blocks,
                reserved_blocks: grown.saturating_sub(descriptor_blocks),
            };
            let last = groups - 1;
            if geometry.group_range(last).count() as u64 >= geometry.overhead_in(last) + SMALLEST_REST {
                return Some(geometry);
            }
            if last == 0 {
                return None;
            }
            blocks = u64::from(last) * GROUP_BLOCKS;
        }
    }

    /// Blocks that group `group` needs for its copies and, if it is the first of sixteen, for their tables.
    fn overhead_in(&self, group: u32) -> u64 {
        let tables =
            if group.is_multiple_of(FLEX_GROUPS) { self.tables_range(group).count() as u64 } else { 0 };
        self.copy_range(group).count() as u64 + tables
    }

    pub(super) fn inodes(&self) -> u32 {
        self.groups.saturating_mul(self.inodes_per_group)
    }

    pub(super) fn inode_table_blocks(&self) -> u32 {
        self.inodes_per_group / INODES_PER_BLOCK
    }

    pub(super) fn group_range(&self, group: u32) -> Range<u64> {
        let start = u64::from(group) * GROUP_BLOCKS;
        start..(start + GROUP_BLOCKS).min(self.blocks)
    }

    /// Superblock, descriptors and room for more at the start of a group; empty where there is no copy.
    pub(super) fn copy_range(&self, group: u32) -> Range<u64> {
        let start = u64::from(group) * GROUP_BLOCKS;
        let length =
            if has_copy(group) { 1 + u64::from(self.descriptor_blocks + self.reserved_blocks) } else { 0 };
        start..start + length
    }

    /// The groups with copies, group 0 first.
    pub(super) fn groups_with_copy(&self) -> impl Iterator<Item = u32> {
        (0..self.groups).filter(|group| has_copy(*group))
    }

    /// The first groups of each sixteen.
    pub(super) fn flex_starts(&self) -> impl Iterator<Item = u32> {
        (0..self.groups).step_by(FLEX_GROUPS as usize)
    }

    /// The groups that share their tables with `first`.
    pub(super) fn flex_groups(&self, first: u32) -> Range<u32> {
        first..(first + FLEX_GROUPS).min(self.groups)
    }

    /// Block bitmaps, inode bitmaps and inode tables of the sixteen groups that begin with `first`.
    pub(super) fn tables_range(&self, first: u32) -> Range<u64> {
        let start = self.copy_range(first).end;
        let groups = self.flex_groups(first).len() as u64;
        start..start + groups * (2 + u64::from(self.inode_table_blocks()))
    }

    pub(super) fn block_bitmap(&self, group: u32) -> u64 {
        let first = group - group % FLEX_GROUPS;
        self.tables_range(first).start + u64::from(group - first)
    }

    pub(super) fn inode_bitmap(&self, group: u32) -> u64 {
        let first = group - group % FLEX_GROUPS;
        self.block_bitmap(group) + self.flex_groups(first).len() as u64
    }

    pub(super) fn inode_table(&self, group: u32) -> u64 {
        let first = group - group % FLEX_GROUPS;
        let groups = self.flex_groups(first).len() as u64;
        self.tables_range(first).start
            + 2 * groups
            + u64::from(group - first) * u64::from(self.inode_table_blocks())
    }

    /// All blocks that are not for data, sorted and apart.
    pub(super) fn metadata_ranges(&self) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for group in 0..self.groups {
            let copy = self.copy_range(group);
            let end = if group.is_multiple_of(FLEX_GROUPS) { self.tables_range(group).end } else { copy.end };
            if copy.start < end {
                ranges.push(copy.start..end);
            }
        }
        ranges
    }

    /// Blocks that are not for data.
    pub(super) fn overhead(&self) -> u64 {
        self.metadata_ranges().iter().map(|range| range.end - range.start).sum()
    }
}

/// Whether a group has copies of superblock and descriptors (feature `sparse_super`).
fn has_copy(group: u32) -> bool {
    let is_power = |base: u32| {
        let mut rest = group;
        while rest > 1 && rest.is_multiple_of(base) {
            rest /= base;
        }
        rest == 1
    };
    group <= 1 || is_power(3) || is_power(5) || is_power(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_lie_where_sparse_super_has_them() {
        let groups: Vec<u32> = (0..130).filter(|group| has_copy(*group)).collect();
        assert_eq!(groups, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    }

    #[test]
    fn metadata_never_overlaps_and_stays_inside() {
        for blocks in (200..3_000_000).step_by(16_411) {
            let Some(geometry) = Geometry::new(blocks, 11, 16_384, blocks * 1024) else { continue };
            let mut end = 0;
            for range in geometry.metadata_ranges() {
                assert!(range.start >= end && range.start < range.end, "{geometry:?} {range:?}");
                end = range.end;
            }
            assert!(end <= geometry.blocks, "{geometry:?}");
        }
    }

    #[test]
    fn a_last_group_without_room_is_left_out() {
        let geometry = Geometry::new(GROUP_BLOCKS + 20, 11, 16_384, 1 << 28).unwrap();
        assert_eq!(geometry.blocks, GROUP_BLOCKS);
    }
}
