//! What an evaluation would copy to the store.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nix_store::{ContentAddressMethod, HashAlgorithm, LocalStore, StorePath};

use crate::io::AddMethod;

/// Where the content of an added path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddedContent {
    /// A file or tree. `kept` are the paths below it that a filter let through, relative to it; all if `None`.
    Tree {
        /// Where it lies.
        real: PathBuf,
        /// How its hash was taken.
        method: AddMethod,
        /// What is part of it.
        kept: Option<BTreeSet<PathBuf>>,
    },
    /// A text.
    Text(Vec<u8>),
}

/// A store path that evaluation made of something; it is not in the store before the caller puts it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedPath {
    /// The store path.
    pub path: StorePath,
    /// What it holds.
    pub content: AddedContent,
    /// The store paths that it refers to.
    pub references: Vec<StorePath>,
}

impl AddedPath {
    /// Puts the path into a store, which holds what it refers to.
    ///
    /// # Errors
    /// What it is made of is not there any more, or the store refuses.
    pub fn add_to(&self, store: &LocalStore) -> Result<(), nix_store::Error> {
        match &self.content {
            AddedContent::Text(text) => {
                store.add_text(self.path.name(), text, &self.references.iter().cloned().collect())?;
            }
            AddedContent::Tree { real, method, kept } => {
                let method = match method {
                    AddMethod::Flat => ContentAddressMethod::Flat,
                    AddMethod::Recursive => ContentAddressMethod::Recursive,
                };
                let keeps = |path: &Path| {
                    let relative = path.strip_prefix(real).unwrap_or(path);
                    kept.as_ref().is_none_or(|kept| kept.contains(relative))
                };
                store.add_path_filtered::<nix_store::Error>(
                    self.path.name(),
                    real,
                    method,
                    HashAlgorithm::Sha256,
                    &mut |path, _| Ok(keeps(path)),
                )?;
            }
        }
        Ok(())
    }
}
