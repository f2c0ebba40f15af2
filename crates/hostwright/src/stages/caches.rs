//! Binary caches, as people see them at work.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use binary_cache::{Cancellation, Destination, Observer, read_key};
use indicatif::ProgressBar;
use nix_store::local::Access;
use nix_store::{LocalStore, SecretKey, StoreDir, StorePath, StoreRoot};

use crate::commands::Session;
use crate::failure::Failure;
use crate::interrupt::Guard;
use crate::progress::Progress;

/// One bar for all archives, and warnings.
struct Watcher {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Observer for Watcher {
    fn warning(&self, text: &str) {
        if !self.is_quiet {
            self.bar.suspend(|| eprintln!("warning: {text}"));
        }
    }

    fn started(&self, _path: &StorePath, _cache: &str, size: Option<u64>) {
        self.bar.inc_length(size.unwrap_or(0));
    }

    fn advanced(&self, _path: &StorePath, bytes: u64) {
        self.bar.inc(bytes);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Who is told what happens.
pub fn observer(progress: &Progress, what: &str) -> Arc<dyn Observer> {
    Arc::new(Watcher { bar: progress.bytes(what, 0), is_quiet: progress.is_quiet() })
}

/// What Ctrl-C ends, as long as the guard is held.
pub fn cancellation(session: &Session) -> (Cancellation, Guard) {
    let cancellation = Cancellation::new();
    let cancel = cancellation.clone();
    (cancellation, session.interrupts.guard(move || cancel.cancel()))
}

/// A cache to work on.
pub fn destination(session: &Session, url: &str, what: &str) -> Result<Destination, Failure> {
    let settings = session.configuration.caches.settings.clone();
    Ok(Destination::open(settings, &absolute(session, url), observer(&session.progress, what))?)
}

/// A cache's address; a directory is one below the working directory.
pub fn absolute(session: &Session, url: &str) -> String {
    match url.contains("://") {
        true => url.to_owned(),
        false => session.configuration.working_directory.join(url).display().to_string(),
    }
}

/// The store that paths are read from; it may be somebody else's.
pub fn readable_store(session: &Session) -> Result<LocalStore, Failure> {
    let daemon = session.configuration.daemon.as_ref();
    // The store of this machine's daemon can be read by everybody.
    let root = match daemon.is_some_and(|daemon| daemon.is_asked && daemon.uri.is_local()) {
        true => Path::new("/"),
        false => session.configuration.store_root.as_path(),
    };
    let root = || StoreRoot::new(root);
    match LocalStore::open_for(root(), Access::ReadWrite) {
        Ok(store) => Ok(store),
        Err(_) => Ok(LocalStore::open_for(root(), Access::ReadOnly)?),
    }
}

/// The keys of these files and of the setting `secret-key-files`.
pub fn keys(session: &Session, files: &[PathBuf]) -> Result<Vec<SecretKey>, Failure> {
    let files = files.iter().chain(&session.configuration.caches.secret_key_files);
    let working_directory = &session.configuration.working_directory;
    files.map(|file| Ok(read_key(&working_directory.join(file))?)).collect()
}

/// The store paths that are meant: by their names, by what lies below them, or by links to them.
pub fn store_paths(session: &Session, paths: &[PathBuf]) -> Result<Vec<StorePath>, Failure> {
    let configuration = &session.configuration;
    let real_store = StoreRoot::new(&configuration.store_root).store_directory();
    let directory = StoreDir::default();
    let meant = |path: &PathBuf| {
        let path = configuration.working_directory.join(path);
        inside(Path::new(directory.as_str()), &path)
            .or_else(|| inside(&real_store, &path))
            .or_else(|| {
                fs::read_link(&path).ok().and_then(|target| inside(Path::new(directory.as_str()), &target))
            })
            .or_else(|| {
                let (store, path) = (fs::canonicalize(&real_store).ok()?, fs::canonicalize(&path).ok()?);
                inside(&store, &path)
            })
            .ok_or_else(|| {
                Failure::Usage(format!("'{}' is no store path, and no link to one", path.display()))
            })
    };
    paths.iter().map(meant).collect()
}

/// The store path that `path` is, or lies below.
fn inside(store: &Path, path: &Path) -> Option<StorePath> {
    let name = path.strip_prefix(store).ok()?.components().next()?;
    StorePath::from_base_name(name.as_os_str().to_str()?).ok()
}
