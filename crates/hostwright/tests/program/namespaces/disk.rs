//! The disk of a machine that has lost its power, taken up by a host in namespaces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NamespacedHost, succeed};
use crate::image;

/// A file system of an image, mounted.
pub struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

impl NamespacedHost {
    /// A host that is switched off and has a machine's disk: a raw image whose first file system is the EFI system
    /// partition, which must be whole, and whose second is the root, which is repaired as the initrd does it. It takes loop
    /// devices.
    pub fn of_image(image: &Path) -> NamespacedHost {
        let place = tempfile::Builder::new().prefix("host-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let disk = place.path().join("disk");
        let boot = place.path().join("root/boot");
        fs::create_dir_all(&disk).unwrap();
        fs::create_dir_all(&boot).unwrap();
        let partitions = image::partitions(image);
        let esp = format!("{}@@{}", image.display(), partitions[0].start);
        succeed(Command::new("mcopy").args(["-s", "-n", "-i", &esp, "::/*"]).arg(&boot));
        let root = &partitions[1];
        // A device of its own: e2fsck(8) forgets an offset when it has replayed the journal.
        let part =
            ["--offset".to_owned(), root.start.to_string(), "--sizelimit".to_owned(), root.size.to_string()];
        let device = succeed(Command::new("losetup").args(["--find", "--show"]).args(part).arg(image));
        let repaired = Command::new("e2fsck").args(["-p", device.trim()]).output().unwrap();
        let mounted = Command::new("mount").arg(device.trim()).arg(&disk).output().unwrap();
        // It goes when it is not mounted any more.
        succeed(Command::new("losetup").args(["--detach", device.trim()]));
        // e2fsck(8): from 4 on errors are left.
        assert!(repaired.status.code().unwrap_or(8) < 4, "{}", String::from_utf8_lossy(&repaired.stdout));
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        NamespacedHost { running: None, _mounted: Some(Mounted(disk)), place }
    }
}
