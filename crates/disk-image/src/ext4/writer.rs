use super::checksum::Checksum;
use super::directory::{Directory, Entry};
use super::extents::{Extent, encode_node, encode_root};
use super::geometry::{BLOCK, DESCRIPTOR, GROUP_BLOCKS, INODE};
use super::inode::{self, Content, Inode};
use super::layout::{Ext4Plan, Placed, SHORT_SYMLINK, hash_seed, inode_number};
use super::resize;
use super::superblock::{self, Descriptor, Superblock};
use super::xattr::{Place, StoredXattrs};
use crate::error::Result;
use crate::image::Meter;
use crate::target::{Target, write_content};
use crate::tree::{FileContent, Node, NodeKind};
use std::ops::Range;

/// Something to write, by the block it begins at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Superblock, descriptors and kept blocks of a group.
    Copy(u32),
    /// Bitmaps and inode tables of sixteen groups.
    Tables(u32),
    /// The resize inode's double-indirect block.
    ResizeBlock,
    /// An extent of the journal.
    Journal(usize),
    /// A block of the journal's extent tree.
    JournalTree(usize),
    /// Extended attributes of the node at a position.
    Xattrs(usize),
    /// An extent of the node at a position.
    Data(usize, usize),
    /// A block of its extent tree.
    Tree(usize, usize),
}

/// What is known before the first byte is written.
struct Writer<'a> {
    plan: &'a Ext4Plan,
    checksum: Checksum,
    /// The first byte of the file system on the target.
    base: u64,
    journal_root: [u8; 60],
    descriptors: Vec<u8>,
    free_inodes: u32,
}

impl Ext4Plan {
    /// Writes the file system at `base` bytes from the start of the target.
    pub(crate) fn write(&self, target: &mut dyn Target, base: u64, meter: &mut Meter<'_>) -> Result<()> {
        let layout = &self.layout;
        let checksum = Checksum::of_file_system(self.options.uuid);
        let journal_root =
            encode_root(&layout.journal, &layout.tree_blocks[layout.journal_tree_blocks.clone()]);
        let free_inodes = layout.geometry.inodes() - (inode_number(layout.placed.len()) - 1);
        let mut writer =
            Writer { plan: self, checksum, base, journal_root, descriptors: Vec::new(), free_inodes };
        writer.descriptors = writer.encode_descriptors();
        for (block, piece) in writer.pieces() {
            writer.write_piece(target, block, piece, meter)?;
        }
        Ok(())
    }
}

impl Writer<'_> {
    /// All pieces in the order of their blocks.
    fn pieces(&self) -> Vec<(u64, Piece)> {
        let layout = &self.plan.layout;
        let geometry = &layout.geometry;
        let mut pieces = vec![(layout.resize_block, Piece::ResizeBlock)];
        pieces.extend(
            geometry.groups_with_copy().map(|group| (geometry.copy_range(group).start, Piece::Copy(group))),
        );
        pieces
            .extend(geometry.flex_starts().map(|group| (geometry.block_bitmap(group), Piece::Tables(group))));
        for (index, extent) in layout.journal.iter().enumerate() {
            pieces.push((extent.physical, Piece::Journal(index)));
        }
        for (index, block) in layout.tree_blocks[layout.journal_tree_blocks.clone()].iter().enumerate() {
            pieces.push((*block, Piece::JournalTree(index)));
        }
        for (position, placed) in layout.placed.iter().enumerate() {
            if placed.xattr_block != 0 {
                pieces.push((placed.xattr_block, Piece::Xattrs(position)));
            }
            for (index, extent) in layout.extents[placed.extents.clone()].iter().enumerate() {
                pieces.push((extent.physical, Piece::Data(position, index)));
            }
            for (index, block) in layout.tree_blocks[placed.tree_blocks.clone()].iter().enumerate() {
                pieces.push((*block, Piece::Tree(position, index)));
            }
        }
        pieces.sort_unstable();
        pieces
    }

    fn write_piece(
        &self,
        target: &mut dyn Target,
        block: u64,
        piece: Piece,
        meter: &mut Meter<'_>,
    ) -> Result<()> {
        let layout = &self.plan.layout;
        let offset = self.base + block * BLOCK;
        match piece {
            Piece::Copy(group) => self.write_copy(target, group),
            Piece::Tables(first) => self.write_tables(target, first),
            Piece::ResizeBlock => target.write(offset, &resize::double_indirect(&layout.geometry)),
            Piece::Journal(index) => {
                let length = u64::from(layout.journal[index].length) * BLOCK;
                if index > 0 {
                    return target.zero(offset, length);
                }
                target.write(offset, &superblock::encode_journal(&layout.journal, &self.plan.options))?;
                target.zero(offset + BLOCK, length - BLOCK)
            }
            Piece::JournalTree(index) => {
                let nodes = &layout.tree_blocks[layout.journal_tree_blocks.clone()];
                let checksum = self.checksum.of_inode(inode::JOURNAL);
                target.write(offset, &encode_node(&layout.journal, nodes, index, checksum))
            }
            Piece::Xattrs(position) => {
                let xattrs = self.xattrs(&layout.placed[position]);
                target.write(offset, &xattrs.encode_block(block, self.checksum))
            }
            Piece::Tree(position, index) => {
                let placed = &layout.placed[position];
                let nodes = &layout.tree_blocks[placed.tree_blocks.clone()];
                let checksum = self.checksum.of_inode(inode_number(position));
                let extents = &layout.extents[placed.extents.clone()];
                target.write(offset, &encode_node(extents, nodes, index, checksum))
            }
            Piece::Data(position, index) => {
                let placed = &layout.placed[position];
                let extent = layout.extents[placed.extents.clone()][index];
                match &self.node(placed).kind {
                    NodeKind::File(file) => self.write_file(target, file, extent, meter),
                    NodeKind::Symlink(name) => {
                        let mut block = vec![0; BLOCK as usize];
                        block[..name.len()].copy_from_slice(name);
                        target.write(offset, &block)
                    }
                    _ => {
                        let blocks = self.encode_directory(position);
                        let start = extent.logical as usize * BLOCK as usize;
                        let length = extent.length as usize * BLOCK as usize;
                        target.write(offset, &blocks[start..start + length])
                    }
                }
            }
        }
    }

    fn node(&self, placed: &Placed) -> &Node {
        self.plan.tree.node(placed.node)
    }

    /// The part of a file that lies in `extent`. Holes within its blocks read as zeros anyway.
    fn write_file(
        &self,
        target: &mut dyn Target,
        file: &FileContent,
        extent: Extent,
        meter: &mut Meter<'_>,
    ) -> Result<()> {
        let offset = self.base + extent.physical * BLOCK;
        let start = u64::from(extent.logical) * BLOCK;
        let room = u64::from(extent.length) * BLOCK;
        let length = room.min(file.size() - start);
        write_content(target, offset, file, start..start + length, meter)?;
        if length < room { target.zero(offset + length, room - length) } else { Ok(()) }
    }

    fn encode_directory(&self, position: usize) -> Vec<u8> {
        let layout = &self.plan.layout;
        let placed = &layout.placed[position];
        let entries = self.plan.tree.children(placed.node).map(|(name, id)| Entry {
            name,
            inode: inode_number(layout.position[id.index()] as usize),
            file_type: file_type(&self.plan.tree.node(id).kind).1,
        });
        let own = inode_number(position);
        Directory {
            entries: entries.collect(),
            inode: own,
            parent: inode_number(placed.parent as usize),
            shape: placed.shape.unwrap_or(super::directory::Shape { blocks: 1, indexed: false }),
            hash_seed: hash_seed(&self.plan.options),
            checksum: self.checksum.of_inode(own),
        }
        .encode()
    }

    /// What was checked when the tree was planned cannot fail now; an empty set stands for what cannot be.
    fn xattrs(&self, placed: &Placed) -> StoredXattrs {
        StoredXattrs::new(&self.node(placed).attributes.xattrs).unwrap_or_else(|_| StoredXattrs::empty())
    }

    fn inode(&self, position: usize) -> Inode {
        let layout = &self.plan.layout;
        let placed = &layout.placed[position];
        let node = self.node(placed);
        let extents = &layout.extents[placed.extents.clone()];
        let nodes = &layout.tree_blocks[placed.tree_blocks.clone()];
        let data: u64 = extents.iter().map(|extent| u64::from(extent.length)).sum();
        let stored =
            if node.attributes.xattrs.is_empty() { StoredXattrs::empty() } else { self.xattrs(placed) };
        let mut inode = Inode {
            mode: file_type(&node.kind).0 | node.attributes.mode,
            uid: node.attributes.uid,
            gid: node.attributes.gid,
            time: node.attributes.mtime,
            links: node.links as u16,
            blocks: data + nodes.len() as u64 + u64::from(placed.xattr_block != 0),
            xattr_block: placed.xattr_block,
            xattrs: (stored.place() == Place::Inode).then(|| stored.encode_in_inode()),
            ..Inode::default()
        };
        let tree = Content(encode_root(extents, nodes));
        match &node.kind {
            NodeKind::Directory(_) => {
                let shape = placed.shape.unwrap_or(super::directory::Shape { blocks: 1, indexed: false });
                inode.size = u64::from(shape.blocks) * BLOCK;
                inode.flags = inode::EXTENTS | if shape.indexed { inode::INDEXED } else { 0 };
                // With more links than can be counted a directory has one (feature dir_nlink).
                const MOST_LINKS: u32 = 65_000;
                let links = placed.subdirectories.saturating_add(2);
                inode.links = if links > MOST_LINKS { 1 } else { links as u16 };
                inode.content = tree;
            }
            NodeKind::File(file) => {
                inode.size = file.size();
                inode.flags = inode::EXTENTS;
                inode.content = tree;
            }
            NodeKind::Symlink(target) => {
                inode.size = target.len() as u64;
                if target.len() < SHORT_SYMLINK {
                    inode.content = Content::symlink(target);
                } else {
                    inode.flags = inode::EXTENTS;
                    inode.content = tree;
                }
            }
            NodeKind::CharacterDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
                inode.content = Content::device(*major, *minor);
            }
            NodeKind::Fifo | NodeKind::Socket => {}
        }
        inode
    }

    /// The inode with this number; `None` for one that is not in use.
    fn encode_inode(&self, number: u32) -> Option<[u8; INODE]> {
        let layout = &self.plan.layout;
        let time = self.plan.options.timestamp;
        let inode = match number {
            inode::ROOT => self.inode(0),
            inode::RESIZE => resize::inode(&layout.geometry, layout.resize_block, time),
            inode::JOURNAL if !layout.journal.is_empty() => {
                let blocks: u64 = layout.journal.iter().map(|extent| u64::from(extent.length)).sum();
                Inode {
                    mode: inode::REGULAR | 0o600,
                    size: blocks * BLOCK,
                    time,
                    links: 1,
                    blocks: blocks + layout.journal_tree_blocks.len() as u64,
                    flags: inode::EXTENTS,
                    content: Content(self.journal_root),
                    ..Inode::default()
                }
            }
            // The other reserved ones exist, and are empty.
            1..inode::FIRST => Inode { time: if number == 1 { time } else { 0 }, ..Inode::default() },
            _ => {
                let position = (number - inode::FIRST + 1) as usize;
                if position >= layout.placed.len() {
                    return None;
                }
                self.inode(position)
            }
        };
        Some(inode.encode(number, self.checksum))
    }

    fn write_copy(&self, target: &mut dyn Target, group: u32) -> Result<()> {
        let layout = &self.plan.layout;
        let geometry = &layout.geometry;
        let offset = self.base + geometry.copy_range(group).start * BLOCK;
        let journal = (!layout.journal.is_empty()).then(|| {
            let blocks: u64 = layout.journal.iter().map(|extent| u64::from(extent.length)).sum();
            (self.journal_root, blocks * BLOCK)
        });
        let superblock = Superblock {
            geometry,
            options: &self.plan.options,
            hash_seed: hash_seed(&self.plan.options),
            reserved_blocks: layout.reserved_blocks,
            free_blocks: layout.free_blocks,
            free_inodes: self.free_inodes,
            journal,
        };
        let mut start = vec![0; BLOCK as usize];
        let place = if group == 0 { superblock::OFFSET } else { 0 };
        let encoded = superblock.encode(group);
        start[place..place + encoded.len()].copy_from_slice(&encoded);
        target.write(offset, &start)?;
        target.write(offset + BLOCK, &self.descriptors)?;
        let kept = offset + BLOCK + self.descriptors.len() as u64;
        if group == 0 {
            target.write(kept, &resize::kept_blocks(geometry))
        } else {
            target.zero(kept, u64::from(geometry.reserved_blocks) * BLOCK)
        }
    }

    fn write_tables(&self, target: &mut dyn Target, first: u32) -> Result<()> {
        let geometry = &self.plan.layout.geometry;
        let groups = geometry.flex_groups(first);
        for group in groups.clone() {
            target.write(self.base + geometry.block_bitmap(group) * BLOCK, &self.block_bitmap(group))?;
        }
        for group in groups.clone() {
            target.write(self.base + geometry.inode_bitmap(group) * BLOCK, &self.inode_bitmap(group))?;
        }
        for group in groups {
            let offset = self.base + geometry.inode_table(group) * BLOCK;
            let table = u64::from(geometry.inode_table_blocks()) * BLOCK;
            let mut written = 0;
            let first = group * geometry.inodes_per_group + 1;
            for number in first..first + geometry.inodes_per_group {
                let Some(inode) = self.encode_inode(number) else { break };
                target.write(offset + written, &inode)?;
                written += INODE as u64;
            }
            target.zero(offset + written, table - written)?;
        }
        Ok(())
    }

    /// A bit for each block of the group; those beyond the end of the disk count as used.
    fn block_bitmap(&self, group: u32) -> Vec<u8> {
        let layout = &self.plan.layout;
        let geometry = &layout.geometry;
        let range = geometry.group_range(group);
        let mut bitmap = vec![0; BLOCK as usize];
        let mut mark = |used: Range<u64>| {
            let start = used.start.max(range.start);
            let end = used.end.min(range.start + GROUP_BLOCKS);
            set_bits(&mut bitmap, start.saturating_sub(range.start), end.saturating_sub(range.start));
        };
        mark(0..layout.data_end);
        mark(geometry.copy_range(group));
        mark(geometry.tables_range(group - group % super::geometry::FLEX_GROUPS));
        mark(range.end..range.start + GROUP_BLOCKS);
        bitmap
    }

    /// A bit for each inode of the group; the rest of the block counts as used.
    fn inode_bitmap(&self, group: u32) -> Vec<u8> {
        let per_group = u64::from(self.plan.layout.geometry.inodes_per_group);
        let mut bitmap = vec![0; BLOCK as usize];
        set_bits(&mut bitmap, 0, u64::from(self.used_inodes(group)));
        set_bits(&mut bitmap, per_group, BLOCK * 8);
        bitmap
    }

    /// Inodes in use in a group: they are given out without gaps.
    fn used_inodes(&self, group: u32) -> u32 {
        let layout = &self.plan.layout;
        let used = inode_number(layout.placed.len()) - 1;
        used.saturating_sub(group * layout.geometry.inodes_per_group).min(layout.geometry.inodes_per_group)
    }

    fn encode_descriptors(&self) -> Vec<u8> {
        let layout = &self.plan.layout;
        let geometry = &layout.geometry;
        let mut directories = vec![0_u32; geometry.groups as usize];
        for (position, placed) in layout.placed.iter().enumerate() {
            if placed.shape.is_some() {
                directories[((inode_number(position) - 1) / geometry.inodes_per_group) as usize] += 1;
            }
        }
        let mut table = vec![0; (u64::from(geometry.descriptor_blocks) * BLOCK) as usize];
        for (group, place) in (0..geometry.groups).zip(table.chunks_exact_mut(DESCRIPTOR)) {
            let blocks = self.block_bitmap(group);
            let inodes = self.inode_bitmap(group);
            let free_inodes = geometry.inodes_per_group - self.used_inodes(group);
            let descriptor = Descriptor {
                block_bitmap_checksum: self.checksum.update(&blocks).value(),
                inode_bitmap_checksum: self
                    .checksum
                    .update(&inodes[..geometry.inodes_per_group as usize / 8])
                    .value(),
                free_blocks: blocks.iter().map(|byte| byte.count_zeros()).sum(),
                free_inodes,
                directories: directories[group as usize],
                unused_inodes: free_inodes,
            };
            place.copy_from_slice(&descriptor.encode(group, geometry, self.checksum));
        }
        table
    }
}

/// `i_mode`'s type and `EXT4_FT_*`.
fn file_type(kind: &NodeKind) -> (u16, u8) {
    match kind {
        NodeKind::File(_) => (inode::REGULAR, 1),
        NodeKind::Directory(_) => (inode::DIRECTORY, super::directory::DIRECTORY_TYPE),
        NodeKind::CharacterDevice { .. } => (inode::CHARACTER, 3),
        NodeKind::BlockDevice { .. } => (inode::BLOCK_DEVICE, 4),
        NodeKind::Fifo => (inode::FIFO, 5),
        NodeKind::Socket => (inode::SOCKET, 6),
        NodeKind::Symlink(_) => (inode::SYMLINK, 7),
    }
}

fn set_bits(bitmap: &mut [u8], start: u64, end: u64) {
    let mut bit = start;
    while bit < end {
        if bit.is_multiple_of(8) && bit + 8 <= end {
            bitmap[(bit / 8) as usize] = 0xff;
            bit += 8;
        } else {
            bitmap[(bit / 8) as usize] |= 1 << (bit % 8);
            bit += 1;
        }
    }
}
