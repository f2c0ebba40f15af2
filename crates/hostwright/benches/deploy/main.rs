//! Changing one host, and many at once, over SSH: `hostwright apply` beside `colmena apply`, of the same hive.
//!
//! `cargo bench -p hostwright --bench deploy`, as root, for the hosts are namespaces with a store, Nix and a server for SSH. Where
//! colmena is not in `PATH`, ours alone is measured. Each round changes a file of every host; in turns, medians of three.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]
#![allow(dead_code, reason = "hosts are shared with the tests, which use all of them")]

#[path = "../../tests/hosts/fleet.rs"]
mod fleet;
#[path = "../../tests/hosts/host.rs"]
mod host;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fleet::Fleet;
use measure::{Usage, measure, median};
use serde_json::json;

const ROUNDS: usize = 3;

/// How many hosts are changed at the same time, of whichever program.
const PARALLEL: &str = "20";

/// Runs colmena with the store of its fleet where Nix wants one.
const WITH_STORE: &str = "mount --bind \"$1\" /nix && shift && exec \"$@\"";

fn main() {
    let has_colmena = Command::new("colmena").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_colmena {
        eprintln!("colmena is not in PATH: it is left out");
    }
    for count in [1, 20] {
        change(count, has_colmena);
    }
}

fn change(count: usize, has_colmena: bool) {
    let names: Vec<String> = (0..count).map(|number| format!("host-{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut fleet = Fleet::start(&names);
    write_hive(&fleet.directory());
    let store = fleet.place.path().join("colmena");
    fs::create_dir_all(store.join("store")).unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first round makes profiles and known hosts, and is not counted.
    for round in 0..=ROUNDS {
        let mut apply = |program: &str, usages: &mut Vec<Usage>| {
            let deployed = format!("{program} {round}");
            fleet.set_all("deployed", &json!(deployed));
            let mut command = if program == "colmena" { colmena(&fleet, &store) } else { hostwright(&fleet) };
            let usage = measure(command.stdin(Stdio::null()).stdout(Stdio::null()));
            for host in fleet.hosts.values() {
                assert_eq!(host.deployed(), deployed, "{}", host.name);
            }
            if round > 0 {
                usages.push(usage);
            }
        };
        apply("hostwright", &mut ours);
        if has_colmena {
            apply("colmena", &mut theirs);
        }
    }
    let ours = median(ours);
    println!("{count} hosts: {:.2} s, {:.0} MiB in the largest process", ours.seconds, ours.mebibytes);
    if has_colmena {
        let theirs = median(theirs);
        println!(
            "  colmena: {:.2} s (ratio {:.2}), {:.0} MiB",
            theirs.seconds,
            theirs.seconds / ours.seconds,
            theirs.mebibytes
        );
    }
}

/// The hive beside the fleet's own flake, of the same `hosts.json`.
fn write_hive(directory: &Path) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/deploy");
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../base/lib");
    for (from, to) in [
        (sources.join("hive.nix"), "hive.nix"),
        (sources.join("switch-to-configuration"), "switch-to-configuration"),
        (sources.join("nixpkgs"), "nixpkgs"),
        (base, "nixpkgs/lib"),
    ] {
        let copied = Command::new("cp").args(["-rT"]).arg(from).arg(directory.join(to)).status().unwrap();
        assert!(copied.success());
    }
}

fn hostwright(fleet: &Fleet) -> Command {
    let mut command = fleet.program(&["apply", "--file", "hive.nix", "--parallel", PARALLEL, "--json"]);
    // What Debian's Nix builds with.
    command.env("NIX_CONFIG", "substituters =\nsandbox-paths = /bin /lib /lib64 /usr");
    command
}

fn colmena(fleet: &Fleet, store: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", WITH_STORE, "sh"]).arg(store);
    command.args(["colmena", "apply", "--config", "hive.nix", "--parallel", PARALLEL]);
    let home = fleet.place.path();
    command.current_dir(fleet.directory()).env("HOME", home).env("NIX_REMOTE", "local");
    command.env("NIX_CONFIG", "build-users-group =\nsandbox = false\nsubstituters =");
    command
}
