use crate::tools::*;
use disk_image::{Attributes, Error, FileContent, HostPolicy, NodeKind, Tree, cpio};
use proptest::prelude::*;
use std::path::Path;
use std::process::{Command, Stdio};

fn tree() -> Tree {
    let mut tree = empty_tree();
    tree.add_file("init", bytes("#!/bin/sh\n"), file(0o755)).unwrap();
    tree.add_file("bin/busybox", bytes(noise(100_001, 1)), file(0o4755).owned_by(0, 5)).unwrap();
    tree.add_hard_link("bin/sh", "bin/busybox").unwrap();
    tree.add_symlink("sbin", "bin", file(0o777)).unwrap();
    tree.add_special("dev/console", NodeKind::CharacterDevice { major: 5, minor: 1 }, file(0o600)).unwrap();
    tree.add_special("dev/vda", NodeKind::BlockDevice { major: 254, minor: 0 }, file(0o660)).unwrap();
    tree.add_directory("tmp", file(0o1777)).unwrap();
    tree
}

fn archive(tree: &Tree) -> Vec<u8> {
    let mut archive = Vec::new();
    let length = cpio::write(tree, &mut archive).unwrap();
    assert_eq!(length, archive.len() as u64);
    assert!(length.is_multiple_of(512));
    archive
}

fn run_cpio(arguments: &[&str], directory: &Path, input: &[u8]) -> String {
    use std::io::Write;
    let mut child = Command::new("cpio")
        .args(arguments)
        .current_dir(directory)
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cpio can be started");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn cpio_lists_what_is_in_the_tree() {
    let directory = tempfile::tempdir().unwrap();
    let listing = run_cpio(&["-itvn", "--quiet"], directory.path(), &archive(&tree()));
    let lines: Vec<String> =
        listing.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "drwxr-xr-x 5 0 0 0 Nov 14 2023 .",
            "drwxr-xr-x 2 0 0 0 Nov 14 2023 bin",
            "-rwsr-xr-x 2 0 5 0 Nov 14 2023 bin/busybox",
            "-rwsr-xr-x 2 0 5 100001 Nov 14 2023 bin/sh",
            "drwxr-xr-x 2 0 0 0 Nov 14 2023 dev",
            "crw------- 1 0 0 5, 1 Nov 14 2023 dev/console",
            "brw-rw---- 1 0 0 254, 0 Nov 14 2023 dev/vda",
            "-rwxr-xr-x 1 0 0 10 Nov 14 2023 init",
            "lrwxrwxrwx 1 0 0 3 Nov 14 2023 sbin -> bin",
            "drwxrwxrwt 2 0 0 0 Nov 14 2023 tmp",
        ]
    );
}

#[test]
fn cpio_unpacks_what_is_in_the_tree() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let mut tree = tree();
    tree.remove("dev").unwrap();
    tree.set_attributes("bin/busybox", file(0o755)).unwrap();
    let host = directory.path().join("module.ko");
    std::fs::write(&host, noise(700_003, 5)).unwrap();
    tree.add_file("lib/module.ko", FileContent::from_host(&host).unwrap(), file(0o644)).unwrap();
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    run_cpio(&["-im", "-d", "--quiet", "--no-preserve-owner"], &out, &archive(&tree));
    assert_eq!(std::fs::read(out.join("lib/module.ko")).unwrap(), noise(700_003, 5));
    let busybox = std::fs::metadata(out.join("bin/busybox")).unwrap();
    assert_eq!(std::fs::metadata(out.join("bin/sh")).unwrap().ino(), busybox.ino());
    assert_eq!(std::fs::read(out.join("sbin/sh")).unwrap(), noise(100_001, 1));
    assert_eq!(busybox.mtime(), TIME);
    assert_eq!(archive(&tree), archive(&tree.clone()));
}

#[test]
fn what_the_format_cannot_hold_is_named() {
    let mut tree = empty_tree();
    tree.add_file("a/late", bytes(""), Attributes::root(0o644, 1 << 33)).unwrap();
    let error = cpio::write(&tree, &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::Unrepresentable { path, .. } if path == "a/late"), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("large");
    std::fs::File::create(&host).unwrap().set_len(4 << 30).unwrap();
    let mut tree = empty_tree();
    tree.add_host("large", &host, &HostPolicy::STORE).unwrap();
    let error = cpio::write(&tree, &mut Vec::new()).unwrap_err();
    assert!(matches!(&error, Error::Unrepresentable { path, .. } if path == "large"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_files_are_unpacked_as_they_were(
        files in prop::collection::btree_map("[a-zA-Z0-9._ -]{1,60}", 0..50_000_usize, 0..30),
    ) {
        let mut tree = empty_tree();
        let mut expected = Vec::new();
        for (index, (name, length)) in files.iter().enumerate() {
            let path = format!("d{}/x{name}", index % 3);
            tree.add_file(&path, bytes(noise(*length, index as u64)), file(0o644)).unwrap();
            expected.push((path, noise(*length, index as u64)));
        }
        let directory = tempfile::tempdir().unwrap();
        run_cpio(&["-id", "--quiet", "--no-preserve-owner"], directory.path(), &archive(&tree));
        for (path, content) in expected {
            prop_assert!(std::fs::read(directory.path().join(path)).unwrap() == content);
        }
    }
}
