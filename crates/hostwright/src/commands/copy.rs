//! `hostwright copy [--from URL… | --to URL] PATH…`

use binary_cache::{Caches, Settings};
use nix_store::{LocalStore, StoreDir, StorePath, StoreRoot};
use serde_json::json;

use super::{Session, cache};
use crate::arguments::CopyArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::caches;

/// Copies, and says what.
pub fn run(session: &Session, arguments: &CopyArguments) -> Result<(), Failure> {
    let roots = caches::store_paths(session, &arguments.paths)?;
    let copied: Vec<StorePath> = match &arguments.to {
        Some(url) => {
            let keys = caches::keys(session, &[])?;
            cache::push::push(session, url, &roots, &keys)?.1.added.into_iter().collect()
        }
        None => fetch(session, arguments, &roots)?,
    };
    if arguments.json {
        let directory = StoreDir::default();
        let copied: Vec<String> = copied.iter().map(|path| directory.display(path)).collect();
        return output::json(&json!({ "copied": copied }));
    }
    session.progress.say(&format!("Copied {} paths.", copied.len()));
    Ok(())
}

fn fetch(
    session: &Session,
    arguments: &CopyArguments,
    roots: &[StorePath],
) -> Result<Vec<StorePath>, Failure> {
    let settings = session.configuration.caches.settings.clone();
    let require_signatures = settings.require_signatures && !arguments.no_check_sigs;
    let settings = Settings { require_signatures, ..settings };
    let from = match arguments.from.is_empty() {
        true => &session.configuration.caches.substituters,
        false => &arguments.from,
    };
    let urls: Vec<String> = from.iter().map(|url| caches::absolute(session, url)).collect();
    let observer = caches::observer(&session.progress, "Copying");
    let from = Caches::new(settings, urls.iter().map(String::as_str), observer)?;
    let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
    let (cancellation, _guard) = caches::cancellation(session);
    let fetched =
        session.progress.stage("copy", "Copying", || from.fetch(&store, roots.to_vec(), &cancellation))?;
    Ok(fetched.valid.into_iter().collect())
}
