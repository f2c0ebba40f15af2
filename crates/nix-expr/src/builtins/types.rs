//! Types.

use super::Builtin;
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__isAttrs", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Attrs(_))))
        .doc("e", "Whether a value is a set."),
    Builtin::new("__isBool", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Bool(_))))
        .doc("e", "Whether a value is `true` or `false`."),
    Builtin::new("__isFloat", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Float(_))))
        .doc("e", "Whether a value is a floating-point number."),
    Builtin::new("__isFunction", 1, |e, args, at| {
        is(e, args, at, |value| value.type_name() == Some("lambda"))
    })
    .doc(
        "e",
        "Whether a value is a function. A set with `__functor` is none, though it can be \
         called.",
    ),
    Builtin::new("__isInt", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Int(_))))
        .doc("e", "Whether a value is an integer."),
    Builtin::new("__isList", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::List(_))))
        .doc("e", "Whether a value is a list."),
    Builtin::new("isNull", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Null)))
        .doc("e", "Whether a value is `null`. As `e == null`."),
    Builtin::new("__isPath", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Path(_))))
        .doc("e", "Whether a value is a path. A string that looks like one is none."),
    Builtin::new("__isString", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::String(_))))
        .doc("e", "Whether a value is a string."),
    Builtin::new("__typeOf", 1, |e, args, at| {
        let value = e.force(args[0], at)?;
        Ok(e.string(value.type_name().unwrap_or_default().as_bytes()))
    })
    .doc(
        "e",
        "The name of a value's type: `int`, `bool`, `string`, `path`, `null`, `set`, `list`, \
         `lambda` or `float`.",
    ),
];

fn is<'a>(
    e: &Evaluator<'a>,
    args: &[&'a Slot<'a>],
    at: Position,
    test: fn(&Value<'a>) -> bool,
) -> Evaluated<'a> {
    Ok(Value::Bool(test(&e.force(args[0], at)?)))
}
