//! Giving a host a closure.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix_store::daemon::{LogMessage, Transport};
use nix_store::{DaemonStore, LocalStore, SecretKey, StoreDir, StorePath, ValidPathInfo, nar};

use super::packed::Packed;
use super::recipe::{Recipe, bases_of};
use crate::error::{Error, Result};
use crate::host::{Host, Rights, Script};
use crate::state::HostState;

const REBUILD: &str = include_str!("../host/rebuild.sh");
const PROGRAM: &str = include_str!("../host/rebuild.pl");
const UNPACK: &str = include_str!("../host/unpack.pl");

/// Paths with smaller archives are always sent whole: the round trips of a recipe cost more.
const SMALLEST: u64 = 128 << 10;

/// How long a tree may take to be rebuilt; a card is slow.
const REBUILD_PATIENCE: Duration = Duration::from_secs(1800);

/// How a closure is given to hosts.
#[derive(Debug, Default)]
pub struct CopySettings {
    /// Keys that sign what has no signature of theirs yet.
    pub keys: Vec<SecretKey>,
    /// Whether the host first fetches what its own caches have.
    pub substitute: bool,
}

/// What a host lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// Paths.
    pub paths: usize,
    /// Bytes of their archives, before recipes and compression.
    pub bytes: u64,
}

/// What was given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyReport {
    /// Paths that the host lacked.
    pub paths: Vec<StorePath>,
    /// Those of them that were made on the host out of others.
    pub rebuilt: usize,
    /// Bytes of the archives of all of them.
    pub nar_bytes: u64,
    /// Bytes that were given to SSH.
    pub bytes: u64,
}

/// Gives `host`, whose state is `state`, what it lacks of the closure of `root`. `planned` hears what that is, `done` how much
/// of it is there.
///
/// # Errors
/// Those of the store, the daemon and the connection. What was given until then stays.
pub fn copy_closure(
    store: &LocalStore,
    host: &Host,
    state: &HostState,
    root: &StorePath,
    settings: &CopySettings,
    planned: &mut dyn FnMut(Lacking),
    done: &mut dyn FnMut(u64),
) -> Result<CopyReport> {
    let running = running_closure(store, state)?;
    if running.contains(root) {
        planned(Lacking { paths: 0, bytes: 0 });
        return Ok(CopyReport::default());
    }
    if !state.programs.contains("nix-daemon") {
        return Err(Error::Lacks { host: host.name().to_owned(), program: "nix-daemon" });
    }
    if store.is_writable() {
        store.add_temporary_roots([root])?;
    }
    let mut copy = Copy { store, host, state, settings, running: &running, there: BTreeSet::new() };
    match copy.give(root, true, planned, done) {
        // The same generation may need less there than here: then everything is asked about.
        Err(Error::Store(nix_store::Error::Daemon { .. })) if !running.is_empty() => {
            copy.give(root, false, planned, done)
        }
        other => other,
    }
}

/// What the running generation needs, as far as this store knows it.
fn running_closure(store: &LocalStore, state: &HostState) -> Result<BTreeSet<StorePath>> {
    let mut known = Vec::new();
    for path in [&state.current, &state.profile].into_iter().flatten() {
        if store.is_valid(path)? {
            known.push(path.clone());
        }
    }
    Ok(store.closure(&known)?.into_iter().collect())
}

struct Copy<'a> {
    store: &'a LocalStore,
    host: &'a Host,
    state: &'a HostState,
    settings: &'a CopySettings,
    running: &'a BTreeSet<StorePath>,
    /// What the host has of the new closure.
    there: BTreeSet<StorePath>,
}

impl Copy<'_> {
    fn give(
        &mut self,
        root: &StorePath,
        trust_running: bool,
        planned: &mut dyn FnMut(Lacking),
        done: &mut dyn FnMut(u64),
    ) -> Result<CopyReport> {
        let closure = self.store.closure([root])?;
        let asked: Vec<StorePath> =
            closure.into_iter().filter(|path| !trust_running || !self.running.contains(path)).collect();
        let counter = Arc::new(Mutex::new(0));
        let daemon = self.daemon(&counter)?;
        daemon.add_temporary_root(root)?;
        self.there = daemon.query_valid_paths(&asked, self.settings.substitute)?;
        let mut missing = Vec::new();
        for path in asked.iter().filter(|path| !self.there.contains(*path)) {
            missing.push(self.info(path)?);
        }
        let nar_bytes = missing.iter().map(|info| info.nar_size).sum();
        planned(Lacking { paths: missing.len(), bytes: nar_bytes });
        let mut report = CopyReport {
            paths: missing.iter().map(|info| info.path.clone()).collect(),
            nar_bytes,
            ..CopyReport::default()
        };
        let mut plain: Vec<ValidPathInfo> = Vec::new();
        let mut given = 0;
        for info in missing {
            let size = info.nar_size;
            match self.recipe(&info)? {
                Some((base, recipe)) => {
                    self.send(&daemon, &mut plain)?;
                    daemon.add_temporary_root(&info.path)?;
                    report.bytes += self.rebuild(&info, &base, &recipe)?;
                    report.rebuilt += 1;
                    if !info.signatures.is_empty() {
                        daemon.add_signatures(&info.path, &info.signatures)?;
                    }
                }
                None => plain.push(info),
            }
            given += size;
            done(given);
        }
        self.send(&daemon, &mut plain)?;
        self.root(root)?;
        drop(daemon);
        report.bytes += *counter.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(report)
    }

    /// Whether the host has all of these programs.
    fn has(&self, programs: &[&str]) -> bool {
        programs.iter().all(|program| self.state.programs.contains(*program))
    }

    fn info(&self, path: &StorePath) -> Result<ValidPathInfo> {
        // That it was built on this machine says nothing there.
        let mut info = ValidPathInfo { ultimate: false, ..self.store.path_info(path)? };
        for key in &self.settings.keys {
            key.sign_path(self.store.directory(), &mut info)?;
        }
        Ok(info)
    }

    /// How the path is made out of one that the host has, if that is worth it.
    fn recipe(&self, info: &ValidPathInfo) -> Result<Option<(StorePath, Recipe)>> {
        let can = self.has(&["perl", "unshare"]);
        // What follows from its content is registered by who checks that.
        if !can || info.nar_size < SMALLEST || info.content_address.is_some() {
            return Ok(None);
        }
        let is_tree = |path: &Path| path.is_dir() && !path.is_symlink();
        let new = self.store.real_path(&info.path);
        if !is_tree(&new) {
            return Ok(None);
        }
        let mut cheapest = None;
        let mut most = info.nar_size / 2;
        for base in bases_of(&info.path, self.running) {
            let old = self.store.real_path(base);
            if !is_tree(&old) {
                continue;
            }
            let recipe = Recipe::between(&old, &new)?;
            let cost = recipe.cost();
            if cost < most {
                most = cost;
                cheapest = Some((base.clone(), recipe));
            }
        }
        Ok(cheapest)
    }

    fn send(&self, daemon: &DaemonStore, infos: &mut Vec<ValidPathInfo>) -> Result<()> {
        if !infos.is_empty() {
            daemon.add_multiple_to_store(infos, false, false, |number, mut writer| {
                nar::dump(&self.store.real_path(&infos[number].path), &mut writer)
            })?;
            infos.clear();
        }
        Ok(())
    }

    fn rebuild(&self, info: &ValidPathInfo, base: &StorePath, recipe: &Recipe) -> Result<u64> {
        let directory = StoreDir::default();
        let mut bytes = Vec::new();
        recipe.write(&self.store.real_path(&info.path), info, &mut bytes)?;
        let is_packed = self.has(&["zstd"]);
        if is_packed {
            let packed = zstd::bulk::compress(&bytes, zstd::DEFAULT_COMPRESSION_LEVEL);
            bytes =
                packed.map_err(|source| Error::io("compress", &self.store.real_path(&info.path), source))?;
        }
        let script = Script {
            action: "make a store path out of another one",
            text: REBUILD,
            arguments: &[
                &directory.display(&info.path),
                &directory.display(base),
                PROGRAM,
                if is_packed { "zstd" } else { "" },
            ],
            rights: Rights::Root,
            patience: REBUILD_PATIENCE,
        };
        self.host.run_with(&script, &bytes, |_| {})?;
        Ok(bytes.len() as u64)
    }

    /// Keeps what was given until it is a generation, or something else is given.
    fn root(&self, path: &StorePath) -> Result<()> {
        let text =
            "mkdir -p /nix/var/nix/gcroots/hostwright && ln -sfn \"$1\" /nix/var/nix/gcroots/hostwright/new";
        self.host.run(&Script {
            action: "keep the new generation",
            text,
            arguments: &[&StoreDir::default().display(path)],
            rights: Rights::Root,
            patience: Duration::from_secs(60),
        })?;
        Ok(())
    }

    /// The host's Nix, which trusts root.
    fn daemon(&self, counter: &Arc<Mutex<u64>>) -> Result<DaemonStore> {
        let is_packed = self.has(&["perl", "zstd"]);
        let script = Script {
            action: "open its store",
            text: match is_packed {
                true => "exec perl -e \"$1\" nix-daemon --stdio",
                false => "exec nix-daemon --stdio",
            },
            arguments: if is_packed { &[UNPACK] } else { &[] },
            rights: Rights::Root,
            patience: Duration::MAX,
        };
        let mut child = self.host.start(&script)?;
        let (Some(input), Some(output), Some(mut errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::Start { program: "ssh".to_owned(), source: io::ErrorKind::BrokenPipe.into() });
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let listener = thread::spawn({
            let said = Arc::clone(&said);
            move || {
                let mut all = Vec::new();
                // What came until it broke is what was said.
                let _ = io::copy(&mut errors, &mut all);
                *said.lock().unwrap_or_else(PoisonError::into_inner) = all;
            }
        });
        // It is waited for elsewhere, as it ends when its input does.
        let status = thread::spawn(move || child.wait());
        let writer = Counting { inner: BufWriter::new(input), count: Arc::clone(counter) };
        let transport = match is_packed {
            true => Transport::of_streams(self.host.name(), output, Packed::new(writer)),
            false => Transport::of_streams(self.host.name(), output, writer),
        };
        let observer = Box::new(|_: &LogMessage| {});
        DaemonStore::over(transport, StoreDir::default(), observer).map_err(|error| {
            // The streams are closed by now, so that both end.
            let code = status.join().ok().and_then(Result::ok).and_then(|status| status.code());
            let _ = listener.join();
            let said = said.lock().unwrap_or_else(PoisonError::into_inner);
            match String::from_utf8_lossy(&said).trim() {
                "" => error.into(),
                said => self.host.failure(&script, code, said),
            }
        })
    }
}

/// Counts what is written.
struct Counting {
    inner: BufWriter<ChildStdin>,
    count: Arc<Mutex<u64>>,
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
