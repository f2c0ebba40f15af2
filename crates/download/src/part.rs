//! The file that a download grows in.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// How often to look whether another process has finished with the same file.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What has arrived of a file, and the hash of it. Holds a lock: two processes never write the same part.
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    hash: Sha256,
    length: u64,
}

impl Part {
    /// Opens the part beside `destination`; what another run left there is kept if `resume` says so, and hashed.
    pub(crate) async fn open(destination: &Path, resume: bool) -> Result<Part> {
        let mut path = destination.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        let mut part = loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                // A link in its place would have us write somewhere else.
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
                .open(&path)
                .map_err(|source| Error::from_io("create", &path, source))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(LOCK_POLL).await;
                    continue;
                }
                Err(TryLockError::Error(source)) => return Err(Error::from_io("lock", &path, source)),
            }
            // The process that had it may have renamed it: then the name is another file's or nobody's.
            let ours = file.metadata().map_err(|source| Error::from_io("read", &path, source))?;
            if fs::symlink_metadata(&path)
                .is_ok_and(|named| named.ino() == ours.ino() && named.dev() == ours.dev())
            {
                break Part { path, file, hash: Sha256::new(), length: 0 };
            }
        };
        if resume {
            part.read_existing()?
        } else {
            part.restart()?
        }
        Ok(part)
    }

    fn read_existing(&mut self) -> Result<()> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.hash.update(&buffer[..count]);
                    self.length += count as u64;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::from_io("read", &self.path, source)),
            }
        }
    }

    /// Bytes that have arrived.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds what arrived.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|source| Error::from_io("write", &self.path, source))?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what has arrived.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        emptied.map_err(|source| Error::from_io("write", &self.path, source))?;
        self.hash = Sha256::new();
        self.length = 0;
        Ok(())
    }

    /// SHA-256 of what has arrived.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }

    /// Puts it in its place.
    pub(crate) fn finish(self, destination: &Path) -> Result<()> {
        fs::rename(&self.path, destination).map_err(|source| Error::from_io("create", destination, source))
    }

    /// Removes it.
    pub(crate) fn discard(self) {
        // What cannot be removed is empty or wrong, and is begun anew by the next run: nothing depends on it.
        let _ = fs::remove_file(&self.path);
    }
}

/// SHA-256 of a file, if it can be read.
pub(crate) fn file_sha256(path: &Path) -> Option<[u8; 32]> {
    let mut file = File::open(path).ok()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some(hash.finalize().into()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
