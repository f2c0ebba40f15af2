//! What the store knows of valid paths, asked once each.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nix_store::{LocalStore, StorePath, ValidPathInfo};

use crate::error::Result;

/// A memory of valid paths. A path that was valid stays so as long as the store is open, as it becomes a temporary root; one
/// that was not is asked for again.
pub(super) struct ValidPaths<'store> {
    store: &'store LocalStore,
    known: Mutex<HashMap<StorePath, Arc<ValidPathInfo>>>,
}

impl<'store> ValidPaths<'store> {
    pub(super) fn new(store: &'store LocalStore) -> Self {
        ValidPaths { store, known: Mutex::default() }
    }

    /// What is known of a path; `None` if it is not valid.
    pub(super) fn get(&self, path: &StorePath) -> Result<Option<Arc<ValidPathInfo>>> {
        if let Some(info) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Ok(Some(Arc::clone(info)));
        }
        if self.store.is_writable() {
            self.store.add_temporary_roots([path])?;
        }
        let info = self.store.query(path)?;
        Ok(info.map(|info| self.add(info)))
    }

    /// Adds a path that has just become valid.
    pub(super) fn add(&self, info: ValidPathInfo) -> Arc<ValidPathInfo> {
        let info = Arc::new(info);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(info.path.clone(), Arc::clone(&info));
        info
    }

    /// Everything that `roots` refer to, themselves included.
    ///
    /// # Errors
    /// [`nix_store::Error::NotValid`] for a root that is not valid.
    pub(super) fn closure(&self, roots: BTreeSet<StorePath>) -> Result<Vec<Arc<ValidPathInfo>>> {
        let mut seen = roots.clone();
        let mut pending: Vec<StorePath> = roots.into_iter().collect();
        let mut closure = Vec::new();
        while let Some(path) = pending.pop() {
            let info = self
                .get(&path)?
                .ok_or_else(|| nix_store::Error::NotValid { path: path.base_name().to_owned() })?;
            for reference in &info.references {
                if seen.insert(reference.clone()) {
                    pending.push(reference.clone());
                }
            }
            closure.push(info);
        }
        Ok(closure)
    }
}
