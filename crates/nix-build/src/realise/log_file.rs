//! The logs of builds on disk, where Nix looks for them.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bzip2::read::MultiBzDecoder;
use bzip2::write::BzEncoder;
use nix_store::{StorePath, StoreRoot};

use crate::builders::Log;
use crate::error::{IoContext, Result};
use crate::realise::observer::BuildObserver;
use crate::realise::plan::BuildId;

/// How many of a log's last lines are told with a failure, as Nix does.
const TAIL: usize = 25;

/// Where the log of a derivation's last build is, without the `.bz2` that it gets when the build is over:
/// `nix/var/log/nix/drvs/xx/REST` (the derivation's base name, cut after two characters).
pub fn log_path(root: &StoreRoot, derivation: &StorePath) -> PathBuf {
    let (directory, name) = derivation.base_name().split_at(2);
    root.path().join("nix/var/log/nix/drvs").join(directory).join(name)
}

/// The log of a derivation's last build, whether that is over or not; `None` if there is none.
///
/// # Errors
/// Those of the file system; a log that is not what bzip2 makes.
pub fn read_log(root: &StoreRoot, derivation: &StorePath) -> Result<Option<Vec<u8>>> {
    let path = log_path(root, derivation);
    match fs::read(&path) {
        Ok(log) => return Ok(Some(log)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(crate::Error::io("read", &path, error)),
    }
    let path = compressed(&path);
    match File::open(&path) {
        Ok(file) => {
            let mut log = Vec::new();
            MultiBzDecoder::new(file).read_to_end(&mut log).on("read", &path)?;
            Ok(Some(log))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(crate::Error::io("read", &path, error)),
    }
}

fn compressed(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".bz2");
    name.into()
}

/// The log of one build: a file, made when there is something to write, and compressed when the build is over.
pub(super) struct LogFile<'run> {
    path: PathBuf,
    written: Mutex<Written>,
    observer: &'run dyn BuildObserver,
    id: BuildId,
}

#[derive(Default)]
struct Written {
    file: Option<File>,
    tail: VecDeque<String>,
    /// The last bytes of a program's output, no whole line yet.
    partial: Vec<u8>,
}

impl<'run> LogFile<'run> {
    pub(super) fn new(
        root: &StoreRoot,
        derivation: &StorePath,
        observer: &'run dyn BuildObserver,
        id: BuildId,
    ) -> Self {
        LogFile { path: log_path(root, derivation), written: Mutex::default(), observer, id }
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last lines that were written.
    pub(super) fn tail(&self) -> Vec<String> {
        self.lock().tail.iter().cloned().collect()
    }

    /// Compresses what was written, and returns where it is, if anything was.
    pub(super) fn finish(&self) -> Option<PathBuf> {
        self.lock().file.take()?;
        // An uncompressed log is one, too.
        match compress(&self.path) {
            Ok(path) => Some(path),
            Err(_) => Some(self.path.clone()),
        }
    }

    /// A log that cannot be written is no reason to fail a build.
    fn write(&self, bytes: &[u8]) {
        let mut written = self.lock();
        if written.file.is_none() {
            written.file = create(&self.path);
        }
        if let Some(file) = written.file.as_mut() {
            let _ = file.write_all(bytes);
        }
    }

    fn write_line(&self, text: &str) {
        self.write(format!("{text}\n").as_bytes());
    }

    /// What a program printed: as it is to the file, and by lines to the observer.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        self.write(bytes);
        let mut partial = std::mem::take(&mut self.lock().partial);
        partial.extend_from_slice(bytes);
        let mut rest = partial.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.tell(&rest[..end]);
            rest = &rest[end + 1..];
        }
        if rest.len() > LONGEST_LINE {
            self.tell(rest);
            rest = &[];
        }
        let rest = rest.to_vec();
        self.lock().partial = rest;
    }

    /// The program has ended; its last line need not.
    pub(super) fn end_of_bytes(&self) {
        let partial = std::mem::take(&mut self.lock().partial);
        if !partial.is_empty() {
            self.write(b"\n");
            self.tell(&partial);
        }
    }

    fn tell(&self, line: &[u8]) {
        // Builders tell Nix what they are about in lines of JSON that are not for people.
        if line.starts_with(b"@nix ") {
            return;
        }
        let line = String::from_utf8_lossy(line);
        // What was printed last over the same line of a terminal.
        let line = line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        {
            let mut written = self.lock();
            if written.tail.len() == TAIL {
                written.tail.pop_front();
            }
            written.tail.push_back(line.to_owned());
        }
        self.observer.log_line(self.id, line);
    }

    /// A remark of this program's own.
    pub(super) fn note(&self, text: &str) {
        self.line(text);
    }

    /// Writes an error with all its causes.
    pub(super) fn write_error(&self, error: &dyn std::error::Error) {
        self.write_line(&format!("error: {error}"));
        let mut source = error.source();
        while let Some(cause) = source {
            self.write_line(&format!("  because {cause}"));
            source = cause.source();
        }
    }
}

/// A builder that prints no end of line is not waited for longer, in bytes.
const LONGEST_LINE: usize = 64 << 10;

fn create(path: &Path) -> Option<File> {
    fs::create_dir_all(path.parent()?).ok()?;
    // One of a build before would be taken for this one's.
    let _ = fs::remove_file(compressed(path));
    File::create(path).ok()
}

/// Puts a compressed file into the place of the log.
fn compress(path: &Path) -> io::Result<PathBuf> {
    let compressed = compressed(path);
    let mut temporary = compressed.clone().into_os_string();
    temporary.push(".tmp");
    let mut encoder = BzEncoder::new(File::create(&temporary)?, bzip2::Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?;
    fs::rename(&temporary, &compressed)?;
    fs::remove_file(path)?;
    Ok(compressed)
}

impl Log for LogFile<'_> {
    fn line(&self, text: &str) {
        self.write_line(text);
        self.tell(text.as_bytes());
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        self.observer.progress(self.id, done, total);
    }
}
