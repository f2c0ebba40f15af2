//! `hostwright cache push URL PATH…`

use binary_cache::Pushed;
use nix_store::{SecretKey, StoreDir, StorePath};
use serde_json::json;

use super::Session;
use crate::arguments::CachePushArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::caches;

/// Pushes, and says what that was.
pub fn run(session: &Session, arguments: &CachePushArguments) -> Result<(), Failure> {
    let roots = caches::store_paths(session, &arguments.paths)?;
    let keys = caches::keys(session, &arguments.key_file)?;
    if arguments.dry_run {
        let destination = caches::destination(session, &arguments.url, "Looking")?;
        let (cancellation, _guard) = caches::cancellation(session);
        let missing = destination.missing(&caches::readable_store(session)?, &roots, &cancellation)?;
        return print(destination.name(), &missing, &[], 0, arguments.json);
    }
    let (name, pushed) = push(session, &arguments.url, &roots, &keys)?;
    let added: Vec<StorePath> = pushed.added.into_iter().collect();
    let present: Vec<StorePath> = pushed.present.into_iter().collect();
    if !arguments.json {
        session.progress.say(&format!(
            "Brought {} paths ({:.1} MiB) to {name}; {} were there.",
            added.len(),
            pushed.bytes as f64 / f64::from(1 << 20),
            present.len()
        ));
        return Ok(());
    }
    print(&name, &added, &present, pushed.bytes, true)
}

/// Pushes; the cache's name, and what was done.
pub fn push(
    session: &Session,
    url: &str,
    roots: &[StorePath],
    keys: &[SecretKey],
) -> Result<(String, Pushed), Failure> {
    let store = caches::readable_store(session)?;
    let destination = caches::destination(session, url, "Pushing")?;
    let (cancellation, _guard) = caches::cancellation(session);
    let pushed =
        session.progress.stage("push", "Pushing", || destination.push(&store, roots, keys, &cancellation))?;
    Ok((destination.name().to_owned(), pushed))
}

fn print(
    cache: &str,
    added: &[StorePath],
    present: &[StorePath],
    bytes: u64,
    as_json: bool,
) -> Result<(), Failure> {
    let directory = StoreDir::default();
    let names = |paths: &[StorePath]| paths.iter().map(|path| directory.display(path)).collect::<Vec<_>>();
    if as_json {
        return output::json(&json!({
            "cache": cache, "added": names(added), "present": names(present), "bytes": bytes,
        }));
    }
    for name in names(added) {
        output::line(&name)?;
    }
    Ok(())
}
