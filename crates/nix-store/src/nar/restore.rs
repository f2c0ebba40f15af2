//! Unpacking archives.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{Sink, read};
use crate::error::{Error, Result};

/// Unpacks an archive to `path`, where nothing may lie yet. Each file is created anew below directories that
/// were created here, so nothing outside of `path` can be written. Files get the modes 0666 and 0777, less the
/// process's umask. After an error, what was unpacked so far is left.
///
/// # Errors
/// As [`read`](super::read()), and those of the file system, [`Error::OutOfSpace`] among them.
pub fn restore(reader: &mut impl Read, path: &Path) -> Result<()> {
    read(reader, &mut RestoreSink { path: path.to_path_buf(), file: None })
}

struct RestoreSink {
    path: PathBuf,
    file: Option<File>,
}

impl RestoreSink {
    fn error(&self, error: std::io::Error) -> Error {
        Error::io("write", &self.path, error)
    }
}

impl Sink for RestoreSink {
    fn directory(&mut self) -> Result<()> {
        fs::create_dir(&self.path).map_err(|error| self.error(error))
    }

    fn enter(&mut self, name: &[u8]) -> Result<()> {
        self.path.push(OsStr::from_bytes(name));
        Ok(())
    }

    fn file(&mut self, executable: bool, _size: u64) -> Result<()> {
        let mode = if executable { 0o777 } else { 0o666 };
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&self.path);
        self.file = Some(file.map_err(|error| self.error(error))?);
        Ok(())
    }

    fn contents(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(|error| Error::io("write", &self.path, error)),
            None => Ok(()),
        }
    }

    fn end_file(&mut self) -> Result<()> {
        self.file = None;
        Ok(())
    }

    fn symlink(&mut self, target: &[u8]) -> Result<()> {
        symlink(OsStr::from_bytes(target), &self.path).map_err(|error| self.error(error))
    }

    fn leave(&mut self) -> Result<()> {
        self.path.pop();
        Ok(())
    }

    fn end_directory(&mut self) -> Result<()> {
        Ok(())
    }
}
