use crate::tools::*;
use disk_image::fat::{FatOptions, FatType, plan};
use disk_image::{Error, Seed, SizePolicy, Tree};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

fn options(label: &str, size: SizePolicy) -> FatOptions {
    FatOptions::new(label, &Seed::new("alpha"), TIME, size)
}

fn write(tree: Tree, size: SizePolicy, image: &Path) -> FatType {
    let plan = plan(tree, options("ESP", size)).unwrap();
    plan.write_raw(image, &mut go_on).unwrap();
    plan.fat_type()
}

fn check(image: &Path) {
    let report = text("fsck.fat", &["-n", show(image)]);
    assert_eq!(report.lines().count(), 2, "{report}");
}

/// Everything in the volume, as mcopy takes it out: path to content, `None` for directories.
fn read_back(image: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    if text("mdir", &["-b", "-i", show(image), "::"]).trim().is_empty() {
        return BTreeMap::new();
    }
    run("mcopy", &["-s", "-n", "-i", show(image), "::*", show(&out)]);
    let mut found = BTreeMap::new();
    let mut pending = vec![out.clone()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&out).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(name, None);
                pending.push(path);
            } else {
                found.insert(name, Some(std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[A-Z0-9]{1,8}(\\.[A-Z]{1,3})?",
        4 => "[a-z][a-zA-Z0-9 ._+=,\\[\\]-]{0,30}[a-z]",
        1 => "[a-z]{100,250}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_read_back_as_it_was(
        entries in prop::collection::vec((any::<usize>(), name(), any::<bool>(), 0..20_000_usize), 0..80),
        free in prop_oneof![Just(0_u64), 0..50_u64 << 20],
    ) {
        let mut tree = empty_tree();
        let mut directories = vec![String::new()];
        let mut expected = BTreeMap::new();
        let mut folded = std::collections::BTreeSet::new();
        for (index, (parent, name, is_directory, length)) in entries.iter().enumerate() {
            let parent = &directories[parent % directories.len()];
            let path = if parent.is_empty() { name.clone() } else { format!("{parent}/{name}") };
            if !folded.insert(path.to_uppercase()) {
                continue;
            }
            if *is_directory {
                tree.add_directory(&path, file(0o755)).unwrap();
                expected.insert(path.clone(), None);
                directories.push(path);
            } else {
                let content = noise(*length, index as u64);
                tree.add_file(&path, bytes(&content), file(0o644)).unwrap();
                expected.insert(path, Some(content));
            }
        }
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        write(tree, SizePolicy::Fit { free }, &image);
        check(&image);
        prop_assert!(read_back(&image) == expected);
    }
}

#[test]
fn both_types_with_label_serial_and_times() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    for (size, kind) in
        [(16_u64 << 20, FatType::Fat16), (64 << 20, FatType::Fat32), (600 << 20, FatType::Fat32)]
    {
        let mut tree = empty_tree();
        tree.add_file("EFI/BOOT/BOOTX64.EFI", bytes(noise(1_000_000, 1)), file(0o644)).unwrap();
        tree.add_file("loader/entries/host-generation-1.conf", bytes("title x\n"), file(0o644)).unwrap();
        assert_eq!(write(tree, SizePolicy::Exact(size), &image), kind);
        assert_eq!(std::fs::metadata(&image).unwrap().len(), size);
        check(&image);
        let listing = text("mdir", &["-i", show(&image), "::/EFI/BOOT"]);
        let serial = format!("{:08X}", Seed::new("alpha").number("fat ESP"));
        assert!(listing.contains("is ESP"), "{listing}");
        assert!(listing.contains(&format!("{}-{}", &serial[..4], &serial[4..])), "{listing}");
        assert!(listing.contains("2023-11-14  22:13"), "{listing}");
        assert_eq!(text("blkid", &["-p", "-o", "value", "-s", "LABEL", show(&image)]).trim(), "ESP");
    }
}

#[test]
fn a_directory_of_thousands_of_files() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut tree = empty_tree();
    for number in 0..3_000 {
        let name = format!("overlays/a-device-tree-overlay-{number}.dtbo");
        tree.add_file(name, bytes(number.to_string()), file(0o644)).unwrap();
    }
    write(tree, SizePolicy::Fit { free: 0 }, &image);
    check(&image);
    let found = read_back(&image);
    assert_eq!(found.len(), 3_001);
    assert_eq!(found["overlays/a-device-tree-overlay-2999.dtbo"].as_deref(), Some(&b"2999"[..]));
}

#[test]
fn a_root_directory_too_large_for_fat16_makes_the_volume_larger() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut tree = empty_tree();
    for number in 0..400 {
        tree.add_file(format!("lower-{number}"), bytes("x"), file(0o644)).unwrap();
    }
    assert_eq!(write(tree, SizePolicy::Fit { free: 0 }, &image), FatType::Fat32);
    check(&image);
    assert_eq!(read_back(&image).len(), 400);
}

#[test]
fn what_fat_cannot_hold_is_named() {
    let fit = SizePolicy::Fit { free: 0 };
    let refuse = |tree: Tree, size| plan(tree, options("ESP", size)).unwrap_err();
    let mut tree = empty_tree();
    tree.add_symlink("a/link", "x", file(0o777)).unwrap();
    let error = refuse(tree, fit);
    assert!(matches!(&error, Error::Unrepresentable { path, .. } if path == "/a/link"), "{error}");
    let mut tree = empty_tree();
    tree.add_file("a/name:colon", bytes(""), file(0o644)).unwrap();
    assert!(matches!(refuse(tree, fit), Error::Unrepresentable { .. }));
    let mut tree = empty_tree();
    tree.add_file("big", bytes(noise(20 << 20, 1)), file(0o644)).unwrap();
    let error = refuse(tree, SizePolicy::Exact(16 << 20));
    assert!(matches!(error, Error::TooSmall { needed, .. } if needed > 20 << 20), "{error}");
    assert!(matches!(refuse(empty_tree(), SizePolicy::Exact(1 << 20)), Error::TooSmall { .. }));
    let error = plan(empty_tree(), options("TWELVE CHARS", fit)).unwrap_err();
    assert!(matches!(error, Error::InvalidPartition { .. }), "{error}");
}
