//! Builders and collectors at once, and kills at random moments.
//!
//! Roots of running processes belong to a process, so builders must be processes of their own: this program again, told by the
//! environment what to do.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::nix::{Nix, open};
use nix_store::local::{Begin, CollectOptions, KeepOptions, RootTarget};
use nix_store::{ContentAddressMethod, HashAlgorithm, LocalStore, StorePath, StoreRoot};

/// What a process of the stress tests does, and with which store.
const TASK: &str = "STRESS_TASK";
const PLACE: &str = "STRESS_PLACE";

/// Numbers without a pattern, from a seed (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// A process of a test, ended with it.
struct Worker(Child);

impl Worker {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn begin(task: &str, nix: &Nix) -> Worker {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "stress::works_until_it_is_stopped", "--nocapture"])
        .env(TASK, task)
        .env(PLACE, nix.path(""))
        .stdout(Stdio::null())
        .spawn();
    Worker(child.unwrap())
}

/// signal(7)
const SIGABRT: i32 = 6;

/// Not a test of its own: what the processes of the tests below run.
#[test]
fn works_until_it_is_stopped() {
    let Some(task) = env::var_os(TASK) else { return };
    let place = PathBuf::from(env::var_os(PLACE).unwrap());
    let open = || LocalStore::open(StoreRoot::new(place.join("root"))).unwrap();
    let stop = place.join("stop");
    let mut random = Random(u64::from(std::process::id()) * 7919 + 1);
    let mut roots = BTreeSet::new();
    while !stop.exists() {
        match task.to_str().unwrap() {
            "build" => build(&mut open(), &place, &mut random, &mut roots),
            "collect" => {
                let keep = KeepOptions { outputs: random.next(2) == 0, derivations: random.next(2) == 0 };
                let max_freed = (random.next(3) == 0).then(|| random.next(100_000));
                let options = CollectOptions { keep, max_freed };
                open().collect_garbage(&options, &mut |_| ControlFlow::Continue(())).unwrap();
            }
            "optimise" => {
                open().optimise().unwrap();
            }
            "collect by Nix" => {
                let collected = Command::new("nix-store")
                    .args(["--gc", "--store", &format!("local?root={}", place.join("root").display())])
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&collected.stderr);
                // Now and then Nix 2.8 aborts when it is done, as a thread that serves one of its clients is still there. That is
                // a collector that was killed, and must lose nothing either.
                let aborted = collected.status.signal() == Some(SIGABRT)
                    && said.contains("terminate called without an active exception");
                assert!(collected.status.success() || aborted, "Nix's collector failed:\n{said}");
                thread::sleep(Duration::from_millis(random.next(300)));
            }
            other => panic!("{other}"),
        }
    }
}

/// Adds some paths that others may add at the same time, uses them, and keeps some by links.
fn build(
    store: &mut LocalStore,
    place: &Path,
    random: &mut Random,
    roots: &mut BTreeSet<(PathBuf, StorePath)>,
) {
    store.set_optimise_added(random.next(3) == 0);
    for _ in 0..5 {
        let number = random.next(12);
        let text = format!("library {number} ").repeat(200);
        let library =
            store.add_text(&format!("library-{number}"), text.as_bytes(), &BTreeSet::new()).unwrap();
        let source = place.join(format!("source-{}", random.next(3)));
        let (method, algorithm) = (ContentAddressMethod::Recursive, HashAlgorithm::Sha256);
        let tree = store.add_path("tree", &source, method, algorithm).unwrap();
        let content = format!("{library} {tree} {}", random.next(4));
        let program = store.directory().make_text_path("program", content.as_bytes(), &[]).unwrap();
        if let Begin::Unfinished(mut unfinished) = store.begin(&program).unwrap() {
            fs::create_dir_all(unfinished.place().join("bin")).unwrap();
            fs::write(unfinished.place().join("bin/program"), &content).unwrap();
            let info = unfinished.finish([&library, &tree]).unwrap();
            assert_eq!(info.references.len(), 2);
            store.register(&[info]).unwrap();
        }
        for path in [&library, &tree, &program] {
            assert!(store.is_valid(path).unwrap(), "{path} is lost");
        }
        assert_eq!(fs::read_to_string(store.real_path(&library)).unwrap(), text);
        assert_eq!(fs::read_to_string(store.real_path(&program).join("bin/program")).unwrap(), content);
        assert_eq!(store.closure([&program]).unwrap().len(), 3);
        let link = place.join(format!("links/{}-{}", std::process::id(), random.next(4)));
        // What the link pointed to before may go now.
        roots.retain(|(other, _)| *other != link);
        store.add_root(&link, &program, RootTarget::Logical).unwrap();
        roots.insert((link, program));
    }
    for (link, path) in roots.iter() {
        assert!(store.is_valid(path).unwrap(), "{path} is lost in spite of {}", link.display());
    }
}

fn write_sources(nix: &Nix) {
    for number in 0..3 {
        let source = nix.path(&format!("source-{number}"));
        for file in 0..6 {
            let directory = source.join(format!("{file}/below"));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("file"), format!("{} ", file % 2 + number / 2).repeat(4000)).unwrap();
        }
    }
}

#[test]
fn nothing_is_lost_while_builders_and_collectors_work() {
    work_together(&["build", "build", "build", "collect", "collect", "optimise"]);
}

#[test]
fn nothing_is_lost_while_nixs_own_collector_works() {
    work_together(&["build", "build", "build", "collect by Nix", "optimise"]);
}

/// How long workers work together; the environment may say longer.
fn duration() -> Duration {
    let asked = env::var("HOSTWRIGHT_STRESS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(8))
}

fn work_together(tasks: &[&str]) {
    let nix = Nix::new();
    write_sources(&nix);
    drop(open(&nix));
    let mut workers: Vec<Worker> = tasks.iter().map(|task| begin(task, &nix)).collect();
    let until = Instant::now() + duration();
    while Instant::now() < until {
        thread::sleep(Duration::from_millis(100));
        for worker in &mut workers {
            assert!(worker.0.try_wait().unwrap().is_none(), "a worker failed");
        }
    }
    fs::write(nix.path("stop"), "").unwrap();
    for mut worker in workers {
        assert!(worker.0.wait().unwrap().success());
    }
    nix.run("nix-store", &["--verify", "--check-contents"]);
    // Nix finds the same roots.
    nix.run("nix-store", &["--gc"]);
    let store = open(&nix);
    assert!(store.verify(true).unwrap().is_empty());
    for entry in fs::read_dir(nix.path("links")).unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap();
        let path = store.directory().parse(target.as_os_str().as_encoded_bytes()).unwrap();
        assert!(store.is_valid(&path).unwrap(), "{path}");
    }
    assert!(fs::read_dir(store.root().state_directory().join("temproots")).unwrap().count() <= 1);
}

#[test]
fn kills_at_any_moment_leave_a_good_store() {
    // A tenth of a second each; the environment may ask for more.
    let kills = env::var("HOSTWRIGHT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let nix = Nix::new();
    write_sources(&nix);
    let mut random = Random(42);
    drop(open(&nix));
    for kill in 0..kills {
        let mut workers = [begin("build", &nix), begin(["collect", "optimise"][kill as usize % 2], &nix)];
        thread::sleep(Duration::from_millis(15 + random.next(70)));
        for worker in &mut workers {
            assert!(worker.0.try_wait().unwrap().is_none(), "a worker failed");
            worker.kill();
            thread::sleep(Duration::from_millis(random.next(5)));
        }
        assert!(open(&nix).verify(true).unwrap().is_empty(), "kill {kill}");
        if kill % 15 == 14 {
            nix.run("nix-store", &["--verify", "--check-contents"]);
        }
    }
    // The work completes, and nothing of the killed remains.
    let (method, algorithm) = (ContentAddressMethod::Recursive, HashAlgorithm::Sha256);
    for number in 0..3 {
        open(&nix).add_path("tree", &nix.path(&format!("source-{number}")), method, algorithm).unwrap();
    }
    build(&mut open(&nix), &nix.path(""), &mut random, &mut BTreeSet::new());
    open(&nix).optimise().unwrap();
    let options = CollectOptions::default();
    open(&nix).collect_garbage(&options, &mut |_| ControlFlow::Continue(())).unwrap();
    let store = open(&nix);
    let valid: BTreeSet<String> =
        store.valid_paths().unwrap().iter().map(|path| path.base_name().to_owned()).collect();
    let there: BTreeSet<String> = fs::read_dir(store.root().store_directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".links")
        .collect();
    assert_eq!(there, valid);
    assert!(fs::read_dir(store.root().state_directory().join("temproots")).unwrap().next().is_none());
    nix.run("nix-store", &["--verify", "--check-contents"]);
}
