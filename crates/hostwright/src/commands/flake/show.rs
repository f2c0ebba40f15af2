//! `hostwright flake show [FLAKE]`

use nix_expr::{ErrorKind, EvalError, ValueRef};
use nix_flake::FlakeReference;
use serde_json::{Map, Value, json};

use super::branches;
use crate::arguments::FlakeShowArguments;
use crate::commands::Session;
use crate::failure::Failure;
use crate::output;
use crate::stages::evaluate::{self, Evaluation};
use crate::stages::packages::Fleet;

/// Outputs whose attributes are of interest to people, at the depth that follows.
const SETS: [&str; 8] = [
    "defaultApp",
    "defaultPackage",
    "devShell",
    "formatter",
    "nixosConfigurations",
    "nixosModules",
    "overlays",
    "templates",
];
/// Outputs with a set for each system.
const SETS_BY_SYSTEM: [&str; 4] = ["apps", "checks", "devShells", "packages"];

/// Prints the tree.
pub fn run(session: &Session, arguments: &FlakeShowArguments) -> Result<(), Failure> {
    let reference =
        FlakeReference::parse_argument(&arguments.flake, &session.configuration.working_directory)?;
    let fleet = Fleet::open(session, &reference)?;
    let title = fleet.flake().map(|flake| flake.opened().fetched.reference.to_string()).unwrap_or_default();
    let system = &session.configuration.evaluation.system;
    let FlakeShowArguments { json, all_systems, legacy, .. } = arguments;
    let key = Some(format!("show {title} {json} {all_systems} {legacy}"));
    let (shown, _) = fleet.with_packages(session, |flake| {
        session.progress.stage("evaluate", "Evaluating", || {
            evaluate::value(session, flake, key.clone(), |evaluation, value| {
                let outputs = evaluation.attribute(value, "outputs")?.unwrap_or(value);
                let mut show = Show { evaluation, arguments, system, lines: Vec::new(), notes: Vec::new() };
                let tree = show.visit(outputs, &[], &title, "")?;
                Ok((tree, show.lines, show.notes))
            })
        })
    })?;
    let (tree, lines, notes): (Value, Vec<String>, Vec<String>) = shown;
    if arguments.json {
        for note in notes {
            session.progress.warn(&note);
        }
        return output::json(&tree);
    }
    output::write(&lines.concat())
}

struct Show<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    arguments: &'e FlakeShowArguments,
    system: &'e str,
    lines: Vec<String>,
    /// What is left out of JSON.
    notes: Vec<String>,
}

impl<'a> Show<'_, 'a> {
    /// Shows a value and what is below it. Returns it as JSON.
    fn visit(
        &mut self,
        value: ValueRef<'a>,
        path: &[String],
        header: &str,
        prefix: &str,
    ) -> Result<Value, EvalError> {
        match self.visit_checked(value, path, header, prefix) {
            // What is old need not evaluate.
            Err(error)
                if path.first().is_some_and(|first| first == "legacyPackages") && is_mistake(&error) =>
            {
                Ok(json!({}))
            }
            result => result,
        }
    }

    fn visit_checked(
        &mut self,
        value: ValueRef<'a>,
        path: &[String],
        header: &str,
        prefix: &str,
    ) -> Result<Value, EvalError> {
        let first = path.first().map_or("", String::as_str);
        let is_set = SETS.contains(&first);
        let is_set_by_system = SETS_BY_SYSTEM.contains(&first);
        match path.len() {
            0 => self.recurse(value, path, header, prefix),
            1 if is_set || is_set_by_system => self.recurse(value, path, header, prefix),
            2 if is_set_by_system => self.recurse(value, path, header, prefix),
            2 if matches!(first, "defaultPackage" | "devShell" | "formatter") => {
                self.derivation(value, path, header)
            }
            3 if matches!(first, "checks" | "packages" | "devShells") => self.derivation(value, path, header),
            _ if first == "hydraJobs" => match self.evaluation.is_derivation(value)? {
                true => self.named(value, path, header),
                false => self.recurse(value, path, header, prefix),
            },
            1 if first == "legacyPackages" => self.recurse(value, path, header, prefix),
            _ if first == "legacyPackages" => self.legacy(value, path, header, prefix),
            2 if first == "defaultApp" => self.app(value, path, header),
            3 if first == "apps" => self.app(value, path, header),
            1 if first == "defaultTemplate" => self.template(value, header),
            2 if first == "templates" => self.template(value, header),
            length => {
                let (kind, description) = match (first, length) {
                    ("overlay", 1) | ("overlays", 2) => ("nixpkgs-overlay", "Nixpkgs overlay"),
                    ("nixosConfigurations", 2) => ("nixos-configuration", "NixOS configuration"),
                    ("nixosModule", 1) | ("nixosModules", 2) => ("nixos-module", "NixOS module"),
                    _ => ("unknown", "unknown"),
                };
                self.lines.push(format!("{header}: {description}\n"));
                Ok(json!({ "type": kind }))
            }
        }
    }

    fn recurse(
        &mut self,
        value: ValueRef<'a>,
        path: &[String],
        header: &str,
        prefix: &str,
    ) -> Result<Value, EvalError> {
        self.lines.push(format!("{header}\n"));
        let mut shown = Vec::new();
        for name in self.evaluation.attribute_names(value)? {
            let below = child(path, &name);
            if let Some(attribute) = self.evaluation.attribute(value, &name)?
                && self.has_content(attribute, &below)
            {
                shown.push((name, attribute, below));
            }
        }
        let mut tree = Map::new();
        let count = shown.len();
        for (index, (name, attribute, below)) in shown.into_iter().enumerate() {
            let (entry, beside) = match index + 1 == count {
                true => (branches::LAST, branches::NOTHING),
                false => (branches::ENTRY, branches::BESIDE),
            };
            let shown = self.visit(
                attribute,
                &below,
                &format!("{prefix}{entry}{name}"),
                &format!("{prefix}{beside}"),
            )?;
            tree.insert(name, shown);
        }
        Ok(Value::Object(tree))
    }

    /// Whether there is anything to show below: sets without anything in them are of no interest.
    fn has_content(&self, value: ValueRef<'a>, path: &[String]) -> bool {
        let first = path.first().map_or("", String::as_str);
        let looked_into = match path.len() {
            1 => {
                SETS_BY_SYSTEM.contains(&first)
                    || matches!(
                        first,
                        "legacyPackages" | "formatter" | "nixosConfigurations" | "nixosModules" | "overlays"
                    )
            }
            2 => SETS_BY_SYSTEM.contains(&first) || first == "legacyPackages",
            _ => false,
        };
        if !looked_into {
            return true;
        }
        // What does not evaluate is shown, to say so.
        let Ok(names) = self.evaluation.attribute_names(value) else { return true };
        names.iter().any(|name| match self.evaluation.attribute(value, name) {
            Ok(Some(attribute)) => self.has_content(attribute, &child(path, name)),
            _ => true,
        })
    }

    /// A line instead of what is not shown, with the option that shows it.
    fn omit(&mut self, path: &[String], header: &str, option: &str) -> Value {
        self.lines.push(format!("{header} omitted (use '{option}' to show)\n"));
        self.notes.push(format!("{} omitted (use '{option}' to show)", path.join(".")));
        json!({})
    }

    fn is_for_another_system(&self, path: &[String]) -> bool {
        !self.arguments.all_systems && path.get(1).is_some_and(|system| system != self.system)
    }

    fn derivation(&mut self, value: ValueRef<'a>, path: &[String], header: &str) -> Result<Value, EvalError> {
        if self.is_for_another_system(path) {
            return Ok(self.omit(path, header, "--all-systems"));
        }
        if !self.evaluation.is_derivation(value)? {
            let message = format!("'{}' is not a derivation", path.join("."));
            return Err(EvalError::new(ErrorKind::Type, message));
        }
        self.named(value, path, header)
    }

    fn named(&mut self, value: ValueRef<'a>, path: &[String], header: &str) -> Result<Value, EvalError> {
        let name = self.text(value, "name")?.unwrap_or_default();
        let kind = match (path.first().map(String::as_str), path.len()) {
            (Some("devShell"), 2) | (Some("devShells"), _) => "development environment",
            (Some("checks"), 3) | (Some("hydraJobs"), _) => "derivation",
            _ => "package",
        };
        self.lines.push(format!("{header}: {kind} '{name}'\n"));
        let description = self.description(value)?.unwrap_or_default();
        Ok(json!({ "description": description, "name": name, "type": "derivation" }))
    }

    fn legacy(
        &mut self,
        value: ValueRef<'a>,
        path: &[String],
        header: &str,
        prefix: &str,
    ) -> Result<Value, EvalError> {
        if !self.arguments.legacy {
            return Ok(self.omit(path, header, "--legacy"));
        }
        if self.is_for_another_system(path) {
            return Ok(self.omit(path, header, "--all-systems"));
        }
        if self.evaluation.is_derivation(value)? {
            self.named(value, path, header)
        } else if path.len() <= 2 {
            self.recurse(value, path, header, prefix)
        } else {
            Ok(json!({}))
        }
    }

    fn app(&mut self, value: ValueRef<'a>, path: &[String], header: &str) -> Result<Value, EvalError> {
        if self.text(value, "type")?.as_deref() != Some("app") {
            let message = format!("'{}' is not an app: its type is not \"app\"", path.join("."));
            return Err(EvalError::new(ErrorKind::Value, message));
        }
        let description = self.description(value)?;
        let shown = description.as_deref().unwrap_or("no description");
        self.lines.push(format!("{header}: app: {shown}\n"));
        Ok(match description {
            Some(description) => json!({ "description": description, "type": "app" }),
            None => json!({ "type": "app" }),
        })
    }

    fn template(&mut self, value: ValueRef<'a>, header: &str) -> Result<Value, EvalError> {
        let description = self.text(value, "description")?.unwrap_or_default();
        self.lines.push(format!("{header}: template: {description}\n"));
        Ok(json!({ "description": description, "type": "template" }))
    }

    fn text(&self, value: ValueRef<'a>, name: &str) -> Result<Option<String>, EvalError> {
        match self.evaluation.attribute(value, name)? {
            Some(text) => Ok(Some(self.evaluation.to_text(text)?.text)),
            None => Ok(None),
        }
    }

    fn description(&self, value: ValueRef<'a>) -> Result<Option<String>, EvalError> {
        match self.evaluation.attribute(value, "meta")? {
            Some(meta) => self.text(meta, "description"),
            None => Ok(None),
        }
    }
}

fn child(path: &[String], name: &str) -> Vec<String> {
    let mut below = path.to_vec();
    below.push(name.to_owned());
    below
}

/// Whether an error is one of the configuration, and not Ctrl-C.
fn is_mistake(error: &EvalError) -> bool {
    error.kind != ErrorKind::Interrupted
}
