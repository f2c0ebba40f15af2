//! The end of a disk's visit: its reader is told to let go of it.
//!
//! A disk of USB or SCSI gets the command START STOP UNIT (SBC-4, 5.31): with the bit that ejects, for cards and sticks, and
//! else the one that only stops it, for disks that turn. The reader stays, and takes the next card; that is why the kernel is
//! not told to forget the whole device. A card in a slot of its own has no such command. Nothing is lost where there is none:
//! the disk's own cache was emptied before.
#![allow(
    unsafe_code,
    reason = "ioctl(2) is unsafe for what requests do to memory; these three have no argument"
)]

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::ioctl::{NoArg, Opcode, ioctl};

use crate::device::{Bus, Disk};

/// Ejects a medium (include/uapi/linux/cdrom.h); the kernel's SCSI layer answers it for all kinds of disks.
const CDROMEJECT: Opcode = 0x5309;

/// Lets the medium be removed, which an open file forbids (include/scsi/scsi_ioctl.h).
const SCSI_IOCTL_DOORUNLOCK: Opcode = 0x5381;

/// Stops the disk (include/scsi/scsi_ioctl.h).
const SCSI_IOCTL_STOP_UNIT: Opcode = 6;

/// Whether the disk's reader has let go of it.
pub(super) fn eject(disk: &Disk) -> bool {
    if !disk.removable || !matches!(disk.bus, Bus::Usb | Bus::Scsi) {
        return false;
    }
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(&disk.path) else { return false };
    // Readers without a lock refuse to unlock it.
    request::<SCSI_IOCTL_DOORUNLOCK>(&file);
    request::<CDROMEJECT>(&file) || request::<SCSI_IOCTL_STOP_UNIT>(&file)
}

/// Whether the kernel carried out a request that has no argument.
fn request<const REQUEST: Opcode>(file: &File) -> bool {
    // SAFETY: none of the requests above reads or writes memory of ours.
    unsafe { ioctl(file, NoArg::<REQUEST>::new()) }.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Places, find};

    #[test]
    fn what_no_reader_holds_is_not_ejected() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("card");
        std::fs::write(&file, [0; 4096]).unwrap();
        let mut disk = find(&Places::default(), &file).unwrap();
        assert!(!eject(&disk));
        // Nor is what only says that it is a stick: the requests are refused.
        disk.bus = Bus::Usb;
        assert!(!eject(&disk));
    }
}
