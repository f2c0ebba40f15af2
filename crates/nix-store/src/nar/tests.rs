use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::error::{Error, Result};

fn node() -> impl Strategy<Value = Node> {
    let contents = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec(any::<u8>(), 40_000..80_000),
    ];
    let leaf = prop_oneof![
        (any::<bool>(), contents).prop_map(|(executable, contents)| Node::Regular { executable, contents }),
        "[a-z./]{1,20}".prop_map(|target| Node::Symlink { target: target.into_bytes() }),
    ];
    let name = "[a-zA-Z0-9_+ é-]{1,9}".prop_map(String::into_bytes);
    leaf.prop_recursive(4, 24, 5, move |inner| {
        proptest::collection::btree_map(name.clone(), inner, 0..5).prop_map(Node::Directory)
    })
}

fn archive(node: &Node) -> Vec<u8> {
    let mut bytes = Vec::new();
    node.dump(&mut bytes).unwrap();
    bytes
}

/// An archive made of words that need not be in order.
fn words(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in words {
        bytes.extend_from_slice(&(word.len() as u64).to_le_bytes());
        bytes.extend_from_slice(word);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reading_undoes_dumping(node in node()) {
        let mut bytes = archive(&node);
        bytes.extend_from_slice(b"what follows");
        let mut rest = bytes.as_slice();
        prop_assert_eq!(Node::read(&mut rest).unwrap(), node);
        prop_assert_eq!(rest, b"what follows");
    }

    #[test]
    fn restoring_and_dumping_gives_the_same_bytes(node in node()) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x");
        let bytes = archive(&node);
        restore(&mut bytes.as_slice(), &path).unwrap();
        let mut again = Vec::new();
        dump(&path, &mut again).unwrap();
        prop_assert!(again == bytes);
        let (hash, size) = hash_path(&path).unwrap();
        prop_assert_eq!(size, bytes.len() as u64);
        prop_assert_eq!(hash, crate::Hash::sha256(&bytes));
        prop_assert_eq!(node.nar_hash().unwrap(), (hash, size));
    }

    #[test]
    fn a_damaged_archive_is_no_panic_and_stays_in_its_place(
        node in node(), at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        let place = tempfile::tempdir().unwrap();
        let mut bytes = archive(&node);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let result = restore(&mut bytes.as_slice(), &place.path().join("x"));
        prop_assert!(!cut || result.is_err());
        let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        prop_assert!(left.is_empty() || left == ["x"]);
    }
}

#[test]
fn hostile_archives_are_refused() {
    let entry = |name: &'static [u8]| -> Vec<&'static [u8]> {
        vec![b"entry", b"(", b"name", name, b"node", b"(", b"type", b"regular", b"contents", b"", b")", b")"]
    };
    let directory = |entries: &[&'static [u8]]| {
        let mut all: Vec<&[u8]> = vec![b"nix-archive-1", b"(", b"type", b"directory"];
        for name in entries {
            all.extend(entry(name));
        }
        all.push(b")");
        words(&all)
    };
    let good = directory(&[b"a", b"b"]);
    assert!(matches!(Node::read(&mut good.as_slice()), Ok(Node::Directory(_))));

    let name_of_256: &'static [u8] = &[b'a'; 256];
    let mut bad = vec![
        directory(&[b"b", b"a"]),
        directory(&[b"a", b"a"]),
        directory(&[b""]),
        directory(&[b"."]),
        directory(&[b".."]),
        directory(&[b"../a"]),
        directory(&[b"/a"]),
        directory(&[b"a\0"]),
        directory(&[name_of_256]),
        words(&[b"nix-archive-2"]),
        words(&[b"nix-archive-1", b"(", b"type", b"fifo", b")"]),
        words(&[b"nix-archive-1", b"(", b"type", b"symlink", b"target", b"", b")"]),
        words(&[b"nix-archive-1", b"(", b"type", b"symlink", b"target", b"a\0b", b")"]),
        Vec::new(),
    ];
    let mut padded = archive(&Node::file("a"));
    let at = padded.windows(8).position(|window| window == b"a\0\0\0\0\0\0\0").unwrap();
    padded[at + 3] = 1;
    bad.push(padded);
    let mut endless = words(&[b"nix-archive-1", b"(", b"type", b"regular", b"contents"]);
    endless.extend_from_slice(&u64::MAX.to_le_bytes());
    bad.push(endless);
    for bytes in bad {
        let result = Node::read(&mut bytes.as_slice());
        assert!(matches!(result, Err(Error::InvalidNar { .. })), "{result:?}");
    }
}

#[test]
fn nesting_is_bounded() {
    let mut all: Vec<&[u8]> = vec![b"nix-archive-1"];
    for _ in 0..100_000 {
        all.extend([b"(".as_slice(), b"type", b"directory", b"entry", b"(", b"name", b"a", b"node"]);
    }
    let result = Node::read(&mut words(&all).as_slice());
    assert!(matches!(result, Err(Error::InvalidNar { problem: "directories are nested too deeply", .. })));
}

#[test]
fn nothing_is_written_through_a_symlink_or_over_a_file() {
    let place = tempfile::tempdir().unwrap();
    let outside = place.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let path = place.path().join("x");
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    let tree = Node::Directory(BTreeMap::from([(b"a".to_vec(), Node::file("b"))]));
    assert!(restore(&mut archive(&tree).as_slice(), &path).is_err());
    assert!(restore(&mut archive(&Node::file("b")).as_slice(), &path).is_err());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn filtered_files_are_left_out() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    fs::create_dir_all(root.join("kept")).unwrap();
    fs::create_dir_all(root.join("dropped/below")).unwrap();
    fs::write(root.join("kept/file"), "1").unwrap();
    let mut seen = Vec::new();
    let mut filter = |path: &Path, kind: Option<FileKind>| {
        seen.push((path.strip_prefix(&root).unwrap().display().to_string(), kind));
        Ok::<_, Error>(!path.ends_with("dropped"))
    };
    let mut bytes = Vec::new();
    dump_filtered(&root, &mut filter, &mut bytes).unwrap();
    let expected = Node::Directory(BTreeMap::from([(
        b"kept".to_vec(),
        Node::Directory(BTreeMap::from([(b"file".to_vec(), Node::file("1"))])),
    )]));
    assert_eq!(Node::read(&mut bytes.as_slice()).unwrap(), expected);
    assert_eq!(
        seen,
        [
            ("dropped".to_owned(), Some(FileKind::Directory)),
            ("kept".to_owned(), Some(FileKind::Directory)),
            ("kept/file".to_owned(), Some(FileKind::Regular)),
        ]
    );
}

#[test]
fn holes_are_zeros() {
    const PIECE: u64 = 1 << 16;
    let place = tempfile::tempdir().unwrap();
    // Each number is a piece: data or a hole.
    for pieces in [&[0, 0, 1, 0, 1, 1, 0][..], &[1, 0, 0], &[0, 0], &[0, 1], &[1]] {
        let path = place.path().join("sparse");
        let file = fs::File::create(&path).unwrap();
        let mut contents = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let bytes = vec![*piece; PIECE as usize];
            if *piece != 0 {
                std::os::unix::fs::FileExt::write_all_at(&file, &bytes, number as u64 * PIECE).unwrap();
            }
            contents.extend(bytes);
        }
        contents.extend([0; 7]);
        file.set_len(contents.len() as u64).unwrap();
        let mut bytes = Vec::new();
        dump(&path, &mut bytes).unwrap();
        assert!(Node::read(&mut bytes.as_slice()).unwrap() == Node::file(contents), "{pieces:?}");
    }
}

#[test]
fn a_full_writer_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let result: Result<()> = Node::file("a").dump(&mut Full);
    assert!(result.unwrap_err().is_out_of_space());
}
