//! Equality and order.

use std::cmp::Ordering;

use super::{Evaluator, Number};
use crate::error::{Error, ErrorKind};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{Slot, Value};

impl<'a> Evaluator<'a> {
    /// Whether two elements are equal. The same slot is equal to itself without being looked at, which is how functions
    /// in lists and sets can be equal though functions never are.
    pub(crate) fn equal_slots(
        &self,
        a: &'a Slot<'a>,
        b: &'a Slot<'a>,
        position: Position,
    ) -> Result<bool, Error> {
        if std::ptr::eq(a, b) {
            // Still evaluated, so that an error in it is an error here.
            self.force(a, position)?;
            return Ok(true);
        }
        let left = self.force(a, position)?;
        let right = self.force(b, position)?;
        self.equal(left, right, position)
    }

    /// `a == b`
    pub(crate) fn equal(&self, a: Value<'a>, b: Value<'a>, position: Position) -> Result<bool, Error> {
        Ok(match (a, b) {
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => a as f64 == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Null, Value::Null) => true,
            (Value::String(a), Value::String(b)) => a.bytes == b.bytes,
            (Value::Path(a), Value::Path(b)) => a.bytes == b.bytes,
            (Value::List(a), Value::List(b)) => {
                if a.items.len() != b.items.len() {
                    return Ok(false);
                }
                self.check_stack(position)?;
                for (a, b) in a.items.iter().zip(b.items) {
                    if !self.equal_slots(a, b, position)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Attrs(a), Value::Attrs(b)) => {
                self.check_stack(position)?;
                if self.is_derivation(a)?
                    && self.is_derivation(b)?
                    && let (Some(a), Some(b)) = (a.get(known::OUT_PATH), b.get(known::OUT_PATH))
                {
                    return self.equal_slots(a.value, b.value, position);
                }
                let (a, b) = (a.joined(), b.joined());
                if a.len() != b.len() || a.iter().zip(b.iter()).any(|(a, b)| a.name != b.name) {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.equal_slots(a.value, b.value, position)? {
                        return Ok(false);
                    }
                }
                true
            }
            _ => false,
        })
    }

    /// `a < b`
    pub(crate) fn less_than(&self, a: Value<'a>, b: Value<'a>, position: Position) -> Result<bool, Error> {
        Ok(match (a, b) {
            (Value::Int(a), Value::Int(b)) => a < b,
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                self.number(a, position)?.as_float() < self.number(b, position)?.as_float()
            }
            (Value::String(a), Value::String(b)) => a.bytes < b.bytes,
            (Value::Path(a), Value::Path(b)) => a.bytes < b.bytes,
            (Value::List(a), Value::List(b)) => {
                self.check_stack(position)?;
                for (index, a) in a.items.iter().enumerate() {
                    let Some(b) = b.items.get(index) else { return Ok(false) };
                    if !self.equal_slots(a, b, position)? {
                        return self.less_than(self.force(a, position)?, self.force(b, position)?, position);
                    }
                }
                a.items.len() < b.items.len()
            }
            _ => {
                let message = format!("cannot compare {} with {}", a.describe(), b.describe());
                return self.fail(ErrorKind::Type, position, message);
            }
        })
    }

    /// The order of two keys of `genericClosure`; numbers of either kind are one type.
    pub(crate) fn order(&self, a: Value<'a>, b: Value<'a>, position: Position) -> Result<Ordering, Error> {
        if let (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) = (a, b) {
            let (a, b) = (self.number(a, position)?, self.number(b, position)?);
            return Ok(match (a, b) {
                (Number::Int(a), Number::Int(b)) => a.cmp(&b),
                _ => a.as_float().partial_cmp(&b.as_float()).unwrap_or(Ordering::Equal),
            });
        }
        if self.less_than(a, b, position)? {
            return Ok(Ordering::Less);
        }
        Ok(if self.less_than(b, a, position)? { Ordering::Greater } else { Ordering::Equal })
    }
}
