//! The plan of a cluster, as its author wrote it for NixOS: its mistakes are answered, and with what the answers say it is built
//! and boots.

use std::fs;
use std::path::Path;
use std::sync::PoisonError;

use crate::fleet::Fleet;
use crate::machine::{Machine, ONE_MACHINE};

/// Changes a file of the fleet.
fn edit(fleet: &Fleet, file: &str, changes: &[(&str, &str)]) {
    let file = fleet.directory.join(file);
    let mut text = fs::read_to_string(&file).unwrap();
    for (old, new) in changes {
        assert!(text.contains(old), "no {old} in {}", file.display());
        text = text.replace(old, new);
    }
    fs::write(file, text).unwrap();
}

/// The plan with all that the answers say: it asks for `config`, and its secret is put on the host by other means.
fn mended(place: &Path) -> Fleet {
    let fleet = Fleet::plan().alone_in(place);
    let fleet = Fleet { store: Fleet::plan().store, cache: None, ..fleet };
    mend_arguments(&fleet);
    let node = fleet.directory.join("hosts/server3.nix");
    let text = fs::read_to_string(&node).unwrap();
    let (before, after) = text.split_once("  sops.secrets").unwrap();
    let (_, after) = after.split_once("};\n").unwrap();
    fs::write(node, format!("{before}{after}")).unwrap();
    edit(
        &fleet,
        "hosts/server3.nix",
        &[("config.sops.secrets.cluster_token.path", "\"/var/lib/secrets/token\"")],
    );
    fleet
}

fn mend_arguments(fleet: &Fleet) {
    edit(fleet, "hosts/server3.nix", &[("{ ... }:", "{ config, ... }:")]);
}

#[test]
fn the_mistakes_of_a_plan_are_answered() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::plan().alone_in(place.path());
    let fleet = Fleet { store: Fleet::plan().store, cache: None, ..fleet };
    let build = || fleet.run(&["build", &fleet.installable("server3"), "--dry-run"]);
    build().fails_with(
        3,
        &[
            "undefined variable 'config'",
            "hosts/server3.nix:14:28",
            "A module has it only if its arguments name it: begin the file with { config, ... }:",
        ],
    );
    mend_arguments(&fleet);
    build().fails_with(
        3,
        &[
            "sops.secrets.cluster_token: the Debian base does not bring secrets of sops files to hosts yet",
            "Put each secret on the host by other means, set the option that reads it to the place",
        ],
    );
    // The hive's nodes are evaluated as colmena does, without what the flake's have.
    fs::remove_file(fleet.directory.join("hostwright.toml")).unwrap();
    let hive = "{ inputs.nixpkgs.url = \"hostwright:debian\"; outputs = { nixpkgs, ... }: { colmena = import ./hive.nix nixpkgs; }; }";
    fs::write(fleet.directory.join("flake.nix"), hive).unwrap();
    build().fails_with(
        3,
        &["The option `sops' does not exist", "add sops-nix.nixosModules.sops to its modules"],
    );
}

#[test]
fn a_mended_plan_is_built() {
    let place = tempfile::tempdir().unwrap();
    let fleet = mended(place.path());
    let plan = fleet.hostwright(&["build", &fleet.installable("server3"), "--dry-run"]);
    assert!(plan.contains("nixos-system-server3-"), "{plan}");
    let image = fleet.hostwright(&[
        "build",
        &fleet.installable("packages.aarch64-linux.node-image"),
        "--no-link",
        "--print-out-paths",
    ]);
    assert!(image.trim_end().ends_with(".img.zst"), "{image}");
}

#[test]
fn a_mended_plan_boots() {
    let place = tempfile::tempdir().unwrap();
    let fleet = mended(place.path());
    fs::write(fleet.directory.join("stand-in.nix"), crate::fleet::K3S_STAND_IN).unwrap();
    // The plan lets root in nowhere, and the test comes as root.
    let root =
        "{ lib, ... }: { services.openssh.settings.PermitRootLogin = lib.mkForce \"prohibit-password\"; }";
    fs::write(fleet.directory.join("root.nix"), root).unwrap();
    edit(&fleet, "flake.nix", &[("./hosts/server3.nix", "./hosts/server3.nix ./stand-in.nix ./root.nix")]);
    let _turn = ONE_MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut machine = Machine::start(&fleet, "server3");
    machine.assert_healthy();
    assert_eq!(
        machine.run("cat /run/k3s-arguments"),
        "server --cluster-init --token-file /var/lib/secrets/token --disable traefik"
    );
    assert!(machine.run("nft list ruleset").contains("10250-10252"));
    assert_eq!(machine.run("su deploy -c 'sudo -n id -u'"), "0");
    machine.stop();
    fleet.discard_machine("server3");
}
