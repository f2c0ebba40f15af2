//! From what is declared to paths: the inputs and outputs of a derivation, and its place in the graph of all.

use std::hash::{Hash, Hasher};

use nix_store::{ContentAddressMethod, Derivation, DerivationOutput, References, StorePath};
use rustc_hash::FxHasher;

use super::Declared;
use crate::builtins::files;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator, os_path};
use crate::io::IoError;
use crate::position::Position;
use crate::string::{ContextElement, ContextId};
use crate::symbol::known;
use crate::value::Value;

/// All that the strings of a derivation depend on becomes its inputs.
pub(super) fn add_inputs<'a>(
    e: &Evaluator<'a>,
    drv: &mut Derivation,
    context: ContextId,
    at: Position,
) -> Result<(), Error> {
    for element in e.contexts.elements(context) {
        match element {
            ContextElement::Path(path) => {
                drv.input_srcs.insert(e.context_path(path, at)?);
            }
            ContextElement::Output { derivation, output } => {
                let path = e.context_path(derivation, at)?;
                drv.input_drvs.entry(path).or_default().insert(output.to_owned());
            }
            ContextElement::DerivationDeep(path) => {
                let root = e.context_path(path, at)?;
                let derivations = e.derivations.borrow();
                for path in derivations.closure(&root) {
                    if let Some(derivation) = derivations.get(&path) {
                        let outputs = derivation.outputs.keys().cloned();
                        drv.input_drvs.entry(path.clone()).or_default().extend(outputs);
                    }
                    drv.input_srcs.insert(path);
                }
            }
        }
    }
    Ok(())
}

/// Takes the declared outputs into a derivation. Their paths stay open if they depend on all that it is.
pub(super) fn declare_outputs<'a>(
    e: &Evaluator<'a>,
    drv: &mut Derivation,
    declared: Declared,
    at: Position,
) -> Result<(), Error> {
    let store = e.io.store_dir();
    if let Some(hash) = declared.hash {
        if declared.outputs != ["out"] {
            return e.fail(
                ErrorKind::Value,
                at,
                "multiple outputs are not supported in fixed-output derivations",
            );
        }
        let hash = files::parse_hash(e, &hash, declared.hash_algorithm, at)?;
        let method = declared.method.unwrap_or(ContentAddressMethod::Flat);
        let path = store
            .make_fixed_output_path(&drv.name, method, &hash, References::default())
            .or_else(|error| e.store_error(at, &error))?;
        drv.env.insert(b"out".to_vec(), store.display(&path).into_bytes());
        drv.outputs.insert("out".to_owned(), DerivationOutput::Fixed { path, method, hash });
        return Ok(());
    }
    if declared.content_addressed {
        return e.fail(
            ErrorKind::Unsupported,
            at,
            "derivations whose output paths depend on what is built (`__contentAddressed`) are not supported",
        );
    }
    for output in declared.outputs {
        drv.env.insert(output.clone().into_bytes(), Vec::new());
        drv.outputs.insert(output, DerivationOutput::Deferred);
    }
    Ok(())
}

/// Finishes a derivation whose outputs are declared, and makes the set of its paths. Packages ask for the same one again
/// and again, above all in the stages of a bootstrap: half of all that are made were made before.
pub(super) fn finish<'a>(e: &Evaluator<'a>, mut drv: Derivation, at: Position) -> Evaluated<'a> {
    let fingerprint = fingerprint(&drv);
    if let Some(candidates) = e.finished.borrow().get(&fingerprint) {
        let derivations = e.derivations.borrow();
        let is_same = |path| derivations.get(path).is_some_and(|known| becomes(&drv, known));
        if let Some((_, paths)) = candidates.iter().find(|(path, _)| is_same(path)) {
            return Ok(*paths);
        }
    }
    assign_paths(e, &mut drv, at)?;
    let (path, paths) = register(e, drv, at)?;
    e.finished.borrow_mut().entry(fingerprint).or_default().push((path, paths));
    Ok(paths)
}

/// A hash of what a derivation was declared as, which its output paths do not change.
fn fingerprint(drv: &Derivation) -> u64 {
    let mut hasher = FxHasher::default();
    (&drv.name, &drv.builder, &drv.args, &drv.input_srcs).hash(&mut hasher);
    for input in drv.input_drvs.keys() {
        input.hash(&mut hasher);
    }
    for (name, value) in &drv.env {
        name.hash(&mut hasher);
        if !is_open(drv, name) {
            value.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Whether a variable is that of an output whose path is open.
fn is_open(drv: &Derivation, variable: &[u8]) -> bool {
    std::str::from_utf8(variable).is_ok_and(|name| drv.outputs.get(name) == Some(&DerivationOutput::Deferred))
}

/// Whether a derivation becomes `finished` when its open outputs get their paths.
fn becomes(drv: &Derivation, finished: &Derivation) -> bool {
    let is_output = |declared: &DerivationOutput, found: &DerivationOutput| match declared {
        DerivationOutput::Deferred => matches!(found, DerivationOutput::InputAddressed { .. }),
        declared => declared == found,
    };
    drv.name == finished.name
        && drv.system == finished.system
        && drv.builder == finished.builder
        && drv.args == finished.args
        && drv.input_drvs == finished.input_drvs
        && drv.input_srcs == finished.input_srcs
        && drv.outputs.len() == finished.outputs.len()
        && drv
            .outputs
            .iter()
            .zip(&finished.outputs)
            .all(|((name, declared), (other, found))| name == other && is_output(declared, found))
        && drv.env.len() == finished.env.len()
        && drv
            .env
            .iter()
            .zip(&finished.env)
            .all(|((name, value), (other, found))| name == other && (value == found || is_open(drv, name)))
}

/// Gives the outputs whose paths are open their paths.
fn assign_paths<'a>(e: &Evaluator<'a>, drv: &mut Derivation, at: Position) -> Result<(), Error> {
    if drv.fixed_output().is_some() {
        return Ok(());
    }
    let store = e.io.store_dir();
    let derivations = e.derivations.borrow();
    let hash = drv
        .hash_modulo_masked(store, &derivations.memo, &mut |path| load(e, &derivations, path))
        .or_else(|error| e.io_error(at, error))?;
    drv.assign_output_paths(store, &hash).or_else(|error| e.store_error(at, &error))
}

/// A derivation that is an input: computed here, or of a store that holds its file.
pub(super) fn load<'a>(
    e: &Evaluator<'a>,
    derivations: &crate::context::Derivations,
    path: &StorePath,
) -> Result<Derivation, IoError> {
    if let Some(derivation) = derivations.get(path) {
        return Ok(derivation.clone());
    }
    let text = e.io.store_dir().display(path);
    let bytes = e.io.read_file(os_path(text.as_bytes()))?;
    Ok(Derivation::parse(e.io.store_dir(), path.derivation_name().unwrap_or_default(), &bytes)?)
}

/// Takes a derivation that has all its paths into the graph, and makes the set of them.
fn register<'a>(e: &Evaluator<'a>, drv: Derivation, at: Position) -> Result<(StorePath, Value<'a>), Error> {
    let store = e.io.store_dir();
    let (path, _) = drv.path_and_text(store).or_else(|error| e.store_error(at, &error))?;
    let derivation = e.store_path_text(&path);
    let deep = e.contexts.single(ContextElement::DerivationDeep(derivation));
    let mut values = vec![(known::DRV_PATH, e.string_in_arena(derivation.as_bytes(), deep))];
    for (output, declared) in &drv.outputs {
        let context = e.contexts.single(ContextElement::Output { derivation, output });
        let text = declared.path().map(|path| store.display(path)).unwrap_or_default();
        values.push((e.symbols.intern(output.as_bytes()), e.string_with(text.as_bytes(), context)));
    }
    let mut derivations = e.derivations.borrow_mut();
    if derivations.memo.get(&path).is_none() {
        let hash = drv
            .hash_modulo(store, &derivations.memo, &mut |path| load(e, &derivations, path))
            .or_else(|error| e.io_error(at, error))?;
        derivations.memo.insert(path.clone(), hash);
    }
    derivations.graph.entry(path.clone()).or_insert(drv);
    Ok((path, e.attrs_of(&values)))
}
