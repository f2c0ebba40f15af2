//! What other programs say of the bytes of an image.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// `fsck` of every file system of the image must find nothing.
pub fn check_file_systems(image: &Path) {
    let table = run(Command::new("sfdisk").arg("--json").arg(image));
    let table: Value = serde_json::from_str(&table).unwrap();
    let partitions = table["partitiontable"]["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 2, "{table}");
    let bytes = |partition: &Value, field: &str| partition[field].as_u64().unwrap() * 512;

    let mut esp = tempfile::NamedTempFile::new().unwrap();
    let mut source = File::open(image).unwrap();
    source.seek(SeekFrom::Start(bytes(&partitions[0], "start"))).unwrap();
    io::copy(&mut source.take(bytes(&partitions[0], "size")), &mut esp).unwrap();
    esp.flush().unwrap();
    run(Command::new("fsck.fat").arg("-n").arg(esp.path()));

    let root = format!("{}?offset={}", image.display(), bytes(&partitions[1], "start"));
    run(Command::new("e2fsck").arg("-fn").arg(root));
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
