//! Binary caches as a way to have outputs without building them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use binary_cache::Caches;
use nix_build::builders::Log;
use nix_build::realise::{Substitutable, Substituter, SubstitutionError};
use nix_store::{LocalStore, StorePath};

use super::caches::{absolute, cancellation, observer};
use super::evaluate::DerivationGraph;
use crate::commands::Session;
use crate::failure::Failure;
use crate::interrupt::Guard;

/// The builder that only packages of the Debian base have.
const OF_DEBIAN: &[u8] = b"builtin:unpack-deb";

/// The caches of the settings.
struct FromCaches {
    caches: Caches,
    cancellation: binary_cache::Cancellation,
    /// Lets an interrupt call off what is under way.
    _guard: Guard,
}

/// The caches that may have something of a graph, if there are any. Nix's own, where nobody has asked for it, has nothing of
/// the Debian base.
pub fn of_graph(session: &Session, graph: &DerivationGraph) -> Result<Option<Arc<dyn Substituter>>, Failure> {
    let configuration = &session.configuration.caches;
    let of_debian = || graph.values().any(|derivation| derivation.builder == OF_DEBIAN);
    if session.configuration.offline || (configuration.is_default && of_debian()) {
        return Ok(None);
    }
    let urls: Vec<String> = configuration.substituters.iter().map(|url| absolute(session, url)).collect();
    if urls.is_empty() {
        return Ok(None);
    }
    let observer = observer(&session.progress, "substituting");
    let caches = Caches::new(configuration.settings.clone(), urls.iter().map(String::as_str), observer)?;
    let (cancellation, guard) = cancellation(session);
    Ok(Some(Arc::new(FromCaches { caches, cancellation, _guard: guard })))
}

impl Substituter for FromCaches {
    fn query(&self, paths: &BTreeSet<StorePath>) -> BTreeMap<StorePath, Substitutable> {
        let paths: Vec<StorePath> = paths.iter().cloned().collect();
        // A question fails only when all is called off; what goes wrong with a cache is told by itself.
        let found = self.caches.query(&paths, &self.cancellation).unwrap_or_default();
        let offers = found.into_iter().map(|(path, available)| {
            let narinfo = available.narinfo;
            let offer = Substitutable {
                references: narinfo.info.references,
                nar_size: narinfo.info.nar_size,
                download_size: narinfo.file_size,
            };
            (path, offer)
        });
        offers.collect()
    }

    fn fetch(
        &self,
        store: &LocalStore,
        path: &StorePath,
        _log: &dyn Log,
        _cancellation: &nix_build::Cancellation,
    ) -> Result<(), SubstitutionError> {
        self.caches.fetch(store, [path.clone()], &self.cancellation)?;
        Ok(())
    }
}
