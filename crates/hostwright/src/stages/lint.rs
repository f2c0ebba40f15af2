//! What the packages' maintainer scripts would have done on a host, held against what the base does in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use debian::ScriptKind;
use debian::control::Paragraph;
use debian::scripts::{ScriptCommand, commands};
use nix_expr::EvalError;
use nix_flake::Installable;
use serde::{Deserialize, Serialize};

use super::evaluate::{self, Evaluation, Selected};
use super::packages::Fleet;
use super::realise;
use crate::commands::Session;
use crate::failure::Failure;

/// Where an unpacked package keeps its control file and its scripts.
const CONTROL_DIRECTORY: &str = "nix-support/debian";

/// How the base and the host's configuration do what scripts would have done, in words.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Provided {
    /// By package; a `*` at the end stands for anything.
    packages: BTreeMap<String, String>,
    /// By the program that a script calls.
    programs: BTreeMap<String, String>,
    /// By the program of debhelper that has added something.
    helpers: BTreeMap<String, String>,
    /// The links of update-alternatives(1) that are there, relative to `/usr`.
    #[serde(default)]
    alternatives: BTreeSet<String>,
}

/// A host's packages whose scripts do something.
#[derive(Debug)]
pub struct Report {
    /// The host.
    pub host: String,
    /// How many packages it has.
    pub packages: usize,
    /// Those with scripts that do something, by name.
    pub found: Vec<PackageReport>,
}

/// A package whose scripts do something.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct PackageReport {
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// What its scripts do.
    pub commands: Vec<CommandReport>,
}

/// What a script does, and how it is done without it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct CommandReport {
    /// `preinst` or `postinst`.
    pub script: &'static str,
    /// The command.
    pub command: String,
    /// What is done instead; nothing if nobody has said so.
    pub provided: Option<String>,
}

impl PackageReport {
    /// The commands that nothing is done instead of.
    pub fn missing(&self) -> impl Iterator<Item = &CommandReport> {
        self.commands.iter().filter(|command| command.provided.is_none())
    }
}

/// Reads the scripts of all packages of a host.
pub fn lint(session: &Session, installable: &str) -> Result<Report, Failure> {
    let installable = Installable::parse(installable, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &installable.flake)?;
    let ((evaluated, (host, provided)), flake) = fleet.with_packages(session, |flake| {
        let key = Some(format!("lint {}", installable.attribute_path));
        session.progress.stage("evaluate", "Evaluating", || {
            evaluate::derivations_of_one(session, flake, key, |evaluation, value| {
                let host = evaluate::host_of(evaluation, value, &installable.attribute_path)?;
                let system = evaluate::of_host(evaluation, value, &host, &["config", "system"])?;
                let Some(config) = evaluation.attribute(system, "debian")? else {
                    return Err(EvalError::new(
                        nix_expr::ErrorKind::MissingAttribute,
                        format!(
                            "'{host}' is no host of the Debian base, so no maintainer scripts are left out"
                        ),
                    ));
                };
                let provided = provided(evaluation, config)?;
                Ok((packages(evaluation, config)?, (host, provided)))
            })
        })
    })?;
    let prepared = realise::prepare(session, &flake.trees, &evaluated)?;
    let built = realise::realise(session, &prepared, &evaluated)?;
    let store = session.configuration.store_root.join("nix/store");
    let mut found = Vec::new();
    for package in &built {
        let report = read_package(&store.join(package.path()?.base_name()), &provided)?;
        found.extend(report.filter(|report| !report.commands.is_empty()));
    }
    found.sort_by(|left, right| left.package.cmp(&right.package));
    Ok(Report { host, packages: built.len(), found })
}

/// What the host's configuration says is done instead of scripts.
fn provided<'a>(evaluation: &Evaluation<'a>, config: nix_expr::ValueRef<'a>) -> Result<Provided, EvalError> {
    let parse = |value: nix_expr::ValueRef<'a>| evaluation.to_json(value).map(|text| text.text);
    let table = parse(evaluation.select_parts(config, &["maintainerScripts"], &[])?)?;
    let links = parse(evaluation.select_parts(config, &["alternatives"], &[])?)?;
    let malformed = |error: serde_json::Error| {
        EvalError::new(nix_expr::ErrorKind::Value, format!("system.debian.maintainerScripts: {error}"))
    };
    let table: Provided = serde_json::from_str(&table).map_err(malformed)?;
    Ok(Provided { alternatives: serde_json::from_str(&links).map_err(malformed)?, ..table })
}

/// The unpacked packages of a host.
fn packages<'a>(
    evaluation: &Evaluation<'a>,
    config: nix_expr::ValueRef<'a>,
) -> Result<Selected<'a>, EvalError> {
    let mut packages = Vec::new();
    for list in ["environment", "extraPackages"] {
        for package in evaluation.list_items(evaluation.select_parts(config, &[list], &[])?)? {
            let name = evaluation.select_parts(package, &["name"], &[])?;
            packages.push((evaluation.to_text(name)?.text, package));
        }
    }
    Ok(packages)
}

/// What the scripts of an unpacked package do.
fn read_package(tree: &Path, provided: &Provided) -> Result<Option<PackageReport>, Failure> {
    let directory = tree.join(CONTROL_DIRECTORY);
    let Some(control) = read(&directory.join("control"))? else { return Ok(None) };
    let Ok(control) = Paragraph::parse(&control) else { return Ok(None) };
    let field = |name: &str| control.get(name).unwrap_or_default().to_owned();
    let mut report =
        PackageReport { package: field("Package"), version: field("Version"), commands: Vec::new() };
    for kind in ScriptKind::ALL {
        let Some(script) = read(&directory.join(kind.name()))? else { continue };
        for command in commands(kind, &script) {
            let Some(instead) = provided.instead_of(&report.package, &command) else { continue };
            report.commands.push(CommandReport {
                script: kind.name(),
                command: command.text,
                provided: instead,
            });
        }
    }
    Ok(Some(report))
}

fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read(file) {
        Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Failure::File { action: "read", path: file.to_owned(), source }),
    }
}

impl Provided {
    /// What is done instead of a command of a package: nothing at all if none is needed, else perhaps something.
    fn instead_of(&self, package: &str, command: &ScriptCommand) -> Option<Option<String>> {
        if command.program == "update-alternatives" {
            return self.alternative(package, &command.text);
        }
        let of_helper = command.helper.as_ref().and_then(|helper| self.helpers.get(helper));
        let known =
            of_helper.or_else(|| self.of_package(package)).or_else(|| self.programs.get(&command.program));
        Some(known.cloned())
    }

    fn of_package(&self, package: &str) -> Option<&String> {
        let starred = || {
            self.packages
                .iter()
                .find(|(name, _)| name.strip_suffix('*').is_some_and(|start| package.starts_with(start)))
                .map(|(_, how)| how)
        };
        self.packages.get(package).or_else(starred)
    }

    /// Links that are offered (`--install LINK NAME PATH PRIORITY`, update-alternatives(1)) have to be there. What is changed or
    /// removed otherwise was there before; pages of the manual have their other names as well.
    fn alternative(&self, package: &str, text: &str) -> Option<Option<String>> {
        let mut words = text.split(' ');
        words.find(|word| *word == "--install")?;
        let link = words.next()?.trim_matches('"').trim_start_matches('/');
        let link = link.strip_prefix("usr/").unwrap_or(link);
        if link.starts_with("share/man/") {
            return None;
        }
        let there = self.alternatives.contains(link).then(|| format!("/usr/{link} is linked"));
        Some(there.or_else(|| self.of_package(package).cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provided() -> Provided {
        let table = |entries: &[(&str, &str)]| {
            entries.iter().map(|(name, how)| ((*name).to_owned(), (*how).to_owned())).collect()
        };
        Provided {
            packages: table(&[("tcpdump", "sysusers"), ("linux-image-*", "generations")]),
            programs: table(&[("ldconfig", "none")]),
            helpers: table(&[("dh_installsystemd", "units")]),
            alternatives: BTreeSet::from(["bin/pager".to_owned()]),
        }
    }

    #[test]
    fn commands_are_held_against_the_table() {
        let command = |text: &str, helper: Option<&str>| ScriptCommand {
            program: text.split(' ').next().unwrap().to_owned(),
            text: text.to_owned(),
            helper: helper.map(str::to_owned),
        };
        for (package, text, helper, expected) in [
            ("tcpdump", "adduser tcpdump", None, Some(Some("sysusers"))),
            ("linux-image-6.12", "touch x", None, Some(Some("generations"))),
            ("other", "ldconfig", None, Some(Some("none"))),
            ("other", "touch x", Some("dh_installsystemd"), Some(Some("units"))),
            ("other", "touch x", Some("dh_unheard"), Some(None)),
            (
                "other",
                "update-alternatives --install /usr/bin/pager pager /bin/x 5",
                None,
                Some(Some("/usr/bin/pager is linked")),
            ),
            (
                "other",
                "update-alternatives --install /usr/bin/y y /bin/x 5",
                Some("dh_installalternatives"),
                Some(None),
            ),
            ("other", "update-alternatives --install /usr/share/man/man1/y.1 y x 5", None, None),
            ("other", "update-alternatives --remove y /bin/x", None, None),
        ] {
            let found = provided().instead_of(package, &command(text, helper));
            assert_eq!(found.as_ref().map(|how| how.as_deref()), expected, "{package}: {text}");
        }
    }
}
