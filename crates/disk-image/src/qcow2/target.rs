use super::format::{CLUSTER, Header, L2_ENTRIES, L2_SPAN, USED_ONCE, refcounts};
use crate::error::Result;
use crate::target::{RawTarget, Target};
use crate::tree::HostFile;
use std::collections::BTreeMap;
use std::path::Path;

/// A qcow2 image that grows while the disk is written.
#[derive(Debug)]
pub(crate) struct Qcow2Target {
    image: RawTarget,
    /// The cluster of the disk that is being filled.
    cluster: Vec<u8>,
    number: u64,
    /// Whether anything was put into it.
    touched: bool,
    /// Clusters of the image that are in use; the first is the header's.
    used: u64,
    /// Level 2 tables by their number.
    tables: BTreeMap<u64, Vec<u64>>,
}

impl Qcow2Target {
    /// An image at `path`, in place of a file that is there.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            image: RawTarget::create(path)?,
            cluster: vec![0; CLUSTER as usize],
            number: 0,
            touched: false,
            used: 1,
            tables: BTreeMap::new(),
        })
    }

    /// Appends the cluster unless it is zero.
    fn flush(&mut self) -> Result<()> {
        if std::mem::take(&mut self.touched) && self.cluster.iter().any(|byte| *byte != 0) {
            let offset = self.used * CLUSTER;
            self.image.write(offset, &self.cluster)?;
            self.cluster.fill(0);
            self.used += 1;
            let table = self.tables.entry(self.number / L2_ENTRIES);
            let table = table.or_insert_with(|| vec![0; L2_ENTRIES as usize]);
            table[(self.number % L2_ENTRIES) as usize] = offset | USED_ONCE;
        }
        Ok(())
    }

    /// The rest of the cluster from `offset` on.
    fn room(&mut self, offset: u64) -> Result<&mut [u8]> {
        let number = offset / CLUSTER;
        if number != self.number {
            self.flush()?;
            self.number = number;
        }
        self.touched = true;
        Ok(&mut self.cluster[(offset % CLUSTER) as usize..])
    }

    /// Puts entries of a table at the end of the image, filled up to whole clusters; returns its place.
    fn append_table(&mut self, entries: &[u64]) -> Result<u64> {
        let offset = self.used * CLUSTER;
        let mut bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        bytes.resize(bytes.len().next_multiple_of(CLUSTER as usize), 0);
        self.image.write(offset, &bytes)?;
        self.used += bytes.len() as u64 / CLUSTER;
        Ok(offset)
    }
}

impl Target for Qcow2Target {
    fn write(&mut self, mut offset: u64, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            let room = self.room(offset)?;
            let count = room.len().min(data.len());
            room[..count].copy_from_slice(&data[..count]);
            offset += count as u64;
            data = &data[count..];
        }
        Ok(())
    }

    fn copy(&mut self, offset: u64, source: &HostFile<'_>, source_offset: u64, length: u64) -> Result<()> {
        let mut done = 0;
        while done < length {
            let room = self.room(offset + done)?;
            let count = room.len().min(usize::try_from(length - done).unwrap_or(usize::MAX));
            source.read_exact_at(&mut room[..count], source_offset + done)?;
            done += count as u64;
        }
        Ok(())
    }

    fn zero(&mut self, _offset: u64, _length: u64) -> Result<()> {
        // What is not written reads as zeros.
        Ok(())
    }

    fn finish(&mut self, size: u64) -> Result<()> {
        self.flush()?;
        let mut l1 = vec![0; size.div_ceil(L2_SPAN) as usize];
        for (number, table) in std::mem::take(&mut self.tables) {
            let offset = self.append_table(&table)?;
            l1[number as usize] = offset | USED_ONCE;
        }
        let l1_offset = self.append_table(&l1)?;
        let counts = refcounts(self.used);
        self.image.write(counts.offset, &counts.bytes)?;
        let header = Header {
            size,
            l1_offset,
            refcount_table_offset: counts.table_offset,
            refcount_table_clusters: counts.table_clusters,
            backing: None,
        };
        self.image.write(0, &header.encode())?;
        self.image.finish(counts.end())
    }
}
