//! Both hosts have the very derivation that Nix evaluates them to.
//!
//! Nix knows no `hostwright:debian`, so it gets the flake's outputs called with what that stands for: the tree `base/` with
//! the lock in its root. Equal paths of derivations mean that all derivations below them are equal to the byte.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::fleet::{Fleet, Run, copy_tree};

/// What Nix says of the same host, with a store and a home of its own in `place`.
fn derivation_in_nix(fleet: &Fleet, host: &str, place: &Path) -> String {
    let base = place.join("base");
    if !base.exists() {
        copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../base"), &base);
        fs::copy(fleet.lock_file(), base.join("debian.lock")).unwrap();
    }
    let expression = format!(
        "let
           nixpkgs = (import {base}/flake.nix).outputs {{ self = nixpkgs; }} // {{ outPath = {base}; }};
           flake = (import {flake}/flake.nix).outputs {{ inherit nixpkgs; self = flake; }};
         in flake.nixosConfigurations.{host}.config.system.build.toplevel.drvPath",
        base = base.display(),
        flake = fleet.directory.display(),
    );
    let store = format!("local?root={}", place.join("nix").display());
    let mut nix = Command::new("nix-instantiate");
    nix.args(["--eval", "--strict", "--json", "--store", &store, "--expr", &expression]);
    nix.env("HOME", place).stdin(Stdio::null());
    let run = Run::of(nix);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run.stdout.trim().trim_matches('"').to_owned()
}

#[test]
fn both_hosts_have_the_derivations_that_nix_evaluates() {
    let fleet = Fleet::first_light();
    let place = tempfile::tempdir().unwrap();
    for host in ["alpha", "beta"] {
        let attribute = format!("nixosConfigurations.{host}.config.system.build.toplevel.drvPath");
        let installable = fleet.installable(&attribute);
        let derivation = fleet.hostwright(&["eval", "--raw", &installable]);
        assert!(derivation.starts_with("/nix/store/") && derivation.ends_with(".drv"), "{derivation}");
        assert_eq!(derivation, derivation_in_nix(&fleet, host, place.path()), "{host}");
    }
}

#[test]
fn the_tests_of_the_base_pass_here_too() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../base/tests");
    for file in ["lib/cases.nix", "nixos/options.nix", "nixos/cases.nix"] {
        let file = tests.join(file);
        let failures =
            Fleet::first_light().hostwright(&["eval", "--strict", "--file", file.to_str().unwrap()]);
        assert_eq!(failures.trim(), "[ ]", "{}", file.display());
    }
}
