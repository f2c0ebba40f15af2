//! Bytes that somebody made to do harm, by the thousand: whatever comes, no panic, and no write outside its place.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{CONTROL, Member, ar, deb, tar};
use debian::{IndexBuilder, Lock, UnpackOptions, unpack};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// A directory with the place that packages are unpacked to, and one beside it that nothing may touch.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("beside")).unwrap();
        fs::write(directory.path().join("beside/file"), "mine").unwrap();
        Place { directory }
    }

    fn unpack(&self, package: &[u8]) -> bool {
        let out = self.directory.path().join("out");
        unpack(package, "hostile.deb", &out, &UnpackOptions::default().limit(1 << 20)).is_ok()
    }

    fn is_unharmed(&self) -> bool {
        let names = |path: &Path| -> Vec<PathBuf> {
            let mut names: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
            names.sort();
            names
        };
        let root = self.directory.path();
        fs::read_to_string(root.join("beside/file")).unwrap() == "mine"
            && names(&root.join("beside")) == [PathBuf::from("file")]
            && names(root).iter().all(|name| name == Path::new("beside") || name == Path::new("out"))
            && self.files_are_plain(&root.join("out"))
    }

    /// Whether there are files, directories and symlinks only, none with bits that a store cannot have.
    fn files_are_plain(&self, path: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt;
        let Ok(metadata) = fs::symlink_metadata(path) else { return true };
        let kind = metadata.file_type();
        let plain = kind.is_symlink() || metadata.permissions().mode() & 0o7000 == 0;
        if kind.is_dir() {
            plain && fs::read_dir(path).unwrap().all(|entry| self.files_are_plain(&entry.unwrap().path()))
        } else {
            plain && (kind.is_file() || kind.is_symlink())
        }
    }
}

/// Names that lead elsewhere, and enough ordinary ones that members meet. `@` becomes the directory beside.
fn names() -> impl Strategy<Value = String> {
    let name = select(vec![
        "a",
        "b",
        "usr",
        "bin",
        "lib64",
        "nix-support",
        "debian",
        "modes",
        "control",
        "..",
        ".",
        "",
        "\n",
        "@",
    ]);
    prop::collection::vec(name, 1..5).prop_map(|names| names.join("/"))
}

#[derive(Debug, Clone)]
struct Described {
    path: String,
    kind: u8,
    mode: u32,
    target: String,
    content: String,
}

fn members() -> impl Strategy<Value = Vec<Described>> {
    let kind = select(b"0000555112222734LKxgS\0".to_vec());
    let mode = select(vec![0o644, 0o755, 0o4755, 0o7777, 0]);
    let content = select(vec!["", "content", "@/file\0"]);
    let member = (names(), kind, mode, names(), content).prop_map(|(path, kind, mode, target, content)| {
        let content = if matches!(kind, b'0' | b'L' | b'K' | 0) { content.to_owned() } else { String::new() };
        Described { path, kind, mode, target, content }
    });
    prop::collection::vec(member, 0..8)
}

/// The archive of these members, whose `@` leads to the directory beside, as an absolute path.
fn data_of(described: &[Described], place: &Place) -> Vec<u8> {
    let beside = place.directory.path().join("beside").display().to_string();
    let absolute = |text: &str| text.replace('@', &beside);
    let described: Vec<(String, String, &Described)> =
        described.iter().map(|member| (absolute(&member.path), absolute(&member.target), member)).collect();
    let members: Vec<Member<'_>> = described
        .iter()
        .map(|(path, target, member)| Member {
            path: path.as_bytes(),
            kind: member.kind,
            mode: member.mode,
            owner: (0, 0),
            target: target.as_bytes(),
            content: member.content.as_bytes(),
        })
        .collect();
    tar(&members)
}

fn package(data: &[u8]) -> Vec<u8> {
    let control = tar(&[Member::file("./control", CONTROL)]);
    ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", data)])
}

/// Bytes changed, pieces cut out, the end cut off.
fn harm(bytes: &mut Vec<u8>, changes: &[(Index, u8)], cut: Option<(Index, Index)>) {
    for (position, value) in changes {
        if !bytes.is_empty() {
            let at = position.index(bytes.len());
            bytes[at] = *value;
        }
    }
    if let Some((start, length)) = cut {
        let start = start.index(bytes.len() + 1);
        let length = length.index(bytes.len() - start + 1);
        bytes.drain(start..start + length);
    }
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    prop::collection::vec((any::<Index>(), any::<u8>()), 0..6)
}

fn compressed(data: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(data).unwrap();
    [
        ("data.tar", data.to_vec()),
        ("data.tar.gz", gzip.finish().unwrap()),
        ("data.tar.xz", liblzma::encode_all(data, 0).unwrap()),
        ("data.tar.zst", zstd::encode_all(data, 1).unwrap()),
    ]
}

const PACKAGES: &str = "Package: a\nVersion: 1:2.0-1\nArchitecture: amd64\nMulti-Arch: same\nDepends: b (>= 1), c | d\nProvides: x (= 2)\nFilename: pool/main/a/a_1_amd64.deb\nSize: 12\nSHA256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nDescription: a\n long\n\nPackage: b\nVersion: 1\nArchitecture: all\nFilename: pool/main/b/b_1_all.deb\nSize: 3\nSHA256: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";

const LOCK: &str = r#"{"components":["main"],"packages":{"amd64":{"a":{"architecture":"amd64","conflicts":[],"depends":[["b","a"]],"file":"debian/pool/main/a/a_1_amd64.deb","sha256":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","size":12,"version":"1:2.0-1"},"b":{"architecture":"all","conflicts":[],"depends":[],"file":"debian/pool/main/b/b_1_all.deb","sha256":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","size":3,"version":"1"}}},"releases":[{"archive":"debian","date":"Sat, 06 Sep 2025 12:00:00 UTC","sha256":"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff","signedBy":["ABCD"],"suite":"trixie"}],"suite":"trixie","version":1}"#;

#[test]
fn the_texts_that_are_harmed_below_are_in_order() {
    let mut builder = IndexBuilder::new("amd64");
    builder.add("debian", "Packages", PACKAGES).unwrap();
    assert_eq!(builder.finish().unwrap().len(), 2);
    Lock::parse(LOCK, "debian.lock").unwrap();
    let place = Place::new();
    assert!(place.unpack(&deb(&[Member::file("./a", "x")])) && place.is_unharmed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn members_stay_in_their_place(described in members()) {
        let place = Place::new();
        place.unpack(&package(&data_of(&described, &place)));
        prop_assert!(place.is_unharmed());
    }

    #[test]
    fn control_members_stay_in_their_place(described in members()) {
        let place = Place::new();
        let control = data_of(&described, &place);
        place.unpack(&ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar", &tar(&[]))]));
        prop_assert!(place.is_unharmed());
    }

    #[test]
    fn harmed_archives_end_in_an_error_or_a_tree(
        form in 0usize..4,
        within in changes(),
        around in changes(),
        cut in prop::option::weighted(0.3, (any::<Index>(), any::<Index>())),
    ) {
        let members =
            [Member::directory("./usr/"), Member::file("./usr/x", "content"), Member::hard_link("./usr/y", "./usr/x")];
        let mut data = tar(&members);
        harm(&mut data, &within, None);
        let (name, data) = &compressed(&data)[form];
        let control = tar(&[Member::file("./control", CONTROL)]);
        let mut package = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), (name, data)]);
        harm(&mut package, &around, cut);
        let place = Place::new();
        place.unpack(&package);
        prop_assert!(place.is_unharmed());
    }

    #[test]
    fn noise_is_no_package(noise in prop::collection::vec(any::<u8>(), 0..300), begins_well: bool) {
        let mut bytes = if begins_well { b"!<arch>\n".to_vec() } else { Vec::new() };
        bytes.extend(noise);
        let place = Place::new();
        prop_assert!(!place.unpack(&bytes) && place.is_unharmed());
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn harmed_indices_are_read_or_refused(
        changes in changes(),
        cut in prop::option::of((any::<Index>(), any::<Index>())),
    ) {
        let mut bytes = PACKAGES.as_bytes().to_vec();
        harm(&mut bytes, &changes, cut);
        let text = String::from_utf8_lossy(&bytes);
        let mut builder = IndexBuilder::new("amd64");
        if builder.add("debian", "Packages", &text).is_ok()
            && let Ok(index) = builder.finish()
        {
            for package in index.packages() {
                prop_assert!(!package.file().split('/').any(|name| matches!(name, "" | "." | "..")));
                let _ = package.dependencies();
            }
        }
    }

    #[test]
    fn harmed_locks_are_read_or_refused(
        changes in changes(),
        cut in prop::option::of((any::<Index>(), any::<Index>())),
    ) {
        let mut bytes = LOCK.as_bytes().to_vec();
        harm(&mut bytes, &changes, cut);
        if let Ok(lock) = Lock::parse(&String::from_utf8_lossy(&bytes), "debian.lock") {
            for package in lock.packages.values().flat_map(|packages| packages.values()) {
                prop_assert!(!package.file.split('/').any(|name| matches!(name, "" | "." | "..")));
                prop_assert!(package.sha256.len() == 64);
            }
        }
    }
}
