//! Directories: one block of entries, or a hash tree over many (kernel documentation, filesystems/ext4, "Directory
//! Entries" and "Hash Tree Directories").

use super::checksum::Checksum;
use super::geometry::BLOCK;
use super::hash::{HashSeed, half_md4};

const BLOCK_SIZE: usize = BLOCK as usize;

/// The pseudo-entry at the end of a block of entries that holds its checksum.
const TAIL: usize = 12;
const TAIL_TYPE: u8 = 0xde;

/// Bytes for entries in a block.
const ROOM: usize = BLOCK_SIZE - TAIL;

/// Index entries in the root: after `.`, `..` and the root's information, before the checksum.
const IN_ROOT: usize = (BLOCK_SIZE - 24 - 8 - 8) / 8;

/// Index entries in another node: after an empty entry, before the checksum.
const IN_NODE: usize = (BLOCK_SIZE - 8 - 8) / 8;

/// Blocks of entries that two levels of index reach.
const MOST_LEAVES: usize = IN_ROOT * IN_NODE;

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a [u8],
    pub(super) inode: u32,
    /// `EXT4_FT_*`.
    pub(super) file_type: u8,
}

/// `EXT4_FT_DIR`.
pub(super) const DIRECTORY_TYPE: u8 = 2;

fn entry_size(name: usize) -> usize {
    (8 + name).next_multiple_of(4)
}

/// How a directory is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Blocks in all.
    pub(super) blocks: u32,
    /// Whether it is a hash tree.
    pub(super) indexed: bool,
}

/// Lays out a directory with these names; `None` when there are more than a hash tree of two levels holds.
pub(super) fn shape<'a>(names: impl Iterator<Item = &'a [u8]> + Clone, seed: &HashSeed) -> Option<Shape> {
    let size: usize = names.clone().map(|name| entry_size(name.len())).sum();
    if 24 + size <= ROOM {
        return Some(Shape { blocks: 1, indexed: false });
    }
    let hashed = hash_sorted(names.map(|name| Entry { name, inode: 0, file_type: 0 }), seed);
    let leaves = pack(&hashed).len();
    let nodes = if leaves > IN_ROOT { leaves.div_ceil(IN_NODE) } else { 0 };
    (leaves <= MOST_LEAVES).then_some(Shape { blocks: (1 + nodes + leaves) as u32, indexed: true })
}

/// What a directory's blocks are made of.
pub(super) struct Directory<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) inode: u32,
    pub(super) parent: u32,
    pub(super) shape: Shape,
    pub(super) hash_seed: HashSeed,
    pub(super) checksum: Checksum,
}

impl Directory<'_> {
    /// All blocks of the directory.
    pub(super) fn encode(&self) -> Vec<u8> {
        if self.shape.indexed { self.encode_indexed() } else { self.encode_linear() }
    }

    fn encode_linear(&self) -> Vec<u8> {
        let mut blocks = vec![0; self.shape.blocks as usize * BLOCK_SIZE];
        for (number, block) in blocks.chunks_exact_mut(BLOCK_SIZE).enumerate() {
            if number == 0 {
                let dots = [
                    Entry { name: b".", inode: self.inode, file_type: DIRECTORY_TYPE },
                    Entry { name: b"..", inode: self.parent, file_type: DIRECTORY_TYPE },
                ];
                encode_entries(block, dots.iter().chain(&self.entries));
            } else {
                encode_entries(block, [].iter());
            }
            self.seal_entries(block);
        }
        blocks
    }

    fn encode_indexed(&self) -> Vec<u8> {
        let hashed = hash_sorted(self.entries.iter().copied(), &self.hash_seed);
        let leaves = pack(&hashed);
        let nodes = if leaves.len() > IN_ROOT { leaves.len().div_ceil(IN_NODE) } else { 0 };
        let first_leaf = 1 + nodes;
        let mut blocks = vec![0; (first_leaf + leaves.len()) * BLOCK_SIZE];

        for (leaf, block) in leaves.iter().zip(blocks[first_leaf * BLOCK_SIZE..].chunks_exact_mut(BLOCK_SIZE))
        {
            encode_entries(block, hashed[leaf.clone()].iter().map(|(_, entry)| entry));
            self.seal_entries(block);
        }

        let index: Vec<(u32, u32)> = leaves
            .iter()
            .enumerate()
            .map(|(number, leaf)| {
                let hash = hashed[leaf.start].0.0;
                // Names with one hash in two blocks: the bit tells a search to go on.
                let continued = leaf.start > 0 && hashed[leaf.start - 1].0.0 == hash;
                (hash | u32::from(continued), (first_leaf + number) as u32)
            })
            .collect();
        let top: Vec<(u32, u32)> = if nodes == 0 {
            index
        } else {
            let mut top = Vec::new();
            for (number, part) in index.chunks(IN_NODE).enumerate() {
                let block = &mut blocks[(1 + number) * BLOCK_SIZE..][..BLOCK_SIZE];
                block[4..6].copy_from_slice(&(BLOCK_SIZE as u16).to_le_bytes());
                self.encode_index(block, 8, part, IN_NODE);
                top.push((part[0].0, (1 + number) as u32));
            }
            top
        };
        let root = &mut blocks[..BLOCK_SIZE];
        encode_entry(root, &Entry { name: b".", inode: self.inode, file_type: DIRECTORY_TYPE }, 12);
        let rest = BLOCK_SIZE - 12;
        encode_entry(
            &mut root[12..],
            &Entry { name: b"..", inode: self.parent, file_type: DIRECTORY_TYPE },
            rest,
        );
        // Hash version 1 is half MD4; the superblock says that bytes are unsigned.
        root[28] = 1;
        root[29] = 8;
        root[30] = u8::from(nodes > 0);
        self.encode_index(root, 32, &top, IN_ROOT);
        blocks
    }

    /// Index entries (hash, block) at `offset`; the first one's hash gives way to limit and count.
    fn encode_index(&self, block: &mut [u8], offset: usize, index: &[(u32, u32)], limit: usize) {
        for ((hash, target), place) in index.iter().zip(block[offset..].chunks_exact_mut(8)) {
            place[0..4].copy_from_slice(&hash.to_le_bytes());
            place[4..8].copy_from_slice(&target.to_le_bytes());
        }
        block[offset..offset + 2].copy_from_slice(&(limit as u16).to_le_bytes());
        block[offset + 2..offset + 4].copy_from_slice(&(index.len() as u16).to_le_bytes());
        let checksum = self.checksum.update(&block[..offset + index.len() * 8]).update(&[0; 8]);
        let tail = offset + limit * 8 + 4;
        block[tail..tail + 4].copy_from_slice(&checksum.to_le_bytes());
    }

    fn seal_entries(&self, block: &mut [u8]) {
        let checksum = self.checksum.update(&block[..ROOM]);
        block[ROOM + 4..ROOM + 6].copy_from_slice(&(TAIL as u16).to_le_bytes());
        block[ROOM + 7] = TAIL_TYPE;
        block[ROOM + 8..].copy_from_slice(&checksum.to_le_bytes());
    }
}

type Hashed<'a> = ((u32, u32), Entry<'a>);

fn hash_sorted<'a>(entries: impl Iterator<Item = Entry<'a>>, seed: &HashSeed) -> Vec<Hashed<'a>> {
    let mut hashed: Vec<Hashed<'a>> = entries.map(|entry| (half_md4(entry.name, seed), entry)).collect();
    hashed.sort_unstable_by(|(left, a), (right, b)| left.cmp(right).then_with(|| a.name.cmp(b.name)));
    hashed
}

/// Cuts sorted entries into blocks.
fn pack(hashed: &[Hashed<'_>]) -> Vec<std::ops::Range<usize>> {
    let mut leaves = Vec::new();
    let mut start = 0;
    let mut size = 0;
    for (index, (_, entry)) in hashed.iter().enumerate() {
        let needed = entry_size(entry.name.len());
        if size + needed > ROOM {
            leaves.push(start..index);
            start = index;
            size = 0;
        }
        size += needed;
    }
    leaves.push(start..hashed.len());
    leaves
}

fn encode_entry(place: &mut [u8], entry: &Entry<'_>, size: usize) {
    place[0..4].copy_from_slice(&entry.inode.to_le_bytes());
    place[4..6].copy_from_slice(&(size as u16).to_le_bytes());
    place[6] = entry.name.len() as u8;
    place[7] = entry.file_type;
    place[8..8 + entry.name.len()].copy_from_slice(entry.name);
}

/// Entries one after the other; the last one, or an empty one, takes the rest of the block.
fn encode_entries<'a>(block: &mut [u8], entries: impl Iterator<Item = &'a Entry<'a>>) {
    let mut entries = entries.peekable();
    let mut offset = 0;
    if entries.peek().is_none() {
        encode_entry(block, &Entry { name: b"", inode: 0, file_type: 0 }, ROOM);
    }
    while let Some(entry) = entries.next() {
        let needed = entry_size(entry.name.len());
        let size = if entries.peek().is_some() { needed } else { ROOM - offset };
        encode_entry(&mut block[offset..], entry, size);
        offset += needed;
    }
}
