//! `hostwright build FLAKE#HOST…`

use std::path::PathBuf;

use nix_flake::{FlakeReference, Installable};
use nix_store::StoreDir;
use serde_json::{Value, json};

use super::Session;
use crate::arguments::BuildArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate;
use crate::stages::packages::Fleet;
use crate::stages::realise::{self, Built, Prepared};

/// Builds, links and prints.
pub fn run(session: &Session, arguments: &BuildArguments) -> Result<(), Failure> {
    let mut built: Vec<Built> = Vec::new();
    let mut plans = Vec::new();
    for (flake, installables) in by_flake(session, arguments)? {
        let fleet = Fleet::open(session, &flake)?;
        let ((evaluated, _), flake) = fleet.with_packages(session, |flake| {
            session.progress.stage("evaluate", "Evaluating", || {
                let key = |wanted: &Installable| Some(format!("build {}", wanted.attribute_path));
                let host = |wanted: &Installable| evaluate::named_host(&wanted.attribute_path);
                evaluate::derivations(
                    session,
                    flake,
                    &installables,
                    key,
                    host,
                    |evaluation, value, wanted| {
                        let path = &wanted.attribute_path;
                        let system = &session.configuration.evaluation.system;
                        let value = evaluate::find(evaluation, value, path, true, system)?;
                        Ok((vec![(path.to_string(), value)], ()))
                    },
                )
            })
        })?;
        let prepare = if arguments.rebuild { realise::prepare_check } else { realise::prepare };
        let prepared = prepare(session, &flake.trees, &evaluated)?;
        if arguments.dry_run {
            plans.push(prepared);
            continue;
        }
        for result in realise::realise_in_place(session, &prepared, &evaluated)? {
            if !arguments.no_link {
                let link = session.configuration.working_directory.join(link_name(arguments, built.len()));
                prepared.link(session, &link, &result)?;
            }
            built.push(result);
        }
    }
    if arguments.dry_run {
        return print_plans(arguments, &plans);
    }
    if arguments.json {
        output::json(&Value::Array(built.iter().map(describe).collect()))?;
    } else if arguments.print_out_paths {
        for built in &built {
            output::line(&StoreDir::default().display(built.path()?).to_string())?;
        }
    }
    Ok(())
}

/// The installables by their flakes, in the order in which the flakes were named first.
fn by_flake(
    session: &Session,
    arguments: &BuildArguments,
) -> Result<Vec<(FlakeReference, Vec<Installable>)>, Failure> {
    let mut groups: Vec<(FlakeReference, Vec<Installable>)> = Vec::new();
    for text in &arguments.installables {
        let installable = Installable::parse(text, &session.configuration.working_directory)?;
        match groups.iter_mut().find(|(flake, _)| *flake == installable.flake) {
            Some((_, members)) => members.push(installable),
            None => groups.push((installable.flake.clone(), vec![installable])),
        }
    }
    Ok(groups)
}

/// `result`, `result-1`, `result-2`, as Nix names them.
fn link_name(arguments: &BuildArguments, index: usize) -> PathBuf {
    match index {
        0 => arguments.out_link.clone(),
        _ => {
            let mut name = arguments.out_link.clone().into_os_string();
            name.push(format!("-{index}"));
            name.into()
        }
    }
}

fn describe(built: &Built) -> Value {
    let directory = StoreDir::default();
    let outputs: serde_json::Map<String, Value> = built
        .outputs
        .iter()
        .map(|(name, path)| (name.clone(), directory.display(path).to_string().into()))
        .collect();
    json!({ "drvPath": directory.display(&built.target.derivation).to_string(), "outputs": outputs })
}

fn print_plans(arguments: &BuildArguments, plans: &[Prepared]) -> Result<(), Failure> {
    for prepared in plans {
        if arguments.json {
            let failed = |source: serde_json::Error| Failure::StandardOutput { source: source.into() };
            output::json(&serde_json::to_value(&prepared.plan).map_err(failed)?)?;
        } else {
            output::write(&prepared.description())?;
        }
    }
    Ok(())
}
