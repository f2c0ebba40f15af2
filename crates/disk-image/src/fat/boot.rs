use super::geometry::{FatType, Geometry, ROOT_ENTRIES, SECTOR};

/// The sectors of FAT32 that hold free-cluster counts and the copy of the boot sector.
pub(super) const INFORMATION_SECTOR: u64 = 1;
pub(super) const BACKUP_SECTOR: u64 = 6;

/// The boot sector.
pub(super) fn boot_sector(geometry: &Geometry, label: &[u8; 11], serial: u32, hidden: u32) -> Vec<u8> {
    let mut sector = vec![0; SECTOR as usize];
    let mut put = |offset: usize, bytes: &[u8]| sector[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(3, b"HOSTWRGT");
    put(11, &(SECTOR as u16).to_le_bytes());
    put(13, &[geometry.sectors_per_cluster as u8]);
    put(14, &(geometry.reserved as u16).to_le_bytes());
    // Two FATs.
    put(16, &[2]);
    // A fixed disk, with the sectors and heads that every BIOS of the last decades pretends.
    put(21, &[0xf8]);
    put(24, &63_u16.to_le_bytes());
    put(26, &255_u16.to_le_bytes());
    put(28, &hidden.to_le_bytes());
    let small = u16::try_from(geometry.sectors).ok().filter(|_| geometry.kind == FatType::Fat16);
    match small {
        Some(sectors) => put(19, &sectors.to_le_bytes()),
        None => put(32, &(geometry.sectors as u32).to_le_bytes()),
    }
    // Drive number, extended signature, serial number, label and type.
    let (extended, name) = match geometry.kind {
        FatType::Fat16 => {
            put(0, &[0xeb, 0x3c, 0x90]);
            put(17, &(ROOT_ENTRIES as u16).to_le_bytes());
            put(22, &(geometry.fat as u16).to_le_bytes());
            (36, b"FAT16   ")
        }
        FatType::Fat32 => {
            put(0, &[0xeb, 0x58, 0x90]);
            put(36, &(geometry.fat as u32).to_le_bytes());
            // The root directory begins at cluster 2.
            put(44, &2_u32.to_le_bytes());
            put(48, &(INFORMATION_SECTOR as u16).to_le_bytes());
            put(50, &(BACKUP_SECTOR as u16).to_le_bytes());
            (64, b"FAT32   ")
        }
    };
    put(extended, &[0x80, 0, 0x29]);
    put(extended + 3, &serial.to_le_bytes());
    put(extended + 7, label);
    put(extended + 18, name);
    put(510, &[0x55, 0xaa]);
    sector
}

/// FAT32's counts of free clusters.
pub(super) fn information_sector(free: u32, next: u32) -> Vec<u8> {
    let mut sector = vec![0; SECTOR as usize];
    sector[0..4].copy_from_slice(b"RRaA");
    sector[484..488].copy_from_slice(b"rrAa");
    sector[488..492].copy_from_slice(&free.to_le_bytes());
    sector[492..496].copy_from_slice(&next.to_le_bytes());
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}
