//! The real Nix reads what we wrote, and we what it wrote.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use binary_cache::{AwsEnvironment, Caches, Cancellation, Destination, Settings};
use nix_store::{LocalStore, StoreDir, StorePath};

use crate::fixture::{Listener, Place, assert_same, closure, fetch};
use crate::service::Nginx;

fn nix(place: &Place, arguments: &[&str]) -> Output {
    let home = place.path("home");
    fs::create_dir_all(&home).unwrap();
    Command::new("nix")
        .args(["--extra-experimental-features", "nix-command"])
        .args(arguments)
        .env("HOME", &home)
        .env("NIX_CONFIG", "substituters =\n")
        .env_remove("NIX_REMOTE")
        .env_remove("XDG_CACHE_HOME")
        .output()
        .expect("Debian's package nix-bin is needed")
}

#[track_caller]
fn run_nix(place: &Place, arguments: &[&str]) {
    let output = nix(place, arguments);
    assert!(output.status.success(), "nix {arguments:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Nix copies `root` with its closure out of a cache; `keys` are trusted.
fn nix_copies(place: &Place, from: &str, to: &Path, root: &StorePath, keys: &str) -> Output {
    let to = format!("local?root={}", to.display());
    let root = StoreDir::default().display(root);
    nix(
        place,
        &[
            "copy",
            "--from",
            from,
            "--to",
            &to,
            "--option",
            "require-sigs",
            "true",
            "--option",
            "trusted-public-keys",
            keys,
            &root,
        ],
    )
}

#[track_caller]
fn assert_nix_copies(place: &Place, store: &LocalStore, from: &str, paths: &[StorePath]) {
    let to = place.path("nix-store");
    let keys = place.key.public_key().to_string();
    let output = nix_copies(place, from, &to, paths.last().unwrap(), &keys);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_same(store, &place.store("nix-store"), paths);
    let uri = format!("local?root={}", to.display());
    let verified = Command::new("nix-store")
        .args(["--verify", "--check-contents", "--store", &uri])
        .env("HOME", place.path("home"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("error"), "{said}");
    fs::rename(&to, place.path("nix-store-done")).unwrap();
    nix_store::local::remove_tree(&place.path("nix-store-done")).unwrap();
}

#[test]
fn nix_copies_out_of_what_we_wrote_in_every_compression() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let root = paths.last().unwrap();
    let settings = [
        "compression=none",
        "compression=zstd&write-nar-listing=true",
        "compression=gzip",
        "compression=bzip2",
        "parallel-compression=true",
    ];
    for (index, settings) in settings.into_iter().enumerate() {
        let name = format!("cache{index}");
        place.push(&store, &name, settings, &paths[3..]);
        assert_nix_copies(&place, &store, &place.cache_url(&name), &paths);
        let mut others = nix_copies(
            &place,
            &place.cache_url(&name),
            &place.path("other"),
            root,
            "other-1:C6yoFWDfSwMlcsXgj22sJv3j9vy7fTAMFJIFPfNYCpA=",
        );
        assert!(!others.status.success(), "Nix copies what is not signed by a trusted key");
        others.stderr.retain(|byte| byte.is_ascii());
        assert!(String::from_utf8(others.stderr).unwrap().contains("signature"));
    }
}

#[test]
fn nix_copies_over_http_what_we_wrote() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    place.push(&store, "cache", "compression=xz", &paths);
    let nginx = Nginx::start(&place.path("cache"), &place.path("nginx"));
    assert_nix_copies(&place, &store, &nginx.url(), &paths);
}

#[test]
fn we_copy_out_of_what_nix_wrote() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    let key = place.key_file();
    for compression in ["xz", "zstd", "bzip2", "gzip", "br", "none"] {
        let name = format!("cache-{compression}");
        let to = format!("{}?compression={compression}&secret-key={}", place.cache_url(&name), key.display());
        let from = format!("local?root={}", place.path("store").display());
        let root = StoreDir::default().display(paths.last().unwrap());
        run_nix(&place, &["copy", "--no-check-sigs", "--from", &from, "--to", &to, &root]);
        let nginx = Nginx::start(&place.path(&name), &place.path(&format!("nginx-{compression}")));
        for (url, into) in [(place.cache_url(&name), "file"), (nginx.url(), "http")] {
            let listener = Listener::new();
            let caches = Caches::new(place.settings(), [url.as_str()], listener.clone()).unwrap();
            let into = place.store(&format!("{compression}-{into}"));
            fetch(&caches, &into, &paths[3..]);
            assert_same(&store, &into, &paths);
            assert!(listener.warnings().is_empty(), "{:?}", listener.warnings());
        }
        // What Nix wrote is sound for our verification, too.
        let destination =
            Destination::open(place.settings(), &place.cache_url(&name), Listener::new()).unwrap();
        let verified = destination.verify(None, &Cancellation::new()).unwrap();
        assert_eq!((verified.paths, verified.faults), (4, vec![]));
    }
}

#[test]
fn listings_are_equal() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    place.push(&store, "ours", "write-nar-listing=true", &paths);
    let to = format!("{}?write-nar-listing=true", place.cache_url("theirs"));
    let from = format!("local?root={}", place.path("store").display());
    let root = StoreDir::default().display(paths.last().unwrap());
    run_nix(&place, &["copy", "--no-check-sigs", "--from", &from, "--to", &to, &root]);
    for path in &paths {
        let name = format!("{}.ls", path.hash_part());
        let read = |cache: &str| -> serde_json::Value {
            serde_json::from_slice(&fs::read(place.path(cache).join(&name)).unwrap()).unwrap()
        };
        assert_eq!(read("ours"), read("theirs"), "{path}");
    }
}

#[test]
fn what_was_looked_up_is_remembered_for_both() {
    let place = Place::new();
    let store = place.store("store");
    let paths = closure(&store);
    place.push(&store, "cache", "compression=xz", &paths);
    let nginx = Nginx::start(&place.path("cache"), &place.path("nginx"));
    let lookups = place.path("home/.cache/nix");
    let settings = Settings { lookup_directory: Some(lookups), ..place.settings() };
    let query = |settings: &Settings| {
        let caches = Caches::new(settings.clone(), [nginx.url().as_str()], Listener::new()).unwrap();
        caches.query(&paths, &Cancellation::new()).unwrap()
    };
    let found = query(&settings);
    assert_eq!(found.len(), 4);
    let asked = nginx.requests();
    assert_eq!(query(&settings), found, "what is remembered is something else");
    assert_eq!(nginx.requests(), asked, "what was remembered is asked for again");

    // Nix knows what we looked up: narinfos that are gone are there for it.
    for path in &paths {
        fs::remove_file(place.path("cache").join(format!("{}.narinfo", path.hash_part()))).unwrap();
    }
    assert_nix_copies(&place, &store, &nginx.url(), &paths);

    // And we what it looked up.
    fs::remove_dir_all(place.path("home/.cache")).unwrap();
    place.push(&store, "cache", "compression=xz", &paths);
    assert_nix_copies(&place, &store, &nginx.url(), &paths);
    let asked = nginx.requests();
    assert_eq!(query(&settings).len(), 4);
    assert_eq!(nginx.requests(), asked, "Nix's database is not understood");
}

#[test]
fn settings_without_credentials_have_none() {
    assert!(AwsEnvironment::of(&|_| None).keys.is_none());
}
