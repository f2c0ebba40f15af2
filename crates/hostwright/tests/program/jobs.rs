//! `hostwright eval-jobs`: every derivation below a value.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::evaluation::Place;
use crate::fleet::{Fleet, Run};

/// Derivations in sets, and what else there may be.
const JOBS: &str = r#"
{ suffix ? "" }:
let
  make =
    name: more:
    derivation (
      {
        inherit name;
        system = "x86_64-linux";
        builder = "/bin/sh";
      }
      // more
    );
in
rec {
  a = make "a${suffix}" { };
  b =
    make "b" {
      outputs = [ "out" "dev" ];
      needs = [ a (builtins.toFile "text" "of ${builtins.toFile "another" "text"}") ];
      src = ./sources;
    }
    // {
      meta = { description = "B"; function = x: x; broken = throw "no data"; };
    };
  "dotted.name" = make "dotted" { };
  sets = { one = make "one" { needs = b; }; again = sets; };
  wanted = { recurseForDerivations = true; inherit b; broken = throw "this is broken"; inner.c = make "c" { }; };
  function = x: x;
  number = 1;
  host = { _type = "configuration"; config.system.build.toplevel = b; };
  image = { _type = "configuration"; config = { }; };
}
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("jobs.nix", JOBS);
    place.write("sources/file", "text");
    place
}

/// The lines by their `attr`, each of which is there once.
fn lines(run: &Run) -> BTreeMap<String, Value> {
    let mut lines = BTreeMap::new();
    for line in run.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let attr = line["attr"].as_str().unwrap().to_owned();
        assert!(lines.insert(attr.clone(), line).is_none(), "{attr} is there twice");
    }
    lines
}

fn nix(place: &Place, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let store = format!("local?root={}", place.home().join("store").display());
    command.args(["--store", &store]).args(arguments).current_dir(place.here()).env("HOME", place.home());
    let run = Run::of(command);
    assert_eq!(run.status, Some(0), "{program} {arguments:?}:\n{}", run.stderr);
    run.stdout
}

#[test]
fn every_derivation_is_a_line_and_a_file_that_nix_reads() {
    let place = place();
    let arguments =
        ["eval-jobs", "-f", "jobs.nix", "--meta", "--show-input-drvs", "--apply", "d: d.name + \"!\""];
    let run = place.run(&arguments);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("1 of 6 do not evaluate"), "{}", run.stderr);
    let lines = lines(&run);
    let attrs: Vec<&str> = lines.keys().map(String::as_str).collect();
    assert_eq!(attrs, ["\"dotted.name\"", "a", "b", "host", "wanted.b", "wanted.broken"]);
    let text = lines["wanted.broken"]["error"].as_str().unwrap();
    assert!(text.contains("this is broken") && text.contains("jobs.nix:28"), "{text}");

    for (attr, line) in &lines {
        let Some(derivation) = line["drvPath"].as_str() else { continue };
        let path = if attr == "host" { "host.config.system.build.toplevel" } else { attr };
        let theirs = nix(&place, "nix-instantiate", &["jobs.nix", "-A", path]);
        assert_eq!(theirs.trim_end(), derivation, "{attr}");
        let outputs = nix(&place, "nix-store", &["--query", "--outputs", derivation]);
        let mut theirs: Vec<&str> = outputs.lines().collect();
        let mut ours: Vec<&str> =
            line["outputs"].as_object().unwrap().values().map(|path| path.as_str().unwrap()).collect();
        theirs.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, theirs, "{attr}");
    }
    let b = &lines["wanted.b"];
    assert_eq!(b["attrPath"], serde_json::json!(["wanted", "b"]));
    assert_eq!(b["name"], "b");
    assert_eq!(b["system"], "x86_64-linux");
    assert_eq!(b["meta"], serde_json::json!({ "description": "B" }));
    assert_eq!(b["extraValue"], "b!");
    let a = lines["a"]["drvPath"].as_str().unwrap();
    assert_eq!(b["inputDrvs"], serde_json::json!({ a: ["out"] }));
    let verified = nix(&place, "nix-store", &["--verify", "--check-contents"]);
    assert_eq!(verified, "");
}

#[test]
fn many_small_evaluations_find_what_one_finds() {
    let one = place();
    let arguments = ["eval-jobs", "-f", "jobs.nix", "--force-recurse", "--argstr", "suffix", "x"];
    let whole = one.run(&[arguments.as_slice(), &["--workers", "1"]].concat());
    let found = lines(&whole);
    let attrs: Vec<&str> = found.keys().map(String::as_str).collect();
    let all =
        ["\"dotted.name\"", "a", "b", "host", "sets.one", "wanted.b", "wanted.broken", "wanted.inner.c"];
    assert_eq!(attrs, all);
    assert_eq!(found["a"]["name"], "ax");

    // The same text in another place: files that are named in messages lie elsewhere, and nothing is in the store.
    let many = place();
    let parts = many.run(&[arguments.as_slice(), &["--workers", "3", "--max-memory-size", "1"]].concat());
    assert_eq!(parts.status, Some(3));
    for (attr, line) in lines(&parts) {
        assert_eq!(line["drvPath"], found[&attr]["drvPath"], "{attr}");
    }
    let stored = |place: &Place| {
        nix(place, "nix-store", &["--query", "--requisites", found["sets.one"]["drvPath"].as_str().unwrap()])
    };
    assert_eq!(stored(&many), stored(&one));

    let nothing = place();
    let run = nothing.run(&[arguments.as_slice(), &["--read-only"]].concat());
    assert_eq!(lines(&run)["a"], found["a"]);
    assert!(!nothing.home().join("store/nix/store").exists());
}

#[test]
fn links_keep_what_was_found() {
    let place = place();
    let select = ["--select", "jobs: { inherit (jobs) a; b = jobs.wanted.b; }"];
    let run =
        place.run(&[["eval-jobs", "-f", "jobs.nix", "--gc-roots-dir", "roots"].as_slice(), &select].concat());
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let found = lines(&run);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["a", "b"]);
    let collected = place.run(&["gc"]);
    assert_eq!(collected.status, Some(0), "{}", collected.stderr);
    for line in found.values() {
        let derivation = line["drvPath"].as_str().unwrap();
        let name = derivation.strip_prefix("/nix/store/").unwrap();
        assert!(fs::metadata(place.here().join("roots").join(name)).unwrap().is_file());
        nix(&place, "nix-store", &["--query", "--references", derivation]);
    }
    // A file that is in the way is not replaced.
    let other = place.here().join("other");
    fs::create_dir(&other).unwrap();
    for line in found.values() {
        fs::write(other.join(line["drvPath"].as_str().unwrap().rsplit('/').next().unwrap()), "mine").unwrap();
    }
    place
        .run(&["eval-jobs", "-f", "jobs.nix", "-A", "a", "--gc-roots-dir", "other"])
        .fails_with(8, &["other"]);
}

#[test]
fn what_cannot_be_looked_through_is_an_error() {
    let place = place();
    let eval_jobs = |arguments: &[&str]| place.run(&[&["eval-jobs"], arguments].concat());
    eval_jobs(&["-f", "jobs.nix", "-A", "nothing"]).fails_with(3, &["'nothing'"]);
    eval_jobs(&["--expr", "throw \"all of it\""]).fails_with(3, &["all of it"]);
    eval_jobs(&["--expr", "{ }", "--select", "x: x.y"]).fails_with(3, &["'y'"]);
    eval_jobs(&["--expr", "{ }", "--select", "("]).fails_with(3, &["--select"]);
    eval_jobs(&["--expr", "{ }", "--workers", "0"]).fails_with(2, &["--workers"]);
    eval_jobs(&["--expr", "{ }", "--read-only", "--gc-roots-dir", "x"]).fails_with(2, &["--gc-roots-dir"]);
    let empty = eval_jobs(&["--expr", "{ a.b = 1; }"]);
    assert_eq!((empty.status, empty.stdout.as_str()), (Some(0), ""));
    assert!(empty.stderr.contains("there is no derivation here; --force-recurse"), "{}", empty.stderr);
    // What is said of a derivation fails like the derivation itself.
    let failed =
        eval_jobs(&["-f", "jobs.nix", "--select", "jobs: { inherit (jobs) a; }", "--apply", "d: d.b"]);
    assert_eq!(failed.status, Some(3));
    assert!(lines(&failed)["a"]["error"].as_str().unwrap().contains("attribute 'b' missing"));
}

#[test]
fn hosts_of_a_fleet_are_jobs_and_their_packages_are_pinned_first() {
    let place = tempfile::tempdir().unwrap();
    let known = Fleet::first_light();
    let fleet = Fleet { store: known.store.clone(), cache: None, ..known.alone_in(place.path()) };
    fs::remove_file(fleet.lock_file()).unwrap();
    let run = fleet.run(&["eval-jobs", &fleet.installable("nixosConfigurations"), "--workers", "2"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(fleet.lock_file().exists(), "{}", run.stderr);
    let found = lines(&run);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["alpha", "beta"]);
    for (host, line) in found {
        let toplevel =
            fleet.installable(&format!("nixosConfigurations.{host}.config.system.build.toplevel.drvPath"));
        assert_eq!(fleet.hostwright(&["eval", "--raw", &toplevel]), line["drvPath"].as_str().unwrap());
    }
}

#[test]
fn a_mistake_in_a_host_holds_up_no_other() {
    let place = tempfile::tempdir().unwrap();
    let mistake = "{ config, ... }: { networking.hostName = config.nothing; }";
    let fleet = Fleet::first_light().with_mistake(place.path(), mistake);
    // It could be a package that is not pinned, but there is no archive that could be asked.
    let hosts = fleet.installable("nixosConfigurations");
    let run =
        fleet.run(&["eval-jobs", &hosts, "--offline", "--refresh", "--mirror", "http://127.0.0.1:9/debian"]);
    assert_eq!(run.status, Some(3), "{}", run.stderr);
    let found = lines(&run);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["alpha", "beta"]);
    assert!(found["alpha"]["error"].as_str().unwrap().contains("'nothing'"), "{}", run.stdout);
    assert!(found["beta"]["drvPath"].is_string(), "{}", run.stdout);
}
