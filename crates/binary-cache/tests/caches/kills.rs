//! SIGKILL at any moment of a push or of a substitution: what is there is sound, and the next run completes it.
//!
//! The killed process is this test itself, started anew for one piece of work.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use binary_cache::{Caches, Cancellation, Destination, Settings};
use nix_store::nar::Node;
use nix_store::{StorePath, TrustedKeys};

use crate::fixture::{Listener, Place, add, assert_same, fetch, noise};

/// Set for the process that is to be killed: the work, and where.
const WORK: &str = "BINARY_CACHE_TEST_WORK";

/// Kills of each kind of work; the environment may ask for more.
fn kills() -> u32 {
    std::env::var("HOSTWRIGHT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

/// A chain of paths of different sizes, each with the one before as a reference.
fn chain(place: &Place) -> Vec<StorePath> {
    let store = place.store("store");
    let mut paths: Vec<StorePath> = Vec::new();
    for number in 0..60u64 {
        let references: Vec<&StorePath> = paths.last().into_iter().collect();
        let size = if number % 10 == 0 { 600_000 } else { 2000 };
        let path = add(&store, &format!("path-{number}"), &Node::file(noise(size, number)), &references);
        paths.push(path);
    }
    paths
}

fn work(kind: &str, at: &str, root: &str) {
    let root = StorePath::from_base_name(root).unwrap();
    let open =
        |name: &str| nix_store::LocalStore::open(nix_store::StoreRoot::new(format!("{at}/{name}"))).unwrap();
    let settings = Settings { require_signatures: false, ..Settings::default() };
    let url = format!("file://{at}/cache?compression=zstd");
    match kind {
        "push" => {
            let destination = Destination::open(settings, &url, Listener::new()).unwrap();
            destination.push(&open("store"), &[root], &[], &Cancellation::new()).unwrap();
        }
        _ => {
            let caches = Caches::new(settings, [url.as_str()], Listener::new()).unwrap();
            caches.fetch(&open("into"), [root], &Cancellation::new()).unwrap();
        }
    }
}

/// Does the work, if this process was started for it.
#[test]
fn work_of_a_process_that_is_killed() {
    if let Ok(what) = std::env::var(WORK) {
        let words: Vec<&str> = what.split('\n').collect();
        work(words[0], words[1], words[2]);
    }
}

fn start(kind: &str, place: &Place, root: &StorePath) -> Child {
    let at = place.path("");
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kills::work_of_a_process_that_is_killed"])
        .env(WORK, format!("{kind}\n{}\n{root}", at.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// How long the work takes when nobody kills it.
fn duration(kind: &str, place: &Place, root: &StorePath) -> Duration {
    let begun = Instant::now();
    assert!(start(kind, place, root).wait().unwrap().success());
    begun.elapsed()
}

/// Starts the work and kills it after a while; whether it was killed before it was done.
fn kill(kind: &str, place: &Place, root: &StorePath, after: Duration) -> bool {
    let mut child = start(kind, place, root);
    std::thread::sleep(after);
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// The moments at which to kill work that takes so long: all over it, in no order.
fn moments(whole: Duration) -> impl Iterator<Item = (u32, Duration)> {
    let kills = kills();
    (0..kills).map(move |round| (round, whole * (round * 7 % kills) / kills))
}

#[test]
fn pushes() {
    let place = Place::new();
    let paths = chain(&place);
    let root = paths.last().unwrap();
    let whole = duration("push", &place, root);
    std::fs::remove_dir_all(place.path("cache")).unwrap();
    let mut killed = 0;
    for (round, after) in moments(whole) {
        killed += u32::from(kill("push", &place, root, after));
        if !place.path("cache/nix-cache-info").exists() {
            continue;
        }
        let settings = Settings { require_signatures: false, ..Settings::default() };
        let url = format!("{}?compression=zstd", place.cache_url("cache"));
        let destination = Destination::open(settings, &url, Listener::new()).unwrap();
        assert_eq!(destination.verify(None, &Cancellation::new()).unwrap().faults, []);
        if round % 5 == 4 {
            let store = place.store("store");
            destination.push(&store, std::slice::from_ref(root), &[], &Cancellation::new()).unwrap();
            assert_eq!(destination.verify(None, &Cancellation::new()).unwrap().paths, paths.len());
            let left = std::fs::read_dir(place.path("cache")).unwrap();
            assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with(".tmp")));
            std::fs::remove_dir_all(place.path("cache")).unwrap();
        }
    }
    assert!(killed > kills() / 3, "only {killed} were killed at work");
}

#[test]
fn substitutions() {
    let place = Place::new();
    let paths = chain(&place);
    let root = paths.last().unwrap();
    place.push(&place.store("store"), "cache", "compression=zstd", std::slice::from_ref(root));
    let whole = duration("fetch", &place, root);
    nix_store::local::remove_tree(&place.path("into")).unwrap();
    let mut killed = 0;
    for (round, after) in moments(whole) {
        killed += u32::from(kill("fetch", &place, root, after));
        let into = place.store("into");
        assert!(into.verify(true).unwrap().is_empty());
        if round % 5 == 4 {
            let settings = Settings {
                trusted_keys: TrustedKeys::from_iter([place.key.public_key()]),
                ..Settings::default()
            };
            let caches = Caches::new(settings, [place.cache_url("cache").as_str()], Listener::new()).unwrap();
            fetch(&caches, &into, std::slice::from_ref(root));
            assert_same(&place.store("store"), &into, &paths);
            into.remove_leftovers().unwrap();
            drop(into);
            nix_store::local::remove_tree(&place.path("into")).unwrap();
        }
    }
    assert!(killed > kills() / 3, "only {killed} were killed at work");
}

#[test]
fn two_at_once_bring_the_same() {
    let place = Place::new();
    let paths = chain(&place);
    let root = paths.last().unwrap();
    place.push(&place.store("store"), "cache", "compression=zstd", std::slice::from_ref(root));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let caches =
                    Caches::new(place.settings(), [place.cache_url("cache").as_str()], Listener::new())
                        .unwrap();
                fetch(&caches, &place.store("into"), std::slice::from_ref(root));
            });
        }
    });
    assert_same(&place.store("store"), &place.store("into"), &paths);
}
