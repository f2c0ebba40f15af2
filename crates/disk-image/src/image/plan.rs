use super::partition::{FileSystem, Partition, SizePolicy, VolumeId};
use super::progress::{Meter, Progress};
use super::table::{PartitionTable, TableKind};
use crate::error::{Error, Result};
use crate::ext4::{self, Ext4Options, Ext4Plan};
use crate::fat::{self, FatOptions, FatPlan};
use crate::gpt::{self, ALIGNMENT, Gpt, GptEntry, SECTOR};
use crate::mbr::{self, Mbr, MbrEntry};
use crate::personal;
use crate::qcow2::Qcow2Target;
use crate::seed::Seed;
use crate::target::{ByteObserver, ObservedTarget, RawTarget, StreamTarget, Target};
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

/// A disk as it is asked for.
#[derive(Clone, Debug)]
pub struct DiskImage {
    /// All GUIDs, UUIDs and serial numbers come from this.
    pub seed: Seed,
    /// The time at which file systems were made, in seconds since 1970.
    pub timestamp: i64,
    /// The kind of partition table.
    pub table: TableKind,
    /// The signature of an MBR disk; from the seed if there is none.
    pub signature: Option<u32>,
    /// Bytes before the first partition, a multiple of 1 MiB and at least that: what some boards' boot ROMs read lies there.
    pub gap: u64,
    /// What the host takes from the place for what a copy has of its own ([`personal`]); no such place if there is nothing.
    pub takes: Vec<String>,
    /// Partitions in the order of their numbers.
    pub partitions: Vec<Partition>,
}

/// A disk laid out to the last block; it only has to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePlan {
    table: PartitionTable,
    /// The first block of the place for what a copy has of its own, and its offset.
    place: Option<(u64, Vec<u8>)>,
    partitions: Vec<PlannedPartition>,
}

/// A partition laid out.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedPartition {
    /// The partition's name.
    pub name: String,
    /// First byte on the disk.
    pub offset: u64,
    /// Bytes, a multiple of 1 MiB.
    pub size: u64,
    /// The file system in it.
    pub content: PlannedContent,
}

/// A file system laid out.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannedContent {
    /// FAT.
    Vfat(FatPlan),
    /// ext4.
    Ext4(Ext4Plan),
}

impl DiskImage {
    /// Lays out the disk. Nothing is read but what is in the trees.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPartition`], [`Error::TooSmall`], [`Error::Unrepresentable`].
    pub fn plan(self) -> Result<ImagePlan> {
        let mut names = HashSet::new();
        let mut offset = self.gap.max(ALIGNMENT).next_multiple_of(ALIGNMENT);
        let place =
            (!self.takes.is_empty()).then(|| (offset - personal::PLACE_SIZE, personal::empty(&self.takes)));
        let mut partitions = Vec::new();
        let mut entries = Vec::new();
        let most = match self.table {
            TableKind::Gpt => gpt::MOST_PARTITIONS,
            TableKind::Mbr => mbr::MOST_PARTITIONS,
        };
        for partition in self.partitions {
            let name = partition.name.clone();
            let invalid = |reason: String| Error::InvalidPartition { partition: name.clone(), reason };
            gpt::check_name(&name).map_err(|reason| invalid(reason.to_owned()))?;
            if !names.insert(name.clone()) {
                return Err(invalid("another partition has the same name".to_owned()));
            }
            if names.len() > most {
                return Err(invalid(format!("the table has no room for more than {most} partitions")));
            }
            if self.table == TableKind::Mbr && mbr::kind_of(partition.kind).is_none() {
                return Err(invalid("its type has no number in an MBR partition table".to_owned()));
            }
            let (kind, bootable) = (partition.kind, partition.bootable);
            let (content, size) = plan_content(partition, &self.seed, self.timestamp)?;
            if self.table == TableKind::Mbr && offset + size > mbr::LARGEST_DISK {
                return Err(invalid(
                    "it ends beyond 2 TiB, where an MBR partition table does not reach".to_owned(),
                ));
            }
            let guid = self.seed.uuid(&format!("partition {name}"));
            entries.push(GptEntry { kind, bootable, guid, offset, size, name: name.clone() });
            partitions.push(PlannedPartition { name, offset, size, content });
            offset += size;
        }
        let disk_size = (offset + self.table.size_at_end()).next_multiple_of(ALIGNMENT);
        let table = match self.table {
            TableKind::Gpt => {
                PartitionTable::Gpt(Gpt { disk_guid: self.seed.uuid("disk"), disk_size, entries })
            }
            TableKind::Mbr => PartitionTable::Mbr(Mbr {
                signature: self.signature.unwrap_or_else(|| self.seed.number("disk")),
                disk_size,
                entries: entries.iter().filter_map(mbr_entry).collect(),
            }),
        };
        Ok(ImagePlan { table, place, partitions })
    }
}

fn mbr_entry(entry: &GptEntry) -> Option<MbrEntry> {
    let GptEntry { kind, bootable, offset, size, .. } = *entry;
    Some(MbrEntry { kind: mbr::kind_of(kind)?, bootable, offset, size })
}

fn plan_content(partition: Partition, seed: &Seed, timestamp: i64) -> Result<(PlannedContent, u64)> {
    let Partition { name, file_system, label, volume_id, size, tree, .. } = partition;
    if let SizePolicy::Exact(size) = size
        && (size == 0 || !size.is_multiple_of(ALIGNMENT))
    {
        let reason = format!("its size of {size} bytes is not a multiple of 1 MiB");
        return Err(Error::InvalidPartition { partition: name, reason });
    }
    let named = |error: Error| match error {
        Error::TooSmall { needed, available, .. } => {
            Error::TooSmall { partition: name.clone(), needed: needed.next_multiple_of(ALIGNMENT), available }
        }
        Error::InvalidPartition { reason, .. } => Error::InvalidPartition { partition: name.clone(), reason },
        other => other,
    };
    let content = match file_system {
        FileSystem::Vfat => {
            let mut options = FatOptions::new(label, seed, timestamp, size);
            match volume_id {
                Some(VolumeId::Serial(serial)) => options.serial = serial,
                Some(VolumeId::Uuid(_)) => return Err(wrong_id(name, "FAT has a serial number, no UUID")),
                None => {}
            }
            PlannedContent::Vfat(fat::plan(tree, options).map_err(named)?)
        }
        FileSystem::Ext4 => {
            let mut options = Ext4Options::new(label, seed, timestamp, size);
            match volume_id {
                Some(VolumeId::Uuid(uuid)) => options.uuid = uuid,
                Some(VolumeId::Serial(_)) => return Err(wrong_id(name, "ext4 has a UUID, no serial number")),
                None => {}
            }
            PlannedContent::Ext4(ext4::plan(tree, options).map_err(named)?)
        }
    };
    let size = match size {
        SizePolicy::Exact(size) => size,
        SizePolicy::Fit { .. } => content.size().next_multiple_of(ALIGNMENT),
    };
    Ok((content, size))
}

fn wrong_id(partition: String, reason: &str) -> Error {
    Error::InvalidPartition { partition, reason: reason.to_owned() }
}

impl PlannedContent {
    /// Bytes of the file system.
    pub fn size(&self) -> u64 {
        match self {
            PlannedContent::Vfat(plan) => plan.size(),
            PlannedContent::Ext4(plan) => plan.size(),
        }
    }

    /// Bytes of files that are copied into it.
    pub fn content_size(&self) -> u64 {
        match self {
            PlannedContent::Vfat(plan) => plan.content_size(),
            PlannedContent::Ext4(plan) => plan.content_size(),
        }
    }
}

impl ImagePlan {
    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.table.disk_size()
    }

    /// The partition table.
    pub fn table(&self) -> &PartitionTable {
        &self.table
    }

    /// The partitions in the order of their numbers.
    pub fn partitions(&self) -> &[PlannedPartition] {
        &self.partitions
    }

    /// Writes the image as a raw one: a sparse file at `path`, or the device that is there.
    ///
    /// `progress` is called once a mebibyte or so and may ask to stop.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] and [`Error::Changed`] for files of the host; [`Error::Write`], [`Error::DiskFull`];
    /// [`Error::Cancelled`]. What was written so far is left where it is.
    pub fn write_raw(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        self.write(&mut RawTarget::create(path)?, progress)
    }

    /// As [`ImagePlan::write_raw`] to a file, with `observer` seeing all bytes of the image in their order.
    ///
    /// # Errors
    ///
    /// As [`ImagePlan::write_raw`].
    pub fn write_raw_observed(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
        observer: &mut dyn ByteObserver,
    ) -> Result<()> {
        self.write(&mut ObservedTarget::new(RawTarget::create(path)?, observer), progress)
    }

    /// Writes the image as a qcow2 one, without a raw one in between; otherwise as [`ImagePlan::write_raw`].
    ///
    /// # Errors
    ///
    /// As [`ImagePlan::write_raw`].
    pub fn write_qcow2(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        self.write(&mut Qcow2Target::create(path)?, progress)
    }

    /// Hands all bytes of the image to `writer`, what is empty as zeros: for compressors. `path` is what messages name.
    ///
    /// # Errors
    ///
    /// As [`ImagePlan::write_raw`].
    pub fn write_stream(
        &self,
        writer: &mut dyn io::Write,
        path: &Path,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        self.write(&mut StreamTarget::new(writer, path.to_owned()), progress)
    }

    fn write(
        &self,
        target: &mut dyn Target,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        let total = self.partitions.iter().map(|partition| partition.content.content_size()).sum();
        let mut meter = Meter::new(total, progress);
        self.table.write_start(target)?;
        if let Some((offset, block)) = &self.place {
            target.write(*offset, block)?;
        }
        for partition in &self.partitions {
            match &partition.content {
                PlannedContent::Vfat(plan) => plan.write(target, partition.offset, &mut meter)?,
                PlannedContent::Ext4(plan) => plan.write(target, partition.offset, &mut meter)?,
            }
        }
        self.table.write_end(target)?;
        target.finish(self.size())
    }
}

impl fmt::Display for ImagePlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}, {} bytes", self.table, self.size())?;
        for (index, partition) in self.partitions.iter().enumerate() {
            writeln!(
                formatter,
                "{}: `{}` {} from sector {}, {} bytes",
                index + 1,
                partition.name,
                self.table.identifier(index),
                partition.offset / SECTOR,
                partition.size,
            )?;
            match &partition.content {
                PlannedContent::Vfat(plan) => writeln!(formatter, "   {plan}")?,
                PlannedContent::Ext4(plan) => writeln!(formatter, "   {plan}")?,
            }
        }
        Ok(())
    }
}
