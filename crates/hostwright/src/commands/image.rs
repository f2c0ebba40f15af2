//! `hostwright image FLAKE#HOST`

use std::path::{Path, PathBuf};

use install::personal::{Personal, PersonalImage, copy_sparse, patch};
use install::source::{Compression, ImageFile};
use nix_build::builders::Compression as CardCompression;
use nix_flake::Installable;
use nix_store::StoreDir;
use nix_store::local::RootTarget;
use nix_store::{LocalStore, StorePath, StoreRoot};
use serde_json::json;

use super::{Session, personal};
use crate::arguments::ImageArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::packages::Fleet;
use crate::stages::{evaluate, image, realise, stored_card};

/// An image in the store.
pub struct BuiltImage {
    /// Its store path.
    pub path: StorePath,
    /// The file in it.
    pub file: PathBuf,
}

/// Makes the image, links and prints it.
pub fn run(session: &Session, arguments: &ImageArguments) -> Result<(), Failure> {
    let mut settings = personal::read(&arguments.personal)?;
    if let Some(file) = &arguments.patch {
        return patch_file(session, arguments, file, &settings);
    }
    if let Some(toplevel) = &arguments.toplevel {
        return toplevel_card(session, arguments, toplevel);
    }
    // The parser wants one of them.
    let Some(installable) = arguments.installable.as_ref().or(arguments.flake.as_ref()) else {
        return Ok(());
    };
    let copy = match &arguments.for_machine {
        Some(name) => {
            let label: install::personal::HostLabel = name.parse()?;
            let copy = session.configuration.working_directory.join(format!("{label}.img"));
            settings.hostname.get_or_insert(label);
            Some(copy)
        }
        None if !settings.is_empty() => {
            return Err(Failure::Usage(
                "the image in the store is for every machine: say --for NAME to make a copy with these settings".to_owned(),
            ));
        }
        None => None,
    };
    let link =
        (!arguments.no_link).then(|| session.configuration.working_directory.join(&arguments.out_link));
    let wanted = Wanted { format: &arguments.format, system: arguments.system.as_deref() };
    let built = build(session, installable, wanted, link.as_deref())?;
    if let Some(copy) = &copy {
        let source = ImageFile::open(&built.file)?;
        // What cannot be is said before a large copy is made.
        let change = PersonalImage::find(&source)?.patch(&settings)?;
        session.progress.stage("copy", "Copying the image", || copy_sparse(&source, copy))?;
        patch(copy, &change)?;
    }
    if arguments.json {
        let failed = |source| Failure::File { action: "read", path: built.file.clone(), source };
        let size = std::fs::metadata(&built.file).map_err(failed)?.len();
        let mut printed = json!({
            "path": StoreDir::default().display(&built.path).to_string(),
            "format": arguments.format,
            "file": built.file,
            "size": size,
        });
        if let Some(copy) = &copy {
            printed["copy"] = json!(copy);
        }
        output::json(&printed)
    } else {
        output::line(&copy.as_ref().unwrap_or(&built.file).display().to_string())
    }
}

/// What kind of image is asked for.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Its name among the host's images.
    pub format: &'a str,
    /// The system that the host must be of.
    pub system: Option<&'a str>,
}

/// Makes the image of a host, and a link that keeps it.
pub fn build(
    session: &Session,
    installable: &str,
    wanted: Wanted<'_>,
    link: Option<&Path>,
) -> Result<BuiltImage, Failure> {
    let Wanted { format, system } = wanted;
    let installable = Installable::parse(installable, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &installable.flake)?;
    let ((evaluated, named), flake) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            let key = format!("image {format} of {} for {system:?}", installable.attribute_path);
            evaluate::derivations_of_one(session, flake, Some(key), |evaluation, value| {
                let host = evaluate::host_of(evaluation, value, &installable.attribute_path)?;
                if let Some(system) = system {
                    image::check_system(evaluation, value, &host, system)?;
                }
                let (image, named) = image::select(evaluation, value, &host, format)?;
                Ok((vec![(host, image)], named))
            })
        })
    })?;
    let prepared = realise::prepare(session, &flake.trees, &evaluated)?;
    let built = realise::realise(session, &prepared, &evaluated)?;
    let Some(built) = built.first() else {
        return Err(Failure::NoOutput {
            name: installable.attribute_path.to_string(),
            output: "out".to_owned(),
        });
    };
    let path = built.path()?;
    if let Some(link) = link {
        prepared.store.add_root(link, path, RootTarget::Real)?;
    }
    let file = image::file(&prepared.store.real_path(path), named.as_deref())?;
    Ok(BuiltImage { path: path.clone(), file })
}

/// Gives settings to an image that is there.
fn patch_file(
    session: &Session,
    arguments: &ImageArguments,
    file: &Path,
    settings: &Personal,
) -> Result<(), Failure> {
    if settings.is_empty() {
        return Err(Failure::Usage(
            "--patch wants something to put into the image, such as --hostname".to_owned(),
        ));
    }
    let file = session.configuration.working_directory.join(file);
    let real = std::fs::canonicalize(&file).map_err(|source| Failure::File {
        action: "read",
        path: file.clone(),
        source,
    })?;
    if real.starts_with(session.configuration.store_root.join("nix/store")) {
        return Err(Failure::Usage(format!(
            "{} is in the store, whose files nobody changes: make a copy with --for NAME",
            real.display()
        )));
    }
    let image = ImageFile::open(&real)?;
    if image.compression() != Compression::None {
        return Err(Failure::Usage(format!(
            "{} is compressed: 'hostwright flash' gives it these settings while it is written",
            file.display()
        )));
    }
    patch(&real, &PersonalImage::find(&image)?.patch(settings)?)?;
    if arguments.json {
        output::json(&json!({ "file": file, "size": image.file_size() }))
    } else {
        output::line(&file.display().to_string())
    }
}

/// Makes a card of a system that is in the store.
fn toplevel_card(session: &Session, arguments: &ImageArguments, toplevel: &Path) -> Result<(), Failure> {
    if !matches!(arguments.format.as_str(), "sd-card" | "sd-aarch64") {
        return Err(Failure::Usage(format!(
            "of a toplevel only a card can be made, not '{}': say --format sd-card",
            arguments.format
        )));
    }
    let output = session.configuration.working_directory.join(&arguments.out_link);
    if output.symlink_metadata().is_ok() {
        let source = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(Failure::File { action: "create", path: output, source });
    }
    let store = LocalStore::open(StoreRoot::new(&session.configuration.store_root))?;
    let compression = match arguments.compression.as_str() {
        "none" => None,
        "xz" => Some(CardCompression::Xz),
        _ => Some(CardCompression::Zstd),
    };
    let wanted = stored_card::CardWanted { toplevel, firmware: arguments.firmware.as_deref(), compression };
    let file = stored_card::make(session, &store, &wanted, &output)?;
    if arguments.json {
        let failed = |source| Failure::File { action: "read", path: file.clone(), source };
        let size = std::fs::metadata(&file).map_err(failed)?.len();
        output::json(&json!({ "path": toplevel, "format": arguments.format, "file": file, "size": size }))
    } else {
        output::line(&file.display().to_string())
    }
}
