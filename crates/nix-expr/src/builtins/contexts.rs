//! What strings depend on.

use std::collections::BTreeMap;

use super::Builtin;
use crate::error::{Error, ErrorKind};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::position::Position;
use crate::string::{ContextElement, ContextUnion};
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__addDrvOutputDependencies", 1, add_drv_output_dependencies).doc(
        "s",
        "Has a string that depends on a `.drv` file alone depend on that derivation's outputs \
         and on all that they need as well. The opposite of `unsafeDiscardOutputDependency`.",
    ),
    Builtin::new("__appendContext", 2, append_context).doc(
        "s context",
        "The string `s` that depends on what `context` says besides, a set as `getContext` \
         returns it.",
    ),
    Builtin::new("__getContext", 1, get_context).doc(
        "s",
        "What a string depends on: a set with an attribute for every store path, which says \
         whether the string depends on the `path` itself, on `outputs` of a derivation or on \
         `allOutputs`.",
    ),
    Builtin::new("__hasContext", 1, |e, args, at| {
        Ok(Value::Bool(!e.force_string(args[0], at)?.context.is_empty()))
    })
    .doc("s", "Whether a string depends on anything in the store."),
    Builtin::new("__unsafeDiscardOutputDependency", 1, unsafe_discard_output_dependency).doc(
        "s",
        "Has a string that depends on a derivation's outputs by way of its `.drv` file depend \
         on that file alone.",
    ),
    Builtin::new("__unsafeDiscardStringContext", 1, |e, args, at| {
        let string = e.coerce(e.force(args[0], at)?, at, Coercion::INTERPOLATION)?;
        Ok(e.string_in_arena(string.bytes, Default::default()))
    })
    .doc(
        "s",
        "The string without what it depends on. What it names need not exist then when it is \
         used.",
    ),
];

fn unsafe_discard_output_dependency<'a>(
    e: &Evaluator<'a>,
    args: &[&'a Slot<'a>],
    at: Position,
) -> Evaluated<'a> {
    let string = e.coerce(e.force(args[0], at)?, at, Coercion::INTERPOLATION)?;
    let elements = e.contexts.elements(string.context).into_iter().map(|element| match element {
        ContextElement::DerivationDeep(path) => ContextElement::Path(path),
        other => other,
    });
    Ok(e.string_in_arena(string.bytes, e.contexts.of_elements(elements)))
}

fn add_drv_output_dependencies<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let string = e.coerce(e.force(args[0], at)?, at, Coercion::INTERPOLATION)?;
    let elements = e.contexts.elements(string.context);
    let [element] = elements[..] else {
        let text = String::from_utf8_lossy(string.bytes);
        let message =
            format!("context of string '{text}' must have exactly one element, but has {}", elements.len());
        return e.fail(ErrorKind::Value, at, message);
    };
    let path = match element {
        ContextElement::Path(path) | ContextElement::DerivationDeep(path) if path.ends_with(".drv") => path,
        ContextElement::Path(path) | ContextElement::DerivationDeep(path) => {
            return e.fail(ErrorKind::Value, at, format!("path '{path}' is not a derivation"));
        }
        ContextElement::Output { output, .. } => {
            let message = format!(
                "`addDrvOutputDependencies` can only act on derivations, not on a derivation output such as '{output}'"
            );
            return e.fail(ErrorKind::Value, at, message);
        }
    };
    Ok(e.string_in_arena(string.bytes, e.contexts.single(ContextElement::DerivationDeep(path))))
}

/// What is known of one store path in a context.
#[derive(Default)]
struct Dependency<'a> {
    path: bool,
    all_outputs: bool,
    outputs: Vec<&'a str>,
}

fn get_context<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let string = e.force_string(args[0], at)?;
    let mut found: BTreeMap<&'a str, Dependency<'a>> = BTreeMap::new();
    for element in e.contexts.elements(string.context) {
        match element {
            ContextElement::Path(path) => found.entry(path).or_default().path = true,
            ContextElement::DerivationDeep(path) => found.entry(path).or_default().all_outputs = true,
            ContextElement::Output { derivation, output } => {
                found.entry(derivation).or_default().outputs.push(output);
            }
        }
    }
    let mut attrs = Vec::new();
    for (path, mut dependency) in found {
        let mut values = Vec::new();
        if dependency.path {
            values.push((known::PATH, Value::Bool(true)));
        }
        if dependency.all_outputs {
            values.push((known::ALL_OUTPUTS, Value::Bool(true)));
        }
        if !dependency.outputs.is_empty() {
            dependency.outputs.sort_unstable();
            let outputs: Vec<_> =
                dependency.outputs.iter().map(|output| e.slot(e.string(output.as_bytes()))).collect();
            values.push((known::OUTPUTS, e.list(&outputs)));
        }
        attrs.push((e.symbols.intern(path.as_bytes()), e.attrs_of(&values)));
    }
    Ok(e.attrs_of(&attrs))
}

fn append_context<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let string = e.force_string(args[0], at)?;
    let mut context = ContextUnion::from_iter([string.context]);
    let mut add = |element: ContextElement<'_>| context.add(e.contexts.single(element));
    for attr in e.by_name(e.force_attrs(args[1], at)?) {
        let path = e.symbols.name(attr.name);
        let parsed = e.parse_store_path(path, attr.position)?;
        let path = e.store_path_text(&parsed);
        let info = e.force_attrs(attr.value, attr.position)?;
        let flag = |name| -> Result<bool, Error> {
            info.get(name).map_or(Ok(false), |attr| e.force_bool(attr.value, attr.position))
        };
        let needs_derivation = |what: &str| -> Result<(), Error> {
            if parsed.is_derivation() {
                return Ok(());
            }
            let message =
                format!("tried to add {what} context of {path}, which is not a derivation, to a string");
            e.fail(ErrorKind::Value, attr.position, message)
        };
        if flag(known::PATH)? {
            add(ContextElement::Path(path));
        }
        if flag(known::ALL_OUTPUTS)? {
            needs_derivation("all-outputs")?;
            add(ContextElement::DerivationDeep(path));
        }
        if let Some(outputs) = info.get(known::OUTPUTS) {
            let outputs = e.force_list(outputs.value, outputs.position)?;
            if !outputs.is_empty() {
                needs_derivation("derivation output")?;
            }
            for output in outputs {
                let output = String::from_utf8_lossy(e.force_plain(output, attr.position)?);
                add(ContextElement::Output { derivation: path, output: &output });
            }
        }
    }
    Ok(e.string_in_arena(string.bytes, e.contexts.of(&context)))
}
