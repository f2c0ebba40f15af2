//! Errors of files that are not there.

use super::Evaluator;
use super::import::os_path;
use crate::error::Error;
use crate::io::IoError;
use crate::path;
use crate::position::Position;
use crate::suggest::closest;

impl<'a> Evaluator<'a> {
    /// The error of a file or directory that could not be read. If it does not exist, names like its own in the same
    /// directory are suggested.
    pub(crate) fn file_error<T>(&self, file: &[u8], position: Position, error: IoError) -> Result<T, Error> {
        let is_missing = matches!(error, IoError::NotFound { .. });
        let result = self.io_error(position, error);
        if !is_missing {
            return result;
        }
        result.map_err(|mut failure| {
            let (missing, directory) = self.first_missing(file);
            if let Ok(entries) = self.io().read_directory(os_path(directory)) {
                let names = entries.iter().map(|(name, _)| name.as_slice());
                failure.suggestions = closest(missing, names);
            }
            failure
        })
    }

    /// The first part of a path that does not exist, and the directory where it is missed.
    fn first_missing<'p>(&self, file: &'p [u8]) -> (&'p [u8], &'p [u8]) {
        let mut file = file;
        loop {
            let directory = path::parent(file);
            if directory == b"/" || matches!(self.io().file_type(os_path(directory)), Ok(Some(_)) | Err(_)) {
                return (path::base_name(file), directory);
            }
            file = directory;
        }
    }
}
