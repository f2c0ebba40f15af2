//! `hostwright flake check [FLAKE]`

use std::collections::BTreeSet;

use nix_expr::{ErrorKind, EvalError, ValueRef};
use nix_flake::FlakeReference;
use serde::{Deserialize, Serialize};

use crate::arguments::FlakeCheckArguments;
use crate::commands::Session;
use crate::failure::Failure;
use crate::report;
use crate::stages::evaluate::{self, Evaluation};
use crate::stages::flake::ReadyFlake;
use crate::stages::packages::{Fleet, says_missing_package};
use crate::stages::realise;

/// Outputs of communities, which have no rules to check.
const UNCHECKED: [&str; 10] = [
    "darwinConfigurations",
    "darwinModules",
    "flakeModule",
    "flakeModules",
    "herculesCI",
    "homeConfigurations",
    "homeModule",
    "homeModules",
    "lib",
    "nixopsConfigurations",
];

/// Outputs that had another name once.
const REPLACED: [(&str, &str); 7] = [
    ("defaultApp", "apps.<system>.default"),
    ("defaultBundler", "bundlers.<system>.default"),
    ("defaultPackage", "packages.<system>.default"),
    ("defaultTemplate", "templates.default"),
    ("devShell", "devShells.<system>.default"),
    ("nixosModule", "nixosModules.default"),
    ("overlay", "overlays.default"),
];

/// What evaluation found out.
#[derive(Default, Serialize, Deserialize)]
struct Found {
    warnings: Vec<String>,
    omitted: BTreeSet<String>,
    /// Never kept: mistakes are for people, once.
    #[serde(skip)]
    errors: Vec<EvalError>,
    checked: usize,
    /// The names of the checks for this system, to be built.
    checks: Vec<String>,
}

/// Evaluates all outputs, and builds the checks for this system.
pub fn run(session: &Session, arguments: &FlakeCheckArguments) -> Result<(), Failure> {
    let reference =
        FlakeReference::parse_argument(&arguments.flake, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &reference)?;
    let system = &session.configuration.evaluation.system;
    let (found, flake) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Checking the outputs", || {
            evaluate::value(session, flake, None, |evaluation, value| {
                let mut check = Check {
                    evaluation,
                    system,
                    all_systems: arguments.all_systems,
                    keep_going: arguments.limits.keep_going,
                    found: Found::default(),
                };
                check.outputs(value)?;
                Ok(check.found)
            })
        })
    })?;
    for warning in &found.warnings {
        session.progress.warn(warning);
    }
    let (count, total) = (found.errors.len(), found.checked);
    for error in found.errors {
        report::print(&error.into(), false);
    }
    if count > 0 {
        return Err(Failure::ChecksFailed { count, total });
    }
    let passed = if arguments.no_build { 0 } else { build(session, &flake, &found.checks)? };
    session.progress.say(&format!(
        "{total} outputs evaluate{}.",
        match passed {
            0 => String::new(),
            passed => format!(", {passed} checks pass"),
        }
    ));
    if !found.omitted.is_empty() {
        let systems: Vec<&str> = found.omitted.iter().map(String::as_str).collect();
        session.progress.warn(&format!(
            "what is for other systems was left out ({}); --all-systems checks it too",
            systems.join(", ")
        ));
    }
    Ok(())
}

/// Builds the checks of these names for this system. Returns how many there are.
fn build(session: &Session, flake: &ReadyFlake, checks: &[String]) -> Result<usize, Failure> {
    if checks.is_empty() {
        return Ok(0);
    }
    let system = &session.configuration.evaluation.system;
    let (evaluated, _) = evaluate::derivations(
        session,
        flake,
        &[()],
        |()| None,
        |()| None,
        |evaluation, value, ()| {
            let selected = checks.iter().map(|name| {
                let value = evaluation.select_parts(value, &["checks", system, name], &[])?;
                Ok((format!("checks.{system}.{name}"), value))
            });
            Ok((selected.collect::<Result<_, EvalError>>()?, ()))
        },
    )?;
    let prepared = realise::prepare(session, &flake.trees, &evaluated)?;
    realise::realise(session, &prepared, &evaluated)?;
    Ok(checks.len())
}

struct Check<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    system: &'e str,
    all_systems: bool,
    keep_going: bool,
    found: Found,
}

type Checked = Result<(), EvalError>;

impl<'a> Check<'_, 'a> {
    fn outputs(&mut self, flake: ValueRef<'a>) -> Checked {
        let outputs = self.evaluation.attribute(flake, "outputs")?.unwrap_or(flake);
        for name in self.evaluation.attribute_names(outputs)? {
            let Some(value) = self.evaluation.attribute(outputs, &name)? else { continue };
            if let Some((_, replacement)) = REPLACED.iter().find(|(old, _)| *old == name) {
                self.found
                    .warnings
                    .push(format!("the output '{name}' is out of use; its name is '{replacement}' now"));
            }
            let result = self.output(&name, value);
            self.report(&name, result)?;
        }
        Ok(())
    }

    /// Notes a failure, or ends with it.
    fn report(&mut self, path: &str, result: Checked) -> Checked {
        let Err(mut error) = result else { return Ok(()) };
        // A package that is not pinned is pinned, and everything is evaluated again.
        if error.kind == ErrorKind::Interrupted || says_missing_package(&error) {
            return Err(error);
        }
        let place = format!("the output '{path}'");
        if !error.message.contains(&place) {
            error.message = format!("{place}: {}", error.message);
        }
        if !self.keep_going {
            return Err(error);
        }
        self.found.errors.push(error);
        Ok(())
    }

    fn output(&mut self, name: &str, value: ValueRef<'a>) -> Checked {
        match name {
            "checks" | "packages" | "devShells" => self.by_system(name, value, |check, path, set| {
                check.each(path, set, |check, path, value| check.derivation(path, value))
            }),
            "apps" => self.by_system(name, value, |check, path, set| {
                check.each(path, set, |check, path, value| check.app(path, value))
            }),
            "bundlers" => self.by_system(name, value, |check, path, set| {
                check.each(path, set, |check, path, value| check.function(path, value))
            }),
            "formatter" | "defaultPackage" | "devShell" => {
                self.by_system(name, value, |check, path, value| check.derivation(path, value))
            }
            "defaultApp" => self.by_system(name, value, |check, path, value| check.app(path, value)),
            "defaultBundler" => self.by_system(name, value, |check, path, value| check.function(path, value)),
            "legacyPackages" => self.by_system(name, value, |_, _, _| Ok(())),
            "overlay" => self.overlay(name, value),
            "overlays" => self.each(name, value, |check, path, value| check.overlay(path, value)),
            "nixosModule" => self.module(value),
            "nixosModules" => self.each(name, value, |check, _, value| check.module(value)),
            "nixosConfigurations" => self.each(name, value, |check, path, value| check.host(path, value)),
            "hydraJobs" => self.jobs(name, value),
            "defaultTemplate" => self.template(name, value),
            "templates" => self.each(name, value, |check, path, value| check.template(path, value)),
            _ => {
                self.evaluation.force(value)?;
                if !UNCHECKED.contains(&name) {
                    self.found.warnings.push(format!("the output '{name}' is not one that is known"));
                }
                Ok(())
            }
        }
    }

    /// Checks what a set has for each system, this one or all.
    fn by_system(
        &mut self,
        path: &str,
        value: ValueRef<'a>,
        check: impl Fn(&mut Self, &str, ValueRef<'a>) -> Checked,
    ) -> Checked {
        for system in self.evaluation.attribute_names(value)? {
            let below = format!("{path}.{system}");
            if !system.contains('-') {
                let message = format!("'{system}' is not a system, such as x86_64-linux");
                self.report(&below, Err(EvalError::new(ErrorKind::Value, message)))?;
            }
            if !self.all_systems && system != self.system {
                self.found.omitted.insert(system);
                continue;
            }
            if let Some(value) = self.evaluation.attribute(value, &system)? {
                let result = check(self, &below, value);
                self.report(&below, result)?;
            }
        }
        Ok(())
    }

    /// Checks the attributes of a set.
    fn each(
        &mut self,
        path: &str,
        value: ValueRef<'a>,
        check: impl Fn(&mut Self, &str, ValueRef<'a>) -> Checked,
    ) -> Checked {
        for name in self.evaluation.attribute_names(value)? {
            let below = format!("{path}.{name}");
            if let Some(value) = self.evaluation.attribute(value, &name)? {
                let result = check(self, &below, value);
                self.report(&below, result)?;
            }
        }
        Ok(())
    }

    fn expect(&self, holds: bool, message: impl FnOnce() -> String) -> Checked {
        if holds { Ok(()) } else { Err(EvalError::new(ErrorKind::Type, message())) }
    }

    fn derivation(&mut self, path: &str, value: ValueRef<'a>) -> Checked {
        self.found.checked += 1;
        let is_derivation = self.evaluation.is_derivation(value)?;
        self.expect(is_derivation, || "it is not a derivation".to_owned())?;
        self.evaluation.derivation_path(value)?;
        if let Some(name) = path.strip_prefix(&format!("checks.{}.", self.system)) {
            self.found.checks.push(name.to_owned());
        }
        Ok(())
    }

    /// An attribute that must be there and be text.
    fn text(&self, value: ValueRef<'a>, name: &str) -> Checked {
        match self.evaluation.attribute(value, name)? {
            Some(text) => self.evaluation.to_text(text).map(|_| ()),
            None => self.expect(false, || format!("it lacks the attribute '{name}'")),
        }
    }

    fn app(&mut self, _path: &str, value: ValueRef<'a>) -> Checked {
        self.found.checked += 1;
        self.text(value, "type")?;
        self.text(value, "program")?;
        if let Some(meta) = self.evaluation.attribute(value, "meta")?
            && let Some(description) = self.evaluation.attribute(meta, "description")?
        {
            self.evaluation.to_text(description)?;
        }
        let known = ["meta", "program", "type"];
        let names = self.evaluation.attribute_names(value)?;
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                self.expect(false, || format!("it has an attribute '{name}', which apps do not have"))
            }
            None => Ok(()),
        }
    }

    fn function(&mut self, _path: &str, value: ValueRef<'a>) -> Checked {
        self.found.checked += 1;
        let kind = self.evaluation.type_name(value)?;
        self.expect(kind == "lambda", || "it is not a function".to_owned())
    }

    fn overlay(&mut self, path: &str, value: ValueRef<'a>) -> Checked {
        self.function(path, value)
    }

    fn module(&mut self, value: ValueRef<'a>) -> Checked {
        self.found.checked += 1;
        self.evaluation.force(value)
    }

    fn host(&mut self, _path: &str, value: ValueRef<'a>) -> Checked {
        self.found.checked += 1;
        let parts = ["config", "system", "build", "toplevel"];
        let toplevel = self.evaluation.select_parts(value, &parts, &[])?;
        let is_derivation = self.evaluation.is_derivation(toplevel)?;
        self.expect(is_derivation, || "its config.system.build.toplevel is not a derivation".to_owned())?;
        self.evaluation.derivation_path(toplevel).map(|_| ())
    }

    fn jobs(&mut self, path: &str, value: ValueRef<'a>) -> Checked {
        let is_derivation = self.evaluation.is_derivation(value)?;
        self.expect(!is_derivation, || "it is a derivation, and must be a set of them".to_owned())?;
        self.each(path, value, |check, path, value| match check.evaluation.is_derivation(value)? {
            true => check.derivation(path, value),
            false => check.jobs(path, value),
        })
    }

    fn template(&mut self, _path: &str, value: ValueRef<'a>) -> Checked {
        self.found.checked += 1;
        self.text(value, "path")?;
        self.text(value, "description")?;
        let known = ["description", "path", "welcomeText"];
        let names = self.evaluation.attribute_names(value)?;
        match names.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => {
                self.expect(false, || format!("it has an attribute '{name}', which templates do not have"))
            }
            None => Ok(()),
        }
    }
}
