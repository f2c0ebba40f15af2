//! The tree that a package is unpacked to.
//!
//! The directory is new and belongs to this unpacking alone, so what is in it is known from what was written: every path
//! is remembered with its kind, and nothing is ever written below or over something that is not a directory. That keeps
//! links within the archive from leading a later member elsewhere, without asking the system for every component.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use rustc_hash::FxHashMap;

use super::{DebError, member::BUFFER, path::MemberPath};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Symlink,
}

pub(super) struct Destination {
    root: PathBuf,
    known: FxHashMap<MemberPath, Kind>,
    buffer: Vec<u8>,
    limit: u64,
    pub(super) written: u64,
    pub(super) files: u64,
}

impl Destination {
    /// Makes the directory, which must not be there yet or be empty.
    pub(super) fn create(root: &Path, limit: u64) -> Result<Self, DebError> {
        let write = |source| DebError::Write { path: root.to_owned(), source };
        match fs::create_dir(root) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if fs::read_dir(root).map_err(write)?.next().is_some() {
                    return Err(write(ErrorKind::DirectoryNotEmpty.into()));
                }
            }
            Err(error) => return Err(write(error)),
        }
        Ok(Destination {
            root: root.to_owned(),
            known: FxHashMap::default(),
            buffer: vec![0; BUFFER],
            limit,
            written: 0,
            files: 0,
        })
    }

    /// A directory, and those that it lies in.
    pub(super) fn directory(&mut self, path: &MemberPath) -> Result<(), DebError> {
        if path.is_root() {
            return Ok(());
        }
        match self.known.get(path) {
            Some(Kind::Directory) => return Ok(()),
            Some(Kind::File | Kind::Symlink) => {
                return Err(refuse(path, "is a directory, and something else before"));
            }
            None => {}
        }
        if let Some(parent) = path.parent() {
            self.directory_for(&parent, path)?;
        }
        let target = path.below(&self.root);
        fs::create_dir(&target).map_err(|source| DebError::Write { path: target, source })?;
        self.known.insert(path.clone(), Kind::Directory);
        Ok(())
    }

    fn directory_for(&mut self, parent: &MemberPath, path: &MemberPath) -> Result<(), DebError> {
        match self.known.get(parent) {
            Some(Kind::File | Kind::Symlink) => {
                Err(refuse(path, "lies below something that is no directory"))
            }
            _ => self.directory(parent),
        }
    }

    /// Remembers a new name that is about to be made.
    fn claim(&mut self, path: &MemberPath, kind: Kind) -> Result<PathBuf, DebError> {
        let Some(parent) = path.parent() else {
            return Err(refuse(path, "is the root and no directory"));
        };
        self.directory_for(&parent, path)?;
        if self.known.insert(path.clone(), kind).is_some() {
            return Err(refuse(path, "is there twice"));
        }
        Ok(path.below(&self.root))
    }

    /// A file with the content that `reader` gives, `size` bytes of it.
    pub(super) fn file(
        &mut self,
        path: &MemberPath,
        executable: bool,
        reader: &mut impl Read,
        size: u64,
    ) -> Result<(), DebError> {
        let target = self.claim(path, Kind::File)?;
        self.written = self.written.saturating_add(size);
        if self.written > self.limit {
            return Err(DebError::TooLarge { limit: self.limit });
        }
        let mode = if executable { 0o755 } else { 0o644 };
        let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(&target);
        let mut file = opened.map_err(|source| DebError::Write { path: target.clone(), source })?;
        self.copy(reader, &mut file, size).map_err(|failure| match failure {
            Failure::Read(source) => DebError::Read(source),
            Failure::Write(source) => DebError::Write { path: target, source },
        })?;
        self.files += 1;
        Ok(())
    }

    fn copy(&mut self, reader: &mut impl Read, file: &mut File, size: u64) -> Result<(), Failure> {
        let mut left = size;
        while left > 0 {
            let count = match reader.read(&mut self.buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Read(error)),
            };
            if count == 0 || count as u64 > left {
                return Err(Failure::Read(ErrorKind::UnexpectedEof.into()));
            }
            file.write_all(&self.buffer[..count]).map_err(Failure::Write)?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Another name for a file that was written before.
    pub(super) fn hard_link(&mut self, path: &MemberPath, original: &MemberPath) -> Result<(), DebError> {
        if self.known.get(original) != Some(&Kind::File) {
            return Err(DebError::Link {
                path: path.to_string(),
                target: original.to_string(),
                problem: "which is no file that was unpacked before",
            });
        }
        let target = self.claim(path, Kind::File)?;
        fs::hard_link(original.below(&self.root), &target)
            .map_err(|source| DebError::Write { path: target, source })?;
        self.files += 1;
        Ok(())
    }

    /// A symlink, whose target has been checked.
    pub(super) fn symlink(&mut self, path: &MemberPath, target: &Path) -> Result<(), DebError> {
        let link = self.claim(path, Kind::Symlink)?;
        symlink(target, &link).map_err(|source| DebError::Write { path: link, source })?;
        self.files += 1;
        Ok(())
    }

    /// A small file with the content given.
    pub(super) fn write(&mut self, path: &MemberPath, content: &[u8]) -> Result<(), DebError> {
        self.file(path, false, &mut &content[..], content.len() as u64)
    }
}

/// Which end of a copy failed.
enum Failure {
    Read(std::io::Error),
    Write(std::io::Error),
}

fn refuse(path: &MemberPath, problem: &'static str) -> DebError {
    DebError::Path { path: path.to_string(), problem }
}
