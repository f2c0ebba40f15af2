//! Putting right what is damaged.

use std::fs;
use std::io::{self, Read};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::canonical::{canonicalise, remove_tree};
use super::lock::PathLock;
use super::store::LocalStore;
use super::unfinished::put_into_place;
use super::verify::{Problem, ProblemKind};
use crate::error::{Error, Result};
use crate::hash::{HashAlgorithm, HashingReader};
use crate::nar;
use crate::path_info::ValidPathInfo;

/// Gets the archive of a path from somewhere else, if it can be had.
pub type RepairSource<'source> = dyn FnMut(&ValidPathInfo) -> Result<Option<Box<dyn Read>>> + 'source;

impl LocalStore {
    /// Replaces the content of a valid path by that of `archive`, at one moment. Its hash must be the one that the
    /// path was registered with.
    ///
    /// # Errors
    /// [`Error::NotValid`]; [`Error::HashMismatch`] if the archive is another one, and then nothing changes; those of
    /// [`nar::restore`].
    pub fn repair(&self, info: &ValidPathInfo, archive: &mut impl Read) -> Result<()> {
        self.add_temporary_roots([&info.path])?;
        let real = self.real_path(&info.path);
        let _lock = PathLock::wait(&real)?;
        // What the database says counts, not what the caller knew before it had the lock.
        let info = self.path_info(&info.path)?;
        let place = self.own_temporary_place(&info.path);
        remove_tree(&place)?;
        let replace = || {
            let mut reader = HashingReader::new(HashAlgorithm::Sha256, archive);
            nar::restore(&mut reader, &place)?;
            let (actual, _, _) = reader.finish();
            if actual != info.nar_hash {
                return Err(Error::HashMismatch {
                    path: info.path.base_name().to_owned(),
                    expected: Box::new(info.nar_hash),
                    actual: Box::new(actual),
                });
            }
            canonicalise(&place)?;
            // Who uses the path meanwhile always finds something; not every file system can do this.
            match renameat_with(CWD, &place, CWD, &real, RenameFlags::EXCHANGE) {
                Ok(()) => Ok(()),
                Err(_) => put_into_place(&place, &real),
            }
        };
        let replaced = replace();
        // The damaged content, or what could not be used.
        remove_tree(&place)?;
        replaced?;
        self.optimise_added(&info.path)
    }

    /// As [`Self::verify`], putting right what can be: damaged and missing paths whose archive `source` has, and
    /// files in `.links` that are not what their names say. What is missing and nowhere to be had becomes invalid unless
    /// something refers to it. Returns the problems that remain.
    ///
    /// # Errors
    /// Those of the file system and the database. An error of `source` is not one of the store: the problem remains.
    pub fn verify_and_repair(
        &self,
        check_contents: bool,
        source: &mut RepairSource<'_>,
    ) -> Result<Vec<Problem>> {
        self.check_writable()?;
        if check_contents {
            self.remove_damaged_links()?;
        }
        let mut remaining = Vec::new();
        for problem in self.verify(check_contents)? {
            let Some(info) = self.query(&problem.path)? else { continue };
            let repaired = match source(&info) {
                Ok(Some(mut archive)) => self.repair(&info, &mut archive),
                Ok(None) => Err(Error::NotValid { path: info.path.base_name().to_owned() }),
                Err(error) => Err(error),
            };
            match repaired {
                Ok(()) => {}
                Err(error) if error.is_out_of_space() => return Err(error),
                Err(_) => remaining.push(problem),
            }
        }
        // Each may be what the next one is referred to by.
        loop {
            let missing: Vec<_> = remaining
                .iter()
                .filter(|problem| matches!(problem.kind, ProblemKind::Missing))
                .map(|problem| &problem.path)
                .collect();
            let staying = self.database.invalidate(&missing)?;
            if staying.len() == missing.len() {
                return Ok(remaining);
            }
            remaining.retain(|problem| {
                !matches!(problem.kind, ProblemKind::Missing) || staying.contains(&problem.path)
            });
        }
    }

    /// Removes files from `.links` that are not what their names say, so that nothing is linked to them any more; returns how
    /// many.
    pub fn remove_damaged_links(&self) -> Result<u64> {
        let directory = self.root().links_directory();
        let read_error = |error| Error::io("read", &directory, error);
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries.map_err(read_error)?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry.map_err(read_error)?;
            let path = entry.path();
            let sound = match nar::hash_path(&path) {
                Ok((hash, _)) => entry.file_name().to_str() == Some(&hash.to_base32()),
                // A collector removed it.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => true,
                Err(_) => false,
            };
            if !sound {
                remove_tree(&path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
