//! From `examples/first-light#alpha` to an image, by the program as users run it: `cargo bench -p hostwright`.
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
use std::process::Command;

use fleet::{Fleet, Run};
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

/// Makes the image of alpha from the packages in `mirror`.
fn image(fleet: &Fleet, mirror: &Path) -> Timings {
    let mut command: Command = fleet.command();
    command
        .args(["--timings", "json", "--quiet"])
        .arg("--mirror")
        .arg(format!("file://{}/debian", mirror.display()))
        .arg("--security-mirror")
        .arg(format!("file://{}/debian-security", mirror.display()))
        .args(["image", &fleet.installable("alpha"), "--no-link"]);
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
        empty.push(image(&fleet, &mirror));
        unchanged.push(image(&fleet, &mirror));
        let module = fleet.directory.join("alpha.nix");
        let text = fs::read_to_string(&module).unwrap();
        let option = format!("environment.etc.\"motd\".text = \"run {run}\\n\";\n}}");
        fs::write(&module, text.trim_end().strip_suffix('}').unwrap().to_owned() + &option).unwrap();
        changed.push(image(&fleet, &mirror));
        // A store's directories are read-only.
        assert!(Command::new("chmod").arg("-R").arg("u+w").arg(place.path()).status().unwrap().success());
    }
    print("empty store, packages at hand", empty);
    print("nothing changed", unchanged);
    print("one option changed", changed);
}
