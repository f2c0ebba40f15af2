use crate::tools::*;
use disk_image::{
    DiskImage, Error, FileSystem, ImagePlan, Partition, PartitionTable, PartitionType, Seed, SizePolicy,
    TableKind, Tree, Uuid, VolumeId,
};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

fn esp() -> Tree {
    let mut tree = empty_tree();
    tree.add_file("EFI/BOOT/BOOTX64.EFI", bytes(noise(500_000, 1)), file(0o644)).unwrap();
    tree
}

fn root() -> Tree {
    let mut tree = empty_tree();
    tree.add_file("etc/hostname", bytes("alpha\n"), file(0o644)).unwrap();
    tree.add_file("usr/lib/library", bytes(noise(5_000_000, 2)), file(0o755)).unwrap();
    tree
}

fn partition(
    name: &str,
    kind: PartitionType,
    file_system: FileSystem,
    size: SizePolicy,
    tree: Tree,
) -> Partition {
    let (name, label) = (name.to_owned(), name.to_owned());
    Partition { name, kind, bootable: false, file_system, label, volume_id: None, size, tree }
}

pub fn image(seed: &str) -> DiskImage {
    let (exact, fit) = (SizePolicy::Exact(64 << 20), SizePolicy::Fit { free: 10 << 20 });
    DiskImage {
        seed: Seed::new(seed),
        timestamp: TIME,
        table: TableKind::Gpt,
        signature: None,
        gap: 0,
        takes: Vec::new(),
        partitions: vec![
            partition("ESP", PartitionType::Esp, FileSystem::Vfat, exact, esp()),
            partition("root", PartitionType::LinuxRootX86_64, FileSystem::Ext4, fit, root()),
            partition("root-arm", PartitionType::LinuxRootArm64, FileSystem::Ext4, fit, empty_tree()),
            partition("data", PartitionType::Linux, FileSystem::Ext4, exact, empty_tree()),
        ],
    }
}

/// Takes a partition out of an image.
fn extract(plan: &ImagePlan, index: usize, image: &Path, to: &Path) {
    let partition = &plan.partitions()[index];
    let mut content = vec![0; partition.size as usize];
    File::open(image).unwrap().read_exact_at(&mut content, partition.offset).unwrap();
    std::fs::write(to, content).unwrap();
}

#[test]
fn the_table_is_what_gdisk_and_sfdisk_expect() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    let plan = image("alpha").plan().unwrap();
    plan.write_raw(&path, &mut go_on).unwrap();
    let report = text("sgdisk", &["-v", show(&path)]);
    assert!(report.contains("No problems found"), "{report}");
    let table = text("sfdisk", &["-d", show(&path)]).to_lowercase();
    for expected in [
        "label: gpt",
        "start=        2048, size=      131072, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        "type=4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
        "type=b921b045-1df0-41c3-af44-4c6f280d3fae",
        "type=0fc63daf-8483-4772-8e79-3d69d8477de4",
        "name=\"root-arm\"",
        &format!("label-id: {}", Seed::new("alpha").uuid("disk")),
        &format!("uuid={}", Seed::new("alpha").uuid("partition root")),
    ] {
        assert!(table.contains(expected), "no {expected} in {table}");
    }
    // The backup alone is enough to find everything again.
    let damaged = File::options().write(true).open(&path).unwrap();
    damaged.write_all_at(&[0xee; 512], 512).unwrap();
    let report = text("sfdisk", &["-l", show(&path)]);
    assert!(report.contains("Linux root (x86-64)"), "{report}");
}

#[test]
fn the_file_systems_in_the_partitions_are_clean() {
    let directory = tempfile::tempdir().unwrap();
    let (path, part) = (directory.path().join("image"), directory.path().join("part"));
    let plan = image("alpha").plan().unwrap();
    plan.write_raw(&path, &mut go_on).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), plan.size());
    extract(&plan, 0, &path, &part);
    run("fsck.fat", &["-n", show(&part)]);
    for index in 1..4 {
        extract(&plan, index, &path, &part);
        check_ext4(&part);
    }
    extract(&plan, 1, &path, &part);
    assert_eq!(text("debugfs", &["-R", "cat /etc/hostname", show(&part)]), "alpha\n");
}

#[test]
fn written_twice_it_is_the_same_and_only_what_is_used_takes_space() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    let (plan, again) = (image("alpha").plan().unwrap(), image("alpha").plan().unwrap());
    assert_eq!(plan, again);
    assert_eq!(plan.to_string(), again.to_string());
    plan.write_raw(&first, &mut go_on).unwrap();
    // Something else was there before.
    std::fs::write(&second, noise(3 << 20, 9)).unwrap();
    again.write_raw(&second, &mut go_on).unwrap();
    assert!(std::fs::read(&first).unwrap() == std::fs::read(&second).unwrap());
    let used = std::fs::metadata(&first).unwrap().blocks() * 512;
    assert!(used < 16 << 20, "{used} of {}", plan.size());

    let other = image("beta").plan().unwrap();
    assert_ne!(plan, other);
    let (PartitionTable::Gpt(mine), PartitionTable::Gpt(others)) = (plan.table(), other.table()) else {
        panic!("the table is of another kind")
    };
    assert_ne!(mine.disk_guid, others.disk_guid);
    assert!(mine.entries.iter().zip(&others.entries).all(|(mine, other)| mine.guid != other.guid));
}

#[test]
fn the_plan_says_what_will_be_written() {
    let plan = image("alpha").plan().unwrap();
    let printed = plan.to_string();
    assert!(
        printed.contains("1: `ESP`") && printed.contains("from sector 2048, 67108864 bytes"),
        "{printed}"
    );
    assert!(printed.contains("FAT32 `ESP`") && printed.contains("ext4 `root`"), "{printed}");
    assert!(printed.contains("5000006 bytes of files"), "{printed}");
}

#[test]
fn contradictions_name_the_partition() {
    let plan = |partitions| DiskImage { partitions, ..image("x") }.plan();
    let part = |name: &str, size| partition(name, PartitionType::Linux, FileSystem::Ext4, size, root());
    let fit = SizePolicy::Fit { free: 0 };
    let named = |error: Error| match error {
        Error::InvalidPartition { partition, .. } | Error::TooSmall { partition, .. } => partition,
        other => panic!("{other}"),
    };
    assert_eq!(named(plan(vec![part("a", fit), part("a", fit)]).unwrap_err()), "a");
    assert_eq!(named(plan(vec![part("a", SizePolicy::Exact(1000))]).unwrap_err()), "a");
    assert_eq!(named(plan(vec![part("a", SizePolicy::Exact(4 << 20))]).unwrap_err()), "a");
    let long = "a name of more than thirty-six characters";
    assert_eq!(named(plan(vec![part(long, fit)]).unwrap_err()), long);
}

/// A card as boards boot from it.
fn card() -> DiskImage {
    let mut firmware =
        partition("FIRMWARE", PartitionType::BasicData, FileSystem::Vfat, SizePolicy::Exact(30 << 20), esp());
    firmware.volume_id = Some(VolumeId::Serial(0x2178_694e));
    let fit = SizePolicy::Fit { free: 10 << 20 };
    let mut system = partition("NIXOS_SD", PartitionType::Linux, FileSystem::Ext4, fit, root());
    system.volume_id = Some(VolumeId::Uuid(Uuid(*b"0123456789abcdef")));
    system.bootable = true;
    DiskImage {
        table: TableKind::Mbr,
        signature: Some(0x2178_694e),
        gap: 8 << 20,
        takes: vec!["hostname".to_owned()],
        partitions: vec![firmware, system],
        ..image("card")
    }
}

#[test]
fn an_mbr_is_what_sfdisk_and_blkid_expect() {
    let directory = tempfile::tempdir().unwrap();
    let (path, part) = (directory.path().join("image"), directory.path().join("part"));
    let plan = card().plan().unwrap();
    plan.write_raw(&path, &mut go_on).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), plan.size());
    let table = text("sfdisk", &["-d", show(&path)]).to_lowercase();
    let sectors = plan.partitions()[1].size / 512;
    for expected in [
        "label: dos",
        "label-id: 0x2178694e",
        "start=       16384, size=       61440, type=b\n",
        &format!("start=       77824, size= {sectors:>11}, type=83, bootable"),
    ] {
        assert!(table.contains(expected), "no {expected} in {table}");
    }
    assert!(plan.to_string().contains("`NIXOS_SD` 2178694e-02 from sector 77824"), "{plan}");
    let identified = |index| {
        extract(&plan, index, &path, &part);
        text("blkid", &["-p", "-o", "export", show(&part)])
    };
    assert!(identified(0).contains("\nUUID=2178-694E\n"), "{}", identified(0));
    run("fsck.fat", &["-n", show(&part)]);
    assert!(identified(1).contains("\nUUID=30313233-3435-3637-3839-616263646566\n"), "{}", identified(1));
    check_ext4(&part);
}

#[test]
fn a_stream_has_the_bytes_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("image");
    for image in [card(), image("alpha")] {
        let plan = image.plan().unwrap();
        plan.write_raw(&path, &mut go_on).unwrap();
        let mut stream = Vec::new();
        plan.write_stream(&mut stream, &path, &mut go_on).unwrap();
        assert!(stream == std::fs::read(&path).unwrap());
    }
}

#[test]
fn what_an_mbr_cannot_say_is_refused() {
    let refused = |change: &dyn Fn(&mut DiskImage)| {
        let mut image = card();
        change(&mut image);
        image.plan().unwrap_err().to_string()
    };
    let error = refused(&|image| image.partitions[0].kind = PartitionType::Other(Uuid([1; 16])));
    assert_eq!(error, "partition `FIRMWARE`: its type has no number in an MBR partition table");
    let error = refused(&|image| {
        for name in ["a", "b", "c"] {
            let size = SizePolicy::Exact(64 << 20);
            image.partitions.push(partition(
                name,
                PartitionType::Linux,
                FileSystem::Ext4,
                size,
                empty_tree(),
            ));
        }
    });
    assert_eq!(error, "partition `c`: the table has no room for more than 4 partitions");
    let error = refused(&|image| image.partitions[1].volume_id = Some(VolumeId::Serial(1)));
    assert_eq!(error, "partition `NIXOS_SD`: ext4 has a UUID, no serial number");
}
