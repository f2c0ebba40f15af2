use crate::error::Result;
use crate::gpt::{BACKUP_SIZE, Gpt};
use crate::mbr::Mbr;
use crate::target::Target;
use std::fmt;

/// Which kind of partition table a disk gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableKind {
    /// GUID partition table.
    #[default]
    Gpt,
    /// Master boot record.
    Mbr,
}

/// A partition table.
#[derive(Clone, Debug, PartialEq)]
pub enum PartitionTable {
    /// GUID partition table.
    Gpt(Gpt),
    /// Master boot record.
    Mbr(Mbr),
}

impl TableKind {
    /// Bytes that the table takes at the end of the disk.
    pub(crate) fn size_at_end(self) -> u64 {
        match self {
            TableKind::Gpt => BACKUP_SIZE,
            TableKind::Mbr => 0,
        }
    }
}

impl PartitionTable {
    /// The disk's size in bytes.
    pub fn disk_size(&self) -> u64 {
        match self {
            PartitionTable::Gpt(table) => table.disk_size,
            PartitionTable::Mbr(table) => table.disk_size,
        }
    }

    pub(crate) fn write_start(&self, target: &mut dyn Target) -> Result<()> {
        match self {
            PartitionTable::Gpt(table) => table.write_primary(target),
            PartitionTable::Mbr(table) => table.write(target),
        }
    }

    pub(crate) fn write_end(&self, target: &mut dyn Target) -> Result<()> {
        match self {
            PartitionTable::Gpt(table) => table.write_backup(target),
            PartitionTable::Mbr(_) => Ok(()),
        }
    }

    /// How the partition of this index is identified.
    pub(crate) fn identifier(&self, index: usize) -> String {
        match self {
            PartitionTable::Gpt(table) => {
                table.entries.get(index).map(|entry| entry.guid.to_string()).unwrap_or_default()
            }
            PartitionTable::Mbr(table) => format!("{:08x}-{:02x}", table.signature, index + 1),
        }
    }
}

impl fmt::Display for PartitionTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartitionTable::Gpt(table) => write!(formatter, "GPT {}", table.disk_guid),
            PartitionTable::Mbr(table) => write!(formatter, "MBR {:08x}", table.signature),
        }
    }
}
