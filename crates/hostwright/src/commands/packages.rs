//! `hostwright packages QUERY`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Session;
use crate::arguments::PackagesArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::base;
use crate::stages::packages::Archive;
use crate::stages::search::fit;

/// Looks for packages in the archive's indices, the newest version of each.
pub fn run(session: &Session, arguments: &PackagesArguments) -> Result<(), Failure> {
    let archive = Archive::open(session)?;
    let Some(index) = archive.indices.iter().find(|index| index.architecture() == arguments.architecture)
    else {
        return Err(Failure::Usage(format!("there is no index of {}", arguments.architecture)));
    };
    let names = names_of_nixpkgs(session)?;
    let others = |package: &str| names.get(package).map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    for package in index.packages() {
        let newest = index.newest(package.name()).is_some_and(|newest| newest.id() == package.id());
        let fits = std::iter::once(package.name())
            .chain(others(package.name()).iter().map(String::as_str))
            .filter_map(|name| fit(&arguments.query, name, package.description()));
        if let Some(fit) = fits.min().filter(|_| newest) {
            found.push((fit, package));
        }
    }
    found.sort_by_key(|(fit, package)| (*fit, package.name()));
    if arguments.json {
        let all: Vec<Value> = found
            .iter()
            .map(|(_, package)| {
                json!({
                    "name": package.name(),
                    "nixpkgs": others(package.name()),
                    "version": package.version(),
                    "description": package.description(),
                    "archive": package.archive(),
                    "size": package.size(),
                })
            })
            .collect();
        return output::json(&Value::Array(all));
    }
    if found.is_empty() {
        session.progress.say("No package has these words in its name or description.");
    }
    let mut text = String::new();
    for (_, package) in &found {
        text.push_str(&format!("{} {}\n    {}\n", package.name(), package.version(), package.description()));
        let others = others(package.name());
        if !others.is_empty() {
            text.push_str(&format!("    in nixpkgs: {}\n", others.join(", ")));
        }
    }
    output::write(&text)
}

/// The table of the base that has nixpkgs' names.
const NAMES: &str = "pkgs/top-level/nixpkgs-names.nix";

/// An entry of the table, as far as it is looked at here.
#[derive(Deserialize)]
struct NixpkgsName {
    /// Debian's packages, the main one first.
    debs: Vec<String>,
}

/// nixpkgs' names of packages, where they are others than Debian's, by Debian's main package.
fn names_of_nixpkgs(session: &Session) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let table = base::json(session, NAMES, "{ lib = import (base + \"/lib\"); }")?;
    let table: BTreeMap<String, NixpkgsName> =
        serde_json::from_str(&table).map_err(|source| Failure::OptionRecords { source })?;
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, NixpkgsName { debs }) in table {
        if let Some(main) = debs.into_iter().next().filter(|main| *main != name) {
            names.entry(main).or_default().push(name);
        }
    }
    Ok(names)
}
