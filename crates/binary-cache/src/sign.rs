//! Adding signatures to what is there already, in a cache or in a store.

use std::sync::Arc;

use download::Cancellation;
use nix_store::{LocalStore, SecretKey, StorePath, ValidPathInfo};
use tokio::task::JoinSet;

use crate::error::{Error, Result};
use crate::push::{Destination, Written, narinfo_name};

/// Narinfos in work at a time.
const AT_ONCE: usize = 64;

/// What signing changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signed {
    /// Paths that have a new signature.
    pub signed: usize,
    /// Paths that had the signatures.
    pub unchanged: usize,
}

impl Destination {
    /// Signs what the cache says of `paths`, or of all that it has, with `keys` and that of the address. Nothing is checked:
    /// who signs says that it is right ([`Self::verify`] tells).
    ///
    /// # Errors
    /// [`Error::NotAvailable`] for a path that is not there; [`Error::Unsupported`] for a cache that does not list its paths;
    /// [`Error::Cancelled`], and those of the transport.
    pub fn sign(
        &self,
        paths: Option<&[StorePath]>,
        keys: &[SecretKey],
        cancellation: &Cancellation,
    ) -> Result<Signed> {
        let mut keys = keys.to_vec();
        keys.extend(self.own_key()?);
        let keys = Arc::new(keys);
        self.tasks.wait_for(cancellation, async {
            let names = self.shared.names(paths).await?;
            let mut names = names.into_iter();
            let mut tasks = JoinSet::new();
            let mut signed = Signed::default();
            loop {
                while tasks.len() < AT_ONCE
                    && let Some(name) = names.next()
                {
                    tasks.spawn(Arc::clone(&self.shared).sign_one(name, Arc::clone(&keys)));
                }
                match tasks.join_next().await {
                    None => return Ok(signed),
                    Some(Ok(changed)) => match changed? {
                        true => signed.signed += 1,
                        false => signed.unchanged += 1,
                    },
                    Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Some(Err(_)) => return Err(Error::Cancelled),
                }
            }
        })
    }
}

impl Written {
    /// The names of the narinfos of `paths`, or of all.
    pub(crate) async fn names(&self, paths: Option<&[StorePath]>) -> Result<Vec<String>> {
        match paths {
            Some(paths) => Ok(paths.iter().map(narinfo_name).collect()),
            None => self.cache.storage.list(".narinfo").await,
        }
    }

    async fn sign_one(self: Arc<Self>, name: String, keys: Arc<Vec<SecretKey>>) -> Result<bool> {
        let hash_part = name.trim_end_matches(".narinfo");
        let Some(mut narinfo) = self.cache.narinfo(&self.settings, hash_part).await? else {
            return Err(Error::NotAvailable { path: hash_part.to_owned() });
        };
        let changed = sign(&mut narinfo.info, &keys, &self.settings.store_directory)?;
        if changed {
            self.put_narinfo(narinfo).await?;
        }
        Ok(changed)
    }
}

/// Signs valid paths of a store with `keys`.
///
/// # Errors
/// [`nix_store::Error::NotValid`]; [`nix_store::Error::Incomplete`]; those of the database.
pub fn sign_store(store: &LocalStore, paths: &[StorePath], keys: &[SecretKey]) -> Result<Signed> {
    let mut changed = Vec::new();
    for path in paths {
        let mut info = store.path_info(path)?;
        if sign(&mut info, keys, store.directory())? {
            changed.push(info);
        }
    }
    store.register(&changed)?;
    Ok(Signed { signed: changed.len(), unchanged: paths.len() - changed.len() })
}

fn sign(info: &mut ValidPathInfo, keys: &[SecretKey], directory: &nix_store::StoreDir) -> Result<bool> {
    let mut changed = false;
    for key in keys {
        changed |= key.sign_path(directory, info)?;
    }
    Ok(changed)
}
