//! SIGKILL at any moment of a push or of a substitution: what is there is sound, and the next run completes it.
//!
//! The killed process is this test itself, started anew for one piece of work.

use std::os::unix::process::ExitStatusExt;
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

/// Starts the work and kills it after a while; how long it took, if it was done before.
fn kill(kind: &str, place: &Place, root: &StorePath, after: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let mut child = start(kind, place, root);
    while begun.elapsed() < after && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = begun.elapsed();
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success() || status.signal() == Some(9), "the work failed by itself: {status}");
    status.success().then_some(took)
}

/// Kills the work all over the time that it takes, in no order. After each kill `check` looks at what is there; after
/// some, and when the work is done, `complete` does the rest and removes everything.
fn kill_all_over(kind: &str, place: &Place, root: &StorePath, check: impl Fn(), complete: impl Fn()) {
    let mut whole = duration(kind, place, root);
    complete();
    let (mut killed, mut begins_anew) = (0, true);
    for round in 0..kills() {
        let done = kill(kind, place, root, whole * (round * 7 % kills()) / kills());
        check();
        match done {
            Some(took) if begins_anew => whole = took,
            Some(_) => {}
            None => killed += 1,
        }
        begins_anew = done.is_some() || round % 5 == 4;
        if begins_anew {
            complete();
        }
    }
    assert!(killed > kills() / 3, "only {killed} were killed at work");
}

#[test]
fn pushes() {
    let place = Place::new();
    let paths = chain(&place);
    let root = paths.last().unwrap();
    let destination = || {
        let settings = Settings { require_signatures: false, ..Settings::default() };
        let url = format!("{}?compression=zstd", place.cache_url("cache"));
        Destination::open(settings, &url, Listener::new()).unwrap()
    };
    let check = || {
        if place.path("cache/nix-cache-info").exists() {
            assert_eq!(destination().verify(None, &Cancellation::new()).unwrap().faults, []);
        }
    };
    let complete = || {
        let (destination, store) = (destination(), place.store("store"));
        destination.push(&store, std::slice::from_ref(root), &[], &Cancellation::new()).unwrap();
        assert_eq!(destination.verify(None, &Cancellation::new()).unwrap().paths, paths.len());
        let left = std::fs::read_dir(place.path("cache")).unwrap();
        assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().starts_with(".tmp")));
        std::fs::remove_dir_all(place.path("cache")).unwrap();
    };
    kill_all_over("push", &place, root, check, complete);
}

#[test]
fn substitutions() {
    let place = Place::new();
    let paths = chain(&place);
    let root = paths.last().unwrap();
    place.push(&place.store("store"), "cache", "compression=zstd", std::slice::from_ref(root));
    let check = || assert!(place.store("into").verify(true).unwrap().is_empty());
    let complete = || {
        let settings = Settings {
            trusted_keys: TrustedKeys::from_iter([place.key.public_key()]),
            ..Settings::default()
        };
        let caches = Caches::new(settings, [place.cache_url("cache").as_str()], Listener::new()).unwrap();
        let into = place.store("into");
        fetch(&caches, &into, std::slice::from_ref(root));
        assert_same(&place.store("store"), &into, &paths);
        into.remove_leftovers().unwrap();
        drop(into);
        nix_store::local::remove_tree(&place.path("into")).unwrap();
    };
    kill_all_over("fetch", &place, root, check, complete);
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
