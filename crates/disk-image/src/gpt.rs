//! GUID partition tables (UEFI 2.10, section 5) with their protective MBR.

use crate::error::Result;
use crate::seed::Uuid;
use crate::target::Target;

/// Bytes in a sector. Disks with sectors of 4096 bytes present 512 too, or are formatted on their own.
pub const SECTOR: u64 = 512;

/// Partitions begin at multiples of this: it suits every flash erase block and RAID stripe in use.
pub const ALIGNMENT: u64 = 1 << 20;

/// Entries in the table: the 16 KiB that section 5.3.1 reserves at least.
const ENTRIES: usize = 128;
const ENTRY_SIZE: usize = 128;
const TABLE_SECTORS: u64 = (ENTRIES * ENTRY_SIZE) as u64 / SECTOR;
const HEADER_SIZE: usize = 92;

/// Bytes that the primary table takes from the start of the disk.
pub const PRIMARY_SIZE: u64 = (2 + TABLE_SECTORS) * SECTOR;

/// Bytes that the backup table takes at the end of the disk.
pub const BACKUP_SIZE: u64 = (1 + TABLE_SECTORS) * SECTOR;

/// The attribute "Legacy BIOS Bootable" (table 5.8), in the first byte of eight.
const LEGACY_BOOTABLE: u8 = 1 << 2;

/// The longest partition name, in UTF-16 code units.
const LONGEST_NAME: usize = 36;

/// What a partition is for: its type GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionType {
    /// EFI system partition.
    Esp,
    /// Linux root for x86-64 (Discoverable Partitions Specification).
    LinuxRootX86_64,
    /// Linux root for arm64 (Discoverable Partitions Specification).
    LinuxRootArm64,
    /// Linux data.
    Linux,
    /// Files that other systems and a board's firmware read.
    BasicData,
    /// Any other.
    Other(Uuid),
}

impl PartitionType {
    /// The type GUID.
    pub fn guid(self) -> Uuid {
        Uuid(
            match self {
                PartitionType::Esp => 0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b_u128,
                PartitionType::LinuxRootX86_64 => 0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709,
                PartitionType::LinuxRootArm64 => 0xb921_b045_1df0_41c3_af44_4c6f_280d_3fae,
                PartitionType::Linux => 0x0fc6_3daf_8483_4772_8e79_3d69_d847_7de4,
                PartitionType::BasicData => 0xebd0_a0a2_b9e5_4433_87c0_68b6_b726_99c7,
                PartitionType::Other(guid) => return guid,
            }
            .to_be_bytes(),
        )
    }
}

/// One entry of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GptEntry {
    /// Type.
    pub kind: PartitionType,
    /// Whether it is marked as the one to boot from.
    pub bootable: bool,
    /// The partition's own GUID.
    pub guid: Uuid,
    /// Offset in bytes, a multiple of 512.
    pub offset: u64,
    /// Size in bytes, a multiple of 512.
    pub size: u64,
    /// Name, at most 36 UTF-16 code units.
    pub name: String,
}

/// A partition table for a disk of a given size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpt {
    /// The disk's GUID.
    pub disk_guid: Uuid,
    /// The disk's size in bytes, a multiple of 512.
    pub disk_size: u64,
    /// Partitions in the order of their numbers.
    pub entries: Vec<GptEntry>,
}

/// Says what is wrong with a partition's name.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), &'static str> {
    match name.encode_utf16().count() {
        count if count > LONGEST_NAME => Err("its name has more than 36 UTF-16 code units"),
        _ if name.contains('\0') => Err("its name has a NUL character"),
        _ => Ok(()),
    }
}

/// How many partitions fit.
pub(crate) const MOST_PARTITIONS: usize = ENTRIES;

impl Gpt {
    /// Writes protective MBR, header and entries at the start of the disk.
    pub(crate) fn write_primary(&self, target: &mut dyn Target) -> Result<()> {
        let mut start = vec![0; PRIMARY_SIZE as usize];
        start[..512].copy_from_slice(&self.protective_mbr());
        let table = self.table();
        start[512..512 + HEADER_SIZE].copy_from_slice(&self.header(&table, 1, 2));
        start[1024..].copy_from_slice(&table);
        target.write(0, &start)
    }

    /// Writes entries and header at the end of the disk.
    pub(crate) fn write_backup(&self, target: &mut dyn Target) -> Result<()> {
        let last = self.last_sector();
        let mut end = self.table();
        let mut sector = [0; SECTOR as usize];
        sector[..HEADER_SIZE].copy_from_slice(&self.header(&end, last, last - TABLE_SECTORS));
        end.extend_from_slice(&sector);
        target.write((last - TABLE_SECTORS) * SECTOR, &end)
    }

    fn last_sector(&self) -> u64 {
        self.disk_size / SECTOR - 1
    }

    /// One partition of type 0xEE over the whole disk, so that old programs leave it alone (section 5.2.3).
    fn protective_mbr(&self) -> [u8; 512] {
        let mut mbr = [0; 512];
        mbr[446..462].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
        let sectors = u32::try_from(self.last_sector()).unwrap_or(u32::MAX);
        mbr[458..462].copy_from_slice(&sectors.to_le_bytes());
        mbr[510..].copy_from_slice(&[0x55, 0xaa]);
        mbr
    }

    fn table(&self) -> Vec<u8> {
        let mut table = vec![0; ENTRIES * ENTRY_SIZE];
        for (entry, bytes) in self.entries.iter().zip(table.chunks_exact_mut(ENTRY_SIZE)) {
            bytes[0..16].copy_from_slice(&entry.kind.guid().to_guid_bytes());
            bytes[16..32].copy_from_slice(&entry.guid.to_guid_bytes());
            bytes[32..40].copy_from_slice(&(entry.offset / SECTOR).to_le_bytes());
            bytes[40..48].copy_from_slice(&((entry.offset + entry.size) / SECTOR - 1).to_le_bytes());
            if entry.bootable {
                bytes[48] = LEGACY_BOOTABLE;
            }
            for (unit, place) in entry.name.encode_utf16().zip(bytes[56..].chunks_exact_mut(2)) {
                place.copy_from_slice(&unit.to_le_bytes());
            }
        }
        table
    }

    fn header(&self, table: &[u8], own: u64, table_sector: u64) -> [u8; HEADER_SIZE] {
        let last = self.last_sector();
        let other = if own == 1 { last } else { 1 };
        let mut header = [0; HEADER_SIZE];
        header[0..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
        header[12..16].copy_from_slice(&(HEADER_SIZE as u32).to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[32..40].copy_from_slice(&other.to_le_bytes());
        header[40..48].copy_from_slice(&(PRIMARY_SIZE / SECTOR).to_le_bytes());
        header[48..56].copy_from_slice(&(last - BACKUP_SIZE / SECTOR).to_le_bytes());
        header[56..72].copy_from_slice(&self.disk_guid.to_guid_bytes());
        header[72..80].copy_from_slice(&table_sector.to_le_bytes());
        header[80..84].copy_from_slice(&(ENTRIES as u32).to_le_bytes());
        header[84..88].copy_from_slice(&(ENTRY_SIZE as u32).to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(table).to_le_bytes());
        let checksum = crc32fast::hash(&header);
        header[16..20].copy_from_slice(&checksum.to_le_bytes());
        header
    }
}
