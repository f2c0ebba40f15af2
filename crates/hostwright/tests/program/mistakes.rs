//! Mistakes in a configuration: each is named, with the file and line that made it and a status of its own.

use crate::fleet::{Fleet, Run};

/// Evaluates alpha with one more module.
fn evaluated_with(module: &str) -> Run {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().with_mistake(place.path(), module);
    let toplevel = fleet.installable("nixosConfigurations.alpha.config.system.build.toplevel.drvPath");
    fleet.run(&["eval", "--raw", &toplevel])
}

#[test]
fn an_unknown_option_is_named_with_its_neighbour() {
    evaluated_with("{ services.opensh.enable = true; }")
        .fails_with(3, &["services.opensh", "mistake.nix", "services.openssh"]);
}

#[test]
fn an_option_of_a_module_that_is_missing_names_the_module() {
    evaluated_with("{ sops.secrets.token.sopsFile = ./x; }")
        .fails_with(3, &["`sops'", "mistake.nix", "sops-nix.nixosModules.sops"]);
}

#[test]
fn a_missing_argument_of_a_module_is_named() {
    evaluated_with("{ ... }: { networking.hostName = config.system.name; }")
        .fails_with(3, &["undefined variable 'config'", "{ config, ... }:"]);
}

#[test]
fn an_input_out_of_reach_is_told_with_the_tree_that_stands_for_it() {
    let place = tempfile::tempdir().unwrap();
    let text = "{ inputs.nixpkgs.url = \"git+http://127.0.0.1:9/none\"; outputs = _: { }; }";
    std::fs::write(place.path().join("flake.nix"), text).unwrap();
    let flake = format!("path:{}#x", place.path().display());
    Fleet::first_light()
        .run(&["eval", &flake])
        .fails_with(5, &["hostwright.toml", "nixpkgs = \"hostwright:debian\"", "--override-input"]);
}

#[test]
fn zfs_is_refused_with_the_reason() {
    evaluated_with("{ services.zfs.autoScrub.enable = true; }")
        .fails_with(3, &["services.zfs.autoScrub.enable", "zfs-dkms", "btrfs"]);
}

#[test]
fn a_wrong_type_is_named_with_the_right_one() {
    evaluated_with("{\n  services.openssh.enable = \"yes\";\n}")
        .fails_with(3, &["services.openssh.enable", "not of type", "boolean", "mistake.nix"]);
}

#[test]
fn two_definitions_that_differ_are_both_named() {
    evaluated_with("{ time.timeZone = \"UTC\"; }")
        .fails_with(3, &["time.timeZone", "mistake.nix", "common.nix"]);
}

#[test]
fn infinite_recursion_is_an_error_in_time() {
    evaluated_with(
        "{ config, lib, ... }:\n{ networking.hostName = lib.mkForce config.networking.hostName; }",
    )
    .fails_with(3, &["infinite recursion", "mistake.nix:2"]);
}

#[test]
fn endless_calls_are_an_error_not_a_crash() {
    evaluated_with("let f = n: 1 + f (n + 1); in { networking.hostName = toString (f 0); }")
        .fails_with(3, &["mistake.nix:1"]);
}

#[test]
fn a_syntax_error_is_shown_where_it_is() {
    evaluated_with("{\n  networking.hostName = \"x\"\n}").fails_with(3, &["mistake.nix:3:1"]);
}

#[test]
fn a_failed_assertion_is_told_in_its_own_words() {
    evaluated_with("{ assertions = [ { assertion = false; message = \"the antenna is not mounted\"; } ]; }")
        .fails_with(3, &["the antenna is not mounted"]);
}

#[test]
fn a_package_that_does_not_exist_is_named() {
    evaluated_with("{ pkgs, ... }:\n{ environment.systemPackages = [ pkgs.openssh-sever ]; }")
        .fails_with(3, &["openssh-sever", "mistake.nix:2", "openssh-server"]);
}

#[test]
fn packages_that_cannot_be_together_are_named() {
    evaluated_with(
        "{ pkgs, ... }: { environment.systemPackages = [ pkgs.exim4-daemon-light pkgs.postfix ]; }",
    )
    .fails_with(4, &["exim4-daemon-light", "postfix", "alpha"]);
}

#[test]
fn a_host_that_does_not_exist_is_named_with_those_that_do() {
    let fleet = Fleet::first_light();
    fleet
        .run(&["build", &fleet.installable("alhpa"), "--no-link"])
        .fails_with(3, &["alhpa", "alpha", "beta"]);
}

#[test]
fn an_image_format_that_does_not_exist_is_named_with_those_that_do() {
    let fleet = Fleet::first_light();
    fleet
        .run(&["image", &fleet.installable("alpha"), "--format", "qcow", "--no-link"])
        .fails_with(3, &["'qcow'", "qcow2", "raw-efi"]);
}

#[test]
fn a_broken_lock_is_named() {
    let place = tempfile::tempdir().unwrap();
    let fleet = Fleet::first_light().alone_in(place.path());
    let text = std::fs::read_to_string(fleet.lock_file()).unwrap();
    std::fs::write(fleet.lock_file(), &text[..text.len() / 2]).unwrap();
    fleet.run(&["build", &fleet.installable("alpha"), "--no-link"]).fails_with(4, &["debian.lock"]);
}

#[test]
fn wrong_usage_is_told_before_anything_is_done() {
    let fleet = Fleet::first_light();
    fleet.run(&["build", "--no-such-option"]).fails_with(2, &["--no-such-option", "--help"]);
    fleet.run(&["image"]).fails_with(2, &["FLAKE#HOST"]);
    fleet.run(&["build", "/var/empty/nowhere#alpha"]).fails_with(8, &["/var/empty/nowhere"]);
}
