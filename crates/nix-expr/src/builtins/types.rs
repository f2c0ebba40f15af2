//! Types.

use super::Builtin;
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__isAttrs", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Attrs(_)))),
    Builtin::new("__isBool", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Bool(_)))),
    Builtin::new("__isFloat", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Float(_)))),
    Builtin::new("__isFunction", 1, |e, args, at| {
        is(e, args, at, |value| matches!(value, Value::Lambda(..) | Value::Builtin(_) | Value::Partial(_)))
    }),
    Builtin::new("__isInt", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Int(_)))),
    Builtin::new("__isList", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::List(_)))),
    Builtin::new("isNull", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Null))),
    Builtin::new("__isPath", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::Path(_)))),
    Builtin::new("__isString", 1, |e, args, at| is(e, args, at, |value| matches!(value, Value::String(_)))),
    Builtin::new("__typeOf", 1, |e, args, at| {
        let value = e.force(args[0], at)?;
        Ok(e.string(value.type_name().unwrap_or_default().as_bytes()))
    }),
];

fn is<'a>(
    e: &Evaluator<'a>,
    args: &[&'a Slot<'a>],
    at: Position,
    test: fn(&Value<'a>) -> bool,
) -> Evaluated<'a> {
    Ok(Value::Bool(test(&e.force(args[0], at)?)))
}
