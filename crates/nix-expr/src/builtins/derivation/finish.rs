//! From what is declared to paths: the inputs and outputs of a derivation, and its place in the graph of all.

use std::borrow::Cow;
use std::sync::Arc;

use nix_store::{Derivation, DerivationOutput, Environment, References, StorePath};

use super::declared::{Declared, Outputs};
use super::identity::Identity;
use crate::error::Error;
use crate::eval::{Evaluated, Evaluator, os_path};
use crate::io::IoError;
use crate::position::Position;
use crate::string::ContextElement;
use crate::symbol::known;

/// Finishes a derivation that is declared, and makes the set of its paths. Packages ask for the same one again and again,
/// above all in the stages of a bootstrap: half of all that are made were made before. Hosts of a fleet share nearly all.
pub(super) fn finish<'a>(e: &Evaluator<'a>, declared: Declared<'a>, at: Position) -> Evaluated<'a> {
    let store = e.io().store_dir();
    let identity = Identity::of(&declared, store);
    if let Some(paths) = e.finished.borrow().get(&identity) {
        return Ok(*paths);
    }
    let (path, drv) = match e.shared.get(&identity) {
        Some(known) => known,
        None => {
            let mut drv = derivation(e, declared, at)?;
            assign_paths(e, &mut drv, at)?;
            let (path, _) = drv.path_and_text(store).or_else(|error| e.store_error(at, &error))?;
            let drv = Arc::new(drv);
            e.shared.add(identity, &path, &drv);
            (path, drv)
        }
    };
    let paths = register(e, &path, drv, at)?;
    e.finished.borrow_mut().insert(identity, paths);
    Ok(paths)
}

/// What most store paths are no longer than, in bytes. Variables of so many have room from the beginning.
const PATH_LENGTH: usize = 96;

/// The derivation that is declared. The paths of its outputs stay open if they depend on all that it is.
fn derivation<'a>(e: &Evaluator<'a>, declared: Declared<'a>, at: Position) -> Result<Derivation, Error> {
    let store = e.io().store_dir();
    let mut drv = Derivation::new(declared.name);
    let paths = match &declared.outputs {
        Outputs::Fixed { .. } => 1,
        Outputs::Open(names) => names.len(),
    };
    drv.system = declared.system.to_vec();
    drv.builder = declared.builder.to_vec();
    drv.args = declared.args.into_iter().map(Cow::into_owned).collect();
    let length: usize = declared.env.iter().map(|(name, text)| name.len() + text.len()).sum();
    drv.env = Environment::with_capacity(declared.env.len(), length + paths * PATH_LENGTH);
    for (name, text) in &declared.env {
        drv.env.insert(name, text);
    }
    for source in &declared.sources {
        drv.input_srcs.insert(e.context_path(source, at)?);
    }
    for outputs in declared.derivations.chunk_by(|a, b| a.0 == b.0) {
        let path = e.context_path(outputs[0].0, at)?;
        let names: Vec<&str> = outputs.iter().map(|(_, output)| *output).collect();
        drv.input_drvs.insert(path, e.shared.output_names(&names));
    }
    match &declared.outputs {
        Outputs::Fixed { method, hash } => {
            let (method, hash) = (*method, *hash);
            let path = store
                .make_fixed_output_path(&drv.name, method, &hash, References::default())
                .or_else(|error| e.store_error(at, &error))?;
            drv.env.insert("out", store.display(&path));
            drv.outputs.insert("out".to_owned(), DerivationOutput::Fixed { path, method, hash });
        }
        Outputs::Open(names) => {
            let open = |name: &&str| ((*name).to_owned(), DerivationOutput::Deferred);
            drv.outputs = names.iter().map(open).collect();
        }
    }
    Ok(drv)
}

/// Gives the outputs whose paths are open their paths.
fn assign_paths<'a>(e: &Evaluator<'a>, drv: &mut Derivation, at: Position) -> Result<(), Error> {
    if drv.fixed_output().is_some() {
        return Ok(());
    }
    let store = e.io().store_dir();
    let derivations = e.derivations.borrow();
    let hash = drv
        .hash_modulo_masked(store, &e.shared.memo, &mut |path| load(e, &derivations, path))
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
    let text = e.io().store_dir().display(path);
    let bytes = e.io().read_file(os_path(text.as_bytes()))?;
    Ok(Derivation::parse(e.io().store_dir(), path.derivation_name().unwrap_or_default(), &bytes)?)
}

/// Takes a derivation that has all its paths into the graph, and makes the set of them.
fn register<'a>(e: &Evaluator<'a>, path: &StorePath, drv: Arc<Derivation>, at: Position) -> Evaluated<'a> {
    let store = e.io().store_dir();
    let derivation = e.store_path_text(path);
    let deep = e.contexts.single(ContextElement::DerivationDeep(derivation));
    let mut values = vec![(known::DRV_PATH, e.string_in_arena(derivation.as_bytes(), deep))];
    for (output, declared) in &drv.outputs {
        let context = e.contexts.single(ContextElement::Output { derivation, output });
        let text = declared.path().map(|path| store.display(path)).unwrap_or_default();
        values.push((e.symbols.intern(output.as_bytes()), e.string_with(text.as_bytes(), context)));
    }
    let mut derivations = e.derivations.borrow_mut();
    if e.shared.memo.get(path).is_none() {
        let hash = drv
            .hash_modulo(store, &e.shared.memo, &mut |path| load(e, &derivations, path))
            .or_else(|error| e.io_error(at, error))?;
        e.shared.memo.insert(path.clone(), hash);
    }
    derivations.graph.entry(path.clone()).or_insert(drv);
    Ok(e.attrs_of(&values))
}
