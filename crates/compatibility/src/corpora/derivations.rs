//! The same systems written to stores: this project's `.drv` files and sources beside Nix's, and read by Nix.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::systems::System;
use super::{Bench, tell};
use crate::program::{Program, Request, run as run_program};
use crate::results::{Beside, Comparison, CorpusResult};
use crate::{Error, Result};

/// Writes the derivations of all systems with ours and with each Nix, then compares the stores.
///
/// # Errors
/// A program cannot be started, or a store cannot be read.
pub fn run(bench: &Bench, systems: &[System], nixpkgs: &Path) -> Result<CorpusResult> {
    let mut result = CorpusResult {
        description:
            "The same systems written to a store: every .drv file and every source as Nix writes it, and the \
                      closure complete and undamaged as Nix reads it (nix-store --query --requisites, --verify)."
                .into(),
        order: 6,
        ..CorpusResult::default()
    };
    for nix in &bench.nixes {
        let mut comparison = Comparison::default();
        let mut complaint = None;
        for system in systems {
            let place = tempfile::tempdir_in(&bench.scratch).map_err(Error::io("make", &bench.scratch))?;
            let (our_root, their_root) = (place.path().join("ours"), place.path().join("theirs"));
            let theirs = nix.run(&request(system, nixpkgs, &their_root))?;
            if !theirs.succeeded() {
                comparison.count_not_in_nix();
                complaint = Some(theirs.error_line());
                continue;
            }
            let ours = bench.ours.run(&request(system, nixpkgs, &our_root))?;
            comparison.ours.add(ours.cost);
            comparison.theirs.add(theirs.cost);
            let difference = if ours.succeeded() {
                match stores_differ(&our_root, &their_root)? {
                    None => unreadable(nix, &our_root, ours.output.trim())?,
                    different => different,
                }
            } else {
                Some(format!("fails here: {}", ours.error_line()))
            };
            tell(&format!(
                "store of {} beside {}: {}",
                system.name,
                nix.name(),
                difference.as_deref().unwrap_or("identical")
            ));
            comparison.count(&system.name, difference);
            writable(place.path())?;
        }
        result.set(
            nix,
            match complaint {
                Some(complaint) if comparison.not_in_nix == systems.len() => Beside::TooOld(complaint),
                _ => Beside::Compared(comparison),
            },
        );
    }
    Ok(result)
}

fn request(system: &System, nixpkgs: &Path, root: &Path) -> Request {
    let store = format!("local?root={}", root.display());
    Request::new(["--store", &store, "--expr", &system.expression(nixpkgs)])
}

/// Everything in a store by its name, with a text that stands for its content.
fn content(root: &Path) -> Result<BTreeMap<Vec<u8>, String>> {
    let directory = root.join("nix/store");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&directory).map_err(Error::io("read", &directory))? {
        let entry = entry.map_err(Error::io("read", &directory))?;
        let (name, path) = (entry.file_name().into_vec(), entry.path());
        // Locks and links are Nix's own business. What is called so itself, as `Cargo.lock`, is no lock of another path.
        let locked = name.strip_suffix(b".lock").map(|locked| directory.join(OsStr::from_bytes(locked)));
        if name.starts_with(b".") || locked.is_some_and(|locked| locked.symlink_metadata().is_ok()) {
            continue;
        }
        let (hash, _) = nix_store::nar::hash_path(&path)
            .map_err(|error| Error::Form { path: path.clone(), reason: error.to_string() })?;
        found.insert(name, hash.to_sri());
    }
    Ok(found)
}

/// What a store of ours has otherwise than Nix's, if anything. Nix writes every derivation that it comes across; we write
/// the closure of what was asked for, and that it is complete is what Nix says of it when it reads it.
fn stores_differ(ours: &Path, theirs: &Path) -> Result<Option<String>> {
    let (ours, theirs) = (content(ours)?, content(theirs)?);
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    for (path, hash) in &ours {
        match theirs.get(path) {
            None => return Ok(Some(format!("{} is written here only", name(path)))),
            Some(their_hash) if their_hash != hash => {
                return Ok(Some(format!("{} has another content here", name(path))));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

/// What Nix has against the store that we wrote, if anything.
fn unreadable(nix: &Program, root: &Path, derivation: &str) -> Result<Option<String>> {
    let nix_store = nix.file.with_file_name("nix-store");
    let store = format!("local?root={}", root.display());
    let ask = |arguments: &[&str]| {
        let mut request = Request::new(["--store", &store]);
        request.arguments.extend(arguments.iter().map(OsString::from));
        run_program(&nix_store, &request)
    };
    let requisites = ask(&["--query", "--requisites", derivation])?;
    if !requisites.succeeded() {
        return Ok(Some(format!("Nix cannot read it: {}", requisites.error_line())));
    }
    let read: Vec<&str> = requisites.output.lines().collect();
    let written = content(root)?.len();
    if read.len() != written {
        return Ok(Some(format!("Nix finds {} store paths of {written}", read.len())));
    }
    for paths in read.chunks(1000) {
        let mut arguments = vec!["--check-validity"];
        arguments.extend(paths);
        let valid = ask(&arguments)?;
        if !valid.succeeded() {
            return Ok(Some(format!("not valid for Nix: {}", valid.error_line())));
        }
    }
    let verified = ask(&["--verify", "--check-contents"])?;
    if !verified.succeeded() {
        return Ok(Some(format!("Nix finds it damaged: {}", verified.error_line())));
    }
    Ok(None)
}

/// Makes directories writable, so that they can be removed: a store's are not.
fn writable(root: &Path) -> Result<()> {
    for name in ["ours", "theirs"] {
        let path: PathBuf = root.join(name);
        if path.exists() {
            nix_store::local::remove_tree(&path)
                .map_err(|error| Error::Form { path: path.clone(), reason: error.to_string() })?;
        }
    }
    Ok(())
}
