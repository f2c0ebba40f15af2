//! `hostwright store …` and `hostwright gc` for the store of a Nix daemon.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use nix_store::daemon::CollectAction;
use nix_store::local::{OldGenerations, delete_old_generations};
use nix_store::{DaemonStore, StorePath, ValidPathInfo};
use serde_json::{Value, json};

use super::Session;
use crate::arguments::{
    GcArguments, StoreCommand, StoreDeleteArguments, StoreInfoArguments, StoreRootsArguments,
    StoreVerifyArguments,
};
use crate::failure::Failure;
use crate::output;
use crate::stages::daemon::Daemon;

/// The daemon that somebody asked for.
pub fn asked_for(session: &Session) -> Result<Option<Daemon>, Failure> {
    match &session.configuration.daemon {
        Some(choice) if choice.is_asked => Daemon::connect(session, &choice.uri).map(Some),
        _ => Ok(None),
    }
}

/// Does what was asked for.
pub fn run(session: &Session, daemon: &Daemon, command: &StoreCommand) -> Result<(), Failure> {
    match command {
        StoreCommand::Info(arguments) => info(session, daemon, arguments),
        StoreCommand::Roots(arguments) => roots(session, daemon, arguments),
        StoreCommand::Verify(arguments) => verify(session, daemon, arguments),
        StoreCommand::Optimise(_) => session
            .progress
            .stage("optimise", "Linking equal files", || daemon.watch(session, DaemonStore::optimise)),
        StoreCommand::Delete(arguments) => delete(session, daemon, arguments),
    }
}

/// The store path that a user means: as it is written, its base name, one below it, or a link to it.
fn path_of(session: &Session, daemon: &Daemon, text: &str) -> Result<StorePath, Failure> {
    if let Ok(path) = StorePath::from_base_name(text) {
        return Ok(path);
    }
    let directory = Path::new(daemon.store.directory().as_str());
    let inside = |path: &Path| {
        let name = path.strip_prefix(directory).ok()?.components().next()?;
        StorePath::from_base_name(name.as_os_str().to_str()?).ok()
    };
    let place = session.configuration.working_directory.join(text);
    let found = inside(&place).or_else(|| inside(&std::fs::read_link(&place).ok()?));
    found.ok_or_else(|| Failure::Usage(format!("'{text}' is not a path in the store, nor a link to one")))
}

fn paths_of(session: &Session, daemon: &Daemon, texts: &[String]) -> Result<BTreeSet<StorePath>, Failure> {
    texts.iter().map(|text| path_of(session, daemon, text)).collect()
}

fn info(session: &Session, daemon: &Daemon, arguments: &StoreInfoArguments) -> Result<(), Failure> {
    let store = &daemon.store;
    if arguments.paths.is_empty() {
        let paths = daemon.watch(session, DaemonStore::valid_paths)?;
        let (version, protocol) = (store.daemon_version(), store.protocol_version().to_string());
        let trust = format!("{:?}", store.trust());
        if arguments.json {
            return output::json(&json!({
                "store": daemon.name(), "paths": paths.len(), "version": version, "protocol": protocol, "trust": trust,
            }));
        }
        return output::write(&format!(
            "Store:       {}\nPaths:       {}\nNix:         {version}, protocol {protocol}\nTrust:       {trust}\n",
            daemon.name(),
            paths.len()
        ));
    }
    let paths = paths_of(session, daemon, &arguments.paths)?;
    let infos: Vec<ValidPathInfo> = match arguments.closure {
        true => daemon.watch(session, |store| store.closure(&paths))?,
        false => {
            let paths: Vec<StorePath> = paths.into_iter().collect();
            let known = daemon.watch(session, |store| store.query_many(&paths))?;
            let known = paths.iter().zip(known).map(|(path, info)| {
                info.ok_or_else(|| nix_store::Error::NotValid { path: path.base_name().to_owned() })
            });
            known.collect::<Result<_, _>>()?
        }
    };
    if arguments.json {
        return output::json(
            &infos.iter().map(|info| super::store::describe(store.directory(), info)).collect(),
        );
    }
    let lines =
        infos.iter().map(|info| format!("{}\t{}\n", store.directory().display(&info.path), info.nar_size));
    output::write(&lines.collect::<String>())
}

fn roots(session: &Session, daemon: &Daemon, arguments: &StoreRootsArguments) -> Result<(), Failure> {
    let mut found = daemon.watch(session, DaemonStore::find_roots)?;
    if let Some(text) = &arguments.path {
        let path = path_of(session, daemon, text)?;
        let mut keeping = BTreeSet::from([path.clone()]);
        let mut pending = vec![path];
        while let Some(path) = pending.pop() {
            let referrers = daemon.watch(session, |store| store.referrers(&path))?;
            pending.extend(referrers.into_iter().filter(|referrer| keeping.insert(referrer.clone())));
        }
        found.retain(|_, path| keeping.contains(path));
    }
    let display = |path: &StorePath| daemon.store.directory().display(path);
    if arguments.json {
        return output::json(
            &found.iter().map(|(root, path)| json!({"root": root, "path": display(path)})).collect(),
        );
    }
    let lines = found.iter().map(|(root, path)| format!("{} -> {}\n", root.display(), display(path)));
    output::write(&lines.collect::<String>())
}

fn verify(session: &Session, daemon: &Daemon, arguments: &StoreVerifyArguments) -> Result<(), Failure> {
    let is_damaged = session.progress.stage("verify", "Verifying the store", || {
        daemon.watch(session, |store| store.verify(!arguments.no_contents, false))
    })?;
    if arguments.json {
        // The daemon's log says which; its answer does not.
        output::json(&json!({"damaged": is_damaged}))?;
    }
    match is_damaged {
        true => Err(Failure::DamagedDaemonStore { daemon: daemon.name() }),
        false => Ok(()),
    }
}

fn delete(session: &Session, daemon: &Daemon, arguments: &StoreDeleteArguments) -> Result<(), Failure> {
    let paths = paths_of(session, daemon, &arguments.paths)?;
    let action = CollectAction::Remove { paths, ignore_roots: arguments.ignore_liveness };
    let (removed, bytes) = session.progress.stage("delete", "Removing store paths", || {
        daemon.watch(session, |store| store.collect_garbage(&action))
    })?;
    say_removed(session, removed.len(), bytes);
    if arguments.json {
        output::json(&json!({"paths": removed, "bytesFreed": bytes}))?;
    }
    Ok(())
}

fn say_removed(session: &Session, count: usize, bytes: u64) {
    session.progress.say(&format!(
        "Removed {} and freed {}.",
        output::counted(count, "store path"),
        output::bytes(bytes)
    ));
}

/// Has the daemon collect, or list what it would remove. Old generations are those of the user's own profiles.
pub fn collect(session: &Session, daemon: &Daemon, arguments: &GcArguments) -> Result<(), Failure> {
    let old = match &arguments.delete_older_than {
        Some(age) => Some(OldGenerations::older_than(age, SystemTime::now())?),
        None => arguments.delete_old.then_some(OldGenerations::All),
    };
    let profiles = &session.configuration.user_profiles;
    let generations = match old {
        Some(old) => delete_old_generations(profiles, old, arguments.dry_run)?,
        None => Vec::new(),
    };
    let action = match arguments.dry_run {
        true => CollectAction::ListDead,
        false => CollectAction::RemoveDead { max_freed: arguments.max_freed.unwrap_or(u64::MAX) },
    };
    let (paths, bytes) = session.progress.stage("collect", "Collecting garbage", || {
        daemon.watch(session, |store| store.collect_garbage(&action))
    })?;
    if arguments.json {
        let links: Vec<&Path> = generations.iter().map(|generation| generation.link.as_path()).collect();
        let value: Value = json!({
            "dryRun": arguments.dry_run, "paths": paths, "bytesFreed": bytes, "generations": links, "stopped": false,
        });
        output::json(&value)?;
    } else if arguments.dry_run {
        output::write(&paths.iter().map(|path| format!("{path}\n")).collect::<String>())?;
    }
    match arguments.dry_run {
        true => {
            session.progress.say(&format!("Would remove {}.", output::counted(paths.len(), "store path")))
        }
        false => say_removed(session, paths.len(), bytes),
    }
    Ok(())
}
