use std::fmt;
use std::path::PathBuf;

use crate::device::{Bus, Disk, Use};
use crate::error::{Error, Result};
use crate::source::ImageFile;

/// What is known of an image before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// What people read: its path.
    pub name: String,
    /// Bytes of the image, if known.
    pub size: Option<u64>,
    /// Whether a checksum of the file is compared while it is read.
    pub has_checksum: bool,
}

impl From<&ImageFile> for ImageSummary {
    fn from(file: &ImageFile) -> Self {
        ImageSummary {
            name: file.path().display().to_string(),
            size: file.image_size(),
            has_checksum: file.has_checksum(),
        }
    }
}

/// What will be written where, and what will be lost. Only what may be done becomes a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashPlan {
    /// The image.
    pub image: ImageSummary,
    /// The disk.
    pub disk: Disk,
    /// Mounts that are undone first.
    pub unmount: Vec<PathBuf>,
}

impl FlashPlan {
    /// Plans to write an image to a disk. `named` is the disk's full name ([`Disk::full_name`]) where somebody has said it:
    /// then disks that are not removable are written, too, and mounted ones are unmounted.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`], [`Error::TooSmall`].
    pub fn new(image: ImageSummary, disk: Disk, named: Option<&str>) -> Result<Self> {
        let name = disk.full_name();
        let refused =
            |reason: String| Err(Error::Refused { path: disk.path.clone(), name: name.clone(), reason });
        if disk.read_only {
            return refused("it is write-protected".to_owned());
        }
        if let Some(used) = disk.uses.iter().find(|used| used.carries_the_system()) {
            return refused(format!("the running system needs it: {used}"));
        }
        if let Some(named) = named.filter(|named| *named != name) {
            return refused(format!("it was named {named:?}, which it is not"));
        }
        if named.is_none() {
            if !disk.removable {
                return refused("it is not a removable disk, and was not named in full".to_owned());
            }
            if let Some(used) = disk.uses.first() {
                return refused(format!("{used}, and the disk was not named in full"));
            }
        }
        if let Some(needed) = image.size.filter(|size| *size > disk.size) {
            return Err(Error::TooSmall { path: disk.path, needed, available: disk.size });
        }
        let mut unmount: Vec<PathBuf> = disk
            .uses
            .iter()
            .filter_map(|used| match used {
                Use::Mounted { at, .. } => Some(at.clone()),
                _ => None,
            })
            .collect();
        // What is mounted inside another goes first.
        unmount.sort_by_key(|at| std::cmp::Reverse(at.components().count()));
        Ok(FlashPlan { image, disk, unmount })
    }
}

impl fmt::Display for FlashPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disk { path, bus, size, model, serial, contents, partitions, .. } = &self.disk;
        write!(formatter, "write {}", self.image.name)?;
        match self.image.size {
            Some(size) => writeln!(formatter, " ({size} bytes)")?,
            None => writeln!(formatter, " (size not known before it is unpacked)")?,
        }
        let kind = if *bus == Bus::File { "the file" } else { "the disk" };
        write!(formatter, "   to {kind} {} ({size} bytes", path.display())?;
        for known in [model, serial].into_iter().flatten() {
            write!(formatter, ", {known}")?;
        }
        writeln!(formatter, ")")?;
        for at in &self.unmount {
            writeln!(formatter, "unmount {}", at.display())?;
        }
        let mut lost = false;
        for partition in partitions {
            lost = true;
            write!(formatter, "lose {}, {} bytes", partition.path.display(), partition.size)?;
            match &partition.contents {
                Some(contents) => writeln!(formatter, ", {contents}")?,
                None => writeln!(formatter)?,
            }
        }
        match contents {
            Some(contents) if !lost => writeln!(formatter, "lose what is on it: {contents}"),
            None if !lost => writeln!(formatter, "nothing known is on it"),
            _ => Ok(()),
        }
    }
}
