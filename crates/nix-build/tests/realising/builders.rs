//! Single builders, with good and with hostile specifications.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nix_store::{ContentAddressMethod, Hash, HashAlgorithm};
use serde_json::{Value, json};

use crate::graph::{TestStore, Written, full_text};

fn build(store: &TestStore, name: &str, builder: &str, attributes: Value, inputs: &[&Written]) -> Written {
    let written = store.write(name, builder, attributes, inputs);
    store.realise(&[&written]).unwrap_or_else(|error| panic!("{}", full_text(&error)));
    written
}

fn failure(store: &TestStore, builder: &str, attributes: Value, inputs: &[&Written]) -> String {
    let written = store.write("bad", builder, attributes, inputs);
    let error = store.realise(&[&written]).expect_err("the specification is wrong");
    assert!(!store.real(&written).exists());
    full_text(&error)
}

#[test]
fn files_and_trees_are_written_as_they_are_described() {
    let store = TestStore::new();
    let script =
        build(&store, "script", "builtin:write-file", json!({ "text": "#!\n", "executable": true }), &[]);
    assert_eq!(fs::metadata(store.real(&script)).unwrap().permissions().mode() & 0o7777, 0o555);
    let nested = json!({ "text": "hello\n", "destination": "share/greeting" });
    let nested = build(&store, "nested", "builtin:write-file", nested, &[]);
    let tree = build(
        &store,
        "tree",
        "builtin:make-tree",
        json!({ "entries": [
            { "path": "bin/tool", "source": script.output },
            { "path": "copy", "source": nested.output, "exclude": ["nothing"] },
            { "path": "link", "symlink": format!("{}/share/greeting", nested.output) },
            { "path": "gone", "symlink": format!("{}/none", nested.output), "optional": true },
            { "path": "gone-too", "source": format!("{}/none", nested.output), "optional": true },
            { "path": "empty/deep", "directory": true },
            { "path": "plain", "source": script.output, "mode": "0644" },
            { "path": "twice", "text": "first" },
            { "path": "twice", "text": "second" },
        ] }),
        &[&script, &nested],
    );
    let root = store.real(&tree);
    assert_eq!(fs::read_to_string(root.join("twice")).unwrap(), "second");
    assert_eq!(fs::read_to_string(root.join("copy/share/greeting")).unwrap(), "hello\n");
    assert!(!root.join("gone").is_symlink() && !root.join("gone-too").exists());
    assert!(root.join("empty/deep").is_dir());
    // The script is linked where its mode is right, and copied where not.
    let inode = fs::metadata(store.real(&script)).unwrap().ino();
    assert_eq!(fs::metadata(root.join("bin/tool")).unwrap().ino(), inode);
    let plain = fs::metadata(root.join("plain")).unwrap();
    assert!(plain.ino() != inode && plain.mode() & 0o7777 == 0o444 && plain.mtime() == 1);
    assert_eq!(store.references(&tree), ["nested"]);
    store.verify_by_nix();
}

#[test]
fn an_output_can_name_itself() {
    let store = TestStore::new();
    let text = format!("I am {}\n", nix_store::output_placeholder("out"));
    let file = build(&store, "self", "builtin:write-file", json!({ "text": text }), &[]);
    assert_eq!(fs::read_to_string(store.real(&file)).unwrap(), format!("I am {}\n", file.output));
    assert_eq!(store.references(&file), ["self"]);
}

#[test]
fn packages_whose_directories_are_links_can_be_joined() {
    let store = TestStore::new();
    let package = |name: &str| {
        let real = json!({ "entries": [
            { "path": format!("usr/bin/{name}"), "text": name, "executable": true },
            { "path": "usr/share/common", "text": name },
        ] });
        let real = build(&store, &format!("{name}-real"), "builtin:make-tree", real, &[]);
        let thin = json!({ "entries": [
            { "path": "bin", "symlink": format!("{}/usr/bin", real.output) },
            { "path": "share", "symlink": format!("{}/usr/share", real.output) },
        ] });
        build(&store, name, "builtin:make-tree", thin, &[&real])
    };
    let (one, other) = (package("one"), package("other"));
    let joined = build(
        &store,
        "joined",
        "builtin:make-tree",
        json!({ "entries": [{ "path": "", "source": one.output }, { "path": "", "source": other.output }] }),
        &[&one, &other],
    );
    let root = store.real(&joined);
    assert!(fs::read_link(root.join("bin/one")).unwrap().ends_with("usr/bin/one"));
    assert!(fs::read_link(root.join("bin/other")).unwrap().ends_with("usr/bin/other"));
    let common = fs::read_link(root.join("share/common")).unwrap();
    assert!(common.to_str().unwrap().contains("-other-real/"), "{}", common.display());
    let environment = build(
        &store,
        "environment",
        "builtin:buildenv",
        json!({ "derivations": format!("true 5 1 {} true 6 1 {}", one.output, other.output), "manifest": one.output }),
        &[&one, &other],
    );
    let root = store.real(&environment);
    assert!(root.join("bin").is_dir() && !root.join("bin").is_symlink());
    assert_eq!(
        fs::read_link(root.join("bin/one")).unwrap().to_str(),
        Some(&*format!("{}/bin/one", one.output))
    );
    let common = fs::read_link(root.join("share/common")).unwrap();
    assert_eq!(common.to_str(), Some(&*format!("{}/share/common", one.output)));
    assert_eq!(fs::read_link(root.join("manifest.nix")).unwrap().to_str(), Some(one.output.as_str()));
    let same = json!({ "derivations": format!("true 5 1 {} true 5 1 {}", one.output, other.output) });
    let text = failure(&store, "builtin:buildenv", same, &[&one, &other]);
    assert!(text.contains("share/common") && text.contains("priority"), "{text}");
}

#[test]
fn files_are_joined_in_order() {
    let store = TestStore::new();
    let certificates = build(
        &store,
        "certificates",
        "builtin:make-tree",
        json!({ "entries": [
            { "path": "b.crt", "text": "B" },
            { "path": "a.crt", "text": "A\n" },
            { "path": "c.txt", "text": "C\n" },
            { "path": "z/d.crt", "text": "D\n" },
        ] }),
        &[],
    );
    let sources = json!([
        { "path": certificates.output, "suffix": ".crt" },
        format!("{}/c.txt", certificates.output),
    ]);
    let bundle = json!({ "sources": sources, "destination": "etc/bundle" });
    let bundle = build(&store, "bundle", "builtin:concat-files", bundle, &[&certificates]);
    assert_eq!(fs::read_to_string(store.real(&bundle).join("etc/bundle")).unwrap(), "A\nB\nD\nC\n");
    let none = json!({ "sources": [{ "path": certificates.output, "suffix": ".pem" }] });
    let text = failure(&store, "builtin:concat-files", none, &[&certificates]);
    assert!(text.contains(".pem"), "{text}");
}

#[test]
fn hostile_specifications_are_refused() {
    let store = TestStore::new();
    let input = build(&store, "input", "builtin:write-file", json!({ "text": "x" }), &[]);
    let other = store.write("other", "builtin:write-file", json!({ "text": "y" }), &[]);
    let entry = |entry: Value| failure(&store, "builtin:make-tree", json!({ "entries": [entry] }), &[&input]);
    for path in ["../x", "/x", "a/../../x", "a//b", "a/./b"] {
        let text = entry(json!({ "path": path, "text": "x" }));
        assert!(text.contains("cannot lie in an output"), "{path}: {text}");
    }
    let cases = [
        (json!({ "path": "x", "source": "/etc/passwd" }), "outside the store"),
        (json!({ "path": "x", "source": other.output }), "no input"),
        (json!({ "path": "x", "source": format!("{}/../..", input.output) }), "does not exist"),
        (json!({ "path": "x", "text": "x", "symlink": "y" }), "only one of"),
        (json!({ "path": "x" }), "is missing"),
        (json!({ "path": "x", "text": "x", "mode": "0999" }), "octal"),
        (json!({ "path": "x", "text": "x", "mode": "4755" }), "setuid"),
        (json!({ "path": "x", "text": "x", "txet": "y" }), "`txet`"),
        (json!({ "path": "x", "source": input.output, "include": ["["] }), "malformed"),
        (json!({ "path": "x", "symlink": "" }), "target"),
        (json!({ "path": "x", "text": 7 }), "invalid type"),
    ];
    for (specification, message) in cases {
        let text = entry(specification.clone());
        assert!(text.contains(message), "{specification}: {text}");
    }
    let through = json!({ "entries": [
        { "path": "out", "symlink": "/tmp" },
        { "path": "out/file", "text": "x" },
    ] });
    let text = failure(&store, "builtin:make-tree", through, &[]);
    assert!(text.contains("'out' is a symlink"), "{text}");
    let name = json!({ "imageFormat": "raw", "fileName": "../image", "seed": "x", "partitions": [] });
    assert!(failure(&store, "builtin:disk-image", name, &[]).contains("'../image'"));
    store.verify_by_nix();
}

#[test]
fn fetched_files_are_what_their_hash_says() {
    let mut store = TestStore::new();
    let source = store.directory.path().join("served");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file.txt"), "content\n").unwrap();
    store.mirrors.add("local", [format!("file://{}", source.display())]);
    let right = Hash::sha256(b"content\n");
    let attributes = json!({ "urls": ["mirror://local/none.txt", "mirror://local/file.txt"] });
    let file = store.write_fixed("file.txt", attributes, right);
    store.realise(&[&file]).unwrap_or_else(|error| panic!("{}", full_text(&error)));
    assert_eq!(fs::read_to_string(store.real(&file)).unwrap(), "content\n");

    let sha512 = Hash::digest(HashAlgorithm::Sha512, b"content\n");
    let other = store.write_fixed("other.txt", json!({ "url": "mirror://local/file.txt" }), sha512);
    store.realise(&[&other]).unwrap();

    for wrong in [Hash::sha256(b"other\n"), Hash::digest(HashAlgorithm::Sha512, b"other\n")] {
        let file = store.write_fixed("wrong.txt", json!({ "url": "mirror://local/file.txt" }), wrong);
        let error = store.realise(&[&file]).unwrap_err();
        assert_eq!(error.kind(), nix_build::realise::FailureKind::Integrity);
        let text = full_text(&error);
        assert!(text.contains("file.txt"), "{text}");
        assert!(!store.real(&file).exists());
    }
    let program = json!({ "url": "mirror://local/file.txt", "executable": true });
    let archive = nix_store::nar::Node::Regular { executable: true, contents: b"content\n".to_vec() };
    let hash = archive.nar_hash().unwrap().0;
    let program = store.write_fixed_with("program", program, hash, ContentAddressMethod::Recursive);
    store.realise(&[&program]).unwrap_or_else(|error| panic!("{}", full_text(&error)));

    let unknown = store.write_fixed("unknown", json!({ "url": "mirror://nowhere/file.txt" }), right);
    let error = store.realise(&[&unknown]).unwrap_err();
    assert!(full_text(&error).contains("no mirror 'nowhere'"));
    assert_eq!(error.kind(), nix_build::realise::FailureKind::Network);
    store.verify_by_nix();
}

#[test]
fn a_compressed_card_has_the_bytes_of_the_plain_one() {
    let store = TestStore::new();
    let card = |compression: Option<&str>| {
        let extension = compression.map_or(String::new(), |name| format!(".{name}"));
        let mut card = json!({
            "imageFormat": "raw", "fileName": format!("card.img{extension}"), "directory": "sd-image",
            "partitionTable": "mbr", "signature": "0x2178694e", "gap": 8 << 20, "seed": "card",
            "partitions": [
                { "name": "firmware", "type": "firmware", "fileSystem": "vfat", "label": "FIRMWARE",
                  "size": 30 << 20, "volumeId": "0x2178694e",
                  "entries": [{ "path": "config.txt", "text": "arm_64bit=1\n" }] },
                { "name": "root", "type": "linux", "bootable": true, "fileSystem": "ext4", "label": "root",
                  "volumeId": "14e19a7b-0ae0-484d-9d54-43bd6fdc20c7",
                  "entries": [{ "path": "etc/hostname", "text": "card\n" }] },
            ],
        });
        if let Some(compression) = compression {
            card["compression"] = compression.into();
        }
        card
    };
    let made = |compression: Option<&str>| {
        let name = compression.unwrap_or("plain");
        let written = build(&store, name, "builtin:disk-image", card(compression), &[]);
        let output = store.real(&written);
        let products = fs::read_to_string(output.join("nix-support/hydra-build-products")).unwrap();
        let file = products.strip_prefix("file sd-image ").unwrap().trim_end();
        fs::read(output.join(file)).unwrap()
    };
    let plain = made(None);
    assert!(zstd::decode_all(&made(Some("zstd"))[..]).unwrap() == plain);
    let mut xz = Vec::new();
    liblzma::read::XzDecoder::new(&made(Some("xz"))[..]).read_to_end(&mut xz).unwrap();
    assert!(xz == plain);

    let refused = |change: &dyn Fn(&mut Value), message: &str| {
        let mut card = card(Some("zstd"));
        change(&mut card);
        let text = failure(&store, "builtin:disk-image", card, &[]);
        assert!(text.contains(message), "{text}");
    };
    refused(&|card| card["imageFormat"] = "qcow2".into(), "only raw images are compressed");
    refused(&|card| card["signature"] = "2178694e".into(), "'2178694e' is not '0x'");
    refused(&|card| card["directory"] = "a/b".into(), "'a/b' is not a plain file name");
    refused(&|card| card["partitions"][1]["volumeId"] = "0x1".into(), "'0x1' is no UUID");
    store.verify_by_nix();
}
