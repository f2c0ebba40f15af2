//! Closures given to a host whose Nix is the real one: this machine, in namespaces in which `/nix` is a directory of the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use deploy::{CopyReport, CopySettings, Host, HostState, Lacking, Privilege, Rights, Script, copy_closure};
use nix_store::nar::Node;
use nix_store::{LocalStore, SecretKey, StoreDir, StorePath, StoreRoot, ValidPathInfo};
use tempfile::TempDir;

struct Place {
    directory: TempDir,
    store: LocalStore,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::open(StoreRoot::new(directory.path().join("here"))).unwrap();
        for name in ["nix/store", "nix/var/nix/db", "nix/var/nix/gcroots", "nix/var/nix/profiles"] {
            fs::create_dir_all(directory.path().join("host").join(name)).unwrap();
        }
        Place { directory, store }
    }

    /// The host: who becomes root there enters a namespace of its own.
    fn host(&self) -> Host {
        let enter = format!(
            "mount --bind {}/host/nix /nix && export NIX_REMOTE=local HOME=/nonexistent NIX_CONFIG=\"build-users-group =\" && exec \"$@\"",
            self.directory.path().display()
        );
        let words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &enter, "sh"];
        let command = words.map(str::to_owned).to_vec();
        Host::here("there", Privilege { command, password: None })
    }

    fn run(&self, text: &str) -> Result<String, deploy::Error> {
        self.host().run(&Script {
            action: "try",
            text,
            arguments: &[],
            rights: Rights::Root,
            patience: Duration::from_secs(120),
        })
    }

    /// A path of a tree, as a build would have made it; what is new in it is linked to what `base` has where that is the same.
    fn add(&self, name: &str, node: &Node, references: &[&StorePath]) -> StorePath {
        let (nar_hash, nar_size) = node.nar_hash().unwrap();
        let path = StoreDir::default().make_source_path(name, &nar_hash).unwrap();
        let mut info = ValidPathInfo::new(path.clone(), nar_hash, nar_size);
        info.references = references.iter().map(|path| (*path).clone()).collect();
        let mut archive = Vec::new();
        node.dump(&mut archive).unwrap();
        self.store.add_nar(&info, &mut archive.as_slice()).unwrap();
        path
    }

    fn copy(&self, state: &HostState, root: &StorePath, settings: &CopySettings) -> (CopyReport, Lacking) {
        let mut lacking = Lacking { paths: 0, bytes: 0 };
        let mut planned = |found| lacking = found;
        let report =
            copy_closure(&self.store, &self.host(), state, root, settings, &mut planned, &mut |_| {})
                .unwrap();
        (report, lacking)
    }

    fn there(&self, path: &StorePath) -> PathBuf {
        self.directory.path().join("host/nix/store").join(path.base_name())
    }
}

fn tree(entries: &[(&str, Node)]) -> Node {
    Node::Directory(entries.iter().map(|(name, node)| (name.as_bytes().to_vec(), node.clone())).collect())
}

/// Bytes that no compression makes smaller.
fn noise(seed: u8, size: usize) -> Node {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    Node::file((0..size).map(|_| next()).collect::<Vec<u8>>())
}

fn generation(place: &Place, name: &str, usr: &StorePath) -> StorePath {
    let link = Node::Symlink { target: StoreDir::default().display(usr).into_bytes() };
    place.add("nixos-system-a", &tree(&[("name", Node::file(name)), ("usr", link)]), &[usr])
}

fn running(current: &StorePath) -> HostState {
    let programs = ["nix-daemon", "perl", "unshare", "zstd"].map(str::to_owned).into();
    HostState { current: Some(current.clone()), programs, ..HostState::default() }
}

#[test]
fn a_tree_is_made_out_of_the_one_before() {
    let place = Place::new();
    let (big, other) = (noise(1, 300_000), noise(2, 100_000));
    let link = |target: &str| Node::Symlink { target: target.into() };
    let old_usr = place.add(
        "usr",
        &tree(&[
            ("bin", tree(&[("big", big.clone()), ("gone", Node::file("x")), ("link", link("big"))])),
            ("lib", tree(&[("other", other.clone())])),
            ("was-file", Node::file("x")),
        ]),
        &[],
    );
    let old = generation(&place, "old", &old_usr);
    let new_usr = place.add(
        "usr",
        &tree(&[
            (
                "bin",
                tree(&[
                    ("big", big),
                    ("link", link("new")),
                    ("new", Node::Regular { executable: true, contents: b"#!/bin/sh\n".to_vec() }),
                ]),
            ),
            ("lib", tree(&[("deep", tree(&[("er", Node::file(""))])), ("other", other)])),
            ("was-file", tree(&[("now", Node::file("directory"))])),
        ]),
        &[],
    );
    let new = generation(&place, "new", &new_usr);

    let settings = CopySettings::default();
    let (first, lacking) = place.copy(&HostState { current: None, ..running(&old) }, &old, &settings);
    assert_eq!((first.rebuilt, lacking.paths), (0, 2));
    let (second, lacking) = place.copy(&running(&old), &new, &settings);
    assert_eq!((second.rebuilt, lacking.paths), (1, 2), "{second:?}");
    assert!(lacking.bytes > 400_000 && second.bytes < 4_000, "{second:?}");

    let inode = |path: &StorePath, name: &str| fs::metadata(place.there(path).join(name)).unwrap().ino();
    assert_eq!(inode(&old_usr, "bin/big"), inode(&new_usr, "bin/big"), "it is one file with two names");
    place.run("nix-store --verify --check-contents >&2").unwrap();
    for path in [&old_usr, &new_usr, &new] {
        let text = format!("nix-store --query --hash {}", StoreDir::default().display(path));
        let expected = place.store.path_info(path).unwrap().nar_hash;
        let found = place.run(&text).unwrap();
        assert!(found.trim().ends_with(&expected.to_base32()), "{found} {}", expected.to_base32());
    }
    let (third, _) = place.copy(&running(&old), &new, &settings);
    assert_eq!(third.paths, [], "it has it");
    let (unchanged, _) = place.copy(&running(&new), &new, &settings);
    assert_eq!(unchanged, CopyReport::default());
}

#[test]
fn what_was_signed_here_is_signed_there() {
    let place = Place::new();
    let path = place.add("thing", &Node::file("thing"), &[]);
    let key = SecretKey::generate("fleet-1").unwrap();
    let settings = CopySettings { keys: vec![key], substitute: false };
    // A host without zstd gets it as it is.
    let programs = ["nix-daemon".to_owned()].into();
    place.copy(&HostState { programs, ..HostState::default() }, &path, &settings);
    let info = LocalStore::open(StoreRoot::new(place.directory.path().join("host"))).unwrap();
    let signatures: BTreeSet<String> = info.path_info(&path).unwrap().signatures;
    assert!(signatures.iter().any(|signature| signature.starts_with("fleet-1:")), "{signatures:?}");
}

#[test]
fn what_breaks_off_or_leads_outside_is_refused() {
    let place = Place::new();
    let base = place.add("usr", &tree(&[("a", noise(3, 200_000))]), &[]);
    place.copy(&HostState { current: None, ..running(&base) }, &base, &CopySettings::default());
    let program = include_str!("../src/host/rebuild.pl");
    let shell = include_str!("../src/host/rebuild.sh");
    let display = |path: &StorePath| StoreDir::default().display(path);
    let new = StorePath::from_base_name(&format!("{}-usr", "1".repeat(32))).unwrap();
    let wrong_hash = format!("2\x002\x00f\x00b\x002\x00{}\x00xy.\x00", "0".repeat(64));
    for (input, said) in [
        ("2\x002\x00f\x00b\x00", "breaks off"),
        ("1\x002\x00-\x00../../escaped\x00.\x00", "not a path inside a tree"),
        ("1\x002\x00d\x00/escaped\x00.\x00", "not a path inside a tree"),
        ("2\x000\x00l\x00b\x00/\x00d\x00b/escaped\x00.\x00", "not a directory"),
        ("1\x007\x00.\x00", "entries and"),
        (wrong_hash.as_str(), "not what was sent"),
        ("1\x001\x00?\x00b\x00", "unknown step"),
    ] {
        let script = Script {
            action: "rebuild",
            text: shell,
            arguments: &[&display(&new), &display(&base), program],
            rights: Rights::Root,
            patience: Duration::from_secs(60),
        };
        match place.host().run_with(&script, input.as_bytes(), |_| {}) {
            Err(deploy::Error::Remote { said: found, .. }) => {
                assert!(found.contains(said), "{input:?}: {found}")
            }
            other => panic!("{input:?}: {other:?}"),
        }
        assert!(!place.there(&new).exists());
    }
}
