use super::allocation::{Allocator, Demand, geometry, journal_blocks, reserved, smallest};
use super::directory::{self, Shape};
use super::extents::{Extent, node_count};
use super::geometry::{BLOCK, Geometry};
use super::hash::HashSeed;
use super::xattr::{Place, StoredXattrs};
use super::{Ext4Options, inode};
use crate::error::{Error, Result};
use crate::gpt::ALIGNMENT;
use crate::image::{Meter, Progress, SizePolicy};
use crate::target::{RawTarget, Target};
use crate::tree::{Attributes, NodeId, NodeKind, Tree};
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::path::Path;

/// A file system laid out: every node has its inode, every byte its block.
#[derive(Clone, Debug)]
pub struct Ext4Plan {
    pub(super) tree: Tree,
    pub(super) options: Ext4Options,
    pub(super) layout: Layout,
}

/// The places of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) geometry: Geometry,
    /// Nodes in the order of their inodes: the root, `lost+found`, and the rest in the order of the tree.
    pub(super) placed: Vec<Placed>,
    /// For each node of the tree, where it is in `placed`.
    pub(super) position: Vec<u32>,
    /// Extents of all nodes.
    pub(super) extents: Vec<Extent>,
    /// Blocks of all extent trees.
    pub(super) tree_blocks: Vec<u64>,
    pub(super) journal: Vec<Extent>,
    /// In [`Layout::tree_blocks`].
    pub(super) journal_tree_blocks: Range<usize>,
    /// The resize inode's double-indirect block.
    pub(super) resize_block: u64,
    /// Every data block before this one is used, none after it.
    pub(super) data_end: u64,
    pub(super) free_blocks: u64,
    pub(super) reserved_blocks: u64,
    /// Bytes of files.
    pub(super) content: u64,
}

/// A node's places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) node: NodeId,
    /// The position of the directory it was first met in.
    pub(super) parent: u32,
    /// Directories in it.
    pub(super) subdirectories: u32,
    pub(super) shape: Option<Shape>,
    /// In [`Layout::extents`].
    pub(super) extents: Range<usize>,
    /// In [`Layout::tree_blocks`].
    pub(super) tree_blocks: Range<usize>,
    /// 0: none.
    pub(super) xattr_block: u64,
    xattr_place: Place,
}

/// The number of the inode at a position.
pub(super) fn inode_number(position: usize) -> u32 {
    match position {
        0 => inode::ROOT,
        _ => inode::FIRST - 1 + position as u32,
    }
}

/// A symbolic link whose target is shorter lies in its inode.
pub(super) const SHORT_SYMLINK: usize = 60;

/// The unit in which sizes are found, in blocks: that of partitions.
const STEP: u64 = ALIGNMENT / BLOCK;

const LOST_AND_FOUND: &str = "lost+found";

/// Blocks of `lost+found`: e2fsck must be able to use it without finding free blocks first.
const LOST_AND_FOUND_BLOCKS: u32 = 4;

/// The largest file: block numbers within a file have 32 bits.
const LARGEST_FILE: u64 = (u32::MAX as u64) * BLOCK;

pub(super) fn plan(mut tree: Tree, options: Ext4Options) -> Result<Ext4Plan> {
    if tree.find(LOST_AND_FOUND).is_none() {
        tree.add_directory(LOST_AND_FOUND, Attributes::root(0o700, options.timestamp))?;
    }
    let seed = hash_seed(&options);
    let (mut placed, position) = number_nodes(&tree);
    let mut content = 0;
    let mut blocks = 0;
    for placed in &mut placed {
        let (node_blocks, bytes) = measure(&tree, placed, &seed)?;
        blocks += node_blocks;
        content += bytes;
    }
    let fixed_free = match options.size {
        SizePolicy::Fit { free } => free.div_ceil(BLOCK),
        SizePolicy::Exact(_) => 0,
    };
    // One inode beyond those in use, so that the table is never quite full.
    let inodes = u64::from(inode_number(placed.len()));
    let demand = Demand { inodes, content: blocks, free: fixed_free };
    let mut size = match options.size {
        SizePolicy::Fit { .. } => smallest(&demand, &options).next_multiple_of(STEP),
        SizePolicy::Exact(bytes) => bytes / BLOCK,
    };
    loop {
        let laid_out = geometry(size, inodes, &options)
            .and_then(|geometry| allocate(&tree, &placed, geometry, &options, fixed_free));
        match (laid_out, options.size) {
            (Some(layout), _) => {
                let layout = Layout { position, content, ..layout };
                return Ok(Ext4Plan { tree, options, layout });
            }
            (None, SizePolicy::Exact(available)) => {
                // What the extent trees need beyond this is little, and not known.
                let needed = smallest(&demand, &options) * BLOCK;
                let needed = needed.max(available + BLOCK);
                return Err(Error::TooSmall { partition: options.label, needed, available });
            }
            // Extent trees were not counted, and a last group that was left out takes its blocks with it.
            (None, SizePolicy::Fit { .. }) => size += (size / 512).next_multiple_of(STEP),
        }
    }
}

pub(super) fn hash_seed(options: &Ext4Options) -> HashSeed {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(options.hash_seed.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    // A seed of zeros would mean another one, that of MD4 itself.
    if words == [0; 4] { [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476] } else { words }
}

/// Gives every node its position.
fn number_nodes(tree: &Tree) -> (Vec<Placed>, Vec<u32>) {
    let mut placed = Vec::new();
    let mut position = vec![u32::MAX; tree.node_count()];
    let mut place = |id: NodeId, parent: u32, placed: &mut Vec<Placed>| {
        if position[id.index()] != u32::MAX {
            return None;
        }
        let own = placed.len() as u32;
        position[id.index()] = own;
        placed.push(Placed {
            node: id,
            parent,
            subdirectories: 0,
            shape: None,
            extents: 0..0,
            tree_blocks: 0..0,
            xattr_block: 0,
            xattr_place: Place::Nowhere,
        });
        Some(own)
    };
    place(NodeId::ROOT, 0, &mut placed);
    let mut open = vec![(0, tree.children(NodeId::ROOT).collect::<Vec<_>>().into_iter())];
    if let Some(id) = tree.find(LOST_AND_FOUND)
        && let Some(own) = place(id, 0, &mut placed)
        && matches!(tree.node(id).kind, NodeKind::Directory(_))
    {
        placed[0].subdirectories += 1;
        open.push((own, tree.children(id).collect::<Vec<_>>().into_iter()));
    }
    while let Some((parent, entries)) = open.last_mut() {
        let parent = *parent;
        let Some((_, id)) = entries.next() else {
            open.pop();
            continue;
        };
        let Some(own) = place(id, parent, &mut placed) else { continue };
        if matches!(tree.node(id).kind, NodeKind::Directory(_)) {
            placed[parent as usize].subdirectories += 1;
            open.push((own, tree.children(id).collect::<Vec<_>>().into_iter()));
        }
    }
    (placed, position)
}

/// Checks a node and counts its blocks and the bytes that are copied for it.
fn measure(tree: &Tree, placed: &mut Placed, seed: &HashSeed) -> Result<(u64, u64)> {
    let node = tree.node(placed.node);
    let refuse = |reason: String| Error::Unrepresentable {
        file_system: "ext4",
        path: tree.path_of(placed.node),
        reason,
    };
    if !inode::TIMES.contains(&node.attributes.mtime) {
        return Err(refuse("its time is outside what ext4 can hold (1901 to 2310)".to_owned()));
    }
    let mut blocks = 0;
    let mut bytes = 0;
    if !node.attributes.xattrs.is_empty() {
        placed.xattr_place = StoredXattrs::new(&node.attributes.xattrs).map_err(refuse)?.place();
        blocks += u64::from(placed.xattr_place == Place::Block);
    }
    match &node.kind {
        NodeKind::Directory(children) => {
            let mut shape = directory::shape(children.keys().map(|name| &**name), seed)
                .ok_or_else(|| refuse("it has more names than a hashed directory holds".to_owned()))?;
            // Positions 0 and 1 are the root and `lost+found`.
            if placed.parent == 0 && tree.find(LOST_AND_FOUND) == Some(placed.node) && !shape.indexed {
                shape.blocks = LOST_AND_FOUND_BLOCKS;
            }
            placed.shape = Some(shape);
            blocks += u64::from(shape.blocks);
        }
        NodeKind::File(file) if file.size() > LARGEST_FILE => {
            return Err(refuse("it is larger than 16 TiB".to_owned()));
        }
        NodeKind::File(file) => {
            for range in block_ranges(&file.data_ranges()) {
                blocks += range.end - range.start;
                bytes += (range.end * BLOCK).min(file.size()) - range.start * BLOCK;
            }
        }
        NodeKind::Symlink(target) if target.len() >= BLOCK as usize => {
            return Err(refuse("the target of the symbolic link is longer than 4095 bytes".to_owned()));
        }
        NodeKind::Symlink(target) => blocks += u64::from(target.len() >= SHORT_SYMLINK),
        NodeKind::CharacterDevice { .. }
        | NodeKind::BlockDevice { .. }
        | NodeKind::Fifo
        | NodeKind::Socket => {}
    }
    Ok((blocks, bytes))
}

/// The blocks of a file that hold some data, as ranges that do not touch.
fn block_ranges(data: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut blocks: Vec<Range<u64>> = Vec::new();
    for range in data {
        let start = range.start / BLOCK;
        let end = range.end.div_ceil(BLOCK);
        match blocks.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => blocks.push(start..end),
        }
    }
    blocks
}

/// Gives out blocks; `None` when they are not enough.
fn allocate(
    tree: &Tree,
    placed: &[Placed],
    geometry: Geometry,
    options: &Ext4Options,
    free: u64,
) -> Option<Layout> {
    let mut placed = placed.to_vec();
    let mut extents = Vec::new();
    let mut tree_blocks = Vec::new();
    let mut allocator = Allocator::new(&geometry);
    let resize_block = allocator.take(1)?.start;
    let mut journal = Vec::new();
    allocator.extend(&mut journal, 0..journal_blocks(options.journal, geometry.blocks))?;
    for _ in 0..node_count(journal.len()) {
        tree_blocks.push(allocator.take(1)?.start);
    }
    let journal_tree_blocks = 0..tree_blocks.len();

    // Directories first: a walk through the whole tree then reads one part of the disk.
    let is_directory = |placed: &Placed| placed.shape.is_some();
    for directories in [true, false] {
        for placed in placed.iter_mut().filter(|placed| is_directory(placed) == directories) {
            if placed.xattr_place == Place::Block {
                placed.xattr_block = allocator.take(1)?.start;
            }
            let first = extents.len();
            match (&tree.node(placed.node).kind, placed.shape) {
                (_, Some(shape)) => allocator.extend(&mut extents, 0..u64::from(shape.blocks))?,
                (NodeKind::File(file), _) => {
                    for range in block_ranges(&file.data_ranges()) {
                        allocator.extend(&mut extents, range)?;
                    }
                }
                (NodeKind::Symlink(target), _) if target.len() >= SHORT_SYMLINK => {
                    allocator.extend(&mut extents, 0..1)?;
                }
                _ => {}
            }
            placed.extents = first..extents.len();
            let first = tree_blocks.len();
            for _ in 0..node_count(placed.extents.len()) {
                tree_blocks.push(allocator.take(1)?.start);
            }
            placed.tree_blocks = first..tree_blocks.len();
        }
    }
    let free_blocks = allocator.free();
    let reserved_blocks = reserved(geometry.blocks, options).min(free_blocks);
    if free_blocks < free + reserved_blocks {
        return None;
    }
    Some(Layout {
        placed,
        position: Vec::new(),
        extents,
        tree_blocks,
        journal,
        journal_tree_blocks,
        resize_block,
        data_end: allocator.cursor(),
        free_blocks,
        reserved_blocks,
        content: 0,
        geometry,
    })
}

impl Ext4Plan {
    /// Writes the file system alone, without a partition table, as [`ImagePlan::write_raw`] does for a whole disk.
    ///
    /// # Errors
    ///
    /// As [`ImagePlan::write_raw`].
    ///
    /// [`ImagePlan::write_raw`]: crate::ImagePlan::write_raw
    pub fn write_raw(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut target = RawTarget::create(path)?;
        self.write(&mut target, 0, &mut Meter::new(self.content_size(), progress))?;
        target.finish(self.size())
    }

    /// Bytes of the file system.
    pub fn size(&self) -> u64 {
        self.layout.geometry.blocks * BLOCK
    }

    /// Bytes of files that are copied into it.
    pub fn content_size(&self) -> u64 {
        self.layout.content
    }

    /// The options it was planned with.
    pub fn options(&self) -> &Ext4Options {
        &self.options
    }
}

/// Two plans are equal when everything has the same place.
impl PartialEq for Ext4Plan {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options && self.layout == other.layout
    }
}

impl fmt::Display for Ext4Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = &self.layout;
        write!(
            formatter,
            "ext4 `{}` {}: {} blocks of {BLOCK} bytes ({} free, {} reserved, {} journal), {} inodes ({} used), \
             {} bytes of files",
            self.options.label,
            self.options.uuid,
            layout.geometry.blocks,
            layout.free_blocks,
            layout.reserved_blocks,
            layout.journal.iter().map(|extent| u64::from(extent.length)).sum::<u64>(),
            layout.geometry.inodes(),
            inode_number(layout.placed.len()) - 1,
            layout.content,
        )
    }
}
