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
           generators = (import {inputs}/nixos-generators/flake.nix).outputs {{ inherit nixpkgs; self = generators; }};
           flake = (import {flake}/flake.nix).outputs {{
             inherit nixpkgs;
             nixos-generators = generators;
             self = flake;
           }};
         in flake.nixosConfigurations.{host}.config.system.build.toplevel.drvPath",
        base = base.display(),
        inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../inputs").display(),
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
    are_as_in_nix(&Fleet::first_light(), &["alpha", "beta"]);
}

#[test]
fn whole_fleets_have_the_derivations_that_nix_evaluates() {
    are_as_in_nix(&Fleet::turing_pi(), &["node3"]);
    are_as_in_nix(&Fleet::fpga_runners(), &["runner0", "runner1"]);
}

fn are_as_in_nix(fleet: &Fleet, hosts: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    for host in hosts {
        let attribute = format!("nixosConfigurations.{host}.config.system.build.toplevel.drvPath");
        let installable = fleet.installable(&attribute);
        let derivation = fleet.hostwright(&["eval", "--raw", &installable]);
        assert!(derivation.starts_with("/nix/store/") && derivation.ends_with(".drv"), "{derivation}");
        assert_eq!(derivation, derivation_in_nix(fleet, host, place.path()), "{host}");
    }
}

#[test]
fn the_tests_of_the_base_pass_here_too() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../base/tests");
    for file in ["inputs/cases.nix", "lib/cases.nix", "nixos/options.nix", "nixos/cases.nix"] {
        let file = tests.join(file);
        let failures =
            Fleet::first_light().hostwright(&["eval", "--strict", "--file", file.to_str().unwrap()]);
        assert_eq!(failures.trim(), "[ ]", "{}", file.display());
    }
    let fleets = tests.join("nixos/fleets.nix");
    let arguments = ["eval", "--strict", "--file", fleets.to_str().unwrap(), "-A", "failures"];
    assert_eq!(Fleet::first_light().hostwright(&arguments).trim(), "[ ]");
}
