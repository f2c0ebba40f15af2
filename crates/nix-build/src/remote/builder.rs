//! One build on another machine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix_store::daemon::{
    BuildMode, BuildResult, BuildStatus, CopyOptions, DaemonOptions, DerivedPath, LogMessage, OutputNames,
    Trust, copy_to_daemon,
};
use nix_store::{
    DaemonStore, Derivation, HashAlgorithm, HashingReader, LocalStore, StoreDir, StorePath, nar,
};

use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::remote::machine::RemoteMachine;

/// How often it is looked whether a build was called off.
const LOOK: Duration = Duration::from_millis(100);

/// A machine in use: its connections.
pub(crate) struct RemoteBuilder<'run> {
    machine: &'run RemoteMachine,
    store_directory: StoreDir,
    options: DaemonOptions,
    /// Whether it fetches inputs from its own substituters first (`builders-use-substitutes`).
    substitute: bool,
    /// Connections without work.
    idle: Mutex<Vec<Connected>>,
    /// Held while inputs are copied, so that no two builds send the same.
    upload: Mutex<()>,
}

struct Connected {
    store: DaemonStore,
    messages: Receiver<LogMessage>,
}

/// What is to be built.
pub(crate) struct Job<'job> {
    pub store: &'job LocalStore,
    pub path: &'job StorePath,
    pub derivation: &'job Derivation,
    /// What the builder may read, but for what that refers to.
    pub inputs: &'job BTreeSet<StorePath>,
    pub outputs: &'job BTreeMap<String, StorePath>,
    /// Where outputs go, by name; those that are not here are not wanted.
    pub places: &'job BTreeMap<&'job str, PathBuf>,
    pub cancellation: &'job Cancellation,
    /// Gets each line that the builder prints.
    pub log: &'job (dyn Fn(&str) + Sync),
}

impl<'run> RemoteBuilder<'run> {
    pub(crate) fn new(
        machine: &'run RemoteMachine,
        store_directory: StoreDir,
        options: DaemonOptions,
        substitute: bool,
    ) -> Self {
        let (idle, upload) = (Mutex::default(), Mutex::default());
        RemoteBuilder { machine, store_directory, options, substitute, idle, upload }
    }

    /// The machine.
    pub(crate) fn machine(&self) -> &'run RemoteMachine {
        self.machine
    }

    /// Copies what is needed there, builds, and puts the outputs at their places.
    ///
    /// # Errors
    /// [`Error::BuilderLost`] if the machine cannot be reached or is gone; [`Error::RemoteBuildFailed`] if it says that the
    /// build failed.
    pub(crate) fn build(&self, job: &Job<'_>) -> Result<()> {
        let Connected { store, messages } = match self.take_idle() {
            Some(connected) => connected,
            None => self.connect()?,
        };
        let ended = AtomicBool::new(false);
        let (result, messages) = thread::scope(|scope| {
            let listener = scope.spawn(|| listen(messages, &store, job, &ended));
            let result = self.work(&store, job);
            ended.store(true, Ordering::Relaxed);
            match listener.join() {
                Ok(messages) => (result, messages),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
        job.cancellation.check()?;
        // After any other error, the daemon and we need not be at the same place any more.
        if matches!(result, Ok(()) | Err(Error::RemoteBuildFailed { .. })) {
            let connected = Connected { store, messages };
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connected);
        }
        result
    }

    fn take_idle(&self) -> Option<Connected> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn connect(&self) -> Result<Connected> {
        let (sender, messages) = mpsc::channel();
        // Once the build is over, nobody listens.
        let observer = Box::new(move |message: &LogMessage| drop(sender.send(message.clone())));
        let connect = || {
            let directory = self.store_directory.clone();
            let store = DaemonStore::over(self.machine.uri.connect()?, directory, observer)?;
            store.set_options(&self.options)?;
            Ok(store)
        };
        let store = connect().map_err(|source| self.lost(source))?;
        Ok(Connected { store, messages })
    }

    fn lost(&self, source: nix_store::Error) -> Error {
        Error::BuilderLost { machine: self.machine.name(), source }
    }

    /// An error of the daemon, of the way to it, or of our own store.
    fn error(&self, error: nix_store::Error) -> Error {
        use nix_store::Error as Cause;
        match error {
            Cause::Daemon { message } => Error::RemoteBuildFailed {
                machine: self.machine.name(),
                status: BuildStatus::MiscFailure,
                message,
            },
            Cause::Stream { .. }
            | Cause::Connect { .. }
            | Cause::BrokenConnection { .. }
            | Cause::MalformedMessage { .. }
            | Cause::UnsupportedDaemon { .. } => self.lost(error),
            own => own.into(),
        }
    }

    fn work(&self, remote: &DaemonStore, job: &Job<'_>) -> Result<()> {
        for output in job.outputs.values() {
            remote.add_temporary_root(output).map_err(|error| self.error(error))?;
        }
        let result = match remote.trust() {
            // Who is not trusted may only have built what the store there knows.
            Trust::NotTrusted => {
                let needed = job.inputs.iter().chain([job.path]).cloned().collect();
                self.upload(remote, job, &needed)?;
                let outputs = OutputNames::Names(job.outputs.keys().cloned().collect());
                let wanted = [DerivedPath::Built { derivation: job.path.clone(), outputs }];
                let results = remote.build_paths_with_results(&wanted, BuildMode::Normal);
                results.map(|results| results.into_iter().next().map(|(_, result)| result))
            }
            Trust::Trusted | Trust::Unknown => {
                self.upload(remote, job, job.inputs)?;
                let mut derivation = job.derivation.clone();
                derivation.input_drvs.clear();
                derivation.input_srcs.clone_from(job.inputs);
                remote.build_derivation(job.path, &derivation, BuildMode::Normal).map(Some)
            }
        };
        match result.map_err(|error| self.error(error))? {
            Some(BuildResult { status, error, .. }) if !status.is_success() => {
                return Err(Error::RemoteBuildFailed {
                    machine: self.machine.name(),
                    status,
                    message: error,
                });
            }
            _ => {}
        }
        self.fetch(remote, job)
    }

    fn upload(&self, remote: &DaemonStore, job: &Job<'_>, paths: &BTreeSet<StorePath>) -> Result<()> {
        let _turn = self.upload.lock().unwrap_or_else(PoisonError::into_inner);
        job.cancellation.check()?;
        let options = CopyOptions { check_signatures: false, substitute: self.substitute };
        copy_to_daemon(job.store, remote, paths, options, &mut |_| {}).map_err(|error| self.error(error))?;
        Ok(())
    }

    /// Brings the outputs back, each to its place, and checks that what came is what the daemon has.
    fn fetch(&self, remote: &DaemonStore, job: &Job<'_>) -> Result<()> {
        let wanted: Vec<(&PathBuf, &StorePath)> =
            job.places.iter().filter_map(|(name, place)| Some((place, job.outputs.get(*name)?))).collect();
        let paths: Vec<StorePath> = wanted.iter().map(|(_, path)| (*path).clone()).collect();
        let mut infos = Vec::new();
        for (path, info) in paths.iter().zip(remote.query_many(&paths).map_err(|error| self.error(error))?) {
            infos.push(info.ok_or_else(|| Error::RemoteBuildFailed {
                machine: self.machine.name(),
                status: BuildStatus::MiscFailure,
                message: format!("it says that it built {path}, and does not have it"),
            })?);
        }
        let fetched = remote.nars_from_paths(&paths, |number, reader| {
            let mut reader = HashingReader::new(HashAlgorithm::Sha256, reader);
            nar::restore(&mut reader, wanted[number].0)?;
            let (actual, _, _) = reader.finish();
            if actual == infos[number].nar_hash {
                return Ok(());
            }
            Err(nix_store::Error::HashMismatch {
                path: paths[number].base_name().to_owned(),
                expected: Box::new(infos[number].nar_hash),
                actual: Box::new(actual),
            })
        });
        fetched.map_err(|error| self.error(error))
    }
}

/// Passes on what the builder prints, and ends the connection when the build is called off.
fn listen(
    messages: Receiver<LogMessage>,
    store: &DaemonStore,
    job: &Job<'_>,
    ended: &AtomicBool,
) -> Receiver<LogMessage> {
    let interrupt = store.interrupt();
    loop {
        // What was said before the end is still to be heard after it.
        let is_over = ended.load(Ordering::Relaxed);
        match messages.recv_timeout(if is_over { Duration::ZERO } else { LOOK }) {
            Ok(message) => {
                if let Some(line) = message.build_log_line() {
                    (job.log)(line);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return messages,
            Err(RecvTimeoutError::Timeout) if is_over => return messages,
            Err(RecvTimeoutError::Timeout) => {
                if job.cancellation.is_cancelled() {
                    interrupt.end();
                }
            }
        }
    }
}
