//! Unpacking packages that are as they should be, and packages that somebody made to do harm.

use std::{
    error::Error as _,
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use crate::support::{CONTROL, Member, ar, deb, tar};
use debian::{DebError, Error, UnpackOptions, UnpackedDeb, unpack};
use proptest::prelude::*;
use tempfile::TempDir;

fn try_unpack(package: &[u8], options: &UnpackOptions) -> (TempDir, Result<UnpackedDeb, Error>) {
    let directory = tempfile::tempdir().unwrap();
    let result = unpack(package, "example.deb", &directory.path().join("out"), options);
    (directory, result)
}

fn good(members: &[Member<'_>]) -> (TempDir, UnpackedDeb) {
    let (directory, result) = try_unpack(&deb(members), &UnpackOptions::default());
    (directory, result.unwrap_or_else(|error| panic!("{error}: {:?}", error.source())))
}

fn bad(package: &[u8]) -> DebError {
    let (directory, result) = try_unpack(package, &UnpackOptions::default());
    // Nothing was written beside the destination.
    assert!(fs::read_dir(directory.path()).unwrap().all(|entry| entry.unwrap().file_name() == "out"));
    match result {
        Err(Error::Deb { origin, source }) => {
            assert_eq!(origin, "example.deb");
            source
        }
        Err(other) => panic!("{other}"),
        Ok(unpacked) => panic!("unpacked {} files", unpacked.files),
    }
}

fn read(directory: &TempDir, path: &str) -> String {
    fs::read_to_string(directory.path().join("out").join(path)).unwrap()
}

#[test]
fn a_package_becomes_a_tree() {
    let long = format!("./usr/share/{}/file", "directory/".repeat(20));
    let target = format!("../{}", "x/".repeat(80));
    let (directory, unpacked) = good(&[
        Member::directory("./"),
        Member::directory("./usr/"),
        Member::directory("./usr/bin/"),
        Member::file("./usr/bin/tool", "#!").mode(0o755),
        Member::hard_link("./usr/bin/same", "./usr/bin/tool"),
        Member::file("./usr/bin/su", "su").mode(0o4755),
        Member::hard_link("./usr/bin/also", "./usr/bin/su"),
        Member::file("./etc/secret", "s").mode(0o640).owner(0, 42),
        Member::directory("./var/tmp/").mode(0o1777),
        Member::file(&long, "long"),
        Member::symlink("./usr/lib/link", "../bin/tool"),
        Member::symlink("./usr/lib/far", &target),
        Member::symlink("./usr/lib/absolute", "/etc/secret"),
        Member::file("./lib/old", "moved"),
        Member::symlink("./bin", "usr/bin"),
    ]);
    let out = directory.path().join("out");
    assert_eq!(read(&directory, "usr/bin/tool"), "#!");
    assert_eq!(read(&directory, &long), "long");
    assert_eq!(read(&directory, "usr/lib/old"), "moved");
    assert!(!out.join("lib").exists() && !out.join("bin").exists());
    assert_eq!(fs::read_link(out.join("usr/lib/link")).unwrap(), Path::new("../bin/tool"));
    assert_eq!(fs::read_link(out.join("usr/lib/far")).unwrap(), Path::new(&target));
    let of = |path: &str| fs::metadata(out.join(path)).unwrap();
    assert_eq!(of("usr/bin/tool").ino(), of("usr/bin/same").ino());
    assert_eq!(of("usr/bin/su").permissions().mode() & 0o7777, 0o755);
    assert_eq!(
        read(&directory, "nix-support/debian/modes"),
        "0640 0 42 etc/secret\n4755 0 0 usr/bin/also\n4755 0 0 usr/bin/su\n1777 0 0 var/tmp\n"
    );
    assert_eq!(read(&directory, "nix-support/debian/control"), CONTROL);
    assert_eq!(unpacked.field("version"), Some("1.0-1"));
}

#[test]
fn every_compression_of_the_archive_is_read() {
    let control = tar(&[Member::file("control", CONTROL)]);
    let data = tar(&[Member::file("./usr/x", &"content".repeat(10_000))]);
    let xz = |bytes: &[u8]| liblzma::encode_all(bytes, 6).unwrap();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let version: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    for package in [
        ar(&[version, ("control.tar.xz", &xz(&control)), ("data.tar.xz", &xz(&data))]),
        ar(&[
            version,
            ("control.tar.gz/", &gzip(&control)),
            ("_extra", b"x"),
            ("data.tar.zst", &zstd(&data)),
        ]),
        ar(&[version, ("control.tar.zst", &zstd(&control)), ("data.tar.gz", &gzip(&data)), ("_sig", b"y")]),
    ] {
        let (directory, result) = try_unpack(&package, &UnpackOptions::default());
        result.unwrap();
        assert_eq!(read(&directory, "usr/x").len(), 70_000);
        // One bit anywhere in the compressed data is noticed, or makes no difference.
        for position in (8..package.len()).step_by(7) {
            let mut altered = package.clone();
            altered[position] ^= 4;
            let (directory, result) = try_unpack(&altered, &UnpackOptions::default());
            if result.is_ok() {
                assert_eq!(read(&directory, "usr/x").len(), 70_000);
            }
        }
    }
    let package = ar(&[version, ("control.tar", &control), ("data.tar.bz2", &data)]);
    assert!(matches!(bad(&package), DebError::Compression(name) if name == "data.tar.bz2"));
}

#[test]
fn a_package_that_was_cut_off_is_an_error_wherever_it_ends() {
    let control = tar(&[Member::file("control", CONTROL)]);
    let data = tar(&[Member::file("./usr/x", &"content".repeat(1000)), Member::symlink("./usr/y", "x")]);
    for compress in [true, false] {
        let data = if compress { liblzma::encode_all(data.as_slice(), 6).unwrap() } else { data.clone() };
        let name = if compress { "data.tar.xz" } else { "data.tar" };
        let package = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), (name, &data)]);
        // The padding behind the last member may be missing.
        let whole = package.len() - data.len() % 2;
        for end in (0..whole).step_by(if compress { 11 } else { 37 }) {
            let (_directory, result) = try_unpack(&package[..end], &UnpackOptions::default());
            assert!(result.is_err(), "{end} of {}", package.len());
        }
    }
}

#[test]
fn paths_that_lead_outside_are_refused() {
    for path in ["/etc/passwd", "../x", "./a/../../x", "./usr/..", "a/../b", "./a\nb"] {
        let error = bad(&deb(&[Member::file(path, "x")]));
        assert!(matches!(error, DebError::Path { .. }), "{path}: {error}");
    }
    let long = "x/".repeat(3000);
    bad(&deb(&[Member::file(&long, "x")]));
    bad(&deb(&[Member::file(&"x".repeat(256), "x")]));
}

#[test]
fn nothing_is_written_through_links() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    for members in [
        [Member::symlink("./etc", target), Member::file("./etc/passwd", "x")],
        [Member::symlink("./etc", target), Member::directory("./etc/new/")],
        [Member::symlink("./etc", target), Member::directory("./etc/")],
        [Member::symlink("./etc/file", target), Member::file("./etc/file", "x")],
        [Member::symlink("./etc", target), Member::hard_link("./x", "./etc/passwd")],
        [Member::symlink("./etc", target), Member::symlink("./etc/x", "y")],
        [Member::file("./etc", "file"), Member::file("./etc/x", "x")],
        [Member::file("./etc", "file"), Member::directory("./etc/")],
        [Member::directory("./etc/"), Member::file("./etc", "x")],
        [Member::file("./etc", "one"), Member::file("./etc", "two")],
        [Member::file("./lib/x", "one"), Member::file("./usr/lib/x", "two")],
        [Member::symlink("./bin", "/elsewhere"), Member::file("./bin/x", "x")],
        [Member::directory("./x"), Member::file("./nix-support/debian/control", "x")],
    ] {
        bad(&deb(&members));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

#[test]
fn links_and_kinds_that_no_package_has_are_refused() {
    for member in [
        Member::symlink("./usr/x", "../../../etc/passwd"),
        Member::symlink("./x", "a/../../y"),
        Member::symlink("./x", ""),
        Member::hard_link("./x", "/etc/passwd"),
        Member::hard_link("./x", "../y"),
        Member::hard_link("./x", "./missing"),
    ] {
        bad(&deb(&[member]));
    }
    for kind in [b'3', b'4', b'6', b'S', b'x', b'g', b'Z'] {
        let error = bad(&deb(&[Member::file("./dev/x", "").kind(kind)]));
        assert!(matches!(error, DebError::Kind { .. }), "{error}");
    }
    for root in [Member::file("./.", "x"), Member::symlink("./", "x"), Member::hard_link(".", "./x")] {
        assert!(matches!(bad(&deb(&[root])), DebError::Path { .. }));
    }
}

#[test]
fn what_is_no_package_is_said_so() {
    let control = tar(&[Member::file("control", CONTROL)]);
    let data = tar(&[]);
    let version: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    for (package, words) in [
        (b"<html>not found, but at length</html>".to_vec(), "not an ar archive"),
        (ar(&[("x.o", b"")]), "no Debian package"),
        (ar(&[("debian-binary", b"3.0\n")]), "version `3.0`"),
        (ar(&[version]), "no control.tar"),
        (ar(&[version, ("control.tar", &control)]), "no data.tar"),
        (ar(&[version, ("data.tar", &data), ("control.tar", &control)]), "where control.tar should be"),
        (ar(&[version, ("control.tar", &tar(&[])), ("data.tar", &data)]), "it is not there"),
        (
            ar(&[version, ("control.tar", &tar(&[Member::file("control", "x")])), ("data.tar", &data)]),
            "control file",
        ),
        (
            ar(&[version, ("control.tar", &tar(&[Member::file("a/control", CONTROL)])), ("data.tar", &data)]),
            "control members",
        ),
    ] {
        let error = bad(&package).to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn only_what_is_asked_for_is_unpacked() {
    let members = [
        Member::directory("./usr/lib/u-boot/"),
        Member::file("./usr/lib/u-boot/rpi_4/u-boot.bin", "4"),
        Member::file("./usr/lib/u-boot/rpi_4/uboot.elf", "elf"),
        Member::file("./usr/share/doc/u-boot/README", "doc").mode(0o600),
        Member::file("./boot/start4.elf", "gpu"),
    ];
    let unpacked = |globs: &[&str]| {
        let options = UnpackOptions::default().include(globs).unwrap();
        let (directory, result) = try_unpack(&deb(&members), &options);
        result.unwrap();
        let out = directory.path().join("out");
        let there = |path: &str| out.join(path).exists();
        (
            there("usr/lib/u-boot/rpi_4/u-boot.bin"),
            there("usr/lib/u-boot/rpi_4/uboot.elf"),
            there("usr/share"),
            there("boot"),
            there("nix-support/debian/modes"),
        )
    };
    assert_eq!(unpacked(&[]), (true, true, true, true, true));
    assert_eq!(unpacked(&["usr/lib/u-boot/*/u-boot.bin"]), (true, false, false, false, false));
    assert_eq!(unpacked(&["/usr/lib/", "boot/*.elf"]), (true, true, false, true, false));
    assert_eq!(unpacked(&["*.elf"]), (false, false, false, false, false));
    assert_eq!(unpacked(&["**/*.elf"]), (false, true, false, true, false));
    assert!(matches!(UnpackOptions::default().include(["a{"]), Err(Error::MalformedGlob { .. })));
}

#[test]
fn a_bomb_is_stopped() {
    let data = tar(&[Member::file("./a", &"x".repeat(60_000)), Member::file("./b", &"x".repeat(60_000))]);
    let control = tar(&[Member::file("control", CONTROL)]);
    let data = liblzma::encode_all(data.as_slice(), 6).unwrap();
    let package = ar(&[("debian-binary", b"2.0\n"), ("control.tar", &control), ("data.tar.xz", &data)]);
    let (_directory, result) = try_unpack(&package, &UnpackOptions::default().limit(100_000));
    let Err(Error::Deb { source: DebError::TooLarge { limit }, .. }) = result else { panic!("{result:?}") };
    assert_eq!(limit, 100_000);
}

#[test]
fn a_destination_that_is_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "mine").unwrap();
    let result = unpack(deb(&[]).as_slice(), "example.deb", directory.path(), &UnpackOptions::default());
    assert!(matches!(result, Err(Error::Deb { source: DebError::Write { .. }, .. })), "{result:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn altered_packages_never_panic(positions in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut package = deb(&[
            Member::directory("./usr/"),
            Member::file("./usr/x", "content"),
            Member::hard_link("./usr/y", "./usr/x"),
            Member::symlink("./usr/z", "x"),
        ]);
        for (position, value) in positions {
            let at = position.index(package.len());
            package[at] = value;
        }
        let (directory, _) = try_unpack(&package, &UnpackOptions::default());
        prop_assert!(fs::read_dir(directory.path())?.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "out")));
    }
}
