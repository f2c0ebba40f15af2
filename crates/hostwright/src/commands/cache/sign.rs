//! `hostwright cache sign [--cache URL] [PATH…] --key-file FILE`

use binary_cache::sign_store;
use nix_store::{LocalStore, StoreRoot};
use serde_json::json;

use super::Session;
use crate::arguments::CacheSignArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::caches;

/// Signs, and counts what was not signed before.
pub fn run(session: &Session, arguments: &CacheSignArguments) -> Result<(), Failure> {
    let keys = caches::keys(session, &arguments.key_file)?;
    if keys.is_empty() && !arguments.cache.as_deref().is_some_and(|url| url.contains("secret-key=")) {
        return Err(Failure::Usage(
            "there is no key to sign with: give --key-file, or set secret-key-files".to_owned(),
        ));
    }
    let paths = caches::store_paths(session, &arguments.paths)?;
    let signed = match &arguments.cache {
        Some(url) => {
            let destination = caches::destination(session, url, "Signing")?;
            let (cancellation, _guard) = caches::cancellation(session);
            let some = (!paths.is_empty()).then_some(paths.as_slice());
            session.progress.stage("sign", "Signing", || destination.sign(some, &keys, &cancellation))?
        }
        None => {
            let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
            sign_store(&store, &store.closure(&paths)?, &keys)?
        }
    };
    if arguments.json {
        return output::json(&json!({ "signed": signed.signed, "unchanged": signed.unchanged }));
    }
    session
        .progress
        .say(&format!("Signed {} paths; {} had the signatures already.", signed.signed, signed.unchanged));
    Ok(())
}
