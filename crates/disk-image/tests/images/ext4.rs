use crate::ext4_reader::{Found, read_contents, read_names, read_xattr, read_xattrs};
use crate::random_tree::{build, entries};
use crate::tools::*;
use disk_image::ext4::{Ext4Options, plan};
use disk_image::tree::FileSource;
use disk_image::{Attributes, NodeKind, Seed, SizePolicy, Tree};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

fn options(size: SizePolicy) -> Ext4Options {
    Ext4Options::new("root", &Seed::new("alpha"), TIME, size)
}

fn write(tree: Tree, size: SizePolicy, image: &Path) {
    plan(tree, options(size)).unwrap().write_raw(image, &mut go_on).unwrap();
}

/// Every name, inode, attribute and byte of `tree` is on the image, and nothing else.
fn assert_same(tree: &Tree, image: &Path) {
    let found = read_names(image);
    let mut expected = Vec::new();
    tree.walk(&mut |path, id, _| expected.push((path.to_vec(), id)));
    expected.sort();
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.iter().map(|(path, _)| path).collect::<Vec<_>>());

    let mut inode_of = BTreeMap::new();
    let mut contents = BTreeMap::new();
    let mut xattrs = BTreeMap::new();
    for (path, id) in &expected {
        let shown = path.escape_ascii().to_string();
        let node = tree.node(*id);
        let found = &found[path];
        // Two names have one inode if and only if they are hard links.
        assert_eq!(*inode_of.entry(*id).or_insert(found.inode), found.inode, "{shown}");
        let attributes = &node.attributes;
        let (kind, size, links) = match &node.kind {
            NodeKind::Directory(_) => {
                let children = tree.children(*id);
                let directories =
                    children.filter(|(_, child)| matches!(tree.node(*child).kind, NodeKind::Directory(_)));
                // The root has `lost+found` besides.
                (0o040_000, found.size, 2 + directories.count() as u32 + u32::from(path.is_empty()))
            }
            NodeKind::File(file) => {
                let FileSource::Bytes(bytes) = file.source() else { panic!("made of bytes") };
                contents.insert(found.inode, bytes.to_vec());
                (0o100_000, file.size(), node.links)
            }
            NodeKind::Symlink(target) => {
                match &found.content {
                    Some(short) => assert_eq!(short.as_bytes()[1..short.len() - 1], **target, "{shown}"),
                    None => assert!(contents.insert(found.inode, target.to_vec()).is_none()),
                }
                assert_eq!(found.content.is_some(), target.len() < 60, "{shown}");
                (0o120_000, target.len() as u64, node.links)
            }
            NodeKind::CharacterDevice { major, minor } | NodeKind::BlockDevice { major, minor } => {
                let numbers = found.content.as_deref().unwrap();
                assert!(numbers.starts_with(&format!("{major:02}:{minor:02} ")), "{shown}: {numbers}");
                let character = matches!(node.kind, NodeKind::CharacterDevice { .. });
                (if character { 0o020_000 } else { 0o060_000 }, 0, node.links)
            }
            NodeKind::Fifo => (0o010_000, 0, node.links),
            NodeKind::Socket => (0o140_000, 0, node.links),
        };
        let wanted = Found {
            inode: found.inode,
            mode: kind | u32::from(attributes.mode),
            uid: attributes.uid,
            gid: attributes.gid,
            size,
            links,
            mtime: attributes.mtime,
            content: found.content.clone(),
        };
        assert_eq!(*found, wanted, "{shown}");
        let text =
            |(name, value): (&Vec<u8>, &Vec<u8>)| (String::from_utf8(name.clone()).unwrap(), value.clone());
        let wanted: BTreeMap<String, Vec<u8>> = attributes.xattrs.iter().map(text).collect();
        xattrs.insert(found.inode, wanted);
    }
    let wanted: Vec<_> =
        xattrs.iter().map(|(inode, values)| (*inode, values.keys().cloned().collect())).collect();
    assert_eq!(read_xattrs(image, &wanted), xattrs);
    let distinct: std::collections::BTreeSet<u32> = inode_of.values().copied().collect();
    assert_eq!(distinct.len(), inode_of.len(), "an inode for two nodes");
    let inodes: Vec<u32> = contents.keys().copied().collect();
    assert!(read_contents(image, &inodes) == contents, "a file has other bytes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_read_back_as_it_was(entries in entries(), free in 0_u64..40 << 20) {
        let tree = build(&entries);
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        write(tree.clone(), SizePolicy::Fit { free }, &image);
        check_ext4(&image);
        assert_same(&tree, &image);
    }
}

/// A tree with something of everything.
fn mixed_tree() -> Tree {
    let mut tree = empty_tree();
    tree.add_directory("etc", file(0o755)).unwrap();
    tree.add_file("etc/shadow", bytes("root:*:19000::::::\n"), file(0o640).owned_by(0, 42)).unwrap();
    tree.add_file("usr/bin/sudo", bytes(noise(300_000, 1)), file(0o4755)).unwrap();
    tree.add_file("usr/bin/ping", bytes("ping"), file(0o755).with_xattr("security.capability", [1; 20]))
        .unwrap();
    tree.add_hard_link("usr/bin/ping6", "usr/bin/ping").unwrap();
    tree.add_symlink("bin", "usr/bin", file(0o777)).unwrap();
    tree.add_symlink("long", "x".repeat(4095), file(0o777)).unwrap();
    tree.add_special("dev/console", NodeKind::CharacterDevice { major: 5, minor: 1 }, file(0o600)).unwrap();
    tree.add_file("large xattr", bytes(""), file(0o644).with_xattr("user.large", vec![7; 3_900])).unwrap();
    tree.add_directory("tmp", file(0o1777)).unwrap();
    tree
}

#[test]
fn a_tree_with_something_of_everything() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    write(mixed_tree(), SizePolicy::Fit { free: 0 }, &image);
    check_ext4(&image);
    assert_same(&mixed_tree(), &image);
}

#[test]
fn the_features_are_those_of_mke2fs() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    write(mixed_tree(), SizePolicy::Exact(256 << 20), &image);
    let report = text("dumpe2fs", &["-h", show(&image)]);
    let field = |name: &str| {
        let line = report.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    assert_eq!(
        field("Filesystem features"),
        "has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super large_file \
         huge_file dir_nlink extra_isize metadata_csum"
    );
    assert_eq!(field("Filesystem volume name"), "root");
    assert_eq!(field("Filesystem UUID"), Seed::new("alpha").uuid("ext4 root").to_string());
    assert_eq!(field("Filesystem state"), "clean");
    assert_eq!(field("Block count"), "65536");
    assert_eq!(field("Total journal size"), "16M");
    assert_eq!(field("Default mount options"), "user_xattr acl");
    assert_eq!(field("Inodes per group"), "8192");
}

#[test]
fn the_same_tree_in_another_order_gives_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..400).map(|number| format!("d{}/f{number}", number % 7)).collect();
    let image = |name: &str, names: &mut dyn Iterator<Item = &String>| {
        let mut tree = empty_tree();
        for name in names {
            tree.add_file(name, bytes(name), file(0o644)).unwrap();
        }
        let image = directory.path().join(name);
        write(tree, SizePolicy::Fit { free: 1 << 20 }, &image);
        std::fs::read(image).unwrap()
    };
    let forward = image("forward", &mut names.iter());
    assert!(forward == image("backward", &mut names.iter().rev()));
    assert!(forward == image("forward", &mut names.iter()), "written over an older image");
}

#[test]
fn grows_to_twenty_times_its_size() {
    let directory = tempfile::tempdir().unwrap();
    for size in [8_u64 << 20, 150 << 20, 1 << 30] {
        let image = directory.path().join("image");
        write(mixed_tree(), SizePolicy::Exact(size), &image);
        check_ext4(&image);
        let file = std::fs::OpenOptions::new().write(true).open(&image).unwrap();
        file.set_len(size * 20).unwrap();
        run("resize2fs", &[show(&image)]);
        check_ext4(&image);
        assert_same(&mixed_tree(), &image);
        let report = text("dumpe2fs", &["-h", show(&image)]);
        let blocks = report.lines().find_map(|line| line.strip_prefix("Block count:")).unwrap().trim();
        // A last group that is too small for its own tables may be left out.
        assert!(blocks.parse::<u64>().unwrap() * 4096 > size * 20 - (4 << 20), "{blocks}");
    }
}

#[test]
fn the_size_leaves_the_free_space_that_was_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    for free in [0_u64, 1 << 20, 10 << 20, 100 << 20, 1 << 30, 5 << 30] {
        write(mixed_tree(), SizePolicy::Fit { free }, &image);
        check_ext4(&image);
        let report = text("dumpe2fs", &["-h", show(&image)]);
        let number = |name: &str| -> u64 {
            let line = report.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(':').unwrap().1.trim().parse().unwrap()
        };
        let available = (number("Free blocks") - number("Reserved block count")) * 4096;
        assert!(available >= free, "{free}: {available}");
        // What is more than asked for is the unit of sizes and the step of the search.
        assert!(available <= free + free / 100 + (4 << 20), "{free}: {available}");
    }
}

#[test]
fn every_size_around_a_group_is_consistent() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    const GROUP: u64 = 128 << 20;
    let sizes = [1 << 20, 3 << 20, 7 << 20, 8 << 20, GROUP - 4096, GROUP, GROUP + 4096, GROUP + (1 << 20)];
    let more =
        [2 * GROUP + (5 << 20), 3 * GROUP + (1 << 20), 16 * GROUP + (2 << 20), 17 * GROUP + (40 << 20)];
    for size in sizes.into_iter().chain(more) {
        write(empty_tree(), SizePolicy::Exact(size), &image);
        check_ext4(&image);
    }
}

#[test]
fn store_paths_keep_their_hard_links() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    for name in ["a", "b"] {
        std::fs::create_dir_all(store.join(name).join("bin")).unwrap();
    }
    std::fs::write(store.join("a/bin/tool"), noise(10_000, 3)).unwrap();
    std::fs::hard_link(store.join("a/bin/tool"), store.join("b/bin/tool")).unwrap();
    std::fs::hard_link(store.join("a/bin/tool"), store.join("b/bin/again")).unwrap();
    std::os::unix::fs::symlink("tool", store.join("a/bin/link")).unwrap();

    let mut tree = empty_tree();
    for name in ["a", "b"] {
        let place = format!("nix/store/{name}");
        tree.add_host(place, &store.join(name), &disk_image::HostPolicy::STORE).unwrap();
    }
    let image = directory.path().join("image");
    write(tree, SizePolicy::Fit { free: 0 }, &image);
    check_ext4(&image);
    let names = read_names(&image);
    let tool = &names[&b"nix/store/a/bin/tool"[..]];
    assert_eq!((tool.links, tool.mode, tool.mtime, tool.uid), (3, 0o100_444, 1, 0));
    assert_eq!(names[&b"nix/store/b/bin/tool"[..]].inode, tool.inode);
    assert_eq!(names[&b"nix/store/b/bin/again"[..]].inode, tool.inode);
    assert_eq!(names[&b"nix/store/b/bin"[..]].mode, 0o040_555);
    assert_eq!(names[&b"nix/store/a/bin/link"[..]].content.as_deref(), Some("\"tool\""));
    assert_eq!(read_contents(&image, &[tool.inode])[&tool.inode], noise(10_000, 3));
}

#[test]
fn access_control_lists_are_kept() {
    // owner rw, user 1000 r, group r, mask r, others none; as getxattr(2) gives it, save that the identifiers without a
    // meaning are 0, as debugfs prints them.
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in [(1_u16, 6_u16, 0_u32), (2, 4, 1000), (4, 4, 0), (16, 4, 0), (32, 0, 0)] {
        acl.extend_from_slice(&tag.to_le_bytes());
        acl.extend_from_slice(&permissions.to_le_bytes());
        acl.extend_from_slice(&id.to_le_bytes());
    }
    let mut tree = empty_tree();
    let attributes = file(0o640).with_xattr("system.posix_acl_access", acl.clone());
    tree.add_file("guarded", bytes("x"), attributes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    write(tree, SizePolicy::Fit { free: 0 }, &image);
    check_ext4(&image);
    let inode = read_names(&image)[&b"guarded"[..]].inode;
    assert_eq!(read_xattr(&image, inode, "system.posix_acl_access"), acl);
}

#[test]
fn lost_and_found_is_there_and_may_be_given() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    write(empty_tree(), SizePolicy::Fit { free: 0 }, &image);
    let stat = text("debugfs", &["-R", "stat /lost+found", show(&image)]);
    assert!(
        stat.contains("Inode: 11 ") && stat.contains("Mode:  0700") && stat.contains("Size: 16384"),
        "{stat}"
    );

    let mut tree = empty_tree();
    tree.add_file("lost+found/found", bytes("me"), file(0o600)).unwrap();
    tree.add_directory("a", file(0o755)).unwrap();
    write(tree, SizePolicy::Fit { free: 0 }, &image);
    check_ext4(&image);
    let stat = text("debugfs", &["-R", "stat /lost+found", show(&image)]);
    assert!(stat.contains("Inode: 11 ") && stat.contains("Mode:  0755"), "{stat}");
    assert_eq!(text("debugfs", &["-R", "cat /lost+found/found", show(&image)]), "me");
}

#[test]
fn attributes_of_the_root_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let root = Attributes::root(0o750, 12_345).owned_by(3, 70_000).with_xattr("user.note", *b"hello");
    write(Tree::new(root.clone()), SizePolicy::Fit { free: 0 }, &image);
    check_ext4(&image);
    let found = &read_names(&image)[&b""[..]];
    assert_eq!((found.mode, found.uid, found.gid, found.mtime), (0o040_750, 3, 70_000, 12_345));
    assert_eq!(read_xattr(&image, 2, "user.note"), b"hello");
}
