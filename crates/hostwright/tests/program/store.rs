//! The verbs that look after a store.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix_store::local::{RootTarget, remove_tree};
use nix_store::{LocalStore, StorePath, StoreRoot};
use serde_json::Value;

use crate::fleet::Run;

/// Runs the program with the store below `place`.
fn hostwright(place: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
    command.arg("--store").arg(place.join("store")).args(arguments).current_dir(place);
    command.env("HOME", place).env_remove("NIX_CONFIG").stdin(Stdio::null());
    Run::of(command)
}

fn json(run: &Run) -> Value {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// A store with a library and a program that a link leads to, and an old and a current generation of a profile.
fn populate(place: &Path) -> [StorePath; 5] {
    let store = LocalStore::open(StoreRoot::new(place.join("store"))).unwrap();
    let add = |name: &str, references: &[&StorePath]| {
        let references = references.iter().map(|path| (*path).clone()).collect();
        store.add_text(name, &name.as_bytes().repeat(5000), &references).unwrap()
    };
    let library = add("library", &[]);
    let program = add("program", &[&library]);
    store.add_root(&place.join("result"), &program, RootTarget::Real).unwrap();
    let (old, current, dead) = (add("old", &[]), add("current", &[]), add("dead", &[]));
    let profile = store.root().profile("system");
    for (number, path) in [(1, &old), (2, &current)] {
        let link = profile.with_file_name(format!("system-{number}-link"));
        std::os::unix::fs::symlink(store.directory().display(path), link).unwrap();
    }
    std::os::unix::fs::symlink("system-2-link", profile).unwrap();
    [library, program, old, current, dead]
}

#[test]
fn garbage_is_collected() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    hostwright(place, &["gc"]).fails_with(8, &["there is no store"]);
    let [_, _, old, current, dead] = populate(place);
    let listed = hostwright(place, &["gc", "--dry-run"]);
    assert_eq!(listed.stdout, format!("/nix/store/{dead}\n"));
    assert!(listed.stderr.contains("Would remove 1 store path and free"), "{}", listed.stderr);
    let would = json(&hostwright(place, &["gc", "--dry-run", "-d", "--json"]));
    assert_eq!(would["paths"].as_array().unwrap().len(), 2);
    assert_eq!(would["generations"].as_array().unwrap().len(), 1);
    assert_eq!(json(&hostwright(place, &["store", "info", "--json"]))["paths"], 5);

    hostwright(place, &["gc", "--delete-older-than", "soon"]).fails_with(2, &["'soon' is not an age", "30d"]);
    hostwright(place, &["gc", "--max-freed", "much"]).fails_with(2, &["K, M, G or T"]);
    // Nothing is that old.
    let removed = json(&hostwright(place, &["gc", "--delete-older-than", "30d", "--json"]));
    assert_eq!(removed["paths"], serde_json::json!([format!("/nix/store/{dead}")]));
    assert_eq!(removed["bytesFreed"].as_u64().unwrap() % 512, 0);
    let removed = json(&hostwright(place, &["gc", "-d", "--json"]));
    assert_eq!(removed["paths"], serde_json::json!([format!("/nix/store/{old}")]));
    let said = hostwright(place, &["gc"]);
    assert!(said.stdout.is_empty() && said.stderr.contains("Removed 0 store paths"), "{}", said.stderr);
    hostwright(place, &["store", "delete", current.base_name()]).fails_with(8, &["system-2-link"]);
    fs::remove_file(place.join("result")).unwrap();
    assert_eq!(json(&hostwright(place, &["gc", "--json"]))["paths"].as_array().unwrap().len(), 2);
}

#[test]
fn a_store_tells_of_itself_and_is_verified() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    let [library, program, _, _, dead] = populate(place);
    let infos = json(&hostwright(place, &["store", "info", "--closure", "./result", "--json"]));
    assert_eq!(infos[0]["path"], format!("/nix/store/{library}"));
    assert_eq!(infos[1]["path"], format!("/nix/store/{program}"));
    assert_eq!(infos[1]["references"], serde_json::json!([format!("/nix/store/{library}")]));
    let roots = hostwright(place, &["store", "roots", &format!("/nix/store/{library}")]);
    assert_eq!(roots.stdout, format!("{} -> /nix/store/{program}\n", place.join("result").display()));
    hostwright(place, &["store", "info", "./nothing"])
        .fails_with(2, &["'./nothing' is not a path in the store"]);

    let saved = json(&hostwright(place, &["store", "optimise", "--json"]));
    assert_eq!((saved["files"].as_u64(), saved["bytes"].as_u64()), (Some(0), Some(0)));
    assert_eq!(json(&hostwright(place, &["store", "verify", "--json"])), serde_json::json!([]));
    let file = place.join("store/nix/store").join(library.base_name());
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&file, "changed").unwrap();
    remove_tree(&place.join("store/nix/store").join(dead.base_name())).unwrap();
    let damaged = hostwright(place, &["store", "verify"]);
    assert_eq!(damaged.status, Some(6), "{}", damaged.stderr);
    assert_eq!(damaged.stdout.lines().count(), 2);
    assert!(damaged.stderr.contains("2 of the store's paths are damaged"), "{}", damaged.stderr);
    let deleted = json(&hostwright(place, &["store", "delete", "--json", &format!("/nix/store/{dead}")]));
    assert_eq!(deleted["paths"].as_array().unwrap().len(), 1);
}
