//! Large directories, large and sparse files, and what is refused.

use crate::ext4_reader::{debugfs, read_contents, read_extents, read_names};
use crate::tools::*;
use disk_image::ext4::{Ext4Options, JournalSize, plan};
use disk_image::{Attributes, Error, FileContent, HostPolicy, NodeKind, Seed, SizePolicy, Tree};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

fn write(tree: Tree, image: &Path) {
    let options = Ext4Options::new("root", &Seed::new("beta"), TIME, SizePolicy::Fit { free: 0 });
    plan(tree, options).unwrap().write_raw(image, &mut go_on).unwrap();
}

fn refusal(tree: Tree, size: SizePolicy) -> Error {
    plan(tree, Ext4Options::new("root", &Seed::new("beta"), TIME, size)).unwrap_err()
}

#[test]
fn a_directory_of_a_hundred_thousand_names() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut tree = empty_tree();
    let long = "a-name-that-makes-the-index-of-the-directory-two-levels-deep";
    tree.add_file("big/first", bytes("x"), file(0o644)).unwrap();
    for number in 1..100_000 {
        tree.add_hard_link(format!("big/{long}-{number}"), "big/first").unwrap_or_else(|_| {
            tree.add_file(format!("big/{long}-{number}"), bytes(""), file(0o644)).unwrap();
        });
    }
    write(tree, &image);
    check_ext4(&image);
    let names = debugfs(&image, &["ls -p /big".to_owned()]);
    let count = names[0]
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"/") && !line.starts_with(b"/0/"))
        .count();
    assert_eq!(count, 100_002);
    let tree = String::from_utf8_lossy(&debugfs(&image, &["htree_dump /big".to_owned()])[0]).into_owned();
    assert!(tree.contains("Hash Version: 1") && tree.contains("Indirect levels: 1"), "{}", &tree[..400]);
}

#[test]
fn directories_of_every_size_around_a_block() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut tree = empty_tree();
    // 12 bytes an entry: 338 fill the block that `.` and `..` share.
    for count in [1, 336, 337, 338, 339, 340, 678, 679, 1_000] {
        for number in 0..count {
            tree.add_directory(format!("d{count}/{number:04}"), file(0o755)).unwrap();
        }
    }
    write(tree, &image);
    check_ext4(&image);
    assert_eq!(read_names(&image).len(), 1 + 9 + 1 + 336 + 337 + 338 + 339 + 340 + 678 + 679 + 1_000);
}

#[test]
fn more_subdirectories_than_links_can_count() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut tree = empty_tree();
    for number in 0..65_010 {
        tree.add_directory(format!("many/{number}"), file(0o755)).unwrap();
    }
    write(tree, &image);
    check_ext4(&image);
    let stat = text("debugfs", &["-R", "stat /many", show(&image)]);
    assert!(stat.contains("Links: 1 "), "{stat}");
}

#[test]
fn a_sparse_file_of_more_than_four_gibibytes() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("sparse");
    let length = (4 << 30) + 5 * 4096 + 17;
    let places = [0, 1 << 20, (4 << 30) - 4096, (4 << 30) + 5 * 4096];
    let sparse = File::create(&host).unwrap();
    sparse.set_len(length).unwrap();
    for (index, place) in places.into_iter().enumerate() {
        let size = 4096.min(length - place) as usize;
        sparse.write_all_at(&noise(size, index as u64), place).unwrap();
    }
    let mut tree = empty_tree();
    let policy = HostPolicy { ownership: HostPolicy::STORE.ownership, ..HostPolicy::KEEP };
    tree.add_host("sparse", &host, &policy).unwrap();
    let image = directory.path().join("image");
    write(tree, &image);
    check_ext4(&image);
    assert!(std::fs::metadata(&image).unwrap().len() < 64 << 20);

    let found = &read_names(&image)[&b"sparse"[..]];
    assert_eq!(found.size, length);
    let extents = read_extents(&image, found.inode);
    let image = File::open(&image).unwrap();
    for (index, place) in places.into_iter().enumerate() {
        let size = 4096.min(length - place) as usize;
        let (logical, physical, _) = *extents
            .iter()
            .find(|(logical, _, blocks)| (*logical..logical + blocks).contains(&(place / 4096)))
            .unwrap();
        let mut block = vec![0xff; 4096];
        image.read_exact_at(&mut block, (physical + place / 4096 - logical) * 4096).unwrap();
        assert!(block[..size] == noise(size, index as u64));
        assert!(block[size..].iter().all(|byte| *byte == 0));
    }
    assert!(extents.iter().map(|(_, _, blocks)| blocks).sum::<u64>() < 100);
}

#[test]
fn a_file_of_thousands_of_extents() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("holes");
    let holes = File::create(&host).unwrap();
    // 3000 extents: nine leaves below an index block.
    for number in 0..3_000 {
        holes.write_all_at(&noise(4096, number), number * 3 * 4096).unwrap();
    }
    let mut tree = empty_tree();
    tree.add_host("holes", &host, &HostPolicy { mtime: Some(1), ..HostPolicy::KEEP }).unwrap();
    let image = directory.path().join("image");
    write(tree, &image);
    check_ext4(&image);
    let inode = read_names(&image)[&b"holes"[..]].inode;
    assert!(read_extents(&image, inode).len() >= 2_999);
    assert!(read_contents(&image, &[inode])[&inode] == std::fs::read(&host).unwrap());
}

#[test]
fn data_across_groups_and_a_journal_of_many_extents() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("long");
    // Larger than a group, so that it goes around the copies of the superblock; mostly a hole that is filled.
    let length = 300 << 20;
    let long = File::create(&host).unwrap();
    long.set_len(length).unwrap();
    for place in (0..length).step_by(10 << 20) {
        long.write_all_at(&noise(4096, place), place).unwrap();
    }
    let mut tree = empty_tree();
    tree.add_host("long", &host, &HostPolicy::STORE).unwrap();
    let image = directory.path().join("image");
    let size = SizePolicy::Exact(3 << 30);
    let journal = JournalSize::Bytes(1 << 30);
    let options = Ext4Options { journal, ..Ext4Options::new("root", &Seed::new("beta"), TIME, size) };
    plan(tree, options).unwrap().write_raw(&image, &mut go_on).unwrap();
    check_ext4(&image);
    let inode = read_names(&image)[&b"long"[..]].inode;
    assert!(read_contents(&image, &[inode])[&inode] == std::fs::read(&host).unwrap());
    let report = text("dumpe2fs", &["-h", show(&image)]);
    assert!(report.contains("Total journal size:       1024M"), "{report}");
}

#[test]
fn more_inodes_than_the_size_gives_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut tree = empty_tree();
    for number in 0..40_000 {
        tree.add_symlink(format!("links/{}/{number}", number % 50), "target", file(0o777)).unwrap();
    }
    write(tree, &image);
    check_ext4(&image);
    assert_eq!(read_names(&image).len(), 1 + 1 + 50 + 40_000);
}

#[test]
fn a_file_with_too_many_names_becomes_two() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    std::fs::create_dir_all(&store).unwrap();
    std::fs::write(store.join("f"), "x").unwrap();
    // The host's own limit is the same as the image's: the file comes twice under all its names.
    for number in 1..40_000 {
        std::fs::hard_link(store.join("f"), store.join(number.to_string())).unwrap();
    }
    let mut tree = empty_tree();
    tree.add_host("a", &store, &HostPolicy::STORE).unwrap();
    tree.add_host("b", &store, &HostPolicy::STORE).unwrap();
    let image = directory.path().join("image");
    write(tree, &image);
    check_ext4(&image);
}

#[test]
fn a_size_that_is_too_small_says_what_is_needed() {
    let tree = || {
        let mut tree = empty_tree();
        tree.add_file("f", bytes(noise(20 << 20, 1)), file(0o644)).unwrap();
        tree
    };
    let error = refusal(tree(), SizePolicy::Exact(16 << 20));
    let Error::TooSmall { needed, available, .. } = &error else { panic!("{error}") };
    assert_eq!(*available, 16 << 20);
    let size = SizePolicy::Exact(needed.next_multiple_of(1 << 20));
    assert!(plan(tree(), Ext4Options::new("root", &Seed::new("x"), TIME, size)).is_ok());
    assert!(matches!(refusal(empty_tree(), SizePolicy::Exact(0)), Error::TooSmall { .. }));
    assert!(matches!(refusal(empty_tree(), SizePolicy::Exact(100 << 10)), Error::TooSmall { .. }));
}

#[test]
fn what_ext4_cannot_hold_is_named() {
    let fit = SizePolicy::Fit { free: 0 };
    let path_of = |error: Error| match error {
        Error::Unrepresentable { path, .. } => path,
        other => panic!("{other}"),
    };
    let mut tree = empty_tree();
    tree.add_symlink("a/too-long", "x".repeat(4096), file(0o777)).unwrap();
    assert_eq!(path_of(refusal(tree, fit)), "/a/too-long");
    let mut tree = empty_tree();
    tree.add_file("late", bytes(""), Attributes::root(0o644, i64::MAX)).unwrap();
    assert_eq!(path_of(refusal(tree, fit)), "/late");
    let mut tree = empty_tree();
    tree.add_file("noted", bytes(""), file(0o644).with_xattr("user.big", vec![0; 5_000])).unwrap();
    assert_eq!(path_of(refusal(tree, fit)), "/noted");
    let options = Ext4Options::new("a label that is too long", &Seed::new("x"), TIME, fit);
    assert!(matches!(plan(empty_tree(), options), Err(Error::InvalidPartition { .. })));
}

#[test]
fn entries_that_contradict_each_other_are_refused() {
    let mut tree = empty_tree();
    tree.add_file("a/b", bytes("1"), file(0o644)).unwrap();
    assert!(matches!(tree.add_file("a", bytes("2"), file(0o644)), Err(Error::IsADirectory { .. })));
    assert!(matches!(tree.add_file("a/b/c", bytes("2"), file(0o644)), Err(Error::NotADirectory { .. })));
    assert!(matches!(tree.add_hard_link("x", "missing"), Err(Error::NotFound { .. })));
    assert!(matches!(tree.add_hard_link("x", "a"), Err(Error::IsADirectory { .. })));
    assert!(matches!(tree.add_file("../x", bytes(""), file(0o644)), Err(Error::InvalidPath { .. })));
    assert!(matches!(tree.add_symlink("x", "", file(0o777)), Err(Error::Unrepresentable { .. })));
    // Later entries replace earlier ones, and removing a directory removes what is below it.
    tree.add_file("a/b", bytes("2"), file(0o600)).unwrap();
    tree.add_hard_link("kept", "a/b").unwrap();
    tree.remove("a").unwrap();
    let kept = tree.find("kept").unwrap();
    assert_eq!(tree.node(kept).links, 1);
    assert!(matches!(&tree.node(kept).kind, NodeKind::File(file) if file.size() == 1));
    assert!(tree.find("a/b").is_none());
}

#[test]
fn a_file_that_changes_after_planning_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let host = directory.path().join("file");
    std::fs::write(&host, "ten bytes!").unwrap();
    let mut tree = empty_tree();
    tree.add_file("file", FileContent::from_host(&host).unwrap(), file(0o644)).unwrap();
    let size = SizePolicy::Fit { free: 0 };
    let plan = plan(tree, Ext4Options::new("root", &Seed::new("x"), TIME, size)).unwrap();
    let image = directory.path().join("image");
    std::fs::write(&host, "more than ten bytes").unwrap();
    let error = plan.write_raw(&image, &mut go_on).unwrap_err();
    assert!(matches!(&error, Error::Changed { path, planned: 10 } if *path == host), "{error}");
    std::fs::remove_file(&host).unwrap();
    let error = plan.write_raw(&image, &mut go_on).unwrap_err();
    assert!(matches!(&error, Error::Read { path, .. } if *path == host), "{error}");
}

#[test]
fn a_full_disk_and_a_request_to_stop_are_told_apart() {
    let mut tree = empty_tree();
    for number in 0..40 {
        tree.add_file(format!("f{number}"), bytes(noise(200_000, number)), file(0o644)).unwrap();
    }
    let size = SizePolicy::Fit { free: 0 };
    let plan = plan(tree, Ext4Options::new("root", &Seed::new("x"), TIME, size)).unwrap();
    let error = plan.write_raw(Path::new("/dev/full"), &mut go_on).unwrap_err();
    assert!(matches!(&error, Error::DiskFull { path } if path == Path::new("/dev/full")), "{error}");
    let error = plan.write_raw(Path::new("/nonexistent/image"), &mut go_on).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let error = plan
        .write_raw(&directory.path().join("image"), &mut |progress| {
            seen.push(progress);
            if progress.done > 3_000_000 { std::ops::ControlFlow::Break(()) } else { go_on(progress) }
        })
        .unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    assert!(seen.len() >= 3 && seen.iter().all(|progress| progress.total == 8_000_000), "{seen:?}");
}
