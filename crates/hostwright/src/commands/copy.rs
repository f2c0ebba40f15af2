//! `hostwright copy [--from URL… | --to URL] PATH…`: from and to binary caches, and stores that a Nix daemon serves.

use binary_cache::{Caches, Settings};
use nix_store::{LocalStore, StoreDir, StorePath, StoreRoot};
use serde_json::json;

use super::{Session, cache};
use crate::arguments::CopyArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::caches;
use crate::stages::daemon::Daemon;

/// Copies, and says what.
pub fn run(session: &Session, arguments: &CopyArguments) -> Result<(), Failure> {
    let roots = caches::store_paths(session, &arguments.paths)?;
    let copied: Vec<StorePath> = match &arguments.to {
        Some(url) if is_daemon(url) => {
            let daemon = Daemon::connect(session, &url.parse()?)?;
            daemon.copy_to(session, &caches::readable_store(session)?, &roots.into_iter().collect())?
        }
        Some(url) => {
            let keys = caches::keys(session, &[])?;
            cache::push::push(session, url, &roots, &keys)?.1.added.into_iter().collect()
        }
        None => match arguments.from.as_slice() {
            [url] if is_daemon(url) => {
                let daemon = Daemon::connect(session, &url.parse()?)?;
                let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
                daemon.copy_from(session, &store, &roots.into_iter().collect())?
            }
            _ => fetch(session, arguments, &roots)?,
        },
    };
    if arguments.json {
        let directory = StoreDir::default();
        let copied: Vec<String> = copied.iter().map(|path| directory.display(path)).collect();
        return output::json(&json!({ "copied": copied }));
    }
    session.progress.say(&format!("Copied {} paths.", copied.len()));
    Ok(())
}

/// Whether this is the address of a store that a daemon serves, and no cache's.
fn is_daemon(url: &str) -> bool {
    url == "daemon" || ["unix://", "ssh-ng://", "ssh://"].iter().any(|scheme| url.starts_with(scheme))
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
