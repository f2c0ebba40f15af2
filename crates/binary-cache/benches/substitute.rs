//! Bringing closures out of nginx on this machine: `cargo bench -p binary-cache [-- small | large]`
//!
//! - `small`: 10 000 paths of a few hundred bytes, over a link that delays each direction by 5 ms (a proxy below TLS), over
//!   HTTP/2 and HTTP/1.1; `nix copy` does the same over the same link, once: it takes minutes.
//! - `large`: 1.5 GiB in 60 paths; `curl --parallel` gets the same files, to the disk and to nowhere, in turns with ours; where they
//!   are compressed, two pipes of `curl`, `zstd -d` and `sha256sum` also unpack and check them, as ours does.
//!
//! Each run is a process of its own, so that its memory is its own too. Of three rounds medians are shown, and the most memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed benchmark has no figures"
)]

#[path = "../tests/caches/service.rs"]
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
mod service;

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use binary_cache::{Caches, Cancellation, Destination, Settings, Silent};
use measure::{Usage, measure, median};
use nix_store::nar::Node;
use nix_store::{LocalStore, SecretKey, StoreDir, StorePath, StoreRoot, TrustedKeys, ValidPathInfo};
use service::Nginx;

const ROUNDS: usize = 3;

/// Half of the time that a question and its answer take more.
const DELAY: Duration = Duration::from_millis(5);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--fetch", store, url, key, certificate, root] => child(store, url, key, certificate, root),
        ["small"] => small(),
        ["large"] => large(),
        _ => {
            small();
            large();
        }
    }
}

fn run(command: &mut Command) -> Usage {
    let usage = measure(command.stdout(Stdio::null()));
    eprintln!("  {:.2} s, {:.0} MiB: {}", usage.seconds, usage.mebibytes, command.get_program().display());
    usage
}

/// Ours, in a process of its own.
fn child(store: &str, url: &str, key: &str, certificate: &str, root: &str) {
    let settings = Settings {
        trusted_keys: TrustedKeys::parse([key]).unwrap(),
        certificate_file: (certificate != "-").then(|| certificate.into()),
        ..Settings::default()
    };
    let store = LocalStore::open(StoreRoot::new(store)).unwrap();
    let caches = Caches::new(settings, [url], Arc::new(Silent)).unwrap();
    let root = StorePath::from_base_name(root).unwrap();
    caches.fetch(&store, [root], &Cancellation::new()).unwrap();
}

struct Bench {
    place: tempfile::TempDir,
    key: SecretKey,
}

impl Bench {
    fn new() -> Self {
        Bench { place: tempfile::tempdir().unwrap(), key: SecretKey::generate("bench-1").unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A store that nothing is in. It is kept, as an ext4 that has just removed many files is slow to make new ones.
    fn fresh(&self) -> PathBuf {
        tempfile::tempdir_in(self.place.path()).unwrap().keep()
    }

    /// Paths with these contents, and one that refers to all of them.
    fn store(&self, contents: impl Iterator<Item = Vec<u8>>) -> (LocalStore, StorePath) {
        let store = LocalStore::open(StoreRoot::new(self.path("store"))).unwrap();
        let mut infos: Vec<ValidPathInfo> = Vec::new();
        let mut add = |name: String, content: Vec<u8>, references: Vec<StorePath>| {
            let digest = nix_store::Hash::sha256(name.as_bytes());
            let path = StorePath::from_parts(nix_store::compress_hash(digest.bytes()), &name).unwrap();
            fs::write(store.real_path(&path), &content).unwrap();
            let (hash, size) = Node::file(content).nar_hash().unwrap();
            let mut info = ValidPathInfo::new(path.clone(), hash, size);
            info.references = references.into_iter().collect();
            infos.push(info);
            path
        };
        let mut paths = Vec::new();
        for (number, content) in contents.enumerate() {
            paths.push(add(format!("path-{number}"), content, Vec::new()));
        }
        let root = add("all".to_owned(), b"all of it".to_vec(), paths);
        store.register(&infos).unwrap();
        (store, root)
    }

    fn push(&self, store: &LocalStore, root: &StorePath, cache: &str, compression: &str) {
        let url = format!("file://{}?compression={compression}", self.path(cache).display());
        let destination = Destination::open(Settings::default(), &url, Arc::new(Silent)).unwrap();
        let (root, key) = (std::slice::from_ref(root), std::slice::from_ref(&self.key));
        destination.push(store, root, key, &Cancellation::new()).unwrap();
    }

    fn ours(&self, url: &str, certificate: &str, root: &StorePath) -> Usage {
        let into = self.fresh();
        let key = self.key.public_key().to_string();
        let own = std::env::current_exe().unwrap();
        let arguments = ["--fetch", into.to_str().unwrap(), url, &key, certificate, root.base_name()];
        run(Command::new(own).args(arguments))
    }

    fn nix(&self, url: &str, certificate: &str, root: &StorePath) -> Usage {
        let into = self.fresh();
        let to = format!("local?root={}", into.display());
        let key = self.key.public_key().to_string();
        let path = StoreDir::default().display(root);
        let mut command = Command::new("nix");
        command
            .args(["--extra-experimental-features", "nix-command", "copy", "--from", url, "--to", &to])
            .args(["--option", "trusted-public-keys", &key, &path])
            .env("HOME", self.path("home"))
            .env("NIX_SSL_CERT_FILE", certificate);
        let run = run(&mut command);
        // It would remember what it looked up.
        let _ = fs::remove_dir_all(self.path("home"));
        run
    }
}

fn certificate(bench: &Bench) -> (PathBuf, PathBuf) {
    let (certificate, key) = (bench.path("certificate.pem"), bench.path("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(made.status.success());
    (certificate, key)
}

fn small() {
    let bench = Bench::new();
    let (store, root) = bench.store((0..10_000).map(|number| format!("{number}\n").repeat(40).into_bytes()));
    bench.push(&store, &root, "cache", "zstd");
    let (certificate, key) = certificate(&bench);
    let secure = Nginx::secure(&bench.path("cache"), &bench.path("secure"), &certificate, &key);
    let plain = Nginx::start(&bench.path("cache"), &bench.path("plain"));
    let certificate = certificate.to_str().unwrap();
    for (name, nginx) in [("HTTP/2", &secure), ("HTTP/1.1", &plain)] {
        let url = delayed(&nginx.url());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(bench.ours(&url, certificate, &root));
        }
        theirs.push(bench.nix(&url, certificate, &root));
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "10 000 small paths, 10 ms, {name}: {:.2} s, {:.0} MiB; nix copy {:.2} s, {:.0} MiB",
            ours.seconds, ours.mebibytes, theirs.seconds, theirs.mebibytes
        );
    }
}

fn large() {
    let bench = Bench::new();
    const PATHS: usize = 60;
    const SIZE: usize = 26 << 20;
    let (store, root) = bench.store((0..PATHS).map(|number| text(SIZE, number as u64)));
    for compression in ["none", "zstd"] {
        bench.push(&store, &root, compression, compression);
        let nginx = Nginx::start(&bench.path(compression), &bench.path(&format!("nginx-{compression}")));
        let archives: Vec<PathBuf> = fs::read_dir(bench.path(compression).join("nar"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let bytes: u64 = archives.iter().map(|archive| archive.metadata().unwrap().len()).sum();
        let (mut ours, mut to_disk, mut to_nowhere) = (Vec::new(), Vec::new(), Vec::new());
        let mut unpacked = Vec::new();
        for _ in 0..ROUNDS {
            ours.push(bench.ours(&nginx.url(), "-", &root));
            if compression == "zstd" {
                unpacked.push(curl_unpacked(&bench, &nginx.url(), &archives));
            }
            to_disk.push(curl(&bench, &nginx.url(), &archives, true));
            to_nowhere.push(curl(&bench, &nginx.url(), &archives, false));
        }
        let (ours, to_disk, to_nowhere) = (median(ours), median(to_disk), median(to_nowhere));
        let megabytes = bytes as f64 / f64::from(1 << 20);
        println!(
            "{:.0} MiB in archives of {megabytes:.0} MiB ({compression}): {:.2} s, {:.0} MiB/s of archives, {:.0} MiB of memory; \
             curl to disk {:.2} s (ratio {:.2}), to nowhere {:.2} s (ratio {:.2})",
            ((PATHS * SIZE) >> 20) as f64,
            ours.seconds,
            megabytes / ours.seconds,
            ours.mebibytes,
            to_disk.seconds,
            to_disk.seconds / ours.seconds,
            to_nowhere.seconds,
            to_nowhere.seconds / ours.seconds,
        );
        if !unpacked.is_empty() {
            let unpacked = median(unpacked);
            println!(
                "  curl | zstd -d, hashed: {:.2} s (ratio {:.2})",
                unpacked.seconds,
                unpacked.seconds / ours.seconds
            );
        }
        fs::remove_dir_all(bench.path(compression)).unwrap();
    }
}

/// Text that compresses about as programs do, to a third.
fn text(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(size + 64);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = state >> 33;
        bytes.extend_from_slice(format!("mov {:x}, {:06x}\n", word % 97, word % 9973).as_bytes());
        if word.is_multiple_of(5) {
            bytes.extend_from_slice(&state.to_le_bytes());
        }
    }
    bytes.truncate(size);
    bytes
}

fn curl(bench: &Bench, url: &str, archives: &[PathBuf], to_disk: bool) -> Usage {
    let into = bench.path("curl");
    fs::create_dir_all(&into).unwrap();
    let mut configuration = String::new();
    for archive in archives {
        let name = archive.file_name().unwrap().to_str().unwrap();
        let output = if to_disk { into.join(name) } else { PathBuf::from("/dev/null") };
        configuration.push_str(&format!("url = \"{url}/nar/{name}\"\noutput = \"{}\"\n", output.display()));
    }
    let file = bench.path("curl.conf");
    fs::write(&file, configuration).unwrap();
    let mut command = Command::new("curl");
    command.args(["--silent", "--fail", "--parallel", "--parallel-max", "16", "--config"]).arg(file);
    let run = run(&mut command);
    fs::remove_dir_all(&into).unwrap();
    run
}

/// What a shell does to get, unpack and check the same archives, two at a time.
fn curl_unpacked(bench: &Bench, url: &str, archives: &[PathBuf]) -> Usage {
    let into = bench.path("curl");
    fs::create_dir_all(&into).unwrap();
    let names: Vec<&str> =
        archives.iter().map(|archive| archive.file_name().unwrap().to_str().unwrap()).collect();
    let list = bench.path("archives");
    fs::write(&list, names.join("\n")).unwrap();
    let each = format!(
        "curl --silent --fail {url}/nar/{{}} | zstd --decompress --quiet | tee {}/{{}} | sha256sum",
        into.display()
    );
    let mut command = Command::new("xargs");
    command.arg("--arg-file").arg(list).args(["--max-procs", "2", "-I", "{}", "sh", "-c", &each]);
    let run = run(&mut command);
    fs::remove_dir_all(&into).unwrap();
    run
}

/// The address of a proxy before the server at `url`, that holds back what passes, in either direction.
fn delayed(url: &str) -> String {
    let (scheme, server) = url.split_once("://").unwrap();
    let server = server.replace("localhost", "127.0.0.1");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (client, server) = (stream.unwrap(), TcpStream::connect(&server).unwrap());
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                to.set_nodelay(true).unwrap();
                pass(from, to);
            }
        }
    });
    format!("{scheme}://localhost:{port}")
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + DELAY, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}
