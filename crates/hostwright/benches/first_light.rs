//! From `examples/first-light#alpha` to an image, from an edited option to a rebuilt system, from one host to fifty like it, and from
//! `examples/sd-card#card` to a compressed card, by the program as users run it: `cargo bench -p hostwright`, or `… -- card` for
//! the card alone.
//!
//! The packages lie in a directory that serves as mirror, so that no network is measured. Times and peak memory are those
//! that the program prints itself (`--timings json`), each the median of several runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

#[path = "../tests/program/fleet.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod fleet;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fleet::{Fleet, Run};
use measure::{measure, median};
use serde_json::Value;

/// Runs of each measurement.
const RUNS: usize = 3;

/// What the program says of a run.
struct Timings {
    stages: Vec<(String, f64)>,
    peak_mebibytes: f64,
}

impl Timings {
    fn total(&self) -> f64 {
        self.stages.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Makes the image of a host from the packages in `mirror`.
fn image(fleet: &Fleet, mirror: &Path, host: &str, format: &str) -> Timings {
    timings(fleet, mirror, &["image", &fleet.installable(host), "--format", format, "--no-link"])
}

/// Builds the systems of hosts.
fn build(fleet: &Fleet, mirror: &Path, hosts: &[&str]) -> Timings {
    let installables: Vec<String> = hosts.iter().map(|host| fleet.installable(host)).collect();
    let mut arguments = vec!["build", "--no-link"];
    arguments.extend(installables.iter().map(String::as_str));
    timings(fleet, mirror, &arguments)
}

/// Runs the program with packages from `mirror`, and reads what it says of its own time.
fn timings(fleet: &Fleet, mirror: &Path, arguments: &[&str]) -> Timings {
    let mut command: Command = fleet.command();
    command
        .args(["--timings", "json", "--quiet"])
        .arg("--mirror")
        .arg(format!("file://{}/debian", mirror.display()))
        .arg("--security-mirror")
        .arg(format!("file://{}/debian-security", mirror.display()))
        .args(arguments);
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let report: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    let stages = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["name"].as_str().unwrap().to_owned(), stage["seconds"].as_f64().unwrap()));
    Timings {
        stages: stages.collect(),
        peak_mebibytes: report["peakMemoryBytes"].as_f64().unwrap() / f64::from(1 << 20),
    }
}

fn print(what: &str, mut runs: Vec<Timings>) {
    runs.sort_by(|one, other| one.total().total_cmp(&other.total()));
    let peak = runs.iter().map(|run| run.peak_mebibytes).fold(0.0, f64::max);
    let median = &runs[runs.len() / 2];
    let stages: Vec<String> =
        median.stages.iter().map(|(name, seconds)| format!("{name} {seconds:.2}")).collect();
    println!("{what}: {:.2} s ({}), peak memory {peak:.0} MiB", median.total(), stages.join(", "));
}

fn main() {
    if !std::env::args().any(|argument| argument == "card") {
        first_light();
    }
    card();
}

/// What a card costs, its disk space included.
fn card() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let shared = Fleet::sd_card();
    let compressed = shared.image_as("card", "sd-card");
    let mirror = shared.pool_of(place.path(), "arm64");
    // zstd(1) leaves holes where nothing is.
    let plain = place.path().join("card.img");
    let status = Command::new("zstd").args(["-dqf", "-o"]).arg(&plain).arg(&compressed).status();
    assert!(status.unwrap().success());
    let content = disk_use(&plain);
    let mut runs = Vec::new();
    let mut most = 0.0_f64;
    for _ in 0..RUNS {
        let place = tempfile::tempdir_in(place.path()).unwrap();
        let fleet = shared.alone_in(place.path());
        runs.push(image(&fleet, &mirror, "card", "sd-card"));
        most = most.max(disk_use(place.path()));
        make_writable(place.path());
    }
    print("card, empty store, packages at hand", runs);
    println!(
        "disk space: {:.0} MiB, {:.2} times the image's content of {:.0} MiB",
        most,
        most / content,
        content
    );
    let patch = |round: usize| {
        let mut command = shared.command();
        command.args(["image", "--hostname", &format!("kitchen-{round}"), "--patch"]).arg(&plain);
        measure(command.stdout(Stdio::null()))
    };
    println!(
        "its settings for one machine changed in place: {:.2} s",
        median((0..RUNS).map(patch).collect()).seconds
    );
}

/// Mebibytes that du(1) counts, each file once however many names it has.
fn disk_use(path: &Path) -> f64 {
    let output = Command::new("du").args(["--summarize", "--block-size=1K"]).arg(path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}

fn first_light() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let shared = Fleet::first_light();
    shared.image("alpha");
    let mirror = shared.pool_of(place.path(), "amd64");

    let mut empty = Vec::new();
    let mut unchanged = Vec::new();
    let mut changed = Vec::new();
    for run in 0..RUNS {
        let place = tempfile::tempdir_in(place.path()).unwrap();
        let fleet = shared.alone_in(place.path());
        empty.push(image(&fleet, &mirror, "alpha", "raw-efi"));
        unchanged.push(image(&fleet, &mirror, "alpha", "raw-efi"));
        let module = fleet.directory.join("alpha.nix");
        let text = fs::read_to_string(&module).unwrap();
        let option = format!("environment.etc.\"motd\".text = \"run {run}\\n\";\n}}");
        fs::write(&module, text.trim_end().strip_suffix('}').unwrap().to_owned() + &option).unwrap();
        changed.push(image(&fleet, &mirror, "alpha", "raw-efi"));
        make_writable(place.path());
    }
    print("empty store, packages at hand", empty);
    print("nothing changed", unchanged);
    print("one option changed", changed);
    edits(&shared, &mirror, place.path());
    many_hosts(&shared, &mirror, place.path());
}

/// What a user edits, and the options that it is.
const EDITS: [(&str, &str); 3] = [
    ("a line of a file in /etc edited", "environment.etc.\"motd\".text = \"run RUN\\n\";"),
    ("a unit edited", "systemd.services.probe.script = \"echo RUN\";"),
    ("the host's name edited", "networking.hostName = lib.mkForce \"alpha-RUN\";"),
];

/// From an edited option to a rebuilt toplevel.
fn edits(shared: &Fleet, mirror: &Path, place: &Path) {
    let place = tempfile::tempdir_in(place).unwrap();
    let fleet = shared.alone_in(place.path());
    build(&fleet, mirror, &["alpha"]);
    let flake = fleet.directory.join("flake.nix");
    let text = fs::read_to_string(&flake).unwrap();
    fs::write(&flake, text.replace("./alpha.nix", "./alpha.nix ./edit.nix")).unwrap();
    for (what, option) in EDITS {
        let mut runs = Vec::new();
        for run in 0..=RUNS {
            let module = format!("{{ lib, ... }}: {{ {} }}", option.replace("RUN", &run.to_string()));
            fs::write(fleet.directory.join("edit.nix"), module).unwrap();
            let timings = build(&fleet, mirror, &["alpha"]);
            // The first has the option, the others edit it.
            if run > 0 {
                runs.push(timings);
            }
        }
        print(what, runs);
    }
    make_writable(place.path());
}

/// Hosts that differ in their names and a file each.
const ALIKE: &str = r#"nixosConfigurations =
        nixpkgs.lib.genAttrs (map (number: "host${toString number}") (nixpkgs.lib.range 1 50)) (
          name:
          nixpkgs.lib.nixosSystem {
            modules = [
              ./common.nix
              ./alpha.nix
              (
                { lib, ... }:
                {
                  networking.hostName = lib.mkForce name;
                  environment.etc.host-note.text = name;
                }
              )
            ];
          }
        )
        // {"#;

/// One host from an empty store, and fifty like it.
fn many_hosts(shared: &Fleet, mirror: &Path, place: &Path) {
    let names: Vec<String> = (1..=50).map(|number| format!("host{number}")).collect();
    let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
    for (what, hosts) in [("one host from an empty store", &hosts[..1]), ("fifty hosts like it", &hosts[..])]
    {
        let place = tempfile::tempdir_in(place).unwrap();
        let fleet = shared.alone_in(place.path());
        let flake = fleet.directory.join("flake.nix");
        let text = fs::read_to_string(&flake).unwrap();
        let outputs = "nixosConfigurations = {";
        assert!(text.contains(outputs), "{text}");
        fs::write(&flake, text.replace(outputs, ALIKE)).unwrap();
        print(what, vec![build(&fleet, mirror, hosts)]);
        make_writable(place.path());
    }
}

/// A store's directories are read-only, so that they could not be removed.
fn make_writable(place: &Path) {
    assert!(Command::new("chmod").arg("-R").arg("u+w").arg(place).status().unwrap().success());
}
