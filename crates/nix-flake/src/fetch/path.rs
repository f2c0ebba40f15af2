//! Directories of this machine.

use std::path::Path;

use super::{Fetched, Fetcher};
use crate::error::Error;
use crate::reference::{FlakeReference, Source};
use crate::tree::SourceTree;

impl Fetcher {
    /// A directory is read where it is; its hash is computed each time, as anything in it may have changed.
    pub(super) fn fetch_path(&self, reference: &FlakeReference) -> Result<Fetched, Error> {
        let Source::Path { path } = &reference.source else {
            return Err(self.unsupported(reference, "it is not a path"));
        };
        if reference.is_relative_path() {
            return Err(
                self.unsupported(reference, "a relative path has a meaning in the inputs of a flake only")
            );
        }
        let directory = self.real_path(Path::new(path));
        let (tree, newest) = SourceTree::of_directory(&self.settings.store_dir, &directory)?;
        let mut locked = reference.clone();
        if locked.last_modified().is_none() {
            locked.other.set_integer("lastModified", newest);
        }
        Ok(Fetched { reference: locked, tree })
    }
}
