//! FAT16 and FAT32 volumes: EFI system partitions and firmware partitions.
//!
//! Directories come first and each file's clusters lie together, so that firmware reads a kernel in one go. The format
//! is Microsoft's FAT specification (2005), which UEFI 2.10 section 13.3 refers to.

mod boot;
mod directory;
mod geometry;
mod layout;
mod name;
mod writer;

pub use geometry::FatType;
pub use layout::FatPlan;

use crate::error::{Error, Result};
use crate::image::SizePolicy;
use crate::seed::Seed;
use crate::tree::Tree;

/// How a FAT volume is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatOptions {
    /// Label, at most 11 characters of those that short names have; lower case is stored as upper case.
    pub label: String,
    /// Serial number.
    pub serial: u32,
    /// The time of the label in seconds since 1970.
    pub timestamp: i64,
    /// Size.
    pub size: SizePolicy,
}

impl FatOptions {
    /// A volume whose serial number comes from `seed` and the label.
    pub fn new(label: impl Into<String>, seed: &Seed, timestamp: i64, size: SizePolicy) -> Self {
        let label = label.into();
        let serial = seed.number(&format!("fat {label}"));
        Self { label, serial, timestamp, size }
    }

    /// The label as it is stored.
    fn stored_label(&self) -> Result<[u8; 11]> {
        let mut stored = [b' '; 11];
        let fits = self.label.len() <= stored.len()
            && self.label.bytes().all(|byte| {
                byte == b' ' || byte.is_ascii_alphanumeric() || b"!#$%&'()-@^_`{}~".contains(&byte)
            });
        if !fits || self.label.starts_with(' ') {
            return Err(Error::InvalidPartition {
                partition: self.label.clone(),
                reason: "a FAT label has at most 11 letters, digits and some signs".to_owned(),
            });
        }
        stored[..self.label.len()].copy_from_slice(self.label.to_ascii_uppercase().as_bytes());
        Ok(stored)
    }
}

/// Lays out a volume that holds `tree`. Owners, modes and extended attributes are left out; every name of a hard link
/// becomes a file of its own.
///
/// # Errors
///
/// [`Error::TooSmall`] when a fixed size does not hold the tree; [`Error::Unrepresentable`] with the path of what FAT
/// cannot hold; [`Error::InvalidPartition`] for a label that cannot be.
pub fn plan(tree: Tree, options: FatOptions) -> Result<FatPlan> {
    layout::plan(tree, options)
}
