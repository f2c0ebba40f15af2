//! The logs of builds on disk, where Nix looks for them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix_store::{StorePath, StoreRoot};

use crate::builders::Log;
use crate::realise::observer::BuildObserver;
use crate::realise::plan::BuildId;

/// The log of one build: a file `nix/var/log/nix/drvs/xx/REST` (the derivation's base name, cut after two characters),
/// made when there is something to write.
pub(super) struct LogFile<'run> {
    path: PathBuf,
    file: Mutex<Option<File>>,
    observer: &'run dyn BuildObserver,
    id: BuildId,
}

impl<'run> LogFile<'run> {
    pub(super) fn new(
        root: &StoreRoot,
        derivation: &StorePath,
        observer: &'run dyn BuildObserver,
        id: BuildId,
    ) -> Self {
        let (directory, name) = derivation.base_name().split_at(2);
        let path = root.path().join("nix/var/log/nix/drvs").join(directory).join(name);
        LogFile { path, file: Mutex::new(None), observer, id }
    }

    /// Where the log is, if anything was written.
    pub(super) fn written(&self) -> Option<PathBuf> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.is_some().then(|| self.path.clone())
    }

    /// A log that cannot be written is no reason to fail a build.
    fn write(&self, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            *file = create(&self.path);
        }
        if let Some(file) = file.as_mut() {
            let _ = writeln!(file, "{text}");
        }
    }

    /// Writes an error with all its causes.
    pub(super) fn write_error(&self, error: &dyn std::error::Error) {
        self.write(&format!("error: {error}"));
        let mut source = error.source();
        while let Some(cause) = source {
            self.write(&format!("  because {cause}"));
            source = cause.source();
        }
    }
}

fn create(path: &Path) -> Option<File> {
    fs::create_dir_all(path.parent()?).ok()?;
    File::create(path).ok()
}

impl Log for LogFile<'_> {
    fn line(&self, text: &str) {
        self.write(text);
        self.observer.log_line(self.id, text);
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        self.observer.progress(self.id, done, total);
    }
}
