//! Evaluating expressions.

use super::{Coercion, Evaluated, Evaluator, Number};
use crate::attrs::{Attr, Attrs};
use crate::error::{Error, ErrorKind};
use crate::ir::{self, BinaryOperator, Expr, Name};
use crate::position::Position;
use crate::string::ContextId;
use crate::symbol::{Symbol, known};
use crate::value::{Environment, Value, Variables};

impl<'a> Evaluator<'a> {
    /// Evaluates an expression to its outermost constructor.
    pub(crate) fn eval(&self, expr: Expr<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        match expr {
            Expr::Int(number) => Ok(Value::Int(number)),
            Expr::Float(number) => Ok(Value::Float(number)),
            Expr::String(string) => Ok(Value::String(string)),
            Expr::Path(path) => Ok(Value::Path(path)),
            Expr::Lambda(id) => Ok(Value::Lambda(id, environment)),
            Expr::Global(number) => self.force(&self.globals[number as usize], Position::NONE),
            Expr::Local { level, slot, position } => {
                self.force(self.variable(environment, level, slot)?, position)
            }
            _ => self.eval_compound(expr, environment),
        }
    }

    #[inline(never)]
    fn eval_compound(&self, expr: Expr<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        match expr {
            Expr::Call(call) => self.eval_call(call, environment),
            Expr::Attribute(select) => self.select_one(select, environment),
            Expr::Select(select) => self.select(select, environment),
            Expr::Attrs(attributes) => self.eval_attributes(attributes, environment),
            Expr::Let(binding) => {
                let (inner, _) = self.recursive_scope(&binding.bindings, environment)?;
                self.eval(binding.body, inner)
            }
            Expr::If(condition) => {
                let truth = self.eval(condition.condition, environment)?;
                match self.expect_bool(truth, condition.position)? {
                    true => self.eval(condition.then, environment),
                    false => self.eval(condition.otherwise, environment),
                }
            }
            Expr::Concat(concat) => self.concat(concat, environment),
            Expr::Binary(binary) => self.binary(binary, environment),
            Expr::Not(operand, position) => {
                let truth = self.eval(*operand, environment)?;
                Ok(Value::Bool(!self.expect_bool(truth, position)?))
            }
            Expr::List(items) => {
                let mut slots = bumpalo::collections::Vec::with_capacity_in(items.len(), self.arena);
                for item in items {
                    slots.push(self.delay(*item, environment)?);
                }
                Ok(Value::List(self.arena.alloc(crate::value::List { items: slots.into_bump_slice() })))
            }
            Expr::HasAttr(has) => self.has_attr(has, environment),
            Expr::With(with) => {
                let scope = self.delay(with.scope, environment)?;
                let inner =
                    self.arena.alloc(Environment { up: Some(environment), slots: Variables::One(scope) });
                self.eval(with.body, inner)
            }
            Expr::Dynamic(variable) => self.dynamic_variable(variable, environment),
            Expr::FromSource { slot, name, position } => {
                let source = self.variable(environment, 0, slot)?;
                let attrs = self.in_context(
                    self.force_attrs(source, position),
                    position,
                    "while evaluating the source of an inherited attribute",
                )?;
                self.attribute(attrs, name, position)
            }
            Expr::Assert(assertion) => {
                let truth = self.eval(assertion.condition, environment)?;
                if !self.expect_bool(truth, assertion.position)? {
                    return self.fail(
                        ErrorKind::Assertion,
                        assertion.position,
                        self.assertion_text(assertion.position),
                    );
                }
                self.eval(assertion.body, environment)
            }
            Expr::CurrentPosition(position) => Ok(self.position_value(position)),
            simple => self.eval(simple, environment),
        }
    }

    /// The message of a failed assertion, with its source text up to the end of the condition.
    fn assertion_text(&self, position: Position) -> String {
        let condition = self.sources.locate(position).and_then(|place| {
            let line = self.sources.line_text(position)?;
            let text = line.get(place.column as usize - 1..)?.strip_prefix(b"assert")?;
            let end = memchr::memchr(b';', text)?;
            Some(String::from_utf8_lossy(text[..end].trim_ascii()).into_owned())
        });
        match condition {
            Some(condition) => format!("assertion '{condition}' failed"),
            None => "assertion failed".to_owned(),
        }
    }

    /// `{ file, line, column }`, or null where there is no file.
    pub(crate) fn position_value(&self, position: Position) -> Value<'a> {
        let Some(place) = self.sources.locate(position) else { return Value::Null };
        let file = match place.origin {
            crate::position::Origin::File(path) => self.string_in_arena(path, ContextId::EMPTY),
            crate::position::Origin::Text(_) => return Value::Null,
        };
        self.attrs_of(&[
            (known::FILE, file),
            (known::LINE, Value::Int(i64::from(place.line))),
            (known::COLUMN, Value::Int(i64::from(place.column))),
        ])
    }

    fn dynamic_variable(
        &self,
        variable: &'a ir::Dynamic<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        for level in variable.levels {
            let scope = self.variable(environment, *level, 0)?;
            let attrs = self.in_context(
                self.force_attrs(scope, variable.position),
                variable.position,
                "while evaluating the first subexpression of a with expression",
            )?;
            if let Some(attr) = attrs.get(variable.name) {
                return self.force(attr.value, variable.position);
            }
        }
        let name = self.symbols.name(variable.name);
        let mut error = crate::error::Failure::new(
            ErrorKind::UndefinedVariable,
            variable.position,
            format!("undefined variable '{}'", String::from_utf8_lossy(name)),
        );
        for level in variable.levels {
            if let Ok(scope) = self.variable(environment, *level, 0)
                && let Value::Attrs(attrs) = scope.get()
            {
                error.suggestions.extend(self.similar_attributes(attrs, name));
            }
        }
        Err(error)
    }

    pub(crate) fn similar_attributes(&self, attrs: &'a Attrs<'a>, name: &[u8]) -> Vec<String> {
        crate::suggest::closest(name, attrs.joined().iter().map(|attr| self.symbols.name(attr.name)))
    }

    /// The symbol of a name in an attribute path.
    fn name(&self, name: Name<'a>, environment: &'a Environment<'a>) -> Result<(Symbol, Position), Error> {
        match name {
            Name::Static(symbol, position) => Ok((symbol, position)),
            Name::Dynamic(expr, position) => {
                let value = self.eval(*expr, environment)?;
                Ok((self.expect_name(value, position)?, position))
            }
        }
    }

    /// The value of an attribute that must be there.
    pub(crate) fn attribute(&self, attrs: &'a Attrs<'a>, name: Symbol, position: Position) -> Evaluated<'a> {
        self.found_attribute(attrs, attrs.get(name), name, position)
    }

    #[inline(always)]
    fn found_attribute(
        &self,
        attrs: &'a Attrs<'a>,
        found: Option<&'a Attr<'a>>,
        name: Symbol,
        position: Position,
    ) -> Evaluated<'a> {
        match found {
            Some(attr) => self
                .force(attr.value, position)
                .map_err(|error| self.while_evaluating_attribute(error, &[name], attr.position)),
            None => self.missing_attribute(attrs, name, position),
        }
    }

    #[cold]
    pub(crate) fn missing_attribute<T>(
        &self,
        attrs: &'a Attrs<'a>,
        name: Symbol,
        position: Position,
    ) -> Result<T, Error> {
        let bytes = self.symbols.name(name);
        let message = format!("attribute '{}' missing", String::from_utf8_lossy(bytes));
        let mut error = crate::error::Failure::new(ErrorKind::MissingAttribute, position, message);
        error.suggestions = self.similar_attributes(attrs, bytes);
        Err(error)
    }

    fn select_one(&self, select: &'a ir::SelectOne<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        match self.eval(select.target, environment)? {
            Value::Attrs(attrs) => {
                let found = attrs.get_near(select.name, &select.place);
                self.found_attribute(attrs, found, select.name, select.name_position)
            }
            other => self
                .type_error(select.position, "a set", other)
                .map_err(|error| self.while_selecting(error, select.name, select.name_position)),
        }
    }

    fn select(&self, select: &'a ir::Select<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        let mut value = self.eval(select.target, environment)?;
        for name in select.path {
            let (symbol, position) = self.name(*name, environment)?;
            let found = match (value, select.default) {
                (Value::Attrs(attrs), _) => attrs.get(symbol),
                (_, Some(_)) => None,
                (other, None) => {
                    let result = self.type_error(select.position, "a set", other);
                    return result.map_err(|error| self.while_selecting(error, symbol, position));
                }
            };
            value = match (found, select.default, value) {
                (Some(attr), _, _) => self
                    .force(attr.value, position)
                    .map_err(|error| self.while_evaluating_attribute(error, &[symbol], attr.position))?,
                (None, Some(default), _) => return self.eval(default, environment),
                (None, None, Value::Attrs(attrs)) => return self.missing_attribute(attrs, symbol, position),
                (None, None, other) => return self.type_error(select.position, "a set", other),
            };
        }
        Ok(value)
    }

    #[cold]
    fn while_selecting(&self, mut error: Error, name: Symbol, position: Position) -> Error {
        let name = String::from_utf8_lossy(self.symbols.name(name)).into_owned();
        error.frame(
            position,
            crate::error::FrameText::Owned(format!("while selecting the attribute '{name}'")),
        );
        error
    }

    fn has_attr(&self, has: &'a ir::HasAttr<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        let mut value = self.eval(has.target, environment)?;
        for (index, name) in has.path.iter().enumerate() {
            let (symbol, position) = self.name(*name, environment)?;
            let Value::Attrs(attrs) = value else { return Ok(Value::Bool(false)) };
            let Some(attr) = attrs.get(symbol) else { return Ok(Value::Bool(false)) };
            if index + 1 < has.path.len() {
                value = self.force(attr.value, position)?;
            }
        }
        Ok(Value::Bool(true))
    }

    fn binary(&self, binary: &'a ir::Binary<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
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
    fn concat(&self, concat: &'a ir::Concat<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
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
        let mut context = ContextId::EMPTY;
        self.coerce_into(first, *first_position, coercion, &mut out, &mut context)?;
        for (position, part) in parts {
            let value = self.eval(*part, environment)?;
            self.coerce_into(value, *position, coercion, &mut out, &mut context)?;
        }
        if !is_path {
            let string = self.string_with(&out, context);
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
