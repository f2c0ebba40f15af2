//! An archive that is out of reach, has been tampered with, or breaks off.

use std::fs;
use std::path::Path;

use crate::fleet::{Fleet, Run};
use crate::mirror::{Answer, Mirror, original};

/// A small package of the fleet's lock, by itself.
const PACKAGE: &str = "tree";

/// Locks a copy of the fleet anew, against this mirror.
fn locked_from(mirror: &Mirror) -> Run {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().alone_in(place.path());
    fs::remove_file(fleet.lock_file()).unwrap();
    let run = fleet.run(&[&mirror.options()[..], &["lock", &fleet.reference()]].concat());
    assert!(!fleet.lock_file().exists(), "a lock was written in spite of the failure");
    run
}

/// A fleet that also offers a package by itself, so that few files are needed to build something.
pub fn with_package(place: &Path) -> (Fleet, String) {
    let fleet = Fleet::first_light().alone_in(place);
    let flake = fleet.directory.join("flake.nix");
    let text = fs::read_to_string(&flake).unwrap();
    let output = format!(
        "packages.x86_64-linux.one = nixpkgs.legacyPackages.x86_64-linux.debs.{PACKAGE};\n      nixosConfigurations"
    );
    fs::write(&flake, text.replace("nixosConfigurations", &output)).unwrap();
    let installable = fleet.installable("packages.x86_64-linux.one");
    (fleet, installable)
}

/// Builds the package from this mirror, which must fail as told; then from the real one, which must succeed.
fn built_from(mirror: &Mirror, status: i32, said: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let (fleet, installable) = with_package(place.path());
    let build = ["build", &installable, "--no-link"];
    fleet.run(&[&mirror.options()[..], &build].concat()).fails_with(status, said);
    fleet.hostwright(&build);
    fleet.assert_nix_verifies_store();
}

/// The package's file has another content than the lock says, and the right length if `resized` leaves it.
fn package_is(change: impl Fn(Vec<u8>) -> Answer + Send + Sync + 'static) -> Mirror {
    Mirror::start(move |path| if path.contains("/tree_") { change(original(path)) } else { Answer::AsItIs })
}

#[test]
fn a_mirror_that_is_down_is_named() {
    let mirror = Mirror::down();
    locked_from(&mirror).fails_with(5, &[&mirror.url, "InRelease"]);
    built_from(&mirror, 5, &[&mirror.url, "tree_"]);
}

#[test]
fn a_mirror_without_the_package_is_named() {
    let mirror =
        Mirror::start(
            |path| {
                if path.contains("/tree_") { Answer::Content(Vec::new()) } else { Answer::AsItIs }
            },
        );
    built_from(&mirror, 6, &["tree_"]);
}

#[test]
fn an_altered_package_is_refused() {
    let mirror = package_is(|mut content| {
        let middle = content.len() / 2;
        content[middle] ^= 1;
        Answer::Content(content)
    });
    built_from(&mirror, 6, &["tree_", "SHA-256"]);
}

#[test]
fn a_package_that_breaks_off_is_refused() {
    let mirror = package_is(|content| {
        let half = content[..content.len() / 2].to_vec();
        Answer::Truncated(content.len(), half)
    });
    built_from(&mirror, 5, &["tree_"]);
    let mirror = package_is(|content| Answer::Content(content[..content.len() / 2].to_vec()));
    built_from(&mirror, 6, &["tree_"]);
}

#[test]
fn an_altered_release_is_refused() {
    let mirror = Mirror::start(|path| match path {
        "dists/trixie/InRelease" => {
            let text = String::from_utf8(original(path)).unwrap();
            Answer::Content(text.replacen("Suite: ", "Suite: un", 1).into_bytes())
        }
        _ => Answer::AsItIs,
    });
    locked_from(&mirror).fails_with(6, &["InRelease", "signature"]);
}

#[test]
fn an_unsigned_release_is_refused() {
    let mirror = Mirror::start(|path| match path {
        "dists/trixie/InRelease" => {
            let text = String::from_utf8(original(path)).unwrap();
            let begin = text.find("Origin: ").unwrap();
            let end = text.find("-----BEGIN PGP SIGNATURE").unwrap();
            Answer::Content(text.as_bytes()[begin..end].to_vec())
        }
        _ => Answer::AsItIs,
    });
    locked_from(&mirror).fails_with(6, &["InRelease", "signed"]);
}

#[test]
fn an_altered_index_is_refused() {
    let mirror = Mirror::start(|path| {
        if path.contains("/main/binary-amd64/") {
            Answer::Content(b"Package: openssh-server\nVersion: 1\n".to_vec())
        } else {
            Answer::AsItIs
        }
    });
    locked_from(&mirror).fails_with(6, &["main/binary-amd64"]);
}

#[test]
fn offline_is_respected() {
    let place = tempfile::tempdir().unwrap();
    let (fleet, installable) = with_package(place.path());
    fleet.run(&["--offline", "build", &installable, "--no-link"]).fails_with(5, &["tree", "--offline"]);
}
