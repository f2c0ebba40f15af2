//! Extent trees: which blocks of the disk hold which blocks of a file (kernel documentation, filesystems/ext4,
//! "Extent Tree").

use super::checksum::Checksum;
use super::geometry::BLOCK;

/// The longest initialised extent.
pub(super) const LONGEST: u64 = 32_768;

/// Extents or index entries in the inode.
const IN_INODE: usize = 4;

/// Bytes of an entry and of a node's header.
const ENTRY: usize = 12;

/// Entries in a block; the rest of 4 bytes is the checksum.
const IN_BLOCK: usize = (BLOCK as usize - ENTRY) / ENTRY;

const MAGIC: u16 = 0xf30a;

/// Blocks of a file that lie together on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First block within the file.
    pub(super) logical: u32,
    /// First block on the disk.
    pub(super) physical: u64,
    /// Blocks, at most [`LONGEST`].
    pub(super) length: u32,
}

impl Extent {
    #[cfg(test)]
    pub(super) fn blocks(&self) -> std::ops::Range<u64> {
        self.physical..self.physical + u64::from(self.length)
    }
}

/// Blocks that the tree over `extents` extents needs besides the inode.
pub(super) fn node_count(extents: usize) -> usize {
    levels(extents).iter().sum()
}

/// Nodes of each level in blocks, leaves first; empty when the inode is enough.
fn levels(extents: usize) -> Vec<usize> {
    let mut levels = Vec::new();
    let mut entries = extents;
    while entries > IN_INODE {
        entries = entries.div_ceil(IN_BLOCK);
        levels.push(entries);
    }
    levels
}

/// The 60 bytes of the root in the inode; `nodes` are the places of [`node_count`] blocks.
pub(super) fn encode_root(extents: &[Extent], nodes: &[u64]) -> [u8; 60] {
    let levels = levels(extents.len());
    let mut root = [0; 60];
    match levels.last() {
        None => encode_leaf(&mut root, extents, IN_INODE),
        Some(count) => {
            let first = nodes.len() - count;
            encode_index(&mut root, extents, &levels, levels.len(), 0..*count, nodes, first, IN_INODE);
        }
    }
    root
}

/// The block of node `number`, leaves counted first.
pub(super) fn encode_node(extents: &[Extent], nodes: &[u64], number: usize, inode: Checksum) -> Vec<u8> {
    let levels = levels(extents.len());
    let mut block = vec![0; BLOCK as usize];
    let mut level = 0;
    let mut first = 0;
    while level + 1 < levels.len() && number >= first + levels[level] {
        first += levels[level];
        level += 1;
    }
    let within = number - first;
    let below = match level {
        0 => extents.len(),
        _ => levels[level - 1],
    };
    let range = within * IN_BLOCK..((within + 1) * IN_BLOCK).min(below);
    if level == 0 {
        encode_leaf(&mut block, &extents[range], IN_BLOCK);
    } else {
        let below_first = first - levels[level - 1];
        encode_index(&mut block, extents, &levels, level, range, nodes, below_first, IN_BLOCK);
    }
    let tail = block.len() - 4;
    let checksum = inode.update(&block[..tail]);
    block[tail..].copy_from_slice(&checksum.to_le_bytes());
    block
}

fn encode_header(node: &mut [u8], entries: usize, most: usize, depth: usize) {
    node[0..2].copy_from_slice(&MAGIC.to_le_bytes());
    node[2..4].copy_from_slice(&(entries as u16).to_le_bytes());
    node[4..6].copy_from_slice(&(most as u16).to_le_bytes());
    node[6..8].copy_from_slice(&(depth as u16).to_le_bytes());
}

fn encode_leaf(node: &mut [u8], extents: &[Extent], most: usize) {
    encode_header(node, extents.len(), most, 0);
    for (extent, entry) in extents.iter().zip(node[ENTRY..].chunks_exact_mut(ENTRY)) {
        entry[0..4].copy_from_slice(&extent.logical.to_le_bytes());
        // An initialised extent of the greatest length is stored as it is: 32768, the only value with the top bit.
        entry[4..6].copy_from_slice(&(extent.length as u16).to_le_bytes());
        entry[6..8].copy_from_slice(&((extent.physical >> 32) as u16).to_le_bytes());
        entry[8..12].copy_from_slice(&(extent.physical as u32).to_le_bytes());
    }
}

/// An index node `depth` levels above the leaves over the nodes `children` of the level below, the first of which has
/// its place at `nodes[first]`.
#[expect(clippy::too_many_arguments, reason = "the parts of one tree, passed down unchanged")]
fn encode_index(
    node: &mut [u8],
    extents: &[Extent],
    levels: &[usize],
    depth: usize,
    children: std::ops::Range<usize>,
    nodes: &[u64],
    first: usize,
    most: usize,
) {
    encode_header(node, children.len(), most, depth);
    // How many extents one node of the level below covers.
    let covered = IN_BLOCK.pow(depth as u32);
    debug_assert!(children.end <= levels[depth - 1]);
    for (child, entry) in children.zip(node[ENTRY..].chunks_exact_mut(ENTRY)) {
        let place = nodes[first + child];
        entry[0..4].copy_from_slice(&extents[child * covered].logical.to_le_bytes());
        entry[4..8].copy_from_slice(&(place as u32).to_le_bytes());
        entry[8..10].copy_from_slice(&((place >> 32) as u16).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_grow_level_by_level() {
        assert_eq!(levels(4), []);
        assert_eq!(levels(5), [1]);
        assert_eq!(levels(1360), [4]);
        assert_eq!(levels(1361), [5, 1]);
        assert_eq!(node_count(340 * 340 * 4 + 1), 340 * 4 + 1 + 5 + 1);
    }
}
