//! `hostwright log INSTALLABLE`

use nix_build::realise::read_log;
use nix_flake::Installable;
use nix_store::local::Access;
use nix_store::{LocalStore, StoreDir, StorePath, StoreRoot};

use super::Session;
use crate::arguments::LogArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate;
use crate::stages::packages::Fleet;

/// Prints what a build printed.
pub fn run(session: &Session, arguments: &LogArguments) -> Result<(), Failure> {
    let root = StoreRoot::new(&session.configuration.store_root);
    let derivation = derivation(session, &root, &arguments.installable)?;
    match read_log(&root, &derivation)? {
        Some(log) => output::write(&String::from_utf8_lossy(&log)),
        None => Err(Failure::NoLog { derivation: derivation.base_name().to_owned() }),
    }
}

/// The derivation whose log is wanted: named itself, by what it made, or by the attribute that it is.
fn derivation(session: &Session, root: &StoreRoot, text: &str) -> Result<StorePath, Failure> {
    let base_name = text.rsplit('/').next().unwrap_or(text);
    let path = StoreDir::default().parse(text.as_bytes()).or_else(|_| StorePath::from_base_name(base_name));
    if let Ok(path) = path {
        if path.is_derivation() {
            return Ok(path);
        }
        let store = LocalStore::open_for(root.clone(), Access::ReadOnly)?;
        return store
            .path_info(&path)?
            .deriver
            .ok_or_else(|| Failure::NoLog { derivation: path.to_string() });
    }
    let installable = Installable::parse(text, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &installable.flake)?;
    let ((evaluated, ()), _) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            let path = &installable.attribute_path;
            evaluate::derivations_of_one(
                session,
                flake,
                Some(format!("build {path}")),
                |evaluation, value| {
                    let system = &session.configuration.evaluation.system;
                    let value = evaluate::find(evaluation, value, path, true, system)?;
                    Ok((vec![(path.to_string(), value)], ()))
                },
            )
        })
    })?;
    let target = evaluated.targets.into_iter().next();
    target.map(|target| target.derivation).ok_or_else(|| Failure::NoLog { derivation: text.to_owned() })
}
