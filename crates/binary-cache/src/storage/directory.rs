//! A cache in a directory.
//!
//! A file comes into its place by a rename, so a file that is there is complete. What is being written lies beside, as
//! `.tmp-…`, locked by who writes it: what a killed process left is not, and is removed by the next one.

use std::fs::{self, File, TryLockError};
use std::io::Seek;
use std::io::{self, Read, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use download::Upload;
use tempfile::{NamedTempFile, SpooledData, SpooledTempFile};

use super::{is_inside, is_not_found, outside};
use crate::error::{Error, Result};

/// Begins the names of files that are being written.
const TEMPORARY: &str = ".tmp-";

/// What is kept in memory of a file that goes to a server; longer ones go to the disk.
const IN_MEMORY: usize = 1 << 20;

pub(crate) struct Directory {
    path: PathBuf,
}

impl Directory {
    pub(crate) fn new(path: PathBuf) -> Self {
        Directory { path }
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        if is_inside(name) { Ok(self.path.join(name)) } else { Err(outside(name)) }
    }

    pub(crate) fn get(&self, name: &str, limit: u64) -> Result<Option<Bytes>> {
        let path = self.file(name)?;
        let file = match File::open(&path) {
            Err(error) if is_not_found(&error) => return Ok(None),
            opened => opened.map_err(|error| Error::io("read", &path, error))?,
        };
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content).map_err(|error| Error::io("read", &path, error))?;
        if content.len() as u64 > limit {
            return Err(download::Error::TooLarge { url: path.display().to_string(), limit }.into());
        }
        Ok(Some(content.into()))
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool> {
        let path = self.file(name)?;
        path.try_exists().map_err(|error| Error::io("read", &path, error))
    }

    pub(crate) fn read(&self, name: &str) -> Result<File> {
        let path = self.file(name)?;
        let source = match File::open(&path) {
            Ok(file) => match file.metadata() {
                Ok(metadata) if metadata.is_file() => return Ok(file),
                Ok(_) => io::ErrorKind::InvalidInput.into(),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A fault of the cache, not of this machine.
        Err(download::Error::Unreachable {
            url: path.display().to_string(),
            reason: source.to_string(),
            source: source.into(),
        }
        .into())
    }

    pub(crate) fn prepare(&self) -> Result<()> {
        for directory in [self.path.clone(), self.path.join("nar")] {
            fs::create_dir_all(&directory).map_err(|error| Error::io("create", &directory, error))?;
        }
        self.remove_leftovers()
    }

    fn remove_leftovers(&self) -> Result<()> {
        let read = |error| Error::io("read", &self.path, error);
        for entry in fs::read_dir(&self.path).map_err(read)? {
            let entry = entry.map_err(read)?;
            if !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                continue;
            }
            // Somebody else may be removing it, or put it into its place.
            let Ok(file) = File::open(entry.path()) else { continue };
            match file.try_lock() {
                Ok(()) => fs::remove_file(entry.path()).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(Error::io("remove", &entry.path(), error)),
                })?,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &entry.path(), error)),
            }
        }
        Ok(())
    }

    pub(crate) fn temporary(&self) -> Result<Temporary> {
        let made = tempfile::Builder::new()
            .prefix(TEMPORARY)
            // What comes out of it is for everybody, as all files of a cache.
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(&self.path);
        let file = made.map_err(|error| Error::io("write", &self.path, error))?;
        file.as_file().lock().map_err(|error| Error::io("lock", file.path(), error))?;
        Ok(Temporary(Content::Beside(file)))
    }

    pub(crate) fn put_into_place(&self, name: &str, content: Temporary) -> Result<()> {
        let path = self.file(name)?;
        let Temporary(Content::Beside(file)) = content else { return Err(outside(name)) };
        file.persist(&path).map_err(|error| Error::io("write", &path, error.error))?;
        Ok(())
    }

    pub(crate) fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let mut temporary = self.temporary()?;
        temporary.write_all(content).map_err(|error| Error::io("write", &self.path.join(name), error))?;
        self.put_into_place(name, temporary)
    }

    pub(crate) fn list(&self) -> Result<Vec<String>> {
        let read = |error| Error::io("read", &self.path, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(read)? {
            if let Ok(name) = entry.map_err(read)?.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// A file that is not in the cache yet. It is removed unless it gets there.
pub(crate) struct Temporary(Content);

enum Content {
    /// In the cache's directory.
    Beside(NamedTempFile),
    /// In memory, or in the system's directory for temporary files.
    Elsewhere(SpooledTempFile),
}

impl Temporary {
    pub(crate) fn elsewhere() -> Self {
        Temporary(Content::Elsewhere(tempfile::spooled_tempfile(IN_MEMORY)))
    }

    pub(super) fn into_upload(self) -> Result<Upload> {
        let failed = |error| Error::io("read", Path::new("the archive to upload"), error);
        match self.0 {
            Content::Elsewhere(file) => match file.into_inner() {
                SpooledData::InMemory(content) => Ok(Upload::Bytes(content.into_inner().into())),
                SpooledData::OnDisk(mut file) => {
                    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
                    Ok(Upload::File(file, length))
                }
            },
            Content::Beside(file) => {
                let length = file.as_file().metadata().map_err(failed)?.len();
                Ok(Upload::File(file.into_file(), length))
            }
        }
    }
}

impl Write for Temporary {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Content::Beside(file) => file.write(data),
            Content::Elsewhere(file) => file.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Content::Beside(file) => file.flush(),
            Content::Elsewhere(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::new(place.path().join("cache"));
        directory.prepare().unwrap();
        fs::write(place.path().join("secret"), "s").unwrap();
        for name in ["../secret", "/etc/passwd", "nar/../../secret", "", "a//b", "."] {
            assert!(directory.get(name, 10).is_err(), "{name}");
            assert!(directory.put(name, b"x").is_err(), "{name}");
        }
        assert!(directory.get("nar/none", 10).unwrap().is_none());
    }

    #[test]
    fn leftovers_go_and_what_is_being_written_stays() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::new(place.path().to_path_buf());
        directory.prepare().unwrap();
        let mut ours = directory.temporary().unwrap();
        ours.write_all(b"content").unwrap();
        fs::write(place.path().join(".tmp-left"), "x").unwrap();
        directory.prepare().unwrap();
        assert!(!place.path().join(".tmp-left").exists());
        directory.put_into_place("nar/a", ours).unwrap();
        assert_eq!(&directory.get("nar/a", 10).unwrap().unwrap()[..], b"content");
        assert!(matches!(directory.get("nar/a", 3), Err(Error::Download(_))));
        assert_eq!(directory.list().unwrap(), ["nar"]);
    }
}
