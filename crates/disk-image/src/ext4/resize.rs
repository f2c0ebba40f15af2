//! The resize inode: it owns the blocks kept for group descriptors, so that they stay free until the file system grows.
//!
//! Its double-indirect block lists the kept blocks after the primary descriptors; each of those lists the blocks at the
//! same place in the other copies.

use super::geometry::{BLOCK, GROUP_BLOCKS, Geometry};
use super::inode::{Content, Inode, REGULAR};

/// Block numbers in a block.
const POINTERS: u64 = BLOCK / 4;

/// A file that fills all single and double indirect blocks: 12 direct ones come first.
const SIZE: u64 = (POINTERS * POINTERS + POINTERS + 12) * BLOCK;

/// The place of the double-indirect pointer among the fifteen.
const DOUBLE_INDIRECT: usize = 13;

/// The inode, whose double-indirect block is `block`.
pub(super) fn inode(geometry: &Geometry, block: u64, time: i64) -> Inode {
    let mut content = Content::default();
    content.0[4 * DOUBLE_INDIRECT..][..4].copy_from_slice(&(block as u32).to_le_bytes());
    let copies = geometry.groups_with_copy().count() as u64;
    Inode {
        mode: REGULAR | 0o600,
        size: SIZE,
        time,
        links: 1,
        blocks: 1 + u64::from(geometry.reserved_blocks) * copies,
        content,
        ..Inode::default()
    }
}

/// The kept blocks after the primary descriptors.
fn kept(geometry: &Geometry) -> impl Iterator<Item = u64> {
    let first = 1 + u64::from(geometry.descriptor_blocks);
    first..first + u64::from(geometry.reserved_blocks)
}

/// The double-indirect block: a kept block stands at the place of the descriptor block that it will become.
pub(super) fn double_indirect(geometry: &Geometry) -> Vec<u8> {
    let mut block = vec![0; BLOCK as usize];
    for (index, place) in kept(geometry).enumerate() {
        let slot = (geometry.descriptor_blocks as usize + index) % POINTERS as usize;
        block[4 * slot..][..4].copy_from_slice(&(place as u32).to_le_bytes());
    }
    block
}

/// The content of the kept blocks after the primary descriptors; in the other copies they are zero.
pub(super) fn kept_blocks(geometry: &Geometry) -> Vec<u8> {
    let mut blocks = vec![0; geometry.reserved_blocks as usize * BLOCK as usize];
    for (place, block) in kept(geometry).zip(blocks.chunks_exact_mut(BLOCK as usize)) {
        for (group, pointer) in geometry.groups_with_copy().skip(1).zip(block.chunks_exact_mut(4)) {
            let copy = place + u64::from(group) * GROUP_BLOCKS;
            pointer.copy_from_slice(&(copy as u32).to_le_bytes());
        }
    }
    blocks
}
