//! Checking a store.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::store::LocalStore;
use crate::error::{Error, Result};
use crate::hash::Hash;
use crate::nar;
use crate::store_path::StorePath;

/// A path that the database calls valid, but is not.
#[derive(Debug)]
pub struct Problem {
    /// The path.
    pub path: StorePath,
    /// What is wrong with it.
    pub kind: ProblemKind,
}

/// What is wrong with a path that the database calls valid.
#[derive(Debug)]
pub enum ProblemKind {
    /// There is nothing at its place.
    Missing,
    /// Its content is not what was registered.
    Modified {
        /// The hash of its archive when it became valid.
        expected: Hash,
        /// The hash that it has now.
        actual: Hash,
    },
    /// It cannot be read.
    Unreadable(Error),
}

impl LocalStore {
    /// Looks whether every valid path is there and, if `check_contents`, still has the hash that it was registered with,
    /// on all processors. The problems are sorted by path.
    pub fn verify(&self, check_contents: bool) -> Result<Vec<Problem>> {
        let paths: Vec<StorePath> = self.valid_paths()?.into_iter().collect();
        let problems = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Some(kind) = self.verify_path(path, check_contents)? {
                    let mut problems = problems.lock().unwrap_or_else(PoisonError::into_inner);
                    problems.push(Problem { path: path.clone(), kind });
                }
            }
            Ok(())
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(paths.len().max(1));
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        let mut problems = problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        problems.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(problems)
    }

    fn verify_path(&self, path: &StorePath, check_contents: bool) -> Result<Option<ProblemKind>> {
        let real = self.real_path(path);
        match real.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(ProblemKind::Missing));
            }
            Err(error) => {
                return Ok(Some(ProblemKind::Unreadable(Error::io("read", &real, error))));
            }
        }
        if !check_contents {
            return Ok(None);
        }
        // A path that is gone from the database meanwhile is no problem.
        let Some(info) = self.query(path)? else { return Ok(None) };
        Ok(match nar::hash_path(&real) {
            Ok((actual, _)) if actual != info.nar_hash => {
                Some(ProblemKind::Modified { expected: info.nar_hash, actual })
            }
            Ok(_) => None,
            Err(error) => Some(ProblemKind::Unreadable(error)),
        })
    }
}
