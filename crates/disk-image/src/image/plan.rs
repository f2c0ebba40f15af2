use super::partition::{FileSystem, Partition, SizePolicy};
use super::progress::{Meter, Progress};
use crate::error::{Error, Result};
use crate::ext4::{self, Ext4Options, Ext4Plan};
use crate::fat::{self, FatOptions, FatPlan};
use crate::gpt::{self, ALIGNMENT, BACKUP_SIZE, Gpt, GptEntry, SECTOR};
use crate::qcow2::Qcow2Target;
use crate::seed::Seed;
use crate::target::{ByteObserver, ObservedTarget, RawTarget, Target};
use std::collections::HashSet;
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

/// A disk as it is asked for.
#[derive(Clone, Debug)]
pub struct DiskImage {
    /// All GUIDs, UUIDs and serial numbers come from this.
    pub seed: Seed,
    /// The time at which file systems were made, in seconds since 1970.
    pub timestamp: i64,
    /// Partitions in the order of their numbers.
    pub partitions: Vec<Partition>,
}

/// A disk laid out to the last block; it only has to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct ImagePlan {
    table: Gpt,
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
        let mut offset = ALIGNMENT;
        let mut partitions = Vec::new();
        let mut entries = Vec::new();
        for partition in self.partitions {
            let name = partition.name.clone();
            let invalid =
                |reason: &str| Error::InvalidPartition { partition: name.clone(), reason: reason.to_owned() };
            gpt::check_name(&name).map_err(invalid)?;
            if !names.insert(name.clone()) {
                return Err(invalid("another partition has the same name"));
            }
            if names.len() > gpt::MOST_PARTITIONS {
                return Err(invalid("the table has no room for more than 128 partitions"));
            }
            let kind = partition.kind;
            let (content, size) = plan_content(partition, &self.seed, self.timestamp)?;
            let guid = self.seed.uuid(&format!("partition {name}"));
            entries.push(GptEntry { kind, guid, offset, size, name: name.clone() });
            partitions.push(PlannedPartition { name, offset, size, content });
            offset += size;
        }
        let disk_size = (offset + BACKUP_SIZE).next_multiple_of(ALIGNMENT);
        let table = Gpt { disk_guid: self.seed.uuid("disk"), disk_size, entries };
        Ok(ImagePlan { table, partitions })
    }
}

fn plan_content(partition: Partition, seed: &Seed, timestamp: i64) -> Result<(PlannedContent, u64)> {
    let Partition { name, file_system, label, size, tree, .. } = partition;
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
            let options = FatOptions::new(label, seed, timestamp, size);
            PlannedContent::Vfat(fat::plan(tree, options).map_err(named)?)
        }
        FileSystem::Ext4 => {
            let options = Ext4Options::new(label, seed, timestamp, size);
            PlannedContent::Ext4(ext4::plan(tree, options).map_err(named)?)
        }
    };
    let size = match size {
        SizePolicy::Exact(size) => size,
        SizePolicy::Fit { .. } => content.size().next_multiple_of(ALIGNMENT),
    };
    Ok((content, size))
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
        self.table.disk_size
    }

    /// The partition table.
    pub fn table(&self) -> &Gpt {
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

    fn write(
        &self,
        target: &mut dyn Target,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        let total = self.partitions.iter().map(|partition| partition.content.content_size()).sum();
        let mut meter = Meter::new(total, progress);
        self.table.write_primary(target)?;
        for partition in &self.partitions {
            match &partition.content {
                PlannedContent::Vfat(plan) => plan.write(target, partition.offset, &mut meter)?,
                PlannedContent::Ext4(plan) => plan.write(target, partition.offset, &mut meter)?,
            }
        }
        self.table.write_backup(target)?;
        target.finish(self.size())
    }
}

impl fmt::Display for ImagePlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "GPT {}, {} bytes", self.table.disk_guid, self.size())?;
        for (index, (partition, entry)) in self.partitions.iter().zip(&self.table.entries).enumerate() {
            writeln!(
                formatter,
                "{}: `{}` {} from sector {}, {} bytes",
                index + 1,
                partition.name,
                entry.guid,
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
