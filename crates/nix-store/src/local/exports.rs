//! Paths as a stream, in the format of `nix-store --export`: for each, a one, its archive, a number to know the rest by, the
//! path, its references, its deriver and a zero; at the end a zero. Nothing in it says what an archive's hash should be, so
//! it is for streams that come from somebody whom one trusts.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};

use super::store::LocalStore;
use super::temporary::LockedDirectory;
use super::unfinished::Begin;
use crate::daemon::wire::{Message, read_number, read_optional_path, read_path, read_paths, read_text};
use crate::error::{Error, Result};
use crate::hash::{HashAlgorithm, HashingReader, HashingWriter};
use crate::nar;
use crate::store_path::StorePath;

/// What stands between an archive and what is told of it (`exportMagic` of Nix).
const MAGIC: u64 = 0x4558_494e;

fn malformed(problem: &'static str) -> Error {
    Error::MalformedMessage { problem }
}

impl LocalStore {
    /// Writes `paths`, each after those of them that it refers to. For a closure, give all of it.
    ///
    /// # Errors
    /// [`Error::NotValid`]; [`Error::HashMismatch`] for a path whose content has changed; the writer's.
    pub fn export(&self, paths: &BTreeSet<StorePath>, writer: &mut impl Write) -> Result<()> {
        let write_error = |source| Error::Stream { action: "write", source };
        if self.is_writable() {
            self.add_temporary_roots(paths)?;
        }
        let ordered = self.closure(paths)?;
        for path in ordered.iter().filter(|path| paths.contains(*path)) {
            let info = self.path_info(path)?;
            writer.write_all(&1u64.to_le_bytes()).map_err(write_error)?;
            let mut hashing = HashingWriter::new(HashAlgorithm::Sha256, &mut *writer);
            nar::dump(&self.real_path(path), &mut hashing)?;
            let (actual, _, _) = hashing.finish();
            if actual != info.nar_hash {
                return Err(Error::HashMismatch {
                    path: path.base_name().to_owned(),
                    expected: Box::new(info.nar_hash),
                    actual: Box::new(actual),
                });
            }
            let mut rest = Message::default();
            rest.number(MAGIC).path(self.directory(), path).paths(self.directory(), info.references.iter());
            rest.optional_path(self.directory(), info.deriver.as_ref()).number(0);
            writer.write_all(rest.as_bytes()).map_err(write_error)?;
        }
        writer.write_all(&0u64.to_le_bytes()).and_then(|()| writer.flush()).map_err(write_error)
    }

    /// Adds the paths of a stream that [`Self::export`] or Nix wrote; returns them in their order. They are taken as they are.
    ///
    /// # Errors
    /// A stream that is not one; [`Error::MissingReference`]. Those before are valid.
    pub fn import(&self, reader: &mut impl Read) -> Result<Vec<StorePath>> {
        self.check_writable()?;
        let mut added = Vec::new();
        loop {
            match read_number(reader)? {
                0 => return Ok(added),
                1 => added.push(self.import_one(reader)?),
                _ => return Err(malformed("these are no exported paths")),
            }
        }
    }

    fn import_one(&self, reader: &mut impl Read) -> Result<StorePath> {
        // Which path it is comes at the end, so that no root can protect it while it comes.
        let _guard = self.hold_off_collection()?;
        let place = LockedDirectory::create(&self.root().store_directory().join("tmp-import-"))?;
        let content = place.path().join("content");
        let mut hashing = HashingReader::new(HashAlgorithm::Sha256, &mut *reader);
        nar::restore(&mut hashing, &content)?;
        let (nar_hash, nar_size, _) = hashing.finish();
        if read_number(reader)? != MAGIC {
            return Err(malformed("an archive is not followed by what it is"));
        }
        let path = read_path(reader, self.directory())?;
        let references = read_paths(reader, self.directory())?;
        let deriver = read_optional_path(reader, self.directory())?;
        match read_number(reader)? {
            0 => {}
            // A signature, of which Nix makes no use since 2.0.
            1 => drop(read_text(reader)?),
            _ => return Err(malformed("a path has something unknown at its end")),
        }
        self.add_temporary_roots(&references)?;
        if let Begin::Unfinished(mut unfinished) = self.begin(&path)? {
            let write_error = |error| Error::io("write", unfinished.place(), error);
            fs::rename(&content, unfinished.place()).map_err(write_error)?;
            let mut info = unfinished.finish_hashed(nar_hash, nar_size)?;
            info.references = references;
            info.deriver = deriver;
            info.ultimate = false;
            self.register(&[info])?;
        }
        Ok(path)
    }
}
