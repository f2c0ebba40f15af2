//! The disks of a machine: from sysfs(5), without root and without a program.
//!
//! What is on a disk is read from the disk where we may, and left out where we may not. Everything is looked up below
//! [`Places`], so that tests can bring a machine of their own.

mod disk;
mod mounts;
mod signature;
mod sysfs;

pub use disk::{Bus, Disk, DiskPartition, Use};
pub use signature::{Contents, contents};
pub use sysfs::{find, list};

use std::path::PathBuf;

/// Where the kernel tells of disks.
#[derive(Clone, Debug)]
pub struct Places {
    /// sysfs, `/sys`.
    pub sys: PathBuf,
    /// procfs, `/proc`.
    pub proc: PathBuf,
    /// Device nodes, `/dev`.
    pub dev: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Places { sys: "/sys".into(), proc: "/proc".into(), dev: "/dev".into() }
    }
}
