//! A whole card (MBR, FAT with firmware, ext4) against what people assemble one from: `cargo bench -p disk-image --bench card`.
//!
//! The two others make the same layout: a script as nixpkgs' and most boards' are, with `mkfs.vfat`, `mcopy`, `mke2fs -d`, `sfdisk`
//! and `dd`; and genimage, if it is installed, which runs the same programs. The tree of the root file system is a directory given in
//! `TREE`, or one that is made up. Each runs in processes of its own, in turns; median times and the largest memory of a process are
//! printed. `ROOT_SIZE`, in MiB, is what the others are told, as they do not find the size that fits: ours and a half without it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

mod tree;

use disk_image::{
    Attributes, DiskImage, FileSystem, HostPolicy, Partition, PartitionType, Seed, SizePolicy, TableKind,
    Tree,
};
use measure::{measure, median};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use tree::make_tree;

const ROUNDS: usize = 5;
const MEBIBYTE: u64 = 1 << 20;

/// What a board's firmware takes.
const FIRMWARE: u64 = 30 * MEBIBYTE;

const SCRIPT: &str = r#"
    set -eu
    export PATH="$PATH:/usr/sbin:/sbin"
    work=$1 tree=$2 firmware=$3 size=$4
    truncate -s 30M "$work/firmware.img"
    mkfs.vfat -n FIRMWARE "$work/firmware.img" >/dev/null
    mcopy -s -p -i "$work/firmware.img" "$firmware"/* ::
    mke2fs -q -t ext4 -F -L NIXOS_SD -E root_owner=0:0,lazy_itable_init=1 -d "$tree" "$work/root.img" "${size}M"
    truncate -s "$((38 + size))M" "$work/card.img"
    printf 'label: dos\nstart=8M,size=30M,type=b\nstart=38M,type=83,bootable\n' | sfdisk -q "$work/card.img"
    dd if="$work/firmware.img" of="$work/card.img" bs=1M seek=8 conv=notrunc,sparse status=none
    dd if="$work/root.img" of="$work/card.img" bs=1M seek=38 conv=notrunc,sparse status=none
"#;

/// The same partitions in genimage's own language (its README).
const GENIMAGE: &str = r#"
    image firmware.img { vfat { label = "FIRMWARE" } size = 30M mountpoint = "/firmware" }
    image root.img { ext4 { label = "NIXOS_SD" use-mke2fs = true } size = @SIZE@M mountpoint = "/" }
    image card.img {
      hdimage {}
      partition firmware { partition-type = 0xb image = "firmware.img" offset = 8M }
      partition root { partition-type = 0x83 bootable = true image = "root.img" offset = 38M }
    }
"#;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("write") {
        let paths: Vec<PathBuf> = arguments.take(3).map(PathBuf::from).collect();
        return write(&paths[0], &paths[1], &paths[2]);
    }
    let directory = tempfile::tempdir().unwrap();
    let tree = std::env::var_os("TREE").map_or_else(|| make_tree(directory.path()), PathBuf::from);
    let firmware = directory.path().join("firmware");
    std::fs::create_dir(&firmware).unwrap();
    for (number, size) in [(0, 2 << 20), (1, 3 << 20), (2, 50_000), (3, 700_000), (4, 700_000), (5, 1_000)] {
        std::fs::write(firmware.join(format!("file{number}.bin")), vec![number; size]).unwrap();
    }
    let ours = directory.path().join("card.img");
    write(&tree, &firmware, &ours);
    let size = std::fs::metadata(&ours).unwrap().len();
    println!("card of {} MiB from {}", size / MEBIBYTE, tree.display());
    let given = std::env::var("ROOT_SIZE").ok().and_then(|text| text.parse().ok());
    let root_size = given.unwrap_or(size * 3 / 2 / MEBIBYTE);
    let configuration = directory.path().join("genimage.cfg");
    std::fs::write(&configuration, GENIMAGE.replace("@SIZE@", &root_size.to_string())).unwrap();
    let has_genimage = Command::new("genimage").arg("--version").output().is_ok();
    if !has_genimage {
        println!("genimage is not installed");
    }

    let own = std::env::current_exe().unwrap();
    let mut results = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let work = tempfile::tempdir_in(directory.path()).unwrap();
        let mut command = Command::new(&own);
        command.arg("write").args([&tree, &firmware]).arg(work.path().join("card.img"));
        results[0].push(measure(&mut command));
        drop(work);
        let work = tempfile::tempdir_in(directory.path()).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "assemble"]).args([work.path(), &tree, &firmware]);
        results[1].push(measure(command.arg(root_size.to_string())));
        drop(work);
        if has_genimage {
            let work = tempfile::tempdir_in(directory.path()).unwrap();
            results[2].push(measure(&mut genimage(&configuration, &tree, &firmware, work.path())));
        }
    }
    let names = ["ours", "mke2fs and mtools", "genimage"].into_iter();
    let measured: Vec<_> = names
        .zip(results)
        .filter(|(_, runs)| !runs.is_empty())
        .map(|(name, runs)| (name, median(runs)))
        .collect();
    let ours = measured[0].1;
    for (name, usage) in &measured {
        println!(
            "{name:>17}: {:6.2} s (processor {:.2}), {:6.1} MiB; {:.1} times as long as ours, which takes {:.2} of its memory",
            usage.seconds,
            usage.processor(),
            usage.mebibytes,
            usage.seconds / ours.seconds,
            ours.mebibytes / usage.mebibytes
        );
    }
}

/// genimage wants one tree, with the firmware in a directory of it.
fn genimage(configuration: &Path, tree: &Path, firmware: &Path, work: &Path) -> Command {
    let script = r#"
        set -eu
        export PATH="$PATH:/usr/sbin:/sbin"
        mkdir "$4/root"
        cp -al "$2/." "$4/root" 2>/dev/null || cp -a "$2/." "$4/root"
        cp -r "$3" "$4/root/firmware"
        genimage --config "$1" --rootpath "$4/root" --tmppath "$4/tmp" --inputpath "$4/in" --outputpath "$4/out" >/dev/null 2>&1
    "#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "genimage"]).args([configuration, tree, firmware, work]);
    command
}

fn write(tree: &Path, firmware: &Path, image: &Path) {
    let content = |from: &Path| {
        let mut content = Tree::new(Attributes::root(0o755, 1));
        content.add_host("", from, &HostPolicy { xattrs: true, ..HostPolicy::STORE }).unwrap();
        content
    };
    let partition = |name: &str, kind, file_system, size, tree| Partition {
        name: name.to_owned(),
        kind,
        bootable: file_system == FileSystem::Ext4,
        file_system,
        label: name.to_uppercase(),
        volume_id: None,
        size,
        tree,
    };
    let card = DiskImage {
        seed: Seed::new("benchmark"),
        timestamp: 1,
        table: TableKind::Mbr,
        signature: None,
        gap: 8 * MEBIBYTE,
        takes: Vec::new(),
        partitions: vec![
            partition(
                "firmware",
                PartitionType::BasicData,
                FileSystem::Vfat,
                SizePolicy::Exact(FIRMWARE),
                content(firmware),
            ),
            partition(
                "root",
                PartitionType::Linux,
                FileSystem::Ext4,
                SizePolicy::Fit { free: 64 * MEBIBYTE },
                content(tree),
            ),
        ],
    };
    card.plan().unwrap().write_raw(image, &mut |_| ControlFlow::Continue(())).unwrap();
}
