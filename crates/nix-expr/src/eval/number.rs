//! Arithmetic: 64-bit integers that do not overflow silently, and floats.

use super::{Evaluated, Evaluator};
use crate::error::{Error, ErrorKind};
use crate::position::Position;
use crate::value::Value;

/// A number of either kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(crate) fn as_float(self) -> f64 {
        match self {
            Number::Int(number) => number as f64,
            Number::Float(number) => number,
        }
    }
}

impl From<Number> for Value<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(number) => Value::Int(number),
            Number::Float(number) => Value::Float(number),
        }
    }
}

impl<'a> Evaluator<'a> {
    pub(crate) fn number(&self, value: Value<'a>, position: Position) -> Result<Number, Error> {
        match value {
            Value::Int(number) => Ok(Number::Int(number)),
            Value::Float(number) => Ok(Number::Float(number)),
            other => self.type_error(position, "a number", other),
        }
    }

    fn arithmetic(
        &self,
        (left, right): (Value<'a>, Value<'a>),
        position: Position,
        (doing, sign): (&str, &str),
        exact: impl FnOnce(i64, i64) -> Option<i64>,
        rounded: impl FnOnce(f64, f64) -> f64,
    ) -> Evaluated<'a> {
        match (self.number(left, position)?, self.number(right, position)?) {
            (Number::Int(a), Number::Int(b)) => match exact(a, b) {
                Some(number) => Ok(Value::Int(number)),
                None => self.fail(
                    ErrorKind::Value,
                    position,
                    format!("integer overflow in {doing} {a} {sign} {b}"),
                ),
            },
            (a, b) => Ok(Value::Float(rounded(a.as_float(), b.as_float()))),
        }
    }

    pub(crate) fn add(&self, left: Value<'a>, right: Value<'a>, position: Position) -> Evaluated<'a> {
        self.arithmetic((left, right), position, ("adding", "+"), i64::checked_add, |a, b| a + b)
    }

    pub(crate) fn subtract(&self, left: Value<'a>, right: Value<'a>, position: Position) -> Evaluated<'a> {
        self.arithmetic((left, right), position, ("subtracting", "-"), i64::checked_sub, |a, b| a - b)
    }

    pub(crate) fn multiply(&self, left: Value<'a>, right: Value<'a>, position: Position) -> Evaluated<'a> {
        self.arithmetic((left, right), position, ("multiplying", "*"), i64::checked_mul, |a, b| a * b)
    }

    pub(crate) fn divide(&self, left: Value<'a>, right: Value<'a>, position: Position) -> Evaluated<'a> {
        if self.number(right, position)?.as_float() == 0.0 {
            return self.fail(ErrorKind::Value, position, "division by zero");
        }
        self.arithmetic((left, right), position, ("dividing", "/"), i64::checked_div, |a, b| a / b)
    }
}
