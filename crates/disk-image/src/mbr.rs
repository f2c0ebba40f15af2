//! MBR partition tables (UEFI 2.10, section 5.2): what the firmware of many boards reads.

use crate::error::Result;
use crate::gpt::{PartitionType, SECTOR};
use crate::target::Target;

/// How many partitions fit.
pub(crate) const MOST_PARTITIONS: usize = 4;

/// Bytes from the start of the disk that can be given to partitions: sectors have 32-bit numbers.
pub(crate) const LARGEST_DISK: u64 = (u32::MAX as u64) * SECTOR;

/// Where the disk's signature and the four entries lie, and the bytes of one.
const SIGNATURE: usize = 440;
const ENTRIES: usize = 446;
const ENTRY_SIZE: usize = 16;

/// "The partition is beyond what cylinder, head and sector can say": all programs of today read the sector's number.
const NO_GEOMETRY: [u8; 3] = [0xfe, 0xff, 0xff];

/// One entry of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MbrEntry {
    /// Type: 0x0b, 0x83…
    pub kind: u8,
    /// Whether it is marked as the one to boot from.
    pub bootable: bool,
    /// Offset in bytes, a multiple of 512.
    pub offset: u64,
    /// Size in bytes, a multiple of 512.
    pub size: u64,
}

/// A partition table without extended partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mbr {
    /// The disk's signature (`label-id` of sfdisk(8)); partitions' PARTUUIDs are made of it.
    pub signature: u32,
    /// The disk's size in bytes, a multiple of 512.
    pub disk_size: u64,
    /// Partitions in the order of their numbers, at most four.
    pub entries: Vec<MbrEntry>,
}

/// The type that stands for a partition's purpose, if there is one.
pub(crate) fn kind_of(purpose: PartitionType) -> Option<u8> {
    match purpose {
        PartitionType::Esp => Some(0xef),
        PartitionType::BasicData => Some(0x0b),
        PartitionType::LinuxRootX86_64 | PartitionType::LinuxRootArm64 | PartitionType::Linux => Some(0x83),
        PartitionType::Other(_) => None,
    }
}

impl Mbr {
    /// Writes the first sector.
    pub(crate) fn write(&self, target: &mut dyn Target) -> Result<()> {
        let mut sector = [0; SECTOR as usize];
        sector[SIGNATURE..SIGNATURE + 4].copy_from_slice(&self.signature.to_le_bytes());
        for (entry, bytes) in self.entries.iter().zip(sector[ENTRIES..].chunks_exact_mut(ENTRY_SIZE)) {
            let number = |bytes: u64| u32::try_from(bytes / SECTOR).unwrap_or(u32::MAX).to_le_bytes();
            bytes[0] = if entry.bootable { 0x80 } else { 0 };
            bytes[1..4].copy_from_slice(&NO_GEOMETRY);
            bytes[4] = entry.kind;
            bytes[5..8].copy_from_slice(&NO_GEOMETRY);
            bytes[8..12].copy_from_slice(&number(entry.offset));
            bytes[12..16].copy_from_slice(&number(entry.size));
        }
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        target.write(0, &sector)
    }
}
