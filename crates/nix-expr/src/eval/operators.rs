//! Operators, and strings that are put together.

use super::{Coercion, Evaluated, Evaluator, Number};
use crate::error::ErrorKind;
use crate::ir::{self, BinaryOperator, Expr};
use crate::position::Position;
use crate::string::ContextUnion;
use crate::value::{Environment, Value};

impl<'a> Evaluator<'a> {
    #[inline(never)]
    pub(super) fn not(&self, operand: Expr<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let truth = self.eval(operand, environment)?;
        Ok(Value::Bool(!self.expect_bool(truth, Position::NONE)?))
    }

    #[inline(never)]
    pub(super) fn binary(
        &self,
        binary: &'a ir::Binary<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let position = binary.position;
        let truth =
            |expr: Expr<'a>| self.eval(expr, environment).and_then(|value| self.expect_bool(value, position));
        match binary.operator {
            BinaryOperator::And => Ok(Value::Bool(truth(binary.left)? && truth(binary.right)?)),
            BinaryOperator::Or => Ok(Value::Bool(truth(binary.left)? || truth(binary.right)?)),
            BinaryOperator::Implies => Ok(Value::Bool(!truth(binary.left)? || truth(binary.right)?)),
            operator => {
                let left = self.eval(binary.left, environment)?;
                // The left operand's type is checked before the right operand is looked at.
                match operator {
                    BinaryOperator::Update => {
                        self.expect_attrs(left, position)?;
                    }
                    BinaryOperator::ConcatLists => {
                        self.expect_list(left, position)?;
                    }
                    BinaryOperator::Subtract | BinaryOperator::Multiply | BinaryOperator::Divide => {
                        self.number(left, position)?;
                    }
                    _ => {}
                }
                let right = self.eval(binary.right, environment)?;
                self.strict_binary(operator, left, right, position)
            }
        }
    }

    fn strict_binary(
        &self,
        operator: BinaryOperator,
        left: Value<'a>,
        right: Value<'a>,
        position: Position,
    ) -> Evaluated<'a> {
        match operator {
            BinaryOperator::Equal => Ok(Value::Bool(self.equal(left, right, position)?)),
            BinaryOperator::NotEqual => Ok(Value::Bool(!self.equal(left, right, position)?)),
            BinaryOperator::LessThan => Ok(Value::Bool(self.less_than(left, right, position)?)),
            BinaryOperator::Update => {
                let (left, right) = (self.expect_attrs(left, position)?, self.expect_attrs(right, position)?);
                Ok(Value::Attrs(left.update(right, self.arena)))
            }
            BinaryOperator::ConcatLists => {
                let (a, b) = (self.expect_list(left, position)?, self.expect_list(right, position)?);
                Ok(match (a.is_empty(), b.is_empty()) {
                    (true, _) => right,
                    (_, true) => left,
                    _ => {
                        let mut items =
                            bumpalo::collections::Vec::with_capacity_in(a.len() + b.len(), self.arena);
                        items.extend_from_slice(a);
                        items.extend_from_slice(b);
                        Value::List(self.arena.alloc(crate::value::List { items: items.into_bump_slice() }))
                    }
                })
            }
            BinaryOperator::Subtract => self.subtract(left, right, position),
            BinaryOperator::Multiply => self.multiply(left, right, position),
            BinaryOperator::Divide => self.divide(left, right, position),
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Implies => {
                self.fail(ErrorKind::Value, position, "operator is lazy")
            }
        }
    }

    /// `a + b`, `"…${x}…"` and `./a/${x}`. Unless it is a string anyway, the first part decides what comes out.
    #[inline(never)]
    pub(super) fn concat(
        &self,
        concat: &'a ir::Concat<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let mut parts = concat.parts.iter();
        let Some((first_position, first)) = parts.next() else { return Ok(self.string(b"")) };
        let first = self.eval(*first, environment)?;
        if !concat.as_string
            && let Value::Int(_) | Value::Float(_) = first
        {
            let mut sum = self.number(first, *first_position)?;
            for (position, part) in parts {
                let value = self.eval(*part, environment)?;
                sum = match (sum, value) {
                    (Number::Int(a), Value::Int(b)) => match a.checked_add(b) {
                        Some(sum) => Number::Int(sum),
                        None => {
                            let message = format!("integer overflow in adding {a} + {b}");
                            return self.fail(ErrorKind::Value, concat.position, message);
                        }
                    },
                    (a, Value::Int(b)) => Number::Float(a.as_float() + b as f64),
                    (a, Value::Float(b)) => Number::Float(a.as_float() + b),
                    (_, other) => {
                        let message = format!("cannot add {} to a number", other.describe());
                        return self.fail(ErrorKind::Type, *position, message);
                    }
                };
            }
            return Ok(sum.into());
        }
        let is_path = !concat.as_string && matches!(first, Value::Path(_));
        let coercion = Coercion { more: false, copy: !is_path };
        // Nested strings find no buffer here and make one.
        let mut out = self.text.take();
        out.clear();
        let mut context = ContextUnion::default();
        self.coerce_into(first, *first_position, coercion, &mut out, &mut context)?;
        for (position, part) in parts {
            let value = self.eval(*part, environment)?;
            self.coerce_into(value, *position, coercion, &mut out, &mut context)?;
        }
        if !is_path {
            let string = self.string_with(&out, self.contexts.of(&context));
            self.text.set(out);
            return Ok(string);
        }
        if !context.is_empty() {
            return self.fail(
                ErrorKind::Type,
                concat.position,
                "a string that refers to a store path cannot be appended to a path",
            );
        }
        Ok(self.path(&crate::path::canonical(&out)))
    }
}
