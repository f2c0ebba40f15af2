//! `hostwright gc`

use std::ops::ControlFlow;
use std::time::SystemTime;

use nix_store::local::{
    Access, CollectEvent, CollectOptions, Generation, OldGenerations, delete_old_generations,
};
use nix_store::{LocalStore, StoreRoot};
use serde_json::json;

use super::{Session, store_of_daemon};
use crate::arguments::GcArguments;
use crate::failure::Failure;
use crate::output;

/// Removes what nothing needs, or says what that would be.
pub fn run(session: &Session, arguments: &GcArguments) -> Result<(), Failure> {
    if let Some(daemon) = store_of_daemon::asked_for(session)? {
        return store_of_daemon::collect(session, &daemon, arguments);
    }
    let root = StoreRoot::new(&session.configuration.store_root);
    // A store that is not there is a mistake, not one to be made.
    let reader = LocalStore::open_for(root.clone(), Access::ReadOnly)?;
    let old = match &arguments.delete_older_than {
        Some(age) => Some(OldGenerations::older_than(age, SystemTime::now())?),
        None => arguments.delete_old.then_some(OldGenerations::All),
    };
    let mut generations = Vec::new();
    if let Some(old) = old {
        let mut places = vec![root.profiles_directory()];
        places.extend(root.is_system().then(|| session.configuration.user_profiles.clone()));
        for place in places {
            generations.extend(delete_old_generations(&place, old, arguments.dry_run)?);
        }
    }
    let options = CollectOptions { keep: session.configuration.keep, max_freed: arguments.max_freed };
    if arguments.dry_run {
        return dry_run(session, arguments, &reader, &options, &generations);
    }
    drop(reader);
    let store = LocalStore::open(root)?;
    let mut observer = |event: CollectEvent<'_>| {
        match event {
            CollectEvent::Waiting => {
                session.progress.say("Waiting for another collection or a build to end.")
            }
            CollectEvent::Removed { name, bytes } => {
                session.progress.detail(&format!("removed {name} ({})", output::bytes(bytes)));
            }
        }
        ControlFlow::Continue(())
    };
    let collection = session
        .progress
        .stage("collect", "Collecting garbage", || store.collect_garbage(&options, &mut observer))?;
    session.progress.say(&format!(
        "Removed {} and freed {}.",
        output::counted(collection.removed.len(), "store path"),
        output::bytes(collection.bytes_freed)
    ));
    if arguments.json {
        let paths = collection.removed.iter().map(|name| display(&store, name));
        output::json(&describe(arguments, paths, collection.bytes_freed, &generations, collection.stopped))?;
    }
    Ok(())
}

fn dry_run(
    session: &Session,
    arguments: &GcArguments,
    store: &LocalStore,
    options: &CollectOptions,
    generations: &[Generation],
) -> Result<(), Failure> {
    let garbage = session
        .progress
        .stage("collect", "Looking for garbage", || store.find_garbage(options, generations))?;
    let bytes = garbage.iter().map(|garbage| garbage.bytes).sum();
    let paths = garbage.iter().map(|garbage| display(store, &garbage.name));
    if arguments.json {
        let stopped = arguments.max_freed.is_some_and(|limit| bytes > limit);
        output::json(&describe(arguments, paths, bytes, generations, stopped))?;
    } else {
        output::write(&paths.map(|path| path + "\n").collect::<String>())?;
    }
    session.progress.say(&format!(
        "Would remove {} and free {}.",
        output::counted(garbage.len(), "store path"),
        output::bytes(bytes)
    ));
    Ok(())
}

fn display(store: &LocalStore, name: &str) -> String {
    format!("{}/{name}", store.directory().as_str())
}

fn describe(
    arguments: &GcArguments,
    paths: impl Iterator<Item = String>,
    bytes: u64,
    generations: &[Generation],
    stopped: bool,
) -> serde_json::Value {
    let links: Vec<_> = generations.iter().map(|generation| &generation.link).collect();
    json!({
        "dryRun": arguments.dry_run,
        "paths": paths.collect::<Vec<_>>(),
        "bytesFreed": bytes,
        "generations": links,
        "stopped": stopped,
    })
}
