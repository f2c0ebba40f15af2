//! Attribute sets.

use super::Builtin;
use crate::attrs::{Attr, Attrs};
use crate::error::Error;
use crate::eval::{Evaluated, Evaluator};
use crate::ir::Parameters;
use crate::position::Position;
use crate::symbol::{Symbol, known};
use crate::value::{List, MappedAttrs, Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__attrNames", 1, attr_names)
        .doc("set", "The names of a set's attributes, in alphabetical order."),
    Builtin::new("__attrValues", 1, attr_values)
        .doc("set", "The values of a set's attributes, in the order of their names."),
    Builtin::new("__catAttrs", 2, cat_attrs)
        .doc("attr list", "The values of the attribute `attr` in those sets of `list` that have it."),
    Builtin::new("__functionArgs", 1, function_args).doc(
        "f",
        "The names of the arguments that a function `{ a, b ? 1 }: …` takes, each true if it \
         has a default. Empty for functions of another form.",
    ),
    Builtin::new("__getAttr", 2, get_attr)
        .doc("s set", "The attribute of `set` that is named `s`; an error if there is none. As `set.${s}`."),
    Builtin::new("__hasAttr", 2, has_attr)
        .doc("s set", "Whether `set` has an attribute named `s`. As `set ? ${s}`."),
    Builtin::new("__intersectAttrs", 2, intersect_attrs)
        .doc("e1 e2", "The attributes of `e2` whose names are in `e1`, too."),
    Builtin::new("__listToAttrs", 1, list_to_attrs).doc(
        "e",
        "A set of a list of sets with `name` and `value`. Of two with the same name the first \
         counts.",
    ),
    Builtin::new("__mapAttrs", 2, map_attrs).doc(
        "f attrset",
        "The set with the same names whose values are what `f` returns for each name and \
         value.",
    ),
    Builtin::new("removeAttrs", 2, remove_attrs)
        .doc("set list", "A set without the attributes that a list names."),
    Builtin::new("__unsafeGetAttrPos", 2, unsafe_get_attr_pos).doc(
        "s set",
        "Where an attribute was defined: a set of `file`, `line` and `column`, or `null` \
         where that is not known.",
    ),
    Builtin::new("__zipAttrsWith", 2, zip_attrs_with).doc(
        "f list",
        "Joins a list of sets: each attribute is what `f` returns for its name and the list \
         of its values.",
    ),
];

/// `getAttr`, for values that select from another when they are needed.
pub(super) static GET_ATTR: Builtin = Builtin::untraced("__getAttr", 2, get_attr);

type Arguments<'b, 'a> = &'b [&'a Slot<'a>];

fn attr_names<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let names: Vec<_> = e.by_name(attrs).iter().map(|attr| e.name_slot(attr.name)).collect();
    Ok(e.list(&names))
}

fn attr_values<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let values: Vec<_> = e.by_name(attrs).iter().map(|attr| attr.value).collect();
    Ok(e.list(&values))
}

fn get_attr<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let name = e.expect_name(e.force(args[0], at)?, at)?;
    let attrs = e.force_attrs(args[1], at)?;
    e.attribute(attrs, name, at)
}

/// The symbol of a name if any set that is there already can have it: evaluating another one may make it known.
fn known_name<'a>(e: &Evaluator<'a>, slot: &'a Slot<'a>, at: Position) -> Result<Option<Symbol>, Error> {
    e.force_plain(slot, at)?;
    Ok(e.symbols.find_string(e.force_string(slot, at)?))
}

/// A name and the set that may have it; the name is evaluated first.
fn name_and_attrs<'a>(
    e: &Evaluator<'a>,
    args: Arguments<'_, 'a>,
    at: Position,
) -> Result<(Option<Symbol>, &'a Attrs<'a>), Error> {
    e.force_plain(args[0], at)?;
    let name = e.force_string(args[0], at)?;
    let attrs = e.force_attrs(args[1], at)?;
    Ok((e.symbols.find_string(name), attrs))
}

fn has_attr<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let (name, attrs) = name_and_attrs(e, args, at)?;
    Ok(Value::Bool(name.is_some_and(|name| attrs.get(name).is_some())))
}

fn unsafe_get_attr_pos<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let (name, attrs) = name_and_attrs(e, args, at)?;
    let attr = name.and_then(|name| attrs.get(name));
    Ok(attr.map_or(Value::Null, |attr| e.position_value(attr.position)))
}

fn map_attrs<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[1], at)?;
    let mapping = e.arena.alloc(MappedAttrs { function: args[0], attrs });
    let mapped = |attr: &Attr<'a>| Attr {
        name: attr.name,
        position: Position::NONE,
        value: e.slot(Value::MappedAttr(attr.name, mapping)),
    };
    Ok(Value::Attrs(Attrs::from_sorted_iter(e.arena, attrs.joined().iter().map(mapped))))
}

/// The attributes for which `keep` holds; the set itself if it holds for all.
fn retain<'a>(e: &Evaluator<'a>, attrs: &'a Attrs<'a>, keep: impl Fn(&Attr<'a>) -> bool) -> Value<'a> {
    let all = attrs.joined();
    let kept: Vec<Attr<'a>> = all.iter().filter(|attr| keep(attr)).copied().collect();
    if kept.len() == all.len() {
        return Value::Attrs(attrs);
    }
    Value::Attrs(Attrs::from_sorted_iter(e.arena, kept))
}

fn remove_attrs<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let attrs = e.force_attrs(args[0], at)?;
    let listed = e.force_list(args[1], at)?;
    let mut names: Vec<Symbol> = Vec::with_capacity(listed.len());
    for name in listed {
        names.extend(known_name(e, name, at)?.filter(|name| attrs.get(*name).is_some()));
    }
    if names.is_empty() {
        return Ok(Value::Attrs(attrs));
    }
    names.sort_unstable();
    names.dedup();
    // What lies between the names is copied in whole runs.
    let all = attrs.joined();
    let mut kept = bumpalo::collections::Vec::with_capacity_in(all.len() - names.len(), e.arena);
    let mut rest = &all[..];
    for name in names {
        let (before, after) = rest.split_at(rest.partition_point(|attr| attr.name < name));
        kept.extend_from_slice_copy(before);
        rest = after.get(1..).unwrap_or_default();
    }
    kept.extend_from_slice_copy(rest);
    Ok(Value::Attrs(e.arena.alloc(Attrs::from_sorted(kept.into_bump_slice()))))
}

fn intersect_attrs<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let left = e.force_attrs(args[0], at)?;
    let right = e.force_attrs(args[1], at)?;
    if left.len_at_most() < right.len_at_most() {
        // `intersectAttrs (functionArgs f) pkgs`: the large set is not gone through.
        let found = left.joined();
        let found = found.iter().filter_map(|attr| right.get(attr.name).copied());
        return Ok(Value::Attrs(Attrs::from_sorted_iter(e.arena, found.collect::<Vec<_>>())));
    }
    Ok(retain(e, right, |attr| left.get(attr.name).is_some()))
}

fn list_to_attrs<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let items = e.force_list(args[0], at)?;
    let mut attrs = Vec::with_capacity(items.len());
    for item in items {
        let item = e.force_attrs(item, at)?;
        let name = e.attribute(item, known::NAME, at)?;
        let name = e.expect_name(name, at)?;
        match item.get(known::VALUE) {
            Some(value) => attrs.push(Attr { name, position: value.position, value: value.value }),
            None => return e.missing_attribute(item, known::VALUE, at),
        }
    }
    Ok(e.attrs(attrs))
}

fn cat_attrs<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let name = e.expect_name(e.force(args[0], at)?, at)?;
    let mut found = Vec::new();
    for item in e.force_list(args[1], at)? {
        found.extend(e.force_attrs(item, at)?.get(name).map(|attr| attr.value));
    }
    Ok(e.list(&found))
}

fn function_args<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    match e.force(args[0], at)? {
        Value::PartialLambda(_) | Value::Builtin(_) | Value::Partial(_) => Ok(Value::Attrs(e.empty_attrs)),
        Value::Lambda(id, _) => {
            let Parameters::Set { formals, .. } = &e.lambda(id)?.parameters else {
                return Ok(Value::Attrs(e.empty_attrs));
            };
            let attrs = formals
                .list
                .iter()
                .map(|formal| Attr {
                    name: formal.name,
                    position: formal.position,
                    value: e.slot(Value::Bool(formal.default.is_some())),
                })
                .collect();
            Ok(e.attrs(attrs))
        }
        other => e.type_error(at, "a function", other),
    }
}

fn zip_attrs_with<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    e.force_function(args[0], at)?;
    let mut found: Vec<(Symbol, &'a Slot<'a>)> = Vec::new();
    for set in e.force_list(args[1], at)? {
        found.extend(e.force_attrs(set, at)?.joined().iter().map(|attr| (attr.name, attr.value)));
    }
    // Values of one name stay in the order of their sets.
    found.sort_by_key(|(name, _)| *name);
    let attrs = found
        .chunk_by(|(name, _), (next, _)| name == next)
        .map(|same| {
            let name = same[0].0;
            let items = e.arena.alloc_slice_fill_iter(same.iter().map(|(_, value)| *value));
            let values = e.slot(Value::List(e.arena.alloc(List { items })));
            let value = e.application(args[0], e.name_slot(name), Some(values));
            Attr { name, position: Position::NONE, value }
        })
        .collect();
    Ok(e.attrs(attrs))
}
