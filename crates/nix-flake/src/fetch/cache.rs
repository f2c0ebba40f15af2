//! What was fetched before: trees by their content, and what is known of references.
//!
//! Below the cache directory, `sources/HASH` is a tree whose NAR has that SHA-256, and `records/HASH.json` is what one
//! question was answered with and when. Both are written beside their place and moved there whole, so that any number of
//! processes may share the directory; `git/` has bare clones, which are locked while they are fetched into.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix_store::{Hash, nar};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// The cache of everything that is fetched.
#[derive(Debug)]
pub(crate) struct FetchCache {
    directory: PathBuf,
}

/// An answer, and how old it is.
#[derive(Debug)]
pub(crate) struct Record<T> {
    pub(crate) value: T,
    pub(crate) age: Duration,
}

#[derive(Serialize, Deserialize)]
struct Written<T> {
    /// The question: records of two questions whose hashes are equal must not be confused.
    question: Value,
    answer: T,
    /// Seconds since 1970.
    time: u64,
}

impl FetchCache {
    pub(crate) fn new(directory: PathBuf) -> Self {
        FetchCache { directory }
    }

    fn source(&self, nar_hash: &Hash) -> PathBuf {
        self.directory.join("sources").join(nar_hash.to_base32())
    }

    /// The place of the tree with this hash, if it is here.
    pub(crate) fn find(&self, nar_hash: &Hash) -> Option<PathBuf> {
        let place = self.source(nar_hash);
        fs::symlink_metadata(&place).is_ok().then_some(place)
    }

    /// Keeps what `write` makes at the path that it is given. Returns its hash, its place, and what `write` returned.
    pub(crate) fn add<T>(
        &self,
        write: impl FnOnce(&Path) -> Result<T, Error>,
    ) -> Result<(Hash, PathBuf, T), Error> {
        let sources = self.directory.join("sources");
        fs::create_dir_all(&sources).map_err(Error::file("make the directory", &sources))?;
        let temporary = tempfile::Builder::new()
            .prefix(".fetch-")
            .tempdir_in(&sources)
            .map_err(Error::file("write to", &sources))?;
        let written = temporary.path().join("tree");
        let result = write(&written)?;
        let (nar_hash, _) = nar::hash_path(&written)?;
        let place = self.source(&nar_hash);
        match fs::rename(&written, &place) {
            Ok(()) => {}
            // Another process has just written the same.
            Err(_) if fs::symlink_metadata(&place).is_ok() => {}
            Err(source) => return Err(Error::File { action: "write", path: place, source }),
        }
        Ok((nar_hash, place, result))
    }

    fn record_file(&self, question: &Value) -> PathBuf {
        let hash = Hash::sha256(question.to_string().as_bytes()).to_base32();
        self.directory.join("records").join(format!("{hash}.json"))
    }

    /// What is known. A record that cannot be read is none: it is asked again.
    pub(crate) fn recall<T: DeserializeOwned>(&self, question: &Value) -> Option<Record<T>> {
        let text = fs::read_to_string(self.record_file(question)).ok()?;
        let written: Written<T> = serde_json::from_str(&text).ok()?;
        if written.question != *question {
            return None;
        }
        // A clock that was set back makes records of the future; they are as good as new.
        let age = Duration::from_secs(now().saturating_sub(written.time));
        Some(Record { value: written.answer, age })
    }

    /// Remembers an answer. That it cannot be written costs only time, so it is no error.
    pub(crate) fn remember<T: Serialize>(&self, question: &Value, answer: &T) {
        let file = self.record_file(question);
        let written = Written { question: question.clone(), answer, time: now() };
        let write = || -> std::io::Result<()> {
            let directory = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(directory)?;
            let mut temporary = tempfile::NamedTempFile::new_in(directory)?;
            temporary.write_all(serde_json::to_string(&written)?.as_bytes())?;
            temporary.persist(&file)?;
            Ok(())
        };
        let _ = write();
    }

    /// The place of the clone of a repository.
    pub(crate) fn clone_directory(&self, key: &str) -> PathBuf {
        self.directory.join("git").join(Hash::sha256(key.as_bytes()).to_base32())
    }

    /// Waits until no other process works at `place`; the lock ends with the value.
    pub(crate) fn lock(&self, place: &Path) -> Result<fs::File, Error> {
        let parent = place.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(Error::file("make the directory", parent))?;
        let path = place.with_extension("lock");
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::file("open", &path))?;
        file.lock().map_err(Error::file("lock", &path))?;
        Ok(file)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn trees_are_found_by_their_content() {
        let directory = tempfile::tempdir().unwrap();
        let cache = FetchCache::new(directory.path().to_owned());
        let write = |place: &Path| {
            fs::create_dir(place).map_err(Error::file("write", place))?;
            fs::write(place.join("x"), "y").map_err(Error::file("write", place))
        };
        let (hash, place, ()) = cache.add(write).unwrap();
        assert_eq!(cache.add(write).unwrap().1, place);
        assert_eq!(cache.find(&hash).unwrap(), place);
        assert_eq!(cache.find(&Hash::sha256(b"other")), None);
        let failed = cache.add(|_| -> Result<(), Error> { Err(Error::Offline { what: "x".into() }) });
        assert!(failed.is_err());
        // Nothing is left of what failed.
        assert_eq!(fs::read_dir(directory.path().join("sources")).unwrap().count(), 1);
    }

    #[test]
    fn records_are_of_one_question_and_damage_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let cache = FetchCache::new(directory.path().to_owned());
        let question = json!({ "url": "x" });
        cache.remember(&question, &7u32);
        assert_eq!(cache.recall::<u32>(&question).unwrap().value, 7);
        assert!(cache.recall::<u32>(&json!({ "url": "y" })).is_none());
        fs::write(cache.record_file(&question), "{").unwrap();
        assert!(cache.recall::<u32>(&question).is_none());
    }
}
