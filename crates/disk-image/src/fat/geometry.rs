//! Sizes and places of a FAT volume from the number of its sectors alone.

/// Bytes in a sector.
pub(super) const SECTOR: u64 = 512;

/// Sectors before the first FAT of a FAT32 volume, as all formatters have it.
const RESERVED_32: u64 = 32;

/// Entries of the root directory of a FAT16 volume, and the sectors that they take.
pub(super) const ROOT_ENTRIES: u64 = 512;
const ROOT_SECTORS: u64 = ROOT_ENTRIES * 32 / SECTOR;

/// Data begins at a multiple of this many sectors (4 KiB), so that file data can be shared with the host's file system
/// and flash pages are written whole.
const DATA_ALIGNMENT: u64 = 8;

/// The type follows from the number of clusters alone (Microsoft's FAT specification, section 3.5), which advises to
/// stay 16 clusters away from the limits because many programs are off by some.
const CLUSTERS_16: std::ops::RangeInclusive<u64> = 4085 + 16..=65_524 - 16;
const CLUSTERS_32: std::ops::RangeInclusive<u64> = 65_525 + 16..=0x0fff_fff4 - 16;

/// Which FAT it is. FAT12 is not written: UEFI reads it, but little else of today is tested with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FatType {
    /// 4085 to 65524 clusters.
    Fat16,
    /// 65525 clusters and more.
    Fat32,
}

/// Sizes and places, in sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) kind: FatType,
    pub(super) sectors: u64,
    pub(super) sectors_per_cluster: u64,
    pub(super) reserved: u64,
    pub(super) fat: u64,
    /// The root directory of FAT16.
    pub(super) root: u64,
    pub(super) clusters: u64,
}

impl Geometry {
    /// FAT32 if the volume is large enough for it, else FAT16; `None` when it is too small or too large for either.
    pub(super) fn new(sectors: u64) -> Option<Self> {
        const MEBIBYTE: u64 = (1 << 20) / SECTOR;
        if sectors > u64::from(u32::MAX) {
            return None;
        }
        // Microsoft's table of cluster sizes for FAT32.
        let sectors_per_cluster = match sectors / MEBIBYTE {
            ..=260 => 1,
            261..=8_192 => 8,
            8_193..=16_384 => 16,
            16_385..=32_768 => 32,
            _ => 64,
        };
        Self::with(FatType::Fat32, sectors, sectors_per_cluster).or_else(|| {
            [1, 2, 4].into_iter().find_map(|cluster| Self::with(FatType::Fat16, sectors, cluster))
        })
    }

    fn with(kind: FatType, sectors: u64, sectors_per_cluster: u64) -> Option<Self> {
        let (entry, reserved, root) = match kind {
            FatType::Fat16 => (2, 1, ROOT_SECTORS),
            FatType::Fat32 => (4, RESERVED_32, 0),
        };
        // A FAT for clusters that fill the volume is at most a few sectors too long.
        let most = sectors.checked_sub(reserved + root)? / sectors_per_cluster;
        let fat = ((most + 2) * entry).div_ceil(SECTOR);
        let before = (reserved + root + 2 * fat).next_multiple_of(DATA_ALIGNMENT);
        let clusters = sectors.checked_sub(before)? / sectors_per_cluster;
        let allowed = match kind {
            FatType::Fat16 => CLUSTERS_16,
            FatType::Fat32 => CLUSTERS_32,
        };
        allowed.contains(&clusters).then_some(Self {
            kind,
            sectors,
            sectors_per_cluster,
            reserved: before - root - 2 * fat,
            fat,
            root,
            clusters,
        })
    }

    pub(super) fn cluster_bytes(&self) -> u64 {
        self.sectors_per_cluster * SECTOR
    }

    /// The first sector of the FAT16 root directory.
    pub(super) fn root_start(&self) -> u64 {
        self.reserved + 2 * self.fat
    }

    /// The byte at which `cluster` begins; the first one has number 2.
    pub(super) fn cluster_offset(&self, cluster: u64) -> u64 {
        (self.root_start() + self.root) * SECTOR + (cluster - 2) * self.cluster_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_follows_the_size() {
        let kind = |mebibytes: u64| Geometry::new(mebibytes * 2048).map(|geometry| geometry.kind);
        assert_eq!(kind(1), None);
        assert_eq!(kind(4), Some(FatType::Fat16));
        assert_eq!(kind(32), Some(FatType::Fat16));
        assert_eq!(kind(34), Some(FatType::Fat32));
        assert_eq!(kind(512), Some(FatType::Fat32));
        assert_eq!(kind(100_000), Some(FatType::Fat32));
    }

    #[test]
    fn every_size_from_four_mebibytes_on_works() {
        for sectors in (8_192..600_000).step_by(7) {
            let geometry = Geometry::new(sectors).unwrap_or_else(|| panic!("{sectors}"));
            assert!(geometry.cluster_offset(geometry.clusters + 2) <= sectors * SECTOR);
            let entry = if geometry.kind == FatType::Fat16 { 2 } else { 4 };
            assert!(geometry.fat * SECTOR >= (geometry.clusters + 2) * entry);
        }
    }
}
