//! `hostwright image FLAKE#HOST`

use nix_flake::Installable;
use nix_store::StoreDir;
use nix_store::local::RootTarget;
use serde_json::json;

use super::Session;
use crate::arguments::ImageArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::packages::Fleet;
use crate::stages::{evaluate, image, realise};

/// Makes the image, links and prints it.
pub fn run(session: &Session, arguments: &ImageArguments) -> Result<(), Failure> {
    let installable = Installable::parse(&arguments.installable, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &installable.flake)?;
    let ((evaluated, named), flake) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            let key = format!("image {} of {}", arguments.format, installable.attribute_path);
            evaluate::derivations_of_one(session, flake, Some(key), |evaluation, value| {
                let host = evaluate::host_of(evaluation, value, &installable.attribute_path)?;
                let (image, named) = image::select(evaluation, value, &host, &arguments.format)?;
                Ok((vec![(host, image)], named))
            })
        })
    })?;
    let prepared = realise::prepare(session, &flake.trees, &evaluated)?;
    for built in realise::realise(session, &prepared, &evaluated)? {
        let path = built.path()?;
        if !arguments.no_link {
            let link = session.configuration.working_directory.join(&arguments.out_link);
            prepared.store.add_root(&link, path, RootTarget::Real)?;
        }
        let file = image::file(&prepared.store.real_path(path), named.as_deref())?;
        if arguments.json {
            let size = std::fs::metadata(&file)
                .map_err(|source| Failure::File { action: "read", path: file.clone(), source })?
                .len();
            output::json(&json!({
                "path": StoreDir::default().display(path).to_string(),
                "format": arguments.format,
                "file": file,
                "size": size,
            }))?;
        } else {
            output::line(&file.display().to_string())?;
        }
    }
    Ok(())
}
