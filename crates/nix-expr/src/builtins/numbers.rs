//! Numbers.

use super::Builtin;
use crate::error::ErrorKind;
use crate::eval::{Evaluated, Evaluator, Number};
use crate::position::Position;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__add", 2, |e, args, at| e.add(e.force(args[0], at)?, e.force(args[1], at)?, at))
        .doc("e1 e2", "The sum of two numbers."),
    Builtin::new("__bitAnd", 2, |e, args, at| {
        Ok(Value::Int(e.force_int(args[0], at)? & e.force_int(args[1], at)?))
    })
    .doc("e1 e2", "The bits that both integers have."),
    Builtin::new("__bitOr", 2, |e, args, at| {
        Ok(Value::Int(e.force_int(args[0], at)? | e.force_int(args[1], at)?))
    })
    .doc("e1 e2", "The bits that one of the integers has or both."),
    Builtin::new("__bitXor", 2, |e, args, at| {
        Ok(Value::Int(e.force_int(args[0], at)? ^ e.force_int(args[1], at)?))
    })
    .doc("e1 e2", "The bits that exactly one of the integers has."),
    Builtin::new("__ceil", 1, |e, args, at| round(e, args[0], at, f64::ceil))
        .doc("number", "The smallest integer that is not less than a number."),
    Builtin::new("__div", 2, |e, args, at| e.divide(e.force(args[0], at)?, e.force(args[1], at)?, at)).doc(
        "e1 e2",
        "The quotient of two numbers. That of two integers is rounded towards zero; division \
         by zero is an error.",
    ),
    Builtin::new("__floor", 1, |e, args, at| round(e, args[0], at, f64::floor))
        .doc("number", "The largest integer that is not greater than a number."),
    Builtin::new("__lessThan", 2, |e, args, at| {
        Ok(Value::Bool(e.less_than(e.force(args[0], at)?, e.force(args[1], at)?, at)?))
    })
    .doc("e1 e2", "Whether `e1` is less than `e2`: numbers, strings, paths, or lists of these."),
    Builtin::new("__mul", 2, |e, args, at| e.multiply(e.force(args[0], at)?, e.force(args[1], at)?, at))
        .doc("e1 e2", "The product of two numbers."),
    Builtin::new("__sub", 2, |e, args, at| e.subtract(e.force(args[0], at)?, e.force(args[1], at)?, at))
        .doc("e1 e2", "The difference of two numbers."),
];

fn round<'a>(e: &Evaluator<'a>, slot: &'a Slot<'a>, at: Position, towards: fn(f64) -> f64) -> Evaluated<'a> {
    let value = e.force(slot, at)?;
    match e.number(value, at)? {
        Number::Int(number) => Ok(Value::Int(number)),
        Number::Float(number) => {
            let rounded = towards(number);
            // 2^63 is a float, the largest integer is not.
            if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
                Ok(Value::Int(rounded as i64))
            } else {
                e.fail(ErrorKind::Value, at, format!("{number} is not an integer that fits 64 bits"))
            }
        }
    }
}
