//! Superblock and group descriptors (kernel documentation, filesystems/ext4, "Super Block" and "Block Group
//! Descriptors").

use super::Ext4Options;
use super::checksum::Checksum;
use super::extents::Extent;
use super::geometry::{BLOCK, DESCRIPTOR, GROUP_BLOCKS, Geometry, INODE, LOG_FLEX_GROUPS};
use super::hash::HashSeed;
use super::inode;

/// has_journal, ext_attr, resize_inode, dir_index.
const COMPATIBLE: u32 = 0x4 | 0x8 | 0x10 | 0x20;
/// The first of them, left out when the file system is too small for a journal.
const HAS_JOURNAL: u32 = 0x4;
/// filetype, extents, 64bit, flex_bg.
const INCOMPATIBLE: u32 = 0x2 | 0x40 | 0x80 | 0x200;
/// sparse_super, large_file, huge_file, dir_nlink, extra_isize, metadata_csum.
const READ_ONLY_COMPATIBLE: u32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400;

/// Names are hashed as unsigned bytes, whatever the machine's `char` is.
const UNSIGNED_HASH: u32 = 0x2;

/// user_xattr and acl are on without being asked for.
const DEFAULT_MOUNT_OPTIONS: u32 = 0x4 | 0x8;

/// The inode table of the group has been zeroed (`EXT4_BG_INODE_ZEROED`).
const INODE_ZEROED: u16 = 0x4;

/// The place of the superblock in its block 0; further copies begin their block.
pub(super) const OFFSET: usize = 1024;

/// Bytes of the superblock.
const SIZE: usize = 1024;

/// What the superblock says besides the geometry.
pub(super) struct Superblock<'a> {
    pub(super) geometry: &'a Geometry,
    pub(super) options: &'a Ext4Options,
    pub(super) hash_seed: HashSeed,
    pub(super) reserved_blocks: u64,
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u32,
    /// The journal inode's extent tree and size, kept here in case the inode is lost.
    pub(super) journal: Option<([u8; 60], u64)>,
}

impl Superblock<'_> {
    /// The copy for the start of `group`.
    pub(super) fn encode(&self, group: u32) -> [u8; SIZE] {
        let geometry = self.geometry;
        let mut raw = [0; SIZE];
        let mut put = |offset: usize, bytes: &[u8]| raw[offset..offset + bytes.len()].copy_from_slice(bytes);
        let low = |value: u64| (value as u32).to_le_bytes();
        let high = |value: u64| ((value >> 32) as u32).to_le_bytes();

        put(0x00, &geometry.inodes().to_le_bytes());
        put(0x04, &low(geometry.blocks));
        put(0x08, &low(self.reserved_blocks));
        put(0x0c, &low(self.free_blocks));
        put(0x10, &self.free_inodes.to_le_bytes());
        // Blocks and clusters are 1024 << 2 bytes.
        put(0x18, &2_u32.to_le_bytes());
        put(0x1c, &2_u32.to_le_bytes());
        put(0x20, &low(GROUP_BLOCKS));
        put(0x24, &low(GROUP_BLOCKS));
        put(0x28, &geometry.inodes_per_group.to_le_bytes());
        let time = self.options.timestamp;
        for (offset, high_offset) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
            put(offset, &(time as u32).to_le_bytes());
            put(high_offset, &[(time >> 32) as u8]);
        }
        // Never checked because of a count of mounts.
        put(0x36, &u16::MAX.to_le_bytes());
        put(0x38, &0xef53_u16.to_le_bytes());
        // Cleanly unmounted; on errors the kernel continues; revision with dynamic inode sizes.
        put(0x3a, &1_u16.to_le_bytes());
        put(0x3c, &1_u16.to_le_bytes());
        put(0x4c, &1_u32.to_le_bytes());
        put(0x54, &inode::FIRST.to_le_bytes());
        put(0x58, &(INODE as u16).to_le_bytes());
        put(0x5a, &(group as u16).to_le_bytes());
        let compatible = if self.journal.is_some() { COMPATIBLE } else { COMPATIBLE & !HAS_JOURNAL };
        put(0x5c, &compatible.to_le_bytes());
        put(0x60, &INCOMPATIBLE.to_le_bytes());
        put(0x64, &READ_ONLY_COMPATIBLE.to_le_bytes());
        put(0x68, &self.options.uuid.0);
        put(0x78, self.options.label.as_bytes());
        put(0xce, &(geometry.reserved_blocks as u16).to_le_bytes());
        for (index, word) in self.hash_seed.iter().enumerate() {
            put(0xec + 4 * index, &word.to_le_bytes());
        }
        // Half MD4.
        put(0xfc, &[1]);
        put(0xfe, &(DESCRIPTOR as u16).to_le_bytes());
        put(0x100, &DEFAULT_MOUNT_OPTIONS.to_le_bytes());
        if let Some((blocks, size)) = &self.journal {
            put(0xe0, &inode::JOURNAL.to_le_bytes());
            put(0xfd, &[1]);
            put(0x10c, blocks);
            put(0x148, &high(*size));
            put(0x14c, &low(*size));
        }
        put(0x150, &high(geometry.blocks));
        put(0x154, &high(self.reserved_blocks));
        put(0x158, &high(self.free_blocks));
        // Bytes of fields that every inode has after the first 128.
        put(0x15c, &32_u16.to_le_bytes());
        put(0x15e, &32_u16.to_le_bytes());
        put(0x160, &UNSIGNED_HASH.to_le_bytes());
        // Groups that share their tables; checksums are CRC-32C.
        put(0x174, &[LOG_FLEX_GROUPS, 1]);

        let checksum = Checksum::START.update(&raw[..SIZE - 4]);
        raw[SIZE - 4..].copy_from_slice(&checksum.to_le_bytes());
        raw
    }
}

/// What the descriptor of a group says.
pub(super) struct Descriptor {
    pub(super) block_bitmap_checksum: u32,
    pub(super) inode_bitmap_checksum: u32,
    pub(super) free_blocks: u32,
    pub(super) free_inodes: u32,
    pub(super) directories: u32,
    /// Inodes at the end of the table that were never used.
    pub(super) unused_inodes: u32,
}

impl Descriptor {
    pub(super) fn encode(&self, group: u32, geometry: &Geometry, file_system: Checksum) -> [u8; DESCRIPTOR] {
        let mut raw = [0; DESCRIPTOR];
        let mut put = |offset: usize, bytes: &[u8]| raw[offset..offset + bytes.len()].copy_from_slice(bytes);
        let places =
            [geometry.block_bitmap(group), geometry.inode_bitmap(group), geometry.inode_table(group)];
        for (index, place) in places.into_iter().enumerate() {
            put(4 * index, &(place as u32).to_le_bytes());
            put(0x20 + 4 * index, &((place >> 32) as u32).to_le_bytes());
        }
        for (low, high, value) in [
            (0x0c, 0x2c, self.free_blocks),
            (0x0e, 0x2e, self.free_inodes),
            (0x10, 0x30, self.directories),
            (0x1c, 0x32, self.unused_inodes),
            (0x18, 0x38, self.block_bitmap_checksum),
            (0x1a, 0x3a, self.inode_bitmap_checksum),
        ] {
            put(low, &(value as u16).to_le_bytes());
            put(high, &((value >> 16) as u16).to_le_bytes());
        }
        put(0x12, &INODE_ZEROED.to_le_bytes());
        let checksum = file_system.update(&group.to_le_bytes()).update(&raw).value();
        raw[0x1e..0x20].copy_from_slice(&(checksum as u16).to_le_bytes());
        raw
    }
}

/// The first block of an empty journal (jbd2 superblock, version 2; big-endian).
pub(super) fn encode_journal(journal: &[Extent], options: &Ext4Options) -> Vec<u8> {
    let blocks: u32 = journal.iter().map(|extent| extent.length).sum();
    let mut raw = vec![0; BLOCK as usize];
    let mut put = |offset: usize, value: u32| raw[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
    put(0x00, 0xc03b_3998);
    put(0x04, 4);
    put(0x0c, BLOCK as u32);
    put(0x10, blocks);
    // The log begins at block 1 with transaction 1; it is empty (start 0, left as it is).
    put(0x14, 1);
    put(0x18, 1);
    put(0x40, 1);
    raw[0x30..0x40].copy_from_slice(&options.uuid.0);
    raw
}
