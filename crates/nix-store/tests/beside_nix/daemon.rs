//! Nix's own daemon as the other end of the worker protocol.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::GRAPH;
use crate::nix::{Nix, add_output, open};
use crate::ssh::{Server, SshServer};
use nix_store::daemon::{
    BuildMode, BuildStatus, CollectAction, CopyEvent, CopyOptions, DaemonOptions, DerivedPath, LogMessage,
    OutputNames, ProtocolVersion, Transport, copy_from_daemon, copy_to_daemon,
};
use nix_store::local::CollectOptions;
use nix_store::{
    ContentAddressMethod, DaemonStore, Derivation, DerivationOutput, Error, Hash, HashAlgorithm,
    HashModuloMemo, LocalStore, StoreDir, StorePath, ValidPathInfo, nar,
};

/// Nix's daemon with the store of `nix`, at the other end of two pipes.
fn connect(nix: &Nix) -> DaemonStore {
    let transport = Transport::program("nix-daemon", nix.command("nix-daemon").arg("--stdio")).unwrap();
    DaemonStore::over(transport, StoreDir::default(), Box::new(|_: &LogMessage| {})).unwrap()
}

fn quiet(_: CopyEvent<'_>) {}

/// A closure of outputs, a source and derivations; the paths that nothing refers to.
fn populate(nix: &Nix) -> BTreeSet<StorePath> {
    let store = open(nix);
    let library = add_output(&store, "library", &"leaf".repeat(100_000), &[]).path;
    let program = add_output(&store, "program", library.base_name(), &[&library]).path;
    let tree = nix.path("tree");
    fs::create_dir_all(tree.join("a/b")).unwrap();
    fs::write(tree.join("a/b/script"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("a/b/script"), PermissionsExt::from_mode(0o755)).unwrap();
    let source =
        store.add_path("source", &tree, ContentAddressMethod::Recursive, HashAlgorithm::Sha256).unwrap();
    let derivation = nix.instantiate(GRAPH);
    let derivation = store.directory().parse(derivation.as_bytes()).unwrap();
    let text =
        store.add_text("text", library.base_name().as_bytes(), &BTreeSet::from([library.clone()])).unwrap();
    BTreeSet::from([program, source, derivation, text])
}

/// What must be the same in both stores.
fn comparable(info: &ValidPathInfo) -> ValidPathInfo {
    ValidPathInfo { registration_time: 0, ultimate: false, ..info.clone() }
}

fn assert_same(one: &LocalStore, other: &LocalStore, paths: &[StorePath]) {
    for path in paths {
        assert_eq!(comparable(&one.path_info(path).unwrap()), comparable(&other.path_info(path).unwrap()));
        assert_eq!(one.derivation_outputs(path).unwrap(), other.derivation_outputs(path).unwrap());
    }
}

#[test]
fn a_daemon_answers_as_its_store_does() {
    let nix = Nix::new();
    let roots = populate(&nix);
    let store = open(&nix);
    let daemon = connect(&nix);
    assert!(daemon.protocol_version() >= ProtocolVersion::OLDEST);
    let version = nix.text("nix-daemon", &["--version"]);
    assert!(version.ends_with(&daemon.daemon_version()), "{version} {}", daemon.daemon_version());

    let all = store.valid_paths().unwrap();
    let unknown = StorePath::from_parts([1; 20], "unknown").unwrap();
    assert_eq!(daemon.valid_paths().unwrap(), all);
    let mut asked: Vec<StorePath> = all.iter().cloned().collect();
    asked.push(unknown.clone());
    assert_eq!(daemon.query_valid_paths(&asked, false).unwrap(), all);
    let repeated: Vec<StorePath> = asked.iter().cycle().take(asked.len() * 30).cloned().collect();
    let many = daemon.query_many(&repeated).unwrap();
    assert_eq!(many.len(), asked.len() * 30);
    for (path, info) in asked.iter().cycle().zip(&many) {
        assert_eq!(*info, store.query(path).unwrap());
        assert_eq!(daemon.is_valid(path).unwrap(), info.is_some());
    }
    assert_eq!(daemon.query(&unknown).unwrap(), None);
    for path in &all {
        assert_eq!(daemon.query(path).unwrap(), store.query(path).unwrap());
        assert_eq!(daemon.referrers(path).unwrap(), store.referrers(path).unwrap());
        assert_eq!(daemon.derivers(path).unwrap(), store.derivers(path).unwrap());
        assert_eq!(store.path_from_hash_part(path.hash_part()).unwrap().as_ref(), Some(path));
        assert_eq!(daemon.path_from_hash_part(path.hash_part()).unwrap().as_ref(), Some(path));
        if path.is_derivation() {
            let outputs: BTreeMap<String, StorePath> = daemon
                .derivation_outputs(path)
                .unwrap()
                .into_iter()
                .map(|(name, path)| (name, path.unwrap()))
                .collect();
            assert_eq!(outputs, store.derivation_outputs(path).unwrap());
        }
        let mut archive = Vec::new();
        daemon.nar_from_path(path, &mut archive).unwrap();
        assert_eq!(Hash::sha256(&archive), store.path_info(path).unwrap().nar_hash);
    }
    assert_eq!(store.path_from_hash_part(unknown.hash_part()).unwrap(), None);
    assert_eq!(daemon.path_from_hash_part(unknown.hash_part()).unwrap(), None);
    let closure: Vec<StorePath> = daemon.closure(&roots).unwrap().into_iter().map(|info| info.path).collect();
    assert_eq!(closure, store.closure(&roots).unwrap());

    // An error has the daemon's words, and the connection goes on.
    let Err(Error::Daemon { message }) = daemon.ensure_path(&unknown) else { panic!() };
    assert!(message.contains(unknown.base_name()), "{message}");
    assert!(matches!(daemon.nar_from_path(&unknown, &mut Vec::new()), Err(Error::NotValid { .. })));
    let signatures = BTreeSet::from(["key-1:AAAA".to_owned()]);
    let program = roots.iter().find(|path| path.name() == "program").unwrap();
    daemon.add_signatures(program, &signatures).unwrap();
    assert_eq!(store.path_info(program).unwrap().signatures, signatures);
    assert!(!daemon.verify(true, false).unwrap());
    daemon.optimise().unwrap();
    assert!(nix.root().join("nix/store/.links").read_dir().unwrap().count() > 3);
}

#[test]
fn closures_are_copied_both_ways() {
    let (here, there, back) = (Nix::new(), Nix::new(), Nix::new());
    let roots = populate(&here);
    let store = open(&here);
    let daemon = connect(&there);
    let mut events = Vec::new();
    let copied = copy_to_daemon(&store, &daemon, &roots, CopyOptions::default(), &mut |event| {
        events.push(match event {
            CopyEvent::Planned { paths, .. } => paths.to_string(),
            CopyEvent::Path(info) => info.path.to_string(),
        });
    })
    .unwrap();
    let closure = store.closure(&roots).unwrap();
    assert_eq!(copied.paths, closure);
    assert_eq!(events.len(), closure.len() + 1);
    let again = copy_to_daemon(&store, &daemon, &roots, CopyOptions::default(), &mut quiet).unwrap();
    assert!(again.paths.is_empty());
    there.run("nix-store", &["--verify", "--check-contents"]);
    assert_same(&store, &open(&there), &closure);
    // The roots of the connection keep them from a collector.
    there.run("nix-store", &["--gc"]);
    for root in &roots {
        assert!(daemon.is_valid(root).unwrap());
    }

    // Into a store that has some of it already.
    let target = open(&back);
    let library = closure.iter().find(|path| path.name() == "library").unwrap();
    let some = copy_from_daemon(&daemon, &target, &BTreeSet::from([library.clone()]), &mut quiet).unwrap();
    assert_eq!(some.paths, std::slice::from_ref(library));
    let rest = copy_from_daemon(&daemon, &target, &roots, &mut quiet).unwrap();
    assert_eq!(rest.paths.len(), closure.len() - 1);
    assert!(!rest.paths.contains(library));
    back.run("nix-store", &["--verify", "--check-contents"]);
    assert_same(&store, &target, &closure);
    assert!(target.verify(true).unwrap().is_empty());
}

#[test]
fn what_is_wrong_is_refused_and_the_connection_goes_on() {
    let nix = Nix::new();
    let daemon = connect(&nix);
    let mut archive = Vec::new();
    nar::Node::file("right".repeat(100_000)).dump(&mut archive).unwrap();
    let path = StorePath::from_parts([5; 20], "x").unwrap();
    let right = ValidPathInfo::new(path.clone(), Hash::sha256(&archive), archive.len() as u64);
    let send = |info: &ValidPathInfo, bytes: &[u8]| {
        daemon.add_to_store_nar(info, false, false, |writer| {
            writer.write_all(bytes).map_err(|source| Error::Stream { action: "write", source })
        })
    };
    let wrong = ValidPathInfo { nar_hash: Hash::sha256(b"wrong"), ..right.clone() };
    let Err(Error::Daemon { message }) = send(&wrong, &archive) else { panic!() };
    assert!(message.contains("hash mismatch"), "{message}");
    assert!(matches!(send(&right, &archive[..archive.len() / 2]), Err(Error::Daemon { .. })));
    let lonely = ValidPathInfo {
        references: BTreeSet::from([StorePath::from_parts([6; 20], "missing").unwrap()]),
        ..right.clone()
    };
    assert!(matches!(send(&lonely, &archive), Err(Error::Daemon { .. })));
    assert!(!daemon.is_valid(&path).unwrap());
    // An error of ours is ours.
    let result = daemon.add_multiple_to_store(std::slice::from_ref(&right), false, false, |_, _| {
        Err(Error::FileChanged { path: "x".into() })
    });
    assert!(matches!(result, Err(Error::FileChanged { .. })), "{result:?}");
    assert!(!daemon.is_valid(&path).unwrap());
    send(&right, &archive).unwrap();
    assert_eq!(comparable(&daemon.query(&path).unwrap().unwrap()), comparable(&right));
    nix.run("nix-store", &["--verify", "--check-contents"]);

    // With `Write` that fails, the rest of the answer is lost, and that is remembered.
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let result = daemon.nar_from_path(&path, &mut Full);
    assert!(result.is_err_and(|error| error.is_out_of_space()));
    assert!(matches!(daemon.is_valid(&path), Err(Error::BrokenConnection { .. })));
}

#[test]
fn a_daemon_collects_and_has_roots() {
    let nix = Nix::new();
    let store = open(&nix);
    let kept = add_output(&store, "kept", "kept", &[]).path;
    let held = add_output(&store, "held", "held", &[]).path;
    let dead = add_output(&store, "dead", "dead", &[]).path;
    drop(store);
    let daemon = connect(&nix);
    let link = nix.path("result");
    std::os::unix::fs::symlink(daemon.directory().display(&kept), &link).unwrap();
    daemon.add_indirect_root(&link).unwrap();
    daemon.add_temporary_root(&held).unwrap();
    assert_eq!(daemon.find_roots().unwrap().get(&link), Some(&kept));
    let (paths, _) = daemon.collect_garbage(&CollectAction::ListDead).unwrap();
    assert!(paths.contains(&daemon.directory().display(&dead)) && paths.len() == 1, "{paths:?}");
    let (live, _) = daemon.collect_garbage(&CollectAction::ListLive).unwrap();
    assert!(live.contains(&daemon.directory().display(&kept)), "{live:?}");
    let action = CollectAction::Remove { paths: BTreeSet::from([kept.clone()]), ignore_roots: false };
    assert!(matches!(daemon.collect_garbage(&action), Err(Error::Daemon { .. })));
    // Ours spares what the daemon's client holds.
    let collection =
        open(&nix).collect_garbage(&CollectOptions::default(), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(collection.removed, [dead.base_name()]);
    let (paths, bytes) = daemon.collect_garbage(&CollectAction::RemoveDead { max_freed: u64::MAX }).unwrap();
    assert!(paths.is_empty() && bytes == 0);
    assert!(daemon.is_valid(&held).unwrap());
    drop(daemon);
    let collected = || {
        open(&nix)
            .collect_garbage(&CollectOptions::default(), &mut |_| ControlFlow::Continue(()))
            .unwrap()
            .removed
    };
    assert_eq!(collected(), [held.base_name()]);
}

#[test]
fn builds_are_done_and_heard() {
    // A store whose files lie where its paths say, so that Nix can build in it without a sandbox.
    let place = tempfile::tempdir().unwrap();
    let directory = StoreDir::new(place.path().join("store").to_str().unwrap()).unwrap();
    let mut command = Command::new("nix-daemon");
    command
        .arg("--stdio")
        .env("NIX_REMOTE", "local")
        .env("NIX_STORE_DIR", directory.as_str())
        .env("NIX_STATE_DIR", place.path().join("var"))
        .env("NIX_LOG_DIR", place.path().join("log"))
        .env("HOME", place.path())
        .env("NIX_CONFIG", "sandbox = false\nbuild-users-group =\nsubstituters =");
    let messages = Arc::new(Mutex::new(Vec::new()));
    let heard = messages.clone();
    let observer = Box::new(move |message: &LogMessage| heard.lock().unwrap().push(message.clone()));
    let transport = Transport::program("nix-daemon", &mut command).unwrap();
    let daemon = DaemonStore::over(transport, directory.clone(), observer).unwrap();
    let settings = BTreeMap::from([("keep-outputs".to_owned(), "true".to_owned())]);
    daemon.set_options(&DaemonOptions { settings, ..DaemonOptions::default() }).unwrap();

    let derivation = |name: &str, script: &str| {
        let mut derivation = Derivation::new(name);
        derivation.system = format!("{}-linux", std::env::consts::ARCH).into_bytes();
        derivation.builder = b"/bin/sh".to_vec();
        derivation.args = vec![b"-c".to_vec(), script.as_bytes().to_vec()];
        derivation.env.insert("out", "");
        derivation.outputs.insert("out".to_owned(), DerivationOutput::Deferred);
        let mut load = |path: &StorePath| Err(Error::NotValid { path: path.base_name().to_owned() });
        let hash = derivation.hash_modulo_masked(&directory, &HashModuloMemo::new(), &mut load).unwrap();
        derivation.assign_output_paths(&directory, &hash).unwrap();
        let output = derivation.outputs["out"].path().unwrap().clone();
        let (path, text) = derivation.path_and_text(&directory).unwrap();
        (derivation, path, text, output)
    };
    let (good, good_path, _, good_output) = derivation("good", "echo a line; echo made > $out");
    let result = daemon.build_derivation(&good_path, &good, BuildMode::Normal).unwrap();
    assert_eq!((result.status, result.error.as_str()), (BuildStatus::Built, ""));
    assert!(result.status.is_success() && result.stop_time >= result.start_time && result.start_time > 0);
    assert!(daemon.is_valid(&good_output).unwrap());
    {
        let messages = messages.lock().unwrap();
        assert!(messages.iter().any(|message| message.build_log_line() == Some("a line")), "{messages:?}");
        assert!(messages.iter().any(|message| matches!(message, LogMessage::Started { .. })));
    }

    // One that fails, whose derivation must be in the store.
    let (_, bad_path, text, _) = derivation("bad", "echo it fails; exit 3");
    let mut archive = Vec::new();
    nar::Node::file(text.clone()).dump(&mut archive).unwrap();
    let mut info = ValidPathInfo::new(bad_path.clone(), Hash::sha256(&archive), archive.len() as u64);
    info.content_address =
        Some(nix_store::ContentAddress { method: ContentAddressMethod::Text, hash: Hash::sha256(&text) });
    daemon
        .add_to_store_nar(&info, false, false, |writer| {
            writer.write_all(&archive).map_err(|source| Error::Stream { action: "write", source })
        })
        .unwrap();
    let wanted = [DerivedPath::Built { derivation: bad_path.clone(), outputs: OutputNames::All }];
    let missing = daemon.query_missing(&wanted).unwrap();
    assert_eq!(missing.will_build, BTreeSet::from([bad_path]));
    let results = daemon.build_paths_with_results(&wanted, BuildMode::Normal).unwrap();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].0, wanted[0]);
    assert_eq!(results[0].1.status, BuildStatus::PermanentFailure);
    assert!(results[0].1.error.contains("exit code 3"), "{}", results[0].1.error);
    let Err(Error::Daemon { message }) = daemon.build_paths(&wanted, BuildMode::Normal) else { panic!() };
    assert!(message.contains("bad.drv"), "{message}");
    let present = [DerivedPath::Opaque(good_output)];
    daemon.build_paths(&present, BuildMode::Normal).unwrap();
    let results = daemon.build_paths_with_results(&present, BuildMode::Normal).unwrap();
    assert!(results[0].1.status.is_success());
    drop(daemon);
    nix_store::local::remove_tree(&place.path().join("store")).unwrap();
}

#[test]
fn a_socket_leads_to_a_daemon_and_strangers_are_refused() {
    let nix = Nix::new();
    let roots = populate(&nix);
    let socket = nix.path("socket");
    let daemon =
        nix.command("nix-daemon").env("NIX_DAEMON_SOCKET_PATH", &socket).stderr(Stdio::null()).spawn();
    let daemon = Server(daemon.unwrap());
    wait_for(|| UnixStream::connect(&socket).is_ok());
    let store = DaemonStore::connect(&format!("unix://{}", socket.display())).unwrap();
    for root in &roots {
        assert!(store.is_valid(root).unwrap());
    }
    drop(daemon);
    drop(store);

    let Err(Error::Connect { .. }) = DaemonStore::connect(&format!("unix://{}", nix.path("none").display()))
    else {
        panic!()
    };
    let strangers: [(&str, &[u8]); 3] = [
        ("silent", b""),
        ("talkative", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("ancient", b"oixd\0\0\0\0\x0a\x01\0\0\0\0\0\0"),
    ];
    for (name, says) in strangers {
        let transport = Transport::of_streams(name, says, std::io::sink());
        let result = DaemonStore::over(transport, StoreDir::default(), Box::new(|_: &LogMessage| {}));
        let error = result.err().unwrap();
        match says {
            b"" => assert!(matches!(error, Error::Connect { .. }), "{error}"),
            _ => assert!(matches!(error, Error::UnsupportedDaemon { .. }), "{error}"),
        }
    }
}

/// Counts how often something is sent: after it, the answer has to come all the way.
struct Counted<W> {
    inner: W,
    sent: Arc<AtomicUsize>,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.sent.fetch_add(usize::from(!bytes.is_empty()), Ordering::Relaxed);
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[test]
fn a_slow_link_costs_its_delay_seldom() {
    const PATHS: usize = 1000;
    let (there, here) = (Nix::new(), Nix::new());
    let store = open(&there);
    let roots: BTreeSet<StorePath> = (0..PATHS)
        .map(|number| store.add_text(&format!("text-{number}"), b"small", &BTreeSet::new()).unwrap())
        .collect();
    let all = store.add_text("all", b"all", &roots).unwrap();
    let mut child = there
        .command("nix-daemon")
        .arg("--stdio")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let writer = Counted { inner: child.stdin.take().unwrap(), sent: sent.clone() };
    let transport = Transport::of_streams("far away", child.stdout.take().unwrap(), writer);
    let daemon = DaemonStore::over(transport, StoreDir::default(), Box::new(|_: &LogMessage| {})).unwrap();
    let copied = copy_from_daemon(&daemon, &open(&here), &BTreeSet::from([all]), &mut quiet).unwrap();
    assert_eq!(copied.paths.len(), PATHS + 1);
    // A question and an archive of each, one after the other, would be two thousand.
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 100, "{sent}");
    drop(daemon);
    child.wait().unwrap();
    assert!(open(&here).verify(true).unwrap().is_empty());
}

fn wait_for(condition: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < until, "waited too long");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn closures_are_copied_over_ssh() {
    let (here, there, back) = (Nix::new(), Nix::new(), Nix::new());
    let place = tempfile::tempdir().unwrap();
    // The program that the server runs for whoever logs in has Nix's store of this test.
    let script = format!(
        "export NIX_REMOTE='local?root={}' HOME='{}'; exec nix-daemon \"$@\"",
        there.root().display(),
        there.path("home").display()
    );
    let server = SshServer::start(place.path(), &script);
    // What a user has in ~/.ssh/config.
    let config = place.path().join("ssh_config");
    fs::write(
        &config,
        format!(
            "Host builder\n  HostName 127.0.0.1\n  Port {}\n  UserKnownHostsFile {}\n  StrictHostKeyChecking no\n  IdentitiesOnly yes\n  BatchMode yes\n",
            server.port,
            place.path().join("known_hosts").display()
        ),
    )
    .unwrap();
    let ssh = place.path().join("bin/ssh");
    fs::create_dir(place.path().join("bin")).unwrap();
    fs::write(&ssh, format!("#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n", config.display())).unwrap();
    fs::set_permissions(&ssh, PermissionsExt::from_mode(0o755)).unwrap();

    // The address is read and the connection made in a process whose `ssh` has that configuration.
    let connect = |key: &str| {
        let key = server.key(key);
        let uri = format!(
            "ssh-ng://builder?compress=true&ssh-key={}&remote-program={}",
            key.display(),
            server.daemon().display()
        );
        let nix_store::daemon::StoreUri::Ssh(address) = uri.parse().unwrap() else { panic!() };
        let mut command = address.command();
        let path = format!("{}:{}", place.path().join("bin").display(), std::env::var("PATH").unwrap());
        let transport = Transport::program("ssh-ng://builder", command.env("PATH", path))?;
        DaemonStore::over(transport, StoreDir::default(), Box::new(|_: &LogMessage| {}))
    };
    let roots = populate(&here);
    let store = open(&here);
    let daemon = connect("user").unwrap();
    copy_to_daemon(&store, &daemon, &roots, CopyOptions::default(), &mut quiet).unwrap();
    let closure = store.closure(&roots).unwrap();
    assert_same(&store, &open(&there), &closure);
    let target = open(&back);
    let copied = copy_from_daemon(&daemon, &target, &roots, &mut quiet).unwrap();
    assert_eq!(copied.paths, closure);
    assert_same(&store, &target, &closure);
    there.run("nix-store", &["--verify", "--check-contents"]);
    back.run("nix-store", &["--verify", "--check-contents"]);
    drop(daemon);

    // With a key that nobody knows, what ssh says is in the error.
    let Err(Error::Connect { said, .. }) = connect("host") else { panic!() };
    assert!(said.contains("Permission denied"), "{said}");
}
