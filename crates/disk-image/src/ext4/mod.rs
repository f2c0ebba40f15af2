//! An ext4 file system with all its content, written in one pass.
//!
//! Planning gives every node its inode and every byte its block; nothing is read but sizes. Writing then goes over the
//! disk once from its first block to its last. Nothing is ever written twice and no file's content is held in memory.
//!
//! What comes out is what `mke2fs` makes by default (journal, extents, metadata checksums, hashed directories, 64-bit
//! block numbers), except that all data lies together: files follow each other in the order of the tree without gaps.
//! Room for group descriptors is kept so that the mounted file system can grow.
//!
//! The format is described in the kernel's documentation, filesystems/ext4.

mod allocation;
mod checksum;
mod directory;
mod extents;
mod geometry;
mod hash;
mod inode;
mod layout;
mod resize;
mod superblock;
mod writer;
mod xattr;

pub use layout::Ext4Plan;

use crate::error::{Error, Result};
use crate::image::SizePolicy;
use crate::seed::{Seed, Uuid};
use crate::tree::Tree;

/// The longest label in bytes.
const LONGEST_LABEL: usize = 16;

/// How large the journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalSize {
    /// By the size of the file system, as `mke2fs` does: 4 MiB to 1 GiB, none below 8 MiB.
    Auto,
    /// So many bytes, a multiple of 4096, at least 4 MiB.
    Bytes(u64),
    /// No journal.
    None,
}

/// How an ext4 file system is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ext4Options {
    /// Label, at most 16 bytes.
    pub label: String,
    /// The file system's UUID.
    pub uuid: Uuid,
    /// Seed of the hash that sorts large directories.
    pub hash_seed: [u8; 16],
    /// The time at which it was made, in seconds since 1970.
    pub timestamp: i64,
    /// Size.
    pub size: SizePolicy,
    /// Journal.
    pub journal: JournalSize,
    /// There is at least one inode for so many bytes of the file system (`mke2fs`: 16384).
    pub bytes_per_inode: u64,
    /// Hundredths of the blocks that only root may use.
    pub reserved_percent: u8,
    /// Size in bytes up to which the mounted file system can grow; at least 32 times its own is always possible.
    pub grow_to: u64,
}

impl Ext4Options {
    /// Identifiers from `seed` and the label, 1 % reserved, growth as far as 2 TiB for file systems of 2 GiB and more.
    pub fn new(label: impl Into<String>, seed: &Seed, timestamp: i64, size: SizePolicy) -> Self {
        let label = label.into();
        let uuid = seed.uuid(&format!("ext4 {label}"));
        let mut hash_seed = [0; 16];
        hash_seed.copy_from_slice(&seed.bytes(&format!("ext4 directory hash {label}"))[..16]);
        Self {
            label,
            uuid,
            hash_seed,
            timestamp,
            size,
            journal: JournalSize::Auto,
            bytes_per_inode: 16_384,
            reserved_percent: 1,
            grow_to: 0,
        }
    }

    fn check(&self) -> Result<()> {
        let reason = if self.label.len() > LONGEST_LABEL {
            "an ext4 label has at most 16 bytes"
        } else if self.label.contains('\0') {
            "its label has a NUL character"
        } else if !inode::TIMES.contains(&self.timestamp) {
            "its timestamp is outside what ext4 can hold (1901 to 2310)"
        } else if self.reserved_percent > 50 {
            "at most half of the blocks can be reserved for root"
        } else if matches!(self.journal, JournalSize::Bytes(size) if !allocation::is_journal_size(size)) {
            "the journal's size is not a multiple of 4096 from 4 MiB to 4 GiB"
        } else {
            return Ok(());
        };
        Err(Error::InvalidPartition { partition: self.label.clone(), reason: reason.to_owned() })
    }
}

/// Lays out a file system that holds `tree`. A directory `lost+found` is added if there is none.
///
/// # Errors
///
/// [`Error::TooSmall`] when a fixed size does not hold the tree; [`Error::Unrepresentable`] with the path of what ext4
/// cannot hold; [`Error::InvalidPartition`] for options that contradict each other.
pub fn plan(tree: Tree, options: Ext4Options) -> Result<Ext4Plan> {
    options.check()?;
    layout::plan(tree, options)
}
