use std::fmt;
use std::path::{Path, PathBuf};

use super::signature::Contents;

/// What a disk is connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bus {
    /// USB: sticks, and readers of cards.
    Usb,
    /// A slot for SD cards.
    SdCard,
    /// Memory soldered to a board (eMMC).
    Emmc,
    /// NVMe.
    Nvme,
    /// SATA, SAS or another kind of SCSI.
    Scsi,
    /// A disk of a virtual machine.
    Virtio,
    /// A file that the kernel presents as a disk.
    Loop,
    /// A regular file, named by its path.
    File,
    /// Any other.
    Other,
}

impl Bus {
    /// Its name in output for programs.
    pub fn name(self) -> &'static str {
        match self {
            Bus::Usb => "usb",
            Bus::SdCard => "sd-card",
            Bus::Emmc => "emmc",
            Bus::Nvme => "nvme",
            Bus::Scsi => "scsi",
            Bus::Virtio => "virtio",
            Bus::Loop => "loop",
            Bus::File => "file",
            Bus::Other => "other",
        }
    }
}

/// What uses a disk or one of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// A mounted file system.
    Mounted {
        /// The device node it is mounted from.
        device: PathBuf,
        /// Where.
        at: PathBuf,
    },
    /// Swap space.
    Swap {
        /// The device node.
        device: PathBuf,
    },
    /// Another block device is made of it: LVM, RAID, encryption.
    Holder {
        /// Its kernel name, such as `dm-0`.
        name: String,
    },
}

impl Use {
    /// Whether the running system stands on it: such a disk is never written, however it is named.
    pub fn carries_the_system(&self) -> bool {
        match self {
            Use::Mounted { at, .. } => {
                let exactly = ["/", "/etc", "/home", "/root", "/usr", "/var"];
                let below = ["/boot", "/efi", "/nix", "/var/lib"];
                exactly.iter().any(|directory| at.as_path() == Path::new(directory))
                    || below.iter().any(|directory| at.starts_with(directory))
            }
            Use::Swap { .. } | Use::Holder { .. } => true,
        }
    }
}

impl fmt::Display for Use {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Use::Mounted { device, at } => {
                write!(formatter, "{} is mounted at {}", device.display(), at.display())
            }
            Use::Swap { device } => write!(formatter, "{} is swap space", device.display()),
            Use::Holder { name } => write!(formatter, "{name} is made of it"),
        }
    }
}

/// A partition as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskPartition {
    /// Its number.
    pub number: u32,
    /// Its device node.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// What is in it; `None` where we may not look or know it not.
    pub contents: Option<Contents>,
}

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its device node, or the regular file.
    pub path: PathBuf,
    /// What it is connected by.
    pub bus: Bus,
    /// Bytes.
    pub size: u64,
    /// Who made it and what it is called, if known.
    pub model: Option<String>,
    /// Its serial number, if it has one.
    pub serial: Option<String>,
    /// Whether it is meant to be taken out: a card or a stick.
    pub removable: bool,
    /// Whether it refuses to be written (the switch of an SD card).
    pub read_only: bool,
    /// What is on it outside of partitions.
    pub contents: Option<Contents>,
    /// Its partitions by number.
    pub partitions: Vec<DiskPartition>,
    /// What uses it now.
    pub uses: Vec<Use>,
}

impl Disk {
    /// The name that must be said to write a disk that is not a removable one: model and serial number joined as in
    /// `/dev/disk/by-id`, else the name of its device node.
    pub fn full_name(&self) -> String {
        let known: Vec<String> = [&self.model, &self.serial]
            .into_iter()
            .flatten()
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join("_"))
            .filter(|text| !text.is_empty())
            .collect();
        match (known.is_empty(), self.path.file_name()) {
            (true, Some(name)) => name.to_string_lossy().into_owned(),
            (true, None) => self.path.display().to_string(),
            (false, _) => known.join("_"),
        }
    }
}
