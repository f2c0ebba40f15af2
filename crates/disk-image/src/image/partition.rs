use crate::gpt::PartitionType;
use crate::seed::Uuid;
use crate::tree::Tree;

/// How large a file system becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizePolicy {
    /// Just so many bytes (rounded down to whole blocks).
    Exact(u64),
    /// As small as its content allows, with so many bytes free.
    Fit {
        /// Bytes that stay free.
        free: u64,
    },
}

/// Which file system a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// FAT32, or FAT16 where it is too small for that.
    Vfat,
    /// ext4.
    Ext4,
}

/// What identifies a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeId {
    /// FAT's serial number.
    Serial(u32),
    /// ext4's UUID.
    Uuid(Uuid),
}

/// A partition and what is in it.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Name in the partition table, at most 36 UTF-16 code units; each partition has another.
    pub name: String,
    /// Type.
    pub kind: PartitionType,
    /// Whether it is marked as the one to boot from: U-Boot looks there first for its menu.
    pub bootable: bool,
    /// File system.
    pub file_system: FileSystem,
    /// The file system's label.
    pub label: String,
    /// The file system's identifier; from the image's seed if there is none.
    pub volume_id: Option<VolumeId>,
    /// Size.
    pub size: SizePolicy,
    /// Content.
    pub tree: Tree,
}
