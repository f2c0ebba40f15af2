//! Caches: a key, a push, what Nix makes of it, and what is wrong in a cache that was altered.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix_store::{LocalStore, StoreDir, StoreRoot};
use serde_json::Value;

use crate::archive::with_package;
use crate::fleet::{Fleet, Run};
use crate::mirror::Mirror;

/// A directory with stores and caches in it.
struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// The program with the store `store`.
    fn run(&self, store: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostwright"));
        command
            .current_dir(self.0.path())
            .arg("--store")
            .arg(self.path(store))
            .args(arguments)
            .env("HOME", self.0.path())
            .env_remove("NIX_CONFIG")
            .stdin(Stdio::null());
        Run::of(command)
    }

    #[track_caller]
    fn succeeds(&self, store: &str, arguments: &[&str]) -> String {
        let run = self.run(store, arguments);
        assert_eq!(run.status, Some(0), "{arguments:?}: {}", run.stderr);
        run.stdout
    }

    #[track_caller]
    fn json(&self, store: &str, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.succeeds(store, arguments)).unwrap()
    }
}

/// A store with a path that refers to another; the path of the first.
fn stored(place: &Place, store: &str) -> String {
    let store = LocalStore::open(StoreRoot::new(place.path(store))).unwrap();
    let directory = StoreDir::default();
    let one = store.add_text("one", b"1", &BTreeSet::new()).unwrap();
    let content = directory.display(&one);
    let two = store.add_text("two", content.as_bytes(), &BTreeSet::from([one])).unwrap();
    directory.display(&two)
}

#[test]
fn a_closure_goes_into_a_cache_and_out_of_it() {
    let place = Place(tempfile::tempdir().unwrap());
    let path = stored(&place, "store");
    let public = place.succeeds("store", &["cache", "keygen", "test-1", "--secret-file", "secret"]);
    let public = public.trim_end();
    assert!(public.starts_with("test-1:"));
    let again = place.run("store", &["cache", "keygen", "test-1", "--secret-file", "secret"]);
    again.fails_with(8, &["secret", "exists"]);

    let url = format!("{}?compression=zstd", place.url("cache"));
    let push = ["cache", "push", &url, &path, "--key-file", "secret", "--json"];
    let pushed = place.json("store", &push);
    assert_eq!(pushed["added"].as_array().unwrap().len(), 2);
    assert_eq!(place.json("store", &push)["present"].as_array().unwrap().len(), 2);

    let trust = ["--option", "trusted-public-keys", public];
    let verify = |extra: &[&str]| {
        let url = place.url("cache");
        let arguments: Vec<&str> =
            ["cache", "verify", &url].iter().chain(&trust).chain(extra).copied().collect();
        place.run("store", &arguments)
    };
    assert_eq!(verify(&[]).status, Some(0), "{}", verify(&[]).stderr);

    // Nix believes the key, too.
    let to = format!("local?root={}", place.path("nix").display());
    let copied = Command::new("nix")
        .args([
            "--extra-experimental-features",
            "nix-command",
            "copy",
            "--from",
            &place.url("cache"),
            "--to",
            &to,
        ])
        .args(["--option", "require-sigs", "true", "--option", "trusted-public-keys", public, &path])
        .env("HOME", place.0.path())
        .output()
        .unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));

    let url = place.url("cache");
    let copy: Vec<&str> = ["copy", "--from", &url, &path, "--json"].iter().chain(&trust).copied().collect();
    assert_eq!(place.json("into", &copy)["copied"].as_array().unwrap().len(), 2);
    let read = |store: &str| fs::read(place.path(store).join(&path[1..])).unwrap();
    assert_eq!(read("into"), read("store"));

    alter(&place.path("cache"));
    let faulty = verify(&["--json"]);
    assert_eq!(faulty.status, Some(6), "{}", faulty.stderr);
    let report: Value = serde_json::from_str(&faulty.stdout).unwrap();
    assert!(!report["faults"].as_array().unwrap().is_empty());
    let copy: Vec<&str> = ["copy", "--from", &url, &path].iter().chain(&trust).copied().collect();
    place.run("other", &copy).fails_with(6, &["warning: ", "delivers something wrong"]);
}

/// Turns a bit of each archive.
fn alter(cache: &Path) {
    for entry in fs::read_dir(cache.join("nar")).unwrap() {
        let file = entry.unwrap().path();
        let mut content = fs::read(&file).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        fs::write(file, content).unwrap();
    }
}

#[test]
fn mistakes_have_statuses_of_their_own() {
    let place = Place(tempfile::tempdir().unwrap());
    let path = stored(&place, "store");
    place.run("store", &["cache", "push", "ftp://x", &path]).fails_with(2, &["ftp://x", "s3://"]);
    place.run("store", &["cache", "push", &place.url("cache"), "nothing"]).fails_with(2, &["no store path"]);
    place.run("store", &["cache", "sign", &path]).fails_with(2, &["--key-file"]);
    place
        .run("store", &["copy", "--from", "http://127.0.0.1:1", &path.replace("two", "three")])
        .fails_with(5, &["warning: ", "127.0.0.1:1", "no cache has"]);
    place.run("store", &["cache", "verify", &place.url("none")]).fails_with(5, &["is not a binary cache"]);
}

#[test]
fn what_a_cache_has_is_not_built() {
    let place = Place(tempfile::tempdir().unwrap());
    let (fleet, installable) = with_package(&place.path("made"));
    let path = fleet.hostwright(&["build", &installable, "--no-link", "--print-out-paths"]);
    let path = path.trim_end();
    let public = place.succeeds("store", &["cache", "keygen", "test-1", "--secret-file", "secret"]);
    let secret = place.path("secret");
    let url = place.url("cache");
    fleet.hostwright(&["cache", "push", &url, path, "--key-file", secret.to_str().unwrap()]);

    let other = Fleet { store: place.path("other"), ..fleet };
    // Nothing can be fetched that packages are made of.
    let mirror = Mirror::down();
    let built = |key: &str| {
        let caches = ["--option", "substituters", &url, "--option", "trusted-public-keys", key];
        let build = ["build", &installable, "--no-link", "--print-out-paths"];
        other.run(&[&mirror.options()[..], &caches, &build].concat())
    };
    let stranger = place.succeeds("store", &["cache", "keygen", "test-1", "--secret-file", "stranger"]);
    built(stranger.trim_end()).fails_with(5, &["warning: ", "is not signed", &mirror.url]);
    let run = built(public.trim_end());
    assert_eq!((run.status, run.stdout.trim_end()), (Some(0), path), "{}", run.stderr);
    assert!(run.stderr.contains("from caches") && !run.stderr.contains("building"), "{}", run.stderr);
    other.assert_nix_verifies_store();
}
