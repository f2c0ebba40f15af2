//! The options of the base or of a host, as records for people to search and read.

use std::path::Path;

use nix_flake::Installable;
use serde::{Deserialize, Serialize};

use super::packages::Fleet;
use super::{base, evaluate};
use crate::commands::Session;
use crate::failure::Failure;

/// The file of the base that makes the records.
const REFERENCE: &str = "nixos/lib/option-reference.nix";

/// The page, into which the records go in the place of [`RECORDS`].
const PAGE: &str = include_str!("option_page.html");

/// The place of the records in the page.
const RECORDS: &str = "@records@";

/// One option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionRecord {
    /// Its name; `<name>` and `*` stand for names that the user chooses.
    pub name: String,
    /// What it takes, in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is, in Markdown.
    pub description: String,
    /// Its default as an expression, or what the default is in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// An example as an expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// It can be read, and not set.
    pub read_only: bool,
    /// The files that declare it, relative to the base or to the flake.
    pub declarations: Vec<String>,
}

/// The options of the base itself.
pub fn of_base(session: &Session) -> Result<Vec<OptionRecord>, Failure> {
    parse(&base::json(session, REFERENCE, "{ }")?)
}

/// The options of a host, with those that the host's own modules declare.
pub fn of_host(session: &Session, installable: &str) -> Result<Vec<OptionRecord>, Failure> {
    let installable = Installable::parse(installable, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &installable.flake)?;
    let (text, _) = fleet.with_packages(session, |flake| {
        let Some(base) = &flake.debian else {
            return Err(Failure::NothingToLock { flake: flake.directory.clone() });
        };
        let key = Some(format!("options of {}", installable.attribute_path));
        let call = format!(
            "base: options: import (base + \"/{REFERENCE}\") {{ inherit options; sources = {}; }}",
            nix_flake::nix_string(&flake.here.to_string_lossy())
        );
        session.progress.stage("evaluate", "Evaluating", || {
            evaluate::value(session, flake, key, |evaluation, value| {
                let host = evaluate::host_of(evaluation, value, &installable.attribute_path)?;
                let options =
                    evaluation.select_parts(value, &["nixosConfigurations", &host, "options"], &[])?;
                let function = evaluation.evaluate_text(&call, "«options»", Path::new("/"))?;
                let base = evaluation.store_path(&base.store_path);
                Ok(evaluation.to_json(evaluation.call(function, &[base, options])?)?.text)
            })
        })
    })?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<OptionRecord>, Failure> {
    serde_json::from_str(text).map_err(|source| Failure::OptionRecords { source })
}

/// The records as JSON.
pub fn json(options: &[OptionRecord]) -> Result<String, Failure> {
    serde_json::to_string(options).map_err(|source| Failure::OptionRecords { source })
}

/// A page with a search that needs neither a server nor a network.
pub fn page(options: &[OptionRecord]) -> Result<String, Failure> {
    let records = json(options)?;
    // The records stand in an element of the page; a `<` could end it (HTML, 4.12.1.3).
    Ok(PAGE.replacen(RECORDS, &records.replace('<', "\\u003c"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_cannot_leave_their_element() {
        let option = OptionRecord {
            name: "users.users.<name>.shell".into(),
            kind: "package".into(),
            description: "</script><b>".into(),
            default: None,
            example: Some("pkgs.zsh".into()),
            read_only: false,
            declarations: vec!["nixos/modules/config/users-groups.nix".into()],
        };
        let page = page(std::slice::from_ref(&option)).unwrap();
        assert_eq!(page.matches("</script>").count(), PAGE.matches("</script>").count());
        let start = page.find("[{").unwrap();
        let end = start + page[start..].find("</script>").unwrap();
        let read: Vec<OptionRecord> = serde_json::from_str(page[start..end].trim()).unwrap();
        assert_eq!(read, [option]);
    }
}
