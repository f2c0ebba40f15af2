//! Derivations.

mod declared;
mod finish;
mod identity;

use std::cell::Cell;

use nix_store::{DerivationOutput, output_placeholder};

use self::declared::Declared;
pub(crate) use self::identity::Identity;
use super::Builtin;
use super::attrsets::GET_ATTR;
use crate::attrs::{Attr, Attrs};
use crate::error::{Error, ErrorKind, FrameText};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::position::Position;
use crate::settings::Feature;
use crate::string::ContextElement;
use crate::symbol::{Symbol, known};
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::untraced("derivation", 1, derivation).doc(
        "attrs",
        "Describes a build: a set of at least `name`, `system` and `builder`. Everything else \
         in it becomes an environment variable of the builder. Returns the set with \
         `outPath`, `drvPath` and an attribute for every output.",
    ),
    Builtin::untraced("derivationStrict", 1, derivation_strict).doc(
        "attrs",
        "What `derivation` calls as soon as a path is needed: returns a set of `drvPath` and \
         the paths of all outputs.",
    ),
    Builtin::new("__outputOf", 2, output_of)
        .doc(
            "derivation-reference output-name",
            "The path of an output of a derivation that is an output itself, as a placeholder \
         where it is not known yet.",
        )
        .needs(Feature::DynamicDerivations),
    Builtin::new("placeholder", 1, |e, args, at| {
        let output = String::from_utf8_lossy(e.force_plain(args[0], at)?);
        Ok(e.string(output_placeholder(&output).as_bytes()))
    })
    .doc("output", "A string that becomes the path of the derivation's own output when it is built."),
];

static DERIVATION_STRICT: Builtin = Builtin::untraced("derivationStrict", 1, derivation_strict);

type Arguments<'b, 'a> = &'b [&'a Slot<'a>];

/// The set of a derivation: its attributes and, lazily, what [`derivation_strict`] makes of them; one such set for every
/// output, each holding all others.
fn derivation<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let mut outputs: Vec<Symbol> = Vec::new();
    match attrs.get(known::OUTPUTS) {
        None => outputs.push(known::OUT),
        Some(attr) => {
            for name in e.force_list(attr.value, attr.position)? {
                outputs.push(e.expect_name(e.force(name, attr.position)?, attr.position)?);
            }
        }
    }
    let strict = e.application(e.builtin_slot(&DERIVATION_STRICT), args[0], None);
    wrap(e, attrs, Some(args[0]), &outputs, strict, at)
}

/// Builds the sets of a derivation's outputs; `strict` is a set with `drvPath` and a path for each output.
fn wrap<'a>(
    e: &Evaluator<'a>,
    attrs: &'a Attrs<'a>,
    drv_attrs: Option<&'a Slot<'a>>,
    outputs: &[Symbol],
    strict: &'a Slot<'a>,
    at: Position,
) -> Evaluated<'a> {
    let Some(first) = outputs.first() else {
        return e.fail(ErrorKind::Value, at, "derivation cannot have an empty set of outputs");
    };
    let position = Position::NONE;
    let slots: Vec<(Symbol, &'a Slot<'a>)> = outputs
        .iter()
        .map(|name| (*name, e.arena.alloc(Cell::new(Value::Blackhole)) as &'a Slot<'a>))
        .collect();
    let by_name = Attrs::from_unsorted(
        e.arena,
        slots.iter().map(|(name, value)| Attr { name: *name, position, value }).collect(),
    );
    let values: Vec<&'a Slot<'a>> = slots.iter().map(|(_, value)| *value).collect();
    let mut shared = vec![Attr { name: known::ALL, position, value: e.slot(e.list(&values)) }];
    shared.extend(drv_attrs.map(|value| Attr { name: known::DRV_ATTRS, position, value }));
    let common = attrs.update(by_name, e.arena).update(Attrs::from_unsorted(e.arena, shared), e.arena);
    let get = e.builtin_slot(&GET_ATTR);
    let select = |name: Symbol| e.application(get, e.name_slot(name), Some(strict));
    let drv_path = select(known::DRV_PATH);
    let kind = e.slot(e.string(b"derivation"));
    for (name, slot) in &slots {
        let own = Attrs::from_unsorted(
            e.arena,
            vec![
                Attr { name: known::OUT_PATH, position, value: select(*name) },
                Attr { name: known::DRV_PATH, position, value: drv_path },
                Attr { name: known::TYPE, position, value: kind },
                Attr { name: known::OUTPUT_NAME, position, value: e.name_slot(*name) },
            ],
        );
        slot.set(Value::Attrs(common.update(own, e.arena)));
    }
    match slots.iter().find(|(name, _)| name == first) {
        Some((_, slot)) => e.force(slot, at),
        None => e.fail(ErrorKind::Value, at, "derivation has no output"),
    }
}

fn derivation_strict<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let name = match attrs.get(known::NAME) {
        None => return e.missing_attribute(attrs, known::NAME, at),
        Some(attr) => {
            let name = e.in_context(
                e.force_plain(attr.value, attr.position),
                attr.position,
                "while evaluating the derivation attribute 'name'",
            )?;
            let name: &'a str = match std::str::from_utf8(name) {
                Ok(name) => name,
                Err(_) => e.arena.alloc_str(&String::from_utf8_lossy(name)),
            };
            (name, attr.position)
        }
    };
    make(e, attrs, name.0, at).map_err(|mut error| {
        error.frame(name.1, FrameText::Owned(format!("while evaluating derivation '{}'", name.0)));
        error
    })
}

fn make<'a>(e: &Evaluator<'a>, attrs: &'a Attrs<'a>, name: &'a str, at: Position) -> Evaluated<'a> {
    if let Err(error) = nix_store::store_path::check_name(name) {
        return e.fail(ErrorKind::Value, at, format!("invalid derivation name: {error}"));
    }
    let declared = Declared::read(e, attrs, name, at)?;
    if declared.builder.is_empty() {
        return e.fail(ErrorKind::MissingAttribute, at, "required attribute 'builder' missing");
    }
    if declared.system.is_empty() {
        return e.fail(ErrorKind::MissingAttribute, at, "required attribute 'system' missing");
    }
    if name.ends_with(".drv") {
        let message = "derivation names are not allowed to end in '.drv'";
        return e.fail(ErrorKind::Value, at, message);
    }
    finish::finish(e, declared, at)
}

/// Something that only an experimental feature allows.
pub(super) fn require<'a>(e: &Evaluator<'a>, feature: Feature, at: Position) -> Result<(), Error> {
    if e.settings.features.has(feature) {
        return Ok(());
    }
    let name = feature.name();
    let message = format!(
        "experimental Nix feature '{name}' is disabled; add '--extra-experimental-features {name}' to enable it"
    );
    e.fail(ErrorKind::Unsupported, at, message)
}

/// `import` of a `.drv` file: the derivation as a set.
pub(super) fn imported<'a>(e: &Evaluator<'a>, path: &[u8], at: Position) -> Result<Option<Value<'a>>, Error> {
    let Ok(store_path) = e.io().store_dir().parse(path) else { return Ok(None) };
    if !store_path.is_derivation() {
        return Ok(None);
    }
    let drv = {
        let derivations = e.derivations.borrow();
        finish::load(e, &derivations, &store_path).or_else(|error| e.io_error(at, error))?
    };
    let derivation = e.store_path_text(&store_path);
    let deep = e.contexts.single(ContextElement::DerivationDeep(derivation));
    let mut strict = vec![(known::DRV_PATH, e.string_in_arena(derivation.as_bytes(), deep))];
    let mut names = Vec::new();
    let mut name_slots = Vec::new();
    for (output, declared) in &drv.outputs {
        let context = e.contexts.single(ContextElement::Output { derivation, output });
        let text = declared.path().map(|path| e.io().store_dir().display(path)).unwrap_or_default();
        let name = e.symbols.intern(output.as_bytes());
        strict.push((name, e.string_with(text.as_bytes(), context)));
        names.push(name);
        name_slots.push(e.name_slot(name));
    }
    let attrs =
        e.attrs_of(&[(known::NAME, e.string(drv.name.as_bytes())), (known::OUTPUTS, e.list(&name_slots))]);
    let strict = e.slot(e.attrs_of(&strict));
    wrap(e, e.expect_attrs(attrs, at)?, None, &names, strict, at).map(Some)
}

/// The path of an output of a derivation that is itself an output; only a plain derivation has one known before builds.
fn output_of<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let drv = e.coerce(e.force(args[0], at)?, at, Coercion::PLAIN)?;
    let output = String::from_utf8_lossy(e.force_plain(args[1], at)?);
    let path = e.parse_store_path(drv.bytes, at)?;
    let derivations = e.derivations.borrow();
    let loaded = finish::load(e, &derivations, &path).or_else(|error| e.io_error(at, error))?;
    let Some(found) = loaded.outputs.get(&*output).and_then(DerivationOutput::path) else {
        let message = format!("derivation '{}' has no output '{output}'", e.io().store_dir().display(&path));
        return e.fail(ErrorKind::Value, at, message);
    };
    let derivation = e.store_path_text(&path);
    let context = e.contexts.single(ContextElement::Output { derivation, output: &output });
    Ok(e.string_with(e.io().store_dir().display(found).as_bytes(), context))
}
