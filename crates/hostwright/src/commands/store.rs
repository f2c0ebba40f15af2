//! `hostwright store …`

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use nix_store::local::{Access, ProblemKind};
use nix_store::{LocalStore, StoreDir, StorePath, StoreRoot, ValidPathInfo};
use serde_json::{Value, json};

use super::{Session, store_of_daemon};
use crate::arguments::{
    StoreCommand, StoreCommandArguments, StoreDeleteArguments, StoreInfoArguments, StoreOptimiseArguments,
    StoreRootsArguments, StoreVerifyArguments,
};
use crate::failure::Failure;
use crate::output;

/// Does what was asked for.
pub fn run(session: &Session, arguments: &StoreCommandArguments) -> Result<(), Failure> {
    if let Some(daemon) = store_of_daemon::asked_for(session)? {
        return store_of_daemon::run(session, &daemon, &arguments.command);
    }
    let root = StoreRoot::new(&session.configuration.store_root);
    let store = LocalStore::open_for(root.clone(), Access::ReadOnly)?;
    match &arguments.command {
        StoreCommand::Info(arguments) => info(session, &store, arguments),
        StoreCommand::Roots(arguments) => roots(session, &store, arguments),
        StoreCommand::Verify(arguments) => verify(session, &store, arguments),
        StoreCommand::Optimise(arguments) => optimise(session, &LocalStore::open(root)?, arguments),
        StoreCommand::Delete(arguments) => delete(session, &LocalStore::open(root)?, arguments),
    }
}

/// The store path that a user means: a path in the store, as it is written or as it really lies, one below it, its base
/// name, or a link to it.
fn path_of(session: &Session, store: &LocalStore, text: &str) -> Result<StorePath, Failure> {
    if let Ok(path) = StorePath::from_base_name(text) {
        return Ok(path);
    }
    let place = session.configuration.working_directory.join(text);
    let found = store.path_of_target(&place).or_else(|| {
        let target = std::fs::read_link(&place).ok()?;
        store.path_of_target(&place.parent().unwrap_or(Path::new("/")).join(target))
    });
    found.ok_or_else(|| Failure::Usage(format!("'{text}' is not a path in the store, nor a link to one")))
}

fn info(session: &Session, store: &LocalStore, arguments: &StoreInfoArguments) -> Result<(), Failure> {
    if arguments.paths.is_empty() {
        return info_of_store(store, arguments.json);
    }
    let mut paths =
        arguments.paths.iter().map(|text| path_of(session, store, text)).collect::<Result<Vec<_>, _>>()?;
    if arguments.closure {
        paths = store.closure(&paths)?;
    }
    let infos = paths.iter().map(|path| store.path_info(path)).collect::<Result<Vec<_>, _>>()?;
    if arguments.json {
        return output::json(&infos.iter().map(|info| describe(store.directory(), info)).collect());
    }
    let mut text = String::new();
    for info in &infos {
        text.push_str(&format!("{}\t{}\n", store.directory().display(&info.path), info.nar_size));
    }
    output::write(&text)
}

fn info_of_store(store: &LocalStore, as_json: bool) -> Result<(), Failure> {
    let mut bytes = 0;
    let paths = store.valid_paths()?;
    for path in &paths {
        bytes += store.query(path)?.map_or(0, |info| info.nar_size);
    }
    let free = store.free_space()?;
    let root = store.root().path();
    if as_json {
        return output::json(&json!({
            "root": root,
            "paths": paths.len(),
            "narSize": bytes,
            "freeSpace": free,
        }));
    }
    output::write(&format!(
        "Root:        {}\nPaths:       {}\nSize:        {}\nFree space:  {}\n",
        root.display(),
        paths.len(),
        output::bytes(bytes),
        output::bytes(free)
    ))
}

/// The names are those of `nix path-info --json`.
pub fn describe(directory: &StoreDir, info: &ValidPathInfo) -> Value {
    let display = |path: &StorePath| directory.display(path);
    json!({
        "path": display(&info.path),
        "narHash": info.nar_hash.to_sri(),
        "narSize": info.nar_size,
        "references": info.references.iter().map(display).collect::<Vec<_>>(),
        "deriver": info.deriver.as_ref().map(display),
        "registrationTime": info.registration_time,
        "ultimate": info.ultimate,
        "signatures": info.signatures,
        "ca": info.content_address.map(|address| address.to_string()),
    })
}

fn roots(session: &Session, store: &LocalStore, arguments: &StoreRootsArguments) -> Result<(), Failure> {
    let found = match &arguments.path {
        Some(path) => store.roots_needing(&path_of(session, store, path)?)?,
        None => store.find_roots()?,
    };
    let display = |path: &StorePath| store.directory().display(path);
    if arguments.json {
        let roots = found.iter().map(|root| json!({"root": root.source.path(), "path": display(&root.path)}));
        return output::json(&roots.collect());
    }
    let lines =
        found.iter().map(|root| format!("{} -> {}\n", root.source.path().display(), display(&root.path)));
    output::write(&lines.collect::<String>())
}

fn verify(session: &Session, store: &LocalStore, arguments: &StoreVerifyArguments) -> Result<(), Failure> {
    let problems =
        session.progress.stage("verify", "Verifying the store", || store.verify(!arguments.no_contents))?;
    let described = problems.iter().map(|problem| {
        let path = store.directory().display(&problem.path);
        let what = match &problem.kind {
            ProblemKind::Missing => "it is missing".to_owned(),
            ProblemKind::Modified { expected, actual } => {
                format!("its hash is {actual}, but it was registered with {expected}")
            }
            ProblemKind::Unreadable(error) => error.to_string(),
        };
        (path, what)
    });
    if arguments.json {
        let list = described.map(|(path, problem)| json!({"path": path, "problem": problem}));
        output::json(&list.collect())?;
    } else {
        output::write(&described.map(|(path, problem)| format!("{path}: {problem}\n")).collect::<String>())?;
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::DamagedStore { count }),
    }
}

fn optimise(
    session: &Session,
    store: &LocalStore,
    arguments: &StoreOptimiseArguments,
) -> Result<(), Failure> {
    let savings = session.progress.stage("optimise", "Linking equal files", || store.optimise())?;
    session.progress.say(&format!(
        "Linked {} and saved {}.",
        output::counted(usize::try_from(savings.files).unwrap_or(usize::MAX), "file"),
        output::bytes(savings.bytes)
    ));
    if arguments.json {
        output::json(&json!({"files": savings.files, "bytes": savings.bytes}))?;
    }
    Ok(())
}

fn delete(session: &Session, store: &LocalStore, arguments: &StoreDeleteArguments) -> Result<(), Failure> {
    let paths: BTreeSet<StorePath> =
        arguments.paths.iter().map(|text| path_of(session, store, text)).collect::<Result<_, _>>()?;
    for path in &paths {
        if std::fs::symlink_metadata(store.real_path(path)).is_err() {
            store.path_info(path)?;
        }
    }
    let paths: Vec<StorePath> = paths.into_iter().collect();
    let keep = session.configuration.keep;
    let mut observer = |_: nix_store::local::CollectEvent<'_>| ControlFlow::Continue(());
    let collection = session.progress.stage("delete", "Removing store paths", || {
        store.delete_paths(&paths, keep, arguments.ignore_liveness, &mut observer)
    })?;
    session.progress.say(&format!(
        "Removed {} and freed {}.",
        output::counted(collection.removed.len(), "store path"),
        output::bytes(collection.bytes_freed)
    ));
    if arguments.json {
        let paths: Vec<String> =
            collection.removed.iter().map(|name| format!("{}/{name}", store.directory().as_str())).collect();
        output::json(&json!({"paths": paths, "bytesFreed": collection.bytes_freed}))?;
    }
    Ok(())
}
