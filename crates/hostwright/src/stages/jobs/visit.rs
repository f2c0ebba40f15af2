//! Looking through values: what is a job, and what is said of it.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::mpsc::SyncSender;

use nix_expr::{AddedPath, ErrorKind, EvalError, ValueRef, Visitor};
use nix_flake::AttributePath;
use nix_store::{Derivation, DerivationOutput, StoreDir, StorePath};
use serde::Serialize;

use super::{Jobs, Line};
use crate::failure::Failure;
use crate::report;
use crate::stages::evaluate::{Evaluated, Evaluation};
use crate::stages::packages::{may_be_missing_package, says_missing_package};
use crate::stages::world::World;

/// A walk through values.
pub(super) struct Visit<'v, 's, R> {
    pub(super) jobs: &'v Jobs<'s>,
    pub(super) world: &'v World<'s>,
    pub(super) waits_for_packages: bool,
    pub(super) root: R,
    pub(super) sender: SyncSender<Line>,
}

/// What is said of a derivation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Job<'j> {
    attr: String,
    attr_path: &'j [String],
    drv_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_value: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_drvs: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<serde_json::Map<String, serde_json::Value>>,
    name: String,
    outputs: BTreeMap<String, Option<String>>,
    system: String,
}

/// What is said of something that does not evaluate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mistake<'j> {
    attr: String,
    attr_path: &'j [String],
    error: String,
}

impl<R> Visitor for Visit<'_, '_, R>
where
    R: for<'e, 'a> Fn(&'e Evaluation<'a>) -> Result<ValueRef<'a>, EvalError> + Sync,
{
    fn root<'a>(&self, evaluation: &Evaluation<'a>) -> Result<ValueRef<'a>, EvalError> {
        let value = (self.root)(evaluation)?;
        match &self.jobs.wishes.select {
            Some(function) => {
                let function = evaluation.evaluate_text(function, "«--select»", Path::new("/"))?;
                evaluation.call(function, &[value])
            }
            None => Ok(value),
        }
    }

    fn visit<'a>(
        &self,
        evaluation: &Evaluation<'a>,
        path: &[String],
        value: ValueRef<'a>,
    ) -> Result<Vec<String>, EvalError> {
        if self.jobs.told().places.contains(path) {
            return Ok(Vec::new());
        }
        if let Some(job) = derivation(evaluation, value)? {
            self.found(evaluation, path, job)?;
            return Ok(Vec::new());
        }
        if evaluation.type_name(value)? != "set" || !self.is_looked_into(evaluation, path, value)? {
            return Ok(Vec::new());
        }
        evaluation.attribute_names(value)
    }

    fn failed(&self, path: &[String], error: EvalError) -> Result<(), EvalError> {
        let waits = self.waits_for_packages && may_be_missing_package(&error);
        if path.is_empty() || error.kind == ErrorKind::Interrupted || waits {
            return Err(error);
        }
        let error = Failure::from(self.world.explain(error));
        let error = report::text(&error, self.jobs.session.show_trace);
        let mistake = Mistake { attr: AttributePath(path.to_vec()).to_string(), attr_path: path, error };
        let text = json(&mistake)?;
        let mut told = self.jobs.told();
        told.failures += 1;
        told.places.insert(path.to_vec());
        self.send(Line { text, derivation: None, new: Evaluated::default() })
    }
}

impl<R> Visit<'_, '_, R> {
    /// Whether a set holds derivations that are looked for. The first one does, unless it says that it does not.
    fn is_looked_into<'a>(
        &self,
        evaluation: &Evaluation<'a>,
        path: &[String],
        value: ValueRef<'a>,
    ) -> Result<bool, EvalError> {
        if self.jobs.wishes.recurses {
            return Ok(true);
        }
        match evaluation.attribute(value, "recurseForDerivations")? {
            Some(recurse) => evaluation.to_bool(recurse),
            None => Ok(path.is_empty()),
        }
    }

    /// Says what is to be said of a derivation.
    fn found<'a>(
        &self,
        evaluation: &Evaluation<'a>,
        path: &[String],
        value: ValueRef<'a>,
    ) -> Result<(), EvalError> {
        let wishes = &self.jobs.wishes;
        let text = |name: &str| match evaluation.attribute(value, name)? {
            Some(text) => Ok(evaluation.to_text(text)?.text),
            None => {
                Err(EvalError::new(ErrorKind::MissingAttribute, format!("the derivation has no '{name}'")))
            }
        };
        let drv_path = evaluation.derivation_path(value)?;
        let derivation = evaluation.derivations().get(&drv_path).cloned();
        let store_dir = StoreDir::default();
        let outputs = match &derivation {
            Some(derivation) => outputs(&store_dir, derivation),
            None => BTreeMap::from([(text("outputName")?, Some(text("outPath")?))]),
        };
        let shown = derivation.as_ref().filter(|_| wishes.shows_inputs);
        let extra_value = match &wishes.apply {
            Some(function) => {
                let function = evaluation.evaluate_text(function, "«--apply»", Path::new("/"))?;
                let applied = evaluation.call(function, &[value])?;
                Some(parsed(&evaluation.to_json(applied)?.text)?)
            }
            None => None,
        };
        let job = Job {
            attr: AttributePath(path.to_vec()).to_string(),
            attr_path: path,
            drv_path: store_dir.display(&drv_path),
            extra_value,
            input_drvs: shown.map(|derivation| inputs(&store_dir, derivation)),
            meta: if wishes.shows_meta { meta(evaluation, value)? } else { None },
            name: text("name")?,
            outputs,
            system: text("system")?,
        };
        let text = json(&job)?;
        // What is new is sent before anybody else can take it for known: what refers to it is written later.
        let mut told = self.jobs.told();
        let new = match self.jobs.session.configuration.evaluation.read_only {
            true => Evaluated::default(),
            false => self.take_new(evaluation, &drv_path, &mut told.written),
        };
        told.places.insert(path.to_vec());
        self.send(Line { text, derivation: Some(drv_path), new })
    }

    /// What a derivation needs and is not among `written` yet, as far as this evaluation made it.
    fn take_new(
        &self,
        evaluation: &Evaluation<'_>,
        derivation: &StorePath,
        written: &mut HashSet<StorePath>,
    ) -> Evaluated {
        let graph = evaluation.derivations();
        let mut new = Evaluated::default();
        let mut open = vec![derivation.clone()];
        while let Some(path) = open.pop() {
            let Some(derivation) = graph.get(&path) else { continue };
            if !written.insert(path.clone()) {
                continue;
            }
            open.extend(derivation.input_drvs.keys().cloned());
            for source in &derivation.input_srcs {
                self.new_source(source, written, &mut new.added);
            }
            new.graph.insert(path, derivation.clone());
        }
        new
    }

    fn new_source(&self, path: &StorePath, written: &mut HashSet<StorePath>, added: &mut Vec<AddedPath>) {
        if written.insert(path.clone())
            && let Some(source) = self.world.added_path(path)
        {
            for reference in &source.references {
                self.new_source(reference, written, added);
            }
            added.push(source);
        }
    }

    fn send(&self, line: Line) -> Result<(), EvalError> {
        // The printer has gone: it says why.
        self.sender.send(line).map_err(|_| EvalError::new(ErrorKind::Interrupted, "interrupted"))
    }
}

/// The derivation that a value is or, as a host, stands for.
fn derivation<'a>(
    evaluation: &Evaluation<'a>,
    value: ValueRef<'a>,
) -> Result<Option<ValueRef<'a>>, EvalError> {
    if evaluation.is_derivation(value)? {
        return Ok(Some(value));
    }
    let Some(kind) = evaluation.attribute(value, "_type")? else { return Ok(None) };
    if evaluation.type_name(kind)? != "string" || evaluation.to_text(kind)?.text != "configuration" {
        return Ok(None);
    }
    let mut value = value;
    for name in ["config", "system", "build", "toplevel"] {
        match evaluation.attribute(value, name)? {
            Some(below) => value = below,
            None => return Ok(None),
        }
    }
    Ok(evaluation.is_derivation(value)?.then_some(value))
}

fn outputs(store_dir: &StoreDir, derivation: &Derivation) -> BTreeMap<String, Option<String>> {
    let path = |output: &DerivationOutput| output.path().map(|path| store_dir.display(path));
    derivation.outputs.iter().map(|(name, output)| (name.clone(), path(output))).collect()
}

fn inputs(store_dir: &StoreDir, derivation: &Derivation) -> BTreeMap<String, Vec<String>> {
    let inputs = derivation.input_drvs.iter();
    inputs.map(|(path, outputs)| (store_dir.display(path), outputs.iter().cloned().collect())).collect()
}

/// What of a derivation's `meta` is data. Functions, and what fails, are left out.
fn meta<'a>(
    evaluation: &Evaluation<'a>,
    value: ValueRef<'a>,
) -> Result<Option<serde_json::Map<String, serde_json::Value>>, EvalError> {
    let Some(meta) = evaluation.attribute(value, "meta")? else { return Ok(None) };
    let mut found = serde_json::Map::new();
    for name in evaluation.attribute_names(meta)? {
        let Some(value) = evaluation.attribute(meta, &name)? else { continue };
        match evaluation.to_json(value) {
            Ok(json) => drop(found.insert(name, parsed(&json.text)?)),
            Err(error) if error.kind == ErrorKind::Interrupted || says_missing_package(&error) => {
                return Err(error);
            }
            Err(_) => {}
        }
    }
    Ok(Some(found))
}

fn json(value: &impl Serialize) -> Result<String, EvalError> {
    serde_json::to_string(value).map_err(|error| EvalError::new(ErrorKind::Value, error.to_string()))
}

fn parsed(text: &str) -> Result<serde_json::Value, EvalError> {
    serde_json::from_str(text).map_err(|error| EvalError::new(ErrorKind::Value, error.to_string()))
}
