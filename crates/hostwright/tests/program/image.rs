//! What other programs say of the bytes of an image.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Where a partition lies in an image, in bytes.
pub struct Partition {
    pub start: u64,
    pub size: u64,
}

/// The partitions of an image.
pub fn partitions(image: &Path) -> Vec<Partition> {
    let table = run(Command::new("sfdisk").arg("--json").arg(image));
    let table: Value = serde_json::from_str(&table).unwrap();
    let bytes = |partition: &Value, field: &str| partition[field].as_u64().unwrap() * 512;
    let partitions = table["partitiontable"]["partitions"].as_array().unwrap();
    partitions
        .iter()
        .map(|partition| Partition { start: bytes(partition, "start"), size: bytes(partition, "size") })
        .collect()
}

/// `fsck` of every file system of the image must find nothing.
pub fn check_file_systems(image: &Path) {
    let partitions = partitions(image);
    assert_eq!(partitions.len(), 2, "{}", image.display());
    let mut esp = tempfile::NamedTempFile::new().unwrap();
    let mut source = File::open(image).unwrap();
    source.seek(SeekFrom::Start(partitions[0].start)).unwrap();
    io::copy(&mut source.take(partitions[0].size), &mut esp).unwrap();
    esp.flush().unwrap();
    run(Command::new("fsck.fat").arg("-n").arg(esp.path()));

    let root = format!("{}?offset={}", image.display(), partitions[1].start);
    run(Command::new("e2fsck").arg("-fn").arg(root));
}

/// `fsck` of the root file system of a machine that lost its power must find nothing once its journal was followed, as its
/// next start does.
pub fn check_after_power_loss(image: &Path, place: &Path) {
    let root = place.join("root");
    let Partition { start, size } = partitions(image).remove(1);
    let mut copy = Command::new("dd");
    copy.args(["bs=1M", "conv=sparse", "iflag=skip_bytes,count_bytes", "status=none"]);
    copy.arg(format!("if={}", image.display())).arg(format!("of={}", root.display()));
    run(copy.arg(format!("skip={start}")).arg(format!("count={size}")));
    run(Command::new("e2fsck").args(["-y", "-E", "journal_only"]).arg(&root));
    run(Command::new("e2fsck").arg("-fn").arg(&root));
}

/// The names in the root directory of the first file system, in the short form that a boot ROM looks for.
pub fn firmware_names(image: &Path, offset: u64) -> Vec<String> {
    let listing = run(Command::new("mdir").arg("-i").arg(format!("{}@@{offset}", image.display())).arg("::"));
    // NAME     EXT      SIZE DATE TIME LONG-NAME
    let name = |line: &str| {
        Some((line.get(..8)?.trim(), line.get(9..12)?.trim(), line.get(12..)?))
            .map(|(base, extension, rest)| (format!("{base}.{extension}"), rest.contains("1980-01-01")))
    };
    listing.lines().filter_map(name).filter(|(_, is_file)| *is_file).map(|(name, _)| name).collect()
}

/// Undoes an image's compression.
pub fn decompressed(image: &Path, place: &Path) -> std::path::PathBuf {
    let file = place.join("image");
    run(Command::new("zstd").args(["-dqf", "-o"]).arg(&file).arg(image));
    file
}

/// How sfdisk(8) writes the partition table down.
pub fn table(image: &Path) -> String {
    run(Command::new("sfdisk").arg("--dump").arg(image)).to_lowercase()
}

/// Compares two files without holding them in memory.
pub fn assert_same_bytes(first: &Path, second: &Path) {
    run(Command::new("cmp").arg(first).arg(second));
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {printed}{}", String::from_utf8_lossy(&output.stderr));
    printed
}
