//! The store of a Nix daemon instead of our own: what it can build, it builds; what it cannot (hosts of the Debian base, whose builders are
//! inside this program) is built here and copied to it.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix_store::daemon::{
    BuildMode, CopyEvent, CopyOptions, DaemonOptions, DerivedPath, LogMessage, Missing, OutputNames,
    StoreUri, copy_from_daemon, copy_to_daemon,
};
use nix_store::{DaemonStore, LocalStore, StoreDir, StorePath};

use super::evaluate::{DerivationGraph, Evaluated};
use super::realise::Built;
use crate::commands::Session;
use crate::failure::Failure;
use crate::interrupt::Guard;
use crate::progress::Progress;

/// Builders inside the process that Nix has, too.
const OF_NIX: [&[u8]; 3] = [b"builtin:fetchurl", b"builtin:buildenv", b"builtin:unpack-channel"];

/// How often it is looked whether the daemon has ended.
const LOOK: Duration = Duration::from_millis(100);

/// A daemon that one talks to.
pub struct Daemon {
    /// Its store.
    pub store: DaemonStore,
    uri: StoreUri,
    /// What it says, until somebody listens.
    messages: Mutex<Receiver<LogMessage>>,
    /// Lets an interrupt end the connection.
    _guard: Guard,
}

impl Daemon {
    /// Connects, and tells the daemon the settings of this run.
    pub fn connect(session: &Session, uri: &StoreUri) -> Result<Self, Failure> {
        let (sender, messages) = mpsc::channel();
        // Nobody listens any more when the program ends.
        let observer = Box::new(move |message: &LogMessage| drop(sender.send(message.clone())));
        let store = DaemonStore::over(uri.connect()?, StoreDir::default(), observer)?;
        let configuration = &session.configuration;
        let building = &configuration.building;
        let seconds = |limit: Option<Duration>| limit.map_or(0, |limit| limit.as_secs());
        let mut settings = configuration.nix_settings.clone();
        // The store is chosen already, and evaluation is ours.
        for name in ["store", "system", "nix-path", "access-tokens", "extra-access-tokens", "max-jobs"] {
            settings.remove(name);
        }
        settings.insert(String::from("timeout"), seconds(building.timeout).to_string());
        store.set_options(&DaemonOptions {
            keep_failed: building.keep_failed,
            keep_going: configuration.keep_going,
            fallback: building.fallback,
            max_jobs: configuration.max_jobs as u64,
            max_silent_time: seconds(building.max_silent_time),
            cores: building.cores as u64,
            substitute: !configuration.caches.substituters.is_empty() && !configuration.offline,
            settings,
            ..DaemonOptions::default()
        })?;
        let interrupt = store.interrupt();
        let guard = session.interrupts.guard(move || interrupt.end());
        Ok(Daemon { store, uri: uri.clone(), messages: Mutex::new(messages), _guard: guard })
    }

    /// What people call it.
    pub fn name(&self) -> String {
        self.uri.to_string()
    }

    /// Does something with the store, and shows what the daemon says meanwhile.
    pub fn watch<T: Send>(
        &self,
        session: &Session,
        work: impl FnOnce(&DaemonStore) -> nix_store::Result<T> + Send,
    ) -> Result<T, Failure> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let print_logs = session.configuration.print_build_logs;
        let result = thread::scope(|scope| {
            let work = scope.spawn(|| work(&self.store));
            loop {
                // What was said before the end is still to be heard after it.
                let is_over = work.is_finished();
                match messages.recv_timeout(if is_over { Duration::ZERO } else { LOOK }) {
                    Ok(message) => show(&session.progress, print_logs, &message),
                    Err(RecvTimeoutError::Timeout) if !is_over => {}
                    Err(_) => break,
                }
            }
            match work.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        result.map_err(|error| match session.interrupts.interrupted() {
            true => Failure::Interrupted,
            false => error.into(),
        })
    }

    /// Brings the derivations that are wanted to the daemon, out of the store `own`, where they were written; what is to be done for them.
    pub fn plan(
        &self,
        session: &Session,
        own: &LocalStore,
        evaluated: &Evaluated,
    ) -> Result<Missing, Failure> {
        let roots: BTreeSet<StorePath> =
            evaluated.targets.iter().map(|target| target.derivation.clone()).collect();
        session.progress.stage("copy", "Copying derivations to the daemon", || {
            self.watch(session, |store| {
                copy_to_daemon(own, store, &roots, CopyOptions::default(), &mut |_| {})?;
                store.query_missing(&wanted(evaluated))
            })
        })
    }

    /// Has the daemon build what is wanted and was planned.
    pub fn build(
        &self,
        session: &Session,
        own: &LocalStore,
        evaluated: &Evaluated,
        missing: &Missing,
    ) -> Result<Vec<Built>, Failure> {
        if !missing.will_build.is_empty() || !missing.will_substitute.is_empty() {
            session.progress.say(&format!(
                "{} builds {} and fetches {}.",
                self.name(),
                crate::output::counted(missing.will_build.len(), "derivation"),
                crate::output::counted(missing.will_substitute.len(), "path")
            ));
        }
        let results = session.progress.stage("build", "Building", || {
            self.watch(session, |store| store.build_paths_with_results(&wanted(evaluated), BuildMode::Normal))
        })?;
        let failures: Vec<String> = results
            .into_iter()
            .filter(|(_, result)| !result.status.is_success())
            .map(|(path, result)| format!("{}: {}", path.display(self.store.directory()), result.error))
            .collect();
        if !failures.is_empty() {
            return Err(Failure::DaemonBuild { daemon: self.name(), failures });
        }
        evaluated
            .targets
            .iter()
            .map(|target| {
                let derivation = own.read_derivation(&target.derivation)?;
                let output = derivation.outputs.get(&target.output).and_then(|output| output.path());
                let outputs = output.map(|path| (target.output.clone(), path.clone()));
                Ok(Built { target: target.clone(), outputs: outputs.into_iter().collect() })
            })
            .collect()
    }

    /// Copies what was built by the daemon to our own store, for those who need it as files there.
    pub fn bring(&self, session: &Session, own: &LocalStore, built: &[Built]) -> Result<(), Failure> {
        self.copy_from(session, own, &outputs(built)).map(drop)
    }

    /// Copies closures from the daemon to a store of ours; the paths that lacked here.
    pub fn copy_from(
        &self,
        session: &Session,
        own: &LocalStore,
        roots: &BTreeSet<StorePath>,
    ) -> Result<Vec<StorePath>, Failure> {
        let copied = session.progress.stage("copy", "Copying from the daemon", || {
            self.watch(session, |store| copy_from_daemon(store, own, roots, &mut |_| {}))
        })?;
        Ok(copied.paths)
    }

    /// Copies what was built here to the daemon.
    pub fn take(&self, session: &Session, own: &LocalStore, built: &[Built]) -> Result<(), Failure> {
        self.copy_to(session, own, &outputs(built)).map(drop)
    }

    /// Copies closures out of a store of ours to the daemon; the paths that lacked there.
    pub fn copy_to(
        &self,
        session: &Session,
        own: &LocalStore,
        roots: &BTreeSet<StorePath>,
    ) -> Result<Vec<StorePath>, Failure> {
        let bar = session.progress.bytes("copying", 0);
        let mut last = 0;
        let mut observer = |event: CopyEvent<'_>| match event {
            CopyEvent::Planned { bytes, .. } => bar.inc_length(bytes),
            CopyEvent::Path(info) => {
                bar.inc(last);
                last = info.nar_size;
            }
        };
        let copied = session.progress.stage("copy", "Copying to the daemon", || {
            self.watch(session, |store| {
                copy_to_daemon(own, store, roots, CopyOptions::default(), &mut observer)
            })
        });
        bar.finish_and_clear();
        Ok(copied?.paths)
    }

    /// Makes `link` lead to a path and keep it in the daemon's store, if that is this machine's.
    pub fn link(&self, session: &Session, link: &Path, path: &StorePath) -> Result<(), Failure> {
        if !self.uri.is_local() {
            session.progress.detail(&format!("{path} is in the store of {}; no link is made", self.name()));
            return Ok(());
        }
        let target = self.store.directory().display(path);
        let failed = |source| Failure::File { action: "write", path: link.to_owned(), source };
        match std::fs::read_link(link) {
            Ok(there) if there.starts_with(self.store.directory().as_str()) => {
                std::fs::remove_file(link).map_err(failed)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // Anything else is not ours to replace.
            _ => return Err(nix_store::Error::RootInTheWay { path: link.to_owned() }.into()),
        }
        symlink(target, link).map_err(failed)?;
        self.store.add_indirect_root(link)?;
        Ok(())
    }
}

/// Whether a Nix daemon has all builders that a graph needs.
pub fn can_build(graph: &DerivationGraph) -> bool {
    graph.values().all(|derivation| {
        !derivation.builder.starts_with(b"builtin:") || OF_NIX.contains(&derivation.builder.as_slice())
    })
}

fn wanted(evaluated: &Evaluated) -> Vec<DerivedPath> {
    let wanted = evaluated.targets.iter().map(|target| DerivedPath::Built {
        derivation: target.derivation.clone(),
        outputs: OutputNames::Names(BTreeSet::from([target.output.clone()])),
    });
    wanted.collect()
}

fn outputs(built: &[Built]) -> BTreeSet<StorePath> {
    built.iter().flat_map(|built| built.outputs.values().cloned()).collect()
}

fn show(progress: &Progress, print_logs: bool, message: &LogMessage) {
    if let Some(line) = message.build_log_line() {
        return if print_logs { progress.say(line) } else { progress.detail(line) };
    }
    match message {
        LogMessage::Line(line) => match line.strip_prefix("warning: ") {
            Some(warning) => progress.warn(warning),
            None => progress.detail(line),
        },
        LogMessage::Started { text, .. } if !text.is_empty() => progress.detail(text),
        _ => {}
    }
}
