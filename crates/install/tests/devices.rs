//! A made-up machine, as the kernel would tell of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failure here is a failed test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use install::Error;
use install::device::{Bus, Disk, Places, Use, list};
use install::flash::{FlashPlan, ImageSummary};

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

struct Machine {
    place: tempfile::TempDir,
    places: Places,
}

impl Machine {
    fn new() -> Machine {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let places = Places { sys: at("sys"), proc: at("proc"), dev: at("dev") };
        fs::create_dir_all(places.sys.join("block")).unwrap();
        fs::create_dir_all(&places.dev).unwrap();
        Machine { place, places }
    }

    /// Adds a disk with partitions of one size; attributes are paths below its directory.
    fn disk(
        &self,
        device: &str,
        name: &str,
        mebibytes: u64,
        partitions: &[&str],
        attributes: &[(&str, &str)],
    ) {
        let real = self.places.sys.join("devices").join(device).join("block").join(name);
        write(real.join("size"), &format!("{}\n", mebibytes * 2048));
        write(real.join("ro"), "0\n");
        for (attribute, value) in attributes {
            write(real.join(attribute), &format!("{value}\n"));
        }
        for (index, partition) in partitions.iter().enumerate() {
            write(real.join(partition).join("partition"), &format!("{}\n", index + 1));
            write(real.join(partition).join("size"), "2048\n");
            write(real.join(partition).join("dev"), &format!("8:{}\n", index + 1));
        }
        symlink(&real, self.places.sys.join("block").join(name)).unwrap();
    }

    fn list(&self) -> Vec<Disk> {
        list(&self.places).unwrap()
    }

    fn device(&self, name: &str) -> PathBuf {
        self.places.dev.join(name)
    }
}

fn plan(disk: &Disk, named: Option<&str>) -> Result<FlashPlan, Error> {
    let image = ImageSummary { name: "card.img".to_owned(), size: Some(1 << 20), has_checksum: false };
    FlashPlan::new(image, disk.clone(), named)
}

fn refusal(disk: &Disk, named: Option<&str>) -> String {
    plan(disk, named).unwrap_err().to_string()
}

#[test]
fn disks_are_told_apart_by_how_they_are_connected() {
    let machine = Machine::new();
    let usb = "pci0000:00/usb1/1-2";
    write(machine.places.sys.join("devices").join(usb).join("idVendor"), "0781\n");
    write(machine.places.sys.join("devices").join(usb).join("serial"), "AA01\n");
    let stick = [("device/vendor", "SanDisk "), ("device/model", "Ultra Fit       ")];
    machine.disk(&format!("{usb}/1-2:1.0"), "sda", 30_000, &["sda1"], &stick);
    machine.disk(
        "platform/mmc0",
        "mmcblk0",
        16,
        &[],
        &[("device/type", "SD"), ("device/name", "SC32G"), ("device/serial", "0x1b2c")],
    );
    machine.disk("platform/mmc1", "mmcblk1", 16, &[], &[("device/type", "MMC"), ("device/name", "BJTD4R")]);
    machine.disk(
        "pci0000:00/nvme",
        "nvme0n1",
        16,
        &[],
        &[("device/model", "Fast 1"), ("device/serial", "S1")],
    );
    machine.disk("virtual", "zram0", 16, &[], &[]);
    machine.disk("virtual", "loop0", 0, &[], &[]);
    let found: Vec<_> =
        machine.list().iter().map(|disk| (disk.bus, disk.removable, disk.full_name())).collect();
    assert_eq!(
        found,
        [
            (Bus::Usb, true, "SanDisk_Ultra_Fit_AA01".to_owned()),
            (Bus::SdCard, true, "SC32G_0x1b2c".to_owned()),
            (Bus::Emmc, false, "BJTD4R".to_owned()),
            (Bus::Nvme, false, "Fast_1_S1".to_owned()),
        ]
    );
    let disks = machine.list();
    assert_eq!(disks[0].size, 30_000 << 20);
    assert_eq!(disks[0].partitions[0].path, machine.device("sda1"));
    assert!(plan(&disks[0], None).is_ok());
    assert!(refusal(&disks[2], None).contains("not a removable disk"));
    assert!(refusal(&disks[3], Some("Fast_1_S2")).contains("which it is not"));
    assert!(plan(&disks[3], Some("Fast_1_S1")).is_ok());
    drop(machine.place);
}

#[test]
fn what_is_used_is_refused() {
    let machine = Machine::new();
    machine.disk("pci0000:00/usb1", "sda", 100, &["sda1", "sda2"], &[]);
    let mountinfo = |text: &str| write(machine.places.proc.join("self/mountinfo"), text);
    mountinfo("40 1 8:2 / /media/card rw - vfat /dev/sda2 rw\n");
    let disk = &machine.list()[0];
    let expected = Use::Mounted { device: machine.device("sda2"), at: "/media/card".into() };
    assert_eq!(disk.uses, [expected]);
    assert!(refusal(disk, None).contains("is mounted at /media/card"));
    assert_eq!(plan(disk, Some("sda")).unwrap().unmount, [Path::new("/media/card")]);

    // However it is named.
    mountinfo("40 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
    assert!(refusal(&machine.list()[0], Some("sda")).contains("the running system needs it"));
    mountinfo("");
    write(
        machine.places.proc.join("swaps"),
        &format!("Filename\tType\n{}\tpartition\t1\n", machine.device("sda1").display()),
    );
    assert!(refusal(&machine.list()[0], Some("sda")).contains("is swap space"));
    fs::remove_file(machine.places.proc.join("swaps")).unwrap();
    fs::create_dir_all(machine.places.sys.join("block/sda/sda2/holders/dm-0")).unwrap();
    assert!(refusal(&machine.list()[0], Some("sda")).contains("dm-0 is made of it"));
    fs::remove_dir(machine.places.sys.join("block/sda/sda2/holders/dm-0")).unwrap();
    write(machine.places.sys.join("block/sda/ro"), "1\n");
    assert!(refusal(&machine.list()[0], Some("sda")).contains("write-protected"));
}

#[test]
fn a_plan_says_what_is_lost() {
    let machine = Machine::new();
    machine.disk(
        "pci0000:00/usb1",
        "sda",
        100,
        &["sda1"],
        &[("device/model", "Reader"), ("device/serial", "7")],
    );
    let mut file_system = vec![0; 4096];
    file_system[1080..1082].copy_from_slice(b"\x53\xef");
    file_system[1144..1148].copy_from_slice(b"data");
    fs::write(machine.device("sda1"), file_system).unwrap();
    let text = plan(&machine.list()[0], None).unwrap().to_string();
    let dev = machine.places.dev.display();
    assert_eq!(
        text,
        format!(
            "write card.img (1048576 bytes)\n   to the disk {dev}/sda (104857600 bytes, Reader, 7)\n\
             lose {dev}/sda1, 1048576 bytes, ext4 'data'\n"
        )
    );
}
