//! Lists.

use std::collections::BTreeMap;

use super::Builtin;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{MappedList, Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__all", 2, all)
        .doc("pred list", "Whether `pred` is true of every element of `list`; true for an empty list."),
    Builtin::new("__any", 2, any)
        .doc("pred list", "Whether `pred` is true of some element of `list`; false for an empty list."),
    Builtin::new("__concatLists", 1, concat_lists)
        .doc("lists", "One list of all the elements of a list of lists."),
    Builtin::new("__concatMap", 2, concat_map)
        .doc("f list", "Calls `f` with every element of `list` and joins the lists that it returns."),
    Builtin::new("__elem", 2, elem).doc("x xs", "Whether a list has an element that equals `x`."),
    Builtin::new("__elemAt", 2, elem_at).doc("xs n", "Element `n` of a list; the first one is 0."),
    Builtin::new("__filter", 2, filter).doc("f list", "The elements of `list` for which `f` returns true."),
    Builtin::new("__foldl'", 3, fold_left).doc(
        "op nul list",
        "Combines the elements of a list from the left: `op (op (op nul x0) x1) x2`, each \
         step evaluated before the next.",
    ),
    Builtin::new("__genList", 2, generate).doc(
        "generator length",
        "A list of `length` elements, each the value of `generator` for its index from 0.",
    ),
    Builtin::new("__genericClosure", 1, generic_closure).doc(
        "attrset",
        "All that can be reached from `startSet`, a list of sets with a `key`, where \
         `operator` returns such a list for each set. Every key is there once.",
    ),
    Builtin::new("__groupBy", 2, group_by).doc(
        "f list",
        "A set of lists: every element of `list` is in the one whose name `f` returns for it.",
    ),
    Builtin::new("__head", 1, head).doc("list", "The first element of a list; an error if it is empty."),
    Builtin::new("__length", 1, length).doc("e", "The number of a list's elements."),
    Builtin::new("map", 2, map).doc("f list", "A list of what `f` returns for each element of `list`."),
    Builtin::new("__partition", 2, partition).doc(
        "pred list",
        "A set of two lists: the elements of `list` for which `pred` returns true are \
         `right`, the others are `wrong`.",
    ),
    Builtin::new("__sort", 2, sort).doc(
        "comparator list",
        "Sorts a list. `comparator` is called with two elements and returns whether the first \
         belongs before the second; elements that are equal to it keep their order.",
    ),
    Builtin::new("__tail", 1, tail).doc("list", "A list without its first element; an error if it is empty."),
];

type Arguments<'b, 'a> = &'b [&'a Slot<'a>];

fn map<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let items = e.force_list(args[1], at)?;
    let Ok(count) = u32::try_from(items.len()) else {
        return e.fail(ErrorKind::Value, at, "the list is too long for 'map'");
    };
    let list = e.arena.alloc(MappedList { function: args[0], items });
    Ok(e.list_of((0..count).map(|index| Value::MappedItem(index, list))))
}

fn filter<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let items = e.force_list(args[1], at)?;
    if items.is_empty() {
        return Ok(e.list(&[]));
    }
    let function = e.force_function(args[0], at)?;
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let keep = e.call(function, &[item], at)?;
        if e.expect_bool(keep, at)? {
            kept.push(*item);
        }
    }
    if kept.len() == items.len() {
        return e.force(args[1], at);
    }
    Ok(e.list(&kept))
}

fn all<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    first_that(e, args, at, false).map(|found| Value::Bool(!found))
}

fn any<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    first_that(e, args, at, true).map(Value::Bool)
}

/// Whether the function answers `wanted` for some element.
fn first_that<'a>(
    e: &Evaluator<'a>,
    args: Arguments<'_, 'a>,
    at: Position,
    wanted: bool,
) -> Result<bool, Error> {
    let function = e.force_function(args[0], at)?;
    for item in e.force_list(args[1], at)? {
        let truth = e.call(function, &[item], at)?;
        if e.expect_bool(truth, at)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn concat_lists<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let lists = e.force_list(args[0], at)?;
    let mut out = Vec::new();
    for list in lists {
        out.extend_from_slice(e.force_list(list, at)?);
    }
    Ok(e.list(&out))
}

fn concat_map<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let function = e.force_function(args[0], at)?;
    let mut out = Vec::new();
    for item in e.force_list(args[1], at)? {
        let list = e.call(function, &[item], at)?;
        out.extend_from_slice(e.expect_list(list, at)?);
    }
    Ok(e.list(&out))
}

fn elem<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    for item in e.force_list(args[1], at)? {
        if e.equal_slots(args[0], item, at)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn elem_at<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let items = e.force_list(args[0], at)?;
    let index = e.force_int(args[1], at)?;
    match usize::try_from(index).ok().and_then(|index| items.get(index)) {
        Some(item) => e.force(item, at),
        None => {
            let message =
                format!("list index {index} is out of bounds: the list has {} elements", items.len());
            e.fail(ErrorKind::Value, at, message)
        }
    }
}

fn head<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    match e.force_list(args[0], at)?.first() {
        Some(item) => e.force(item, at),
        None => e.fail(ErrorKind::Value, at, "'builtins.head' called on an empty list"),
    }
}

fn tail<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    match e.force_list(args[0], at)?.split_first() {
        Some((_, [])) => Ok(e.list(&[])),
        // A list never changes, so its tail is a part of it.
        Some((_, items)) => Ok(Value::List(e.arena.alloc(crate::value::List { items }))),
        None => e.fail(ErrorKind::Value, at, "'builtins.tail' called on an empty list"),
    }
}

fn length<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    Ok(Value::Int(e.force_list(args[0], at)?.len() as i64))
}

fn fold_left<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let function = e.force_function(args[0], at)?;
    let items = e.force_list(args[2], at)?;
    let Some((first, rest)) = items.split_first() else { return e.force(args[1], at) };
    // What it starts with is not evaluated unless the function does.
    let mut value = e.call(function, &[args[1], first], at)?;
    for item in rest {
        value = e.call(function, &[e.slot(value), item], at)?;
    }
    Ok(value)
}

fn generate<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let length = e.force_int(args[1], at)?;
    // As many elements as fit no memory are refused as Nix refuses them, rather than tried.
    let Ok(length) = u32::try_from(length) else {
        return e.fail(ErrorKind::Value, at, format!("cannot create list of size {length}"));
    };
    e.force_function(args[0], at)?;
    Ok(e.list_of((0..length).map(|index| Value::Generated(index, args[0]))))
}

fn partition<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let function = e.force_function(args[0], at)?;
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for item in e.force_list(args[1], at)? {
        let truth = e.call(function, &[item], at)?;
        if e.expect_bool(truth, at)? { right.push(*item) } else { wrong.push(*item) }
    }
    Ok(e.attrs_of(&[(known::RIGHT, e.list(&right)), (known::WRONG, e.list(&wrong))]))
}

fn group_by<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let function = e.force_function(args[0], at)?;
    let mut groups: BTreeMap<_, Vec<&'a Slot<'a>>> = BTreeMap::new();
    for item in e.force_list(args[1], at)? {
        let name = e.call(function, &[item], at)?;
        let name = e.expect_name(name, at)?;
        groups.entry(name).or_default().push(item);
    }
    let groups: Vec<_> = groups.into_iter().map(|(name, items)| (name, e.list(&items))).collect();
    Ok(e.attrs_of(&groups))
}

/// Sorts stably by merging; the function may contradict itself, and is never asked more than merging needs.
fn sort<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let items = e.force_list(args[1], at)?;
    if items.is_empty() {
        return Ok(e.list(&[]));
    }
    let function = e.force_function(args[0], at)?;
    for item in items {
        e.force(item, at)?;
    }
    let is_less_than = matches!(function, Value::Builtin(builtin) if builtin.name == "__lessThan");
    let less = |a: &'a Slot<'a>, b: &'a Slot<'a>| -> Result<bool, Error> {
        if is_less_than {
            return e.less_than(e.force(a, at)?, e.force(b, at)?, at);
        }
        let truth = e.call(function, &[a, b], at)?;
        e.expect_bool(truth, at)
    };
    let mut sorted = items.to_vec();
    let mut merged = Vec::with_capacity(sorted.len());
    let mut width = 1;
    while width < sorted.len() {
        merged.clear();
        for pair in sorted.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                if less(b, a)? {
                    merged.push(*b);
                    right = &right[1..];
                } else {
                    merged.push(*a);
                    left = &left[1..];
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut sorted, &mut merged);
        width *= 2;
    }
    Ok(e.list(&sorted))
}

/// The items reachable from `startSet` by `operator`, breadth first, one for each `key`.
fn generic_closure<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let set = e.force_attrs(args[0], at)?;
    let start = e.attribute(set, known::START_SET, at)?;
    let start = e.expect_list(start, at)?;
    if start.is_empty() {
        return Ok(e.list(&[]));
    }
    let operator = e.attribute(set, known::OPERATOR, at)?;
    let mut pending: std::collections::VecDeque<&'a Slot<'a>> = start.iter().copied().collect();
    // Sorted by key; keys are values, whose order may fail.
    let mut keys: Vec<Value<'a>> = Vec::new();
    let mut found = Vec::new();
    while let Some(item) = pending.pop_front() {
        let attrs = e.force_attrs(item, at)?;
        let key = e.attribute(attrs, known::KEY, at)?;
        let (mut low, mut high) = (0, keys.len());
        let mut seen = false;
        while low < high && !seen {
            let middle = (low + high) / 2;
            match e.order(key, keys[middle], at)? {
                std::cmp::Ordering::Less => high = middle,
                std::cmp::Ordering::Greater => low = middle + 1,
                std::cmp::Ordering::Equal => seen = true,
            }
        }
        if seen {
            continue;
        }
        keys.insert(low, key);
        found.push(item);
        let more = e.call(operator, &[item], at)?;
        pending.extend(e.expect_list(more, at)?);
    }
    Ok(e.list(&found))
}
