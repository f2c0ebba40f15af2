//! `hostwright packages QUERY`

use serde_json::{Value, json};

use super::Session;
use crate::arguments::PackagesArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::packages::Archive;
use crate::stages::search::fit;

/// Looks for packages in the archive's indices, the newest version of each.
pub fn run(session: &Session, arguments: &PackagesArguments) -> Result<(), Failure> {
    let archive = Archive::open(session)?;
    let Some(index) = archive.indices.iter().find(|index| index.architecture() == arguments.architecture)
    else {
        return Err(Failure::Usage(format!("there is no index of {}", arguments.architecture)));
    };
    let mut found = Vec::new();
    for package in index.packages() {
        let newest = index.newest(package.name()).is_some_and(|newest| newest.id() == package.id());
        if let Some(fit) = fit(&arguments.query, package.name(), package.description()).filter(|_| newest) {
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
    }
    output::write(&text)
}
