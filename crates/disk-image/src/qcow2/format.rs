use super::BackingFormat;

/// Bytes in a cluster, QEMU's default.
pub(super) const CLUSTER: u64 = 1 << CLUSTER_BITS;
const CLUSTER_BITS: u32 = 16;

/// Entries in a level 2 table, and the bytes of the disk that it covers.
pub(super) const L2_ENTRIES: u64 = CLUSTER / 8;
pub(super) const L2_SPAN: u64 = L2_ENTRIES * CLUSTER;

/// Disks have whole sectors.
pub(super) const SECTOR: u64 = 512;

/// In entries of level 1 and 2 tables: the cluster is used once.
pub(super) const USED_ONCE: u64 = 1 << 63;

/// Reference counts have 16 bits.
const COUNTS_PER_CLUSTER: u64 = CLUSTER / 2;
const REFCOUNT_ORDER: u32 = 4;

const HEADER_LENGTH: u32 = 104;
const BACKING_FORMAT_EXTENSION: u32 = 0xe279_2aca;

/// What the header says.
pub(super) struct Header<'a> {
    pub(super) size: u64,
    pub(super) l1_offset: u64,
    pub(super) refcount_table_offset: u64,
    pub(super) refcount_table_clusters: u32,
    pub(super) backing: Option<(&'a [u8], BackingFormat)>,
}

impl Header<'_> {
    /// The header with its extensions; shorter than a cluster.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let Some((_, format)) = self.backing {
            let name: &[u8] = match format {
                BackingFormat::Raw => b"raw",
                BackingFormat::Qcow2 => b"qcow2",
            };
            extensions.extend_from_slice(&BACKING_FORMAT_EXTENSION.to_be_bytes());
            extensions.extend_from_slice(&(name.len() as u32).to_be_bytes());
            extensions.extend_from_slice(name);
            extensions.resize(extensions.len().next_multiple_of(8), 0);
        }
        extensions.extend_from_slice(&[0; 8]);
        let backing = self.backing.map_or(&[][..], |(name, _)| name);
        let backing_offset =
            if backing.is_empty() { 0 } else { u64::from(HEADER_LENGTH) + extensions.len() as u64 };

        let mut header = Vec::new();
        header.extend_from_slice(b"QFI\xfb");
        header.extend_from_slice(&3_u32.to_be_bytes());
        header.extend_from_slice(&backing_offset.to_be_bytes());
        header.extend_from_slice(&(backing.len() as u32).to_be_bytes());
        header.extend_from_slice(&CLUSTER_BITS.to_be_bytes());
        header.extend_from_slice(&self.size.to_be_bytes());
        // Not encrypted.
        header.extend_from_slice(&0_u32.to_be_bytes());
        header.extend_from_slice(&(self.size.div_ceil(L2_SPAN) as u32).to_be_bytes());
        header.extend_from_slice(&self.l1_offset.to_be_bytes());
        header.extend_from_slice(&self.refcount_table_offset.to_be_bytes());
        header.extend_from_slice(&self.refcount_table_clusters.to_be_bytes());
        // No snapshots; no features.
        header.extend_from_slice(&[0; 4 + 8 + 3 * 8]);
        header.extend_from_slice(&REFCOUNT_ORDER.to_be_bytes());
        header.extend_from_slice(&HEADER_LENGTH.to_be_bytes());
        header.extend_from_slice(&extensions);
        header.extend_from_slice(backing);
        header
    }
}

/// Reference counts at the end of the image.
pub(super) struct Refcounts {
    /// Where they begin.
    pub(super) offset: u64,
    /// Blocks of counts, then the table of their places.
    pub(super) bytes: Vec<u8>,
    pub(super) table_offset: u64,
    pub(super) table_clusters: u32,
}

impl Refcounts {
    /// The length of the image.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// Reference counts for an image in which `clusters` clusters are used once and these counts follow.
pub(super) fn refcounts(clusters: u64) -> Refcounts {
    let (mut blocks, mut table) = (1, 1);
    loop {
        let all = clusters + blocks + table;
        let needed = all.div_ceil(COUNTS_PER_CLUSTER);
        let needed_table = (needed * 8).div_ceil(CLUSTER);
        if needed <= blocks && needed_table <= table {
            break;
        }
        (blocks, table) = (needed, needed_table);
    }
    let offset = clusters * CLUSTER;
    let all = clusters + blocks + table;
    let mut bytes = vec![0; ((blocks + table) * CLUSTER) as usize];
    for count in bytes[..all as usize * 2].chunks_exact_mut(2) {
        count.copy_from_slice(&1_u16.to_be_bytes());
    }
    let places = (blocks * CLUSTER) as usize;
    for (block, place) in (0..blocks).zip(bytes[places..].chunks_exact_mut(8)) {
        place.copy_from_slice(&(offset + block * CLUSTER).to_be_bytes());
    }
    Refcounts { offset, bytes, table_offset: offset + blocks * CLUSTER, table_clusters: table as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_counts_count_themselves() {
        for clusters in [2, 32_765, 32_766, 32_767, 65_530, 400_000] {
            let counts = refcounts(clusters);
            let all = counts.end() / CLUSTER;
            assert!((counts.table_offset - counts.offset) / CLUSTER * COUNTS_PER_CLUSTER >= all);
            let ones =
                counts.bytes[..all as usize * 2].chunks_exact(2).filter(|count| *count == [0, 1]).count();
            assert_eq!(ones as u64, all);
        }
    }
}
