//! Equal files are kept once, in the layout that Nix has for it.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use crate::nix::{Nix, open};
use nix_store::local::CollectOptions;
use nix_store::{ContentAddressMethod, HashAlgorithm, LocalStore, StorePath};

/// A tree with some files that other trees have too, and some of its own.
fn add_tree(nix: &Nix, store: &LocalStore, name: &str) -> StorePath {
    let tree = nix.path(name);
    fs::create_dir_all(tree.join("share/empty")).unwrap();
    for (file, contents) in [
        ("share/common", "common".repeat(3000)),
        ("share/own", name.repeat(1000)),
        ("again", "common".repeat(3000)),
        ("empty", String::new()),
        ("program", "common".repeat(3000)),
    ] {
        fs::write(tree.join(file), contents).unwrap();
    }
    fs::set_permissions(tree.join("program"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("common", tree.join("share/link")).unwrap();
    store.add_path(name, &tree, ContentAddressMethod::Recursive, HashAlgorithm::Sha256).unwrap()
}

/// The names in `.links` with the number of links that each has.
fn links(nix: &Nix) -> BTreeMap<String, u64> {
    fs::read_dir(nix.root().join("nix/store/.links"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().nlink()))
        .collect()
}

fn mode_and_time(path: &Path) -> (u32, i64) {
    let metadata = fs::symlink_metadata(path).unwrap();
    (metadata.mode(), metadata.mtime())
}

#[test]
fn the_links_are_those_that_nix_makes() {
    let (ours, theirs, added) = (Nix::new(), Nix::new(), Nix::new());
    let mut last = None;
    for nix in [&ours, &theirs, &added] {
        let mut store = open(nix);
        store.set_optimise_added(std::ptr::eq(nix, &added));
        add_tree(nix, &store, "one");
        last = Some(add_tree(nix, &store, "two"));
        store.add_text("one-text", &b"common".repeat(3000), &Default::default()).unwrap();
    }
    let store = open(&ours);
    let savings = store.optimise().unwrap();
    assert_eq!((savings.files, savings.bytes), (7, 5 * 18_000 + 6), "{savings:?}");
    theirs.run("nix-store", &["--optimise"]);
    assert_eq!(links(&ours), links(&theirs));
    assert_eq!(links(&added), links(&theirs));
    assert_eq!(store.optimise().unwrap(), Default::default());
    let path = store.real_path(&last.unwrap());
    assert_eq!(mode_and_time(&path.join("share")), (0o040_555, 1));
    assert_eq!(mode_and_time(&path), (0o040_555, 1));
    for nix in [&ours, &theirs, &added] {
        nix.run("nix-store", &["--verify", "--check-contents"]);
        assert!(open(nix).verify(true).unwrap().is_empty());
    }

    // Each goes on where the other stopped, and removes what the other linked.
    add_tree(&ours, &store, "three");
    ours.run("nix-store", &["--optimise"]);
    assert_eq!(store.optimise().unwrap(), Default::default());
    add_tree(&theirs, &open(&theirs), "three");
    open(&theirs).optimise().unwrap();
    assert_eq!(links(&ours), links(&theirs));
    drop(store);
    let size: u64 = fs::read_dir(ours.root().join("nix/store/.links"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().blocks() * 512)
        .sum();
    let listed = open(&ours).find_garbage(&CollectOptions::default(), &[]).unwrap();
    let collection =
        open(&ours).collect_garbage(&CollectOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(collection.bytes_freed, size);
    assert_eq!(listed.iter().map(|garbage| garbage.bytes).sum::<u64>(), size);
    assert!(links(&ours).is_empty());
    theirs.run("nix-store", &["--gc"]);
    assert!(links(&theirs).is_empty());
}

#[test]
fn a_damaged_link_is_not_used() {
    let nix = Nix::new();
    let store = open(&nix);
    add_tree(&nix, &store, "one");
    let directory = nix.root().join("nix/store/.links");
    store.optimise().unwrap();
    // What a crash of the machine can leave: a name with other content.
    for name in links(&nix).keys() {
        fs::remove_file(directory.join(name)).unwrap();
        fs::write(directory.join(name), "damaged").unwrap();
    }
    add_tree(&nix, &store, "two");
    store.optimise().unwrap();
    nix.run("nix-store", &["--verify", "--check-contents"]);
}
