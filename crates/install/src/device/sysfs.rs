use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::Places;
use super::disk::{Bus, Disk, DiskPartition, Use};
use super::mounts::{Mount, mounts, swaps};
use super::signature::contents;
use crate::error::{Error, Result};

/// The unit in which sysfs counts, whatever the disk's own sectors are.
const SECTOR: u64 = 512;

/// Block devices that are no disks: memory, what is made of other disks, and drives for discs.
const NO_DISKS: [&str; 6] = ["ram", "zram", "dm-", "md", "sr", "fd"];

/// All disks that have a medium, by name.
///
/// # Errors
///
/// [`Error::Read`] if sysfs cannot be read.
pub fn list(places: &Places) -> Result<Vec<Disk>> {
    let directory = places.sys.join("block");
    let entries = fs::read_dir(&directory).map_err(|source| Error::read(&directory, source))?;
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    let surroundings = Surroundings::new(places);
    let is_disk = |name: &String| !NO_DISKS.iter().any(|prefix| name.starts_with(prefix));
    Ok(names.iter().filter(|name| is_disk(name)).filter_map(|name| surroundings.disk(name)).collect())
}

/// The disk of a path: a device node or a link to one, or a regular file that stands for a disk.
///
/// # Errors
///
/// [`Error::NoSuchDisk`], [`Error::Partition`].
pub fn find(places: &Places, path: &Path) -> Result<Disk> {
    let missing = || Error::NoSuchDisk { path: path.to_owned() };
    let real = fs::canonicalize(path).map_err(|_| missing())?;
    let metadata = fs::metadata(&real).map_err(|source| Error::read(path, source))?;
    if metadata.is_file() {
        return Ok(Disk {
            bus: Bus::File,
            size: metadata.len(),
            model: None,
            serial: None,
            removable: true,
            read_only: metadata.permissions().readonly(),
            contents: contents(&real),
            partitions: Vec::new(),
            uses: Vec::new(),
            path: real,
        });
    }
    let name = real.file_name().and_then(OsStr::to_str).ok_or_else(missing)?;
    if !metadata.file_type().is_block_device() {
        return Err(missing());
    }
    if let Some(disk) = disk_of_partition(places, name) {
        return Err(Error::Partition { path: path.to_owned(), disk: places.dev.join(disk) });
    }
    Surroundings::new(places).disk(name).ok_or_else(missing)
}

/// The disk that a partition is on; `None` for what is not a partition.
fn disk_of_partition(places: &Places, name: &str) -> Option<String> {
    let real = fs::canonicalize(places.sys.join("class/block").join(name)).ok()?;
    real.join("partition").exists().then(|| real.parent()?.file_name()?.to_str().map(str::to_owned))?
}

/// What all disks are asked against.
struct Surroundings<'a> {
    places: &'a Places,
    mounts: Vec<Mount>,
    swaps: Vec<PathBuf>,
}

impl<'a> Surroundings<'a> {
    fn new(places: &'a Places) -> Self {
        Surroundings { places, mounts: mounts(places), swaps: swaps(places) }
    }

    /// A disk by its kernel name; `None` if there is none or no medium in it.
    fn disk(&self, name: &str) -> Option<Disk> {
        let directory = self.places.sys.join("block").join(name);
        let size = number(&directory.join("size"))? * SECTOR;
        if size == 0 {
            return None;
        }
        let bus = bus(&directory, name);
        let path = self.places.dev.join(name);
        let mut uses = self.uses(&directory, &path);
        let partitions = self.partitions(&directory);
        for partition in &partitions {
            if let Some(name) = partition.path.file_name() {
                uses.extend(self.uses(&directory.join(name), &partition.path));
            }
        }
        let first = |names: &[&str]| names.iter().find_map(|name| text(&directory.join(name)));
        let vendor = first(&["device/vendor"]).filter(|vendor| bus == Bus::Usb && !vendor.starts_with("0x"));
        let model = first(&["device/model", "device/name", "loop/backing_file"]);
        let model = match (vendor, model) {
            (Some(vendor), Some(model)) => Some(format!("{vendor} {model}")),
            (vendor, model) => model.or(vendor),
        };
        Some(Disk {
            bus,
            size,
            model,
            serial: first(&["device/serial", "serial", "device/wwid"]).or_else(|| usb_serial(&directory)),
            removable: match bus {
                Bus::Usb | Bus::SdCard => true,
                Bus::Emmc | Bus::Loop => false,
                _ => number(&directory.join("removable")) == Some(1),
            },
            read_only: number(&directory.join("ro")) == Some(1),
            contents: contents(&path),
            partitions,
            uses,
            path,
        })
    }

    fn partitions(&self, directory: &Path) -> Vec<DiskPartition> {
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let mut partitions: Vec<DiskPartition> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?.path();
                let path = self.places.dev.join(entry.file_name()?);
                Some(DiskPartition {
                    number: u32::try_from(number(&entry.join("partition"))?).ok()?,
                    size: number(&entry.join("size"))? * SECTOR,
                    contents: contents(&path),
                    path,
                })
            })
            .collect();
        partitions.sort_by_key(|partition| partition.number);
        partitions
    }

    /// What uses the block device of a directory of sysfs.
    fn uses(&self, directory: &Path, path: &Path) -> Vec<Use> {
        let device = text(&directory.join("dev"));
        let mounted = self.mounts.iter().filter(|mount| {
            Some(&mount.device) == device.as_ref() || mount.source == path || leads_to(&mount.source, path)
        });
        let mut uses: Vec<Use> =
            mounted.map(|mount| Use::Mounted { device: path.to_owned(), at: mount.at.clone() }).collect();
        if self.swaps.iter().any(|swap| swap == path || leads_to(swap, path)) {
            uses.push(Use::Swap { device: path.to_owned() });
        }
        let holders = fs::read_dir(directory.join("holders")).into_iter().flatten();
        let names = holders.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        uses.extend(names.map(|name| Use::Holder { name }));
        uses
    }
}

/// Whether a link such as those in `/dev/disk` leads to a device node.
fn leads_to(link: &Path, path: &Path) -> bool {
    link.starts_with("/dev/") && fs::canonicalize(link).is_ok_and(|real| real == path)
}

fn bus(directory: &Path, name: &str) -> Bus {
    let real = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let part = |prefix: &str| {
        real.components().any(|component| component.as_os_str().to_string_lossy().starts_with(prefix))
    };
    if name.starts_with("loop") {
        Bus::Loop
    } else if part("usb") {
        Bus::Usb
    } else if name.starts_with("mmcblk") {
        // "SD", or "MMC" for what is soldered (Documentation/driver-api/mmc/mmc-dev-attrs.rst).
        if text(&directory.join("device/type")).as_deref() == Some("SD") { Bus::SdCard } else { Bus::Emmc }
    } else if name.starts_with("nvme") {
        Bus::Nvme
    } else if name.starts_with("vd") {
        Bus::Virtio
    } else if name.starts_with("sd") {
        Bus::Scsi
    } else {
        Bus::Other
    }
}

/// The serial number of the USB device that a disk is behind: of a stick itself, or of the reader of a card.
fn usb_serial(directory: &Path) -> Option<String> {
    let real = fs::canonicalize(directory).ok()?;
    real.ancestors()
        .find(|above| above.join("idVendor").exists())
        .and_then(|above| text(&above.join("serial")))
}

/// The text of an attribute, if it has any.
fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

fn number(path: &Path) -> Option<u64> {
    text(path)?.parse().ok()
}
