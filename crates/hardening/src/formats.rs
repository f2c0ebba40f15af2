//! Formats of files: what is read and printed is read as the same again.

use std::path::Path;

use nix_flake::{FlakeReference, LockFile};
use nix_store::nar::Node;
use nix_store::{CacheInfo, Derivation, Hash, NarInfo, PublicKey, SecretKey, Signature, StoreDir, StorePath};

/// The file of a derivation.
pub fn derivation(bytes: &[u8]) {
    let directory = StoreDir::default();
    if let Ok(read) = Derivation::parse(&directory, "name", bytes) {
        let printed = read.print(&directory);
        let again = Derivation::parse(&directory, "name", &printed);
        assert_eq!(again.ok().as_ref(), Some(&read), "{}", String::from_utf8_lossy(bytes));
        let _ = read.path_and_text(&directory);
        let _ = read.fixed_output();
    }
}

/// An archive: it has one form, so what is read is written as the same bytes.
pub fn nar(bytes: &[u8]) {
    let mut rest = bytes;
    if let Ok(read) = Node::read(&mut rest) {
        let mut written = Vec::new();
        assert!(read.dump(&mut written).is_ok());
        assert_eq!(written, bytes[..bytes.len() - rest.len()], "an archive in two forms");
    }
}

/// What caches say, and the texts of keys and signatures.
pub fn narinfo(bytes: &[u8]) {
    let directory = StoreDir::default();
    if let Ok(read) = NarInfo::parse(&directory, bytes) {
        let again = NarInfo::parse(&directory, read.print(&directory).as_bytes());
        assert_eq!(again.ok(), Some(read), "{}", String::from_utf8_lossy(bytes));
    }
    if let Ok(read) = CacheInfo::parse(bytes) {
        let again = CacheInfo::parse(read.to_string().as_bytes());
        assert_eq!(again.ok(), Some(read), "{}", String::from_utf8_lossy(bytes));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(signature) = text.parse::<Signature>() {
            assert_eq!(signature.to_string().parse::<Signature>().ok(), Some(signature), "{text}");
        }
        if let Ok(key) = text.parse::<PublicKey>() {
            assert_eq!(key.to_string().parse::<PublicKey>().ok(), Some(key), "{text}");
        }
        if let Ok(key) = text.parse::<SecretKey>() {
            assert!(key.to_secret_text().parse::<SecretKey>().is_ok());
        }
    }
}

/// Store paths and hashes.
pub fn store_path(bytes: &[u8]) {
    let directory = StoreDir::default();
    if let Ok(path) = directory.parse(bytes) {
        assert_eq!(directory.display(&path).as_bytes(), bytes);
    }
    let _ = directory.split(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(path) = StorePath::from_base_name(text) {
            assert_eq!(path.base_name(), text);
        }
        if let Ok(hash) = Hash::parse(text, None) {
            for printed in [hash.to_sri(), hash.to_prefixed_base16()] {
                assert_eq!(Hash::parse(&printed, None).ok(), Some(hash), "{text}");
            }
        }
    }
}

/// `flake.lock`
pub fn flake_lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = LockFile::parse(text, Path::new("flake.lock")) {
        let printed = read.print();
        match LockFile::parse(&printed, Path::new("flake.lock")) {
            Ok(again) => assert_eq!(again.print(), printed, "{text}"),
            Err(error) => panic!("what is printed is not read: {error}\n{printed}"),
        }
    }
}

/// Flake references, as URLs.
pub fn flake_reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for is_flake in [true, false] {
        let Ok(read) = FlakeReference::parse(text, is_flake) else { continue };
        let printed = read.to_string();
        match FlakeReference::parse(&printed, is_flake) {
            Ok(again) => assert_eq!(again.to_string(), printed, "{text}"),
            Err(error) => panic!("{text:?} is printed as {printed:?}, which is not read: {error}"),
        }
        match FlakeReference::from_attributes(&read.to_attributes()) {
            Ok(again) => assert_eq!(again.to_string(), printed, "{text}"),
            Err(error) => panic!("the attributes of {text:?} are not read: {error}"),
        }
    }
    let _ = FlakeReference::parse_argument(text, Path::new("/nowhere"));
}

pub const DERIVATION_SEEDS: &[&[u8]] = &[
    b"Derive([(\"out\",\"/nix/store/1rz4g4znpzjwh1xymhjpm42vipw92pr7-a\",\"\",\"\")],[(\"/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-b.drv\",[\"out\"])],[\"/nix/store/2rz4g4znpzjwh1xymhjpm42vipw92pr7-c\"],\"x86_64-linux\",\"/bin/sh\",[\"-c\",\"a\\n\\\"\"],[(\"out\",\"/nix/store/1rz4g4znpzjwh1xymhjpm42vipw92pr7-a\")])",
    b"Derive([(\"out\",\"/nix/store/1rz4g4znpzjwh1xymhjpm42vipw92pr7-a\",\"r:sha256\",\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\")],[],[],\"s\",\"b\",[],[])",
];
pub const NAR_SEEDS: &[&[u8]] = &[
    b"\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0type\0\0\0\0\x07\0\0\0\0\0\0\0regular\0\x08\0\0\0\0\0\0\0contents\x03\0\0\0\0\0\0\0abc\0\0\0\0\0\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0",
    b"\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0type\0\0\0\0\x09\0\0\0\0\0\0\0directory\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0entry\0\0\0\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0name\0\0\0\0\x01\0\0\0\0\0\0\0a\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0node\0\0\0\0\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0type\0\0\0\0\x07\0\0\0\0\0\0\0symlink\0\x06\0\0\0\0\0\0\0target\0\0\x01\0\0\0\0\0\0\0b\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0",
];
pub const NARINFO_SEEDS: &[&[u8]] = &[
    b"StorePath: /nix/store/0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd\nURL: nar/x.nar.xz\nCompression: xz\n\
      FileHash: sha256:0dvipbjdgvw1clbgq4bv7kif7c1q9550qlya4qvjn05p304mvc3x\nFileSize: 168\n\
      NarHash: sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r\nNarSize: 288\n\
      References: 0q5xkqvgjp92hv457pc4sayp4f32n1gz-dd\nDeriver: unknown-deriver\nSig: test-1:kOV0w==\n\
      CA: fixed:r:sha256:1pj7swf7dl5z165j08n7vjgj9mvvrz3f878avc96lyxk3zjzfl6r\n",
    b"StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n",
    b"test-1:C6yoFWDfSwMlcsXgj22sJv3j9vy7fTAMFJIFPfNYCpA=",
];

pub const STORE_PATH_SEEDS: &[&[u8]] = &[
    b"/nix/store/1rz4g4znpzjwh1xymhjpm42vipw92pr7-hello-2.10",
    b"sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
    b"sha1:kpcd173cq987hw957sx6m0868wv3x6d9",
    b"1rz4g4znpzjwh1xymhjpm42vipw92pr7-a",
];
pub const FLAKE_LOCK_SEEDS: &[&[u8]] = &[
    b"{\"nodes\":{\"nixpkgs\":{\"locked\":{\"lastModified\":1,\"narHash\":\"sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\",\"owner\":\"NixOS\",\"repo\":\"nixpkgs\",\"rev\":\"ba7816bf8f01cfea414140de5dae2223b00361a3\",\"type\":\"github\"},\"original\":{\"id\":\"nixpkgs\",\"type\":\"indirect\"}},\"root\":{\"inputs\":{\"nixpkgs\":\"nixpkgs\",\"x\":[\"nixpkgs\"]}}},\"root\":\"root\",\"version\":7}",
    b"{\"nodes\":{\"root\":{}},\"root\":\"root\",\"version\":7}",
];
pub const FLAKE_REFERENCE_SEEDS: &[&[u8]] = &[
    b"github:NixOS/nixpkgs/nixos-unstable?dir=a%20b&host=h.example.org",
    b"git+https://example.org/a.git?ref=main&rev=ba7816bf8f01cfea414140de5dae2223b00361a3&shallow=1",
    b"path:./a/b?lastModified=1&narHash=sha256-ungWv48Bz%2BpBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0%3D",
    b"nixpkgs/release-1/ba7816bf8f01cfea414140de5dae2223b00361a3",
    b"https://example.org/x.tar.gz#y",
    b"https://example.org/x.tar.gz?it's=1&a%5Bb%5D=c",
    b"tarball+file:///a.tar",
    b"sourcehut:~user/repo",
    b"//two/slashes",
];
