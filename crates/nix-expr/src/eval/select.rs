//! Attributes of sets.

use super::{Evaluated, Evaluator};
use crate::attrs::{Attr, Attrs};
use crate::error::{Error, ErrorKind, Failure, FrameText};
use crate::ir::{self, Expr, Name};
use crate::position::Position;
use crate::symbol::Symbol;
use crate::value::{Environment, Value};

impl<'a> Evaluator<'a> {
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
        let Some(attr) = found else { return self.missing_attribute(attrs, name, position) };
        let mut result = self.force(attr.value, position);
        if let Err(error) = &mut result {
            error.frame(attr.position, FrameText::Attribute(name));
        }
        result
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
        let mut error = Failure::new(ErrorKind::MissingAttribute, position, message);
        error.suggestions = self.similar_attributes(attrs, bytes);
        Err(error)
    }

    #[inline(never)]
    pub(super) fn select_one(
        &self,
        select: &'a ir::SelectOne<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let attrs = match select.target {
            // Most selections are from a variable whose value is known.
            Expr::Local(variable) => {
                let slot = self.variable(environment, variable.level(), variable.slot())?;
                match slot.get() {
                    Value::Attrs(attrs) => attrs,
                    _ => self.selected_from(self.force(slot, variable.position()), select)?,
                }
            }
            target => self.selected_from(self.eval(target, environment), select)?,
        };
        let found = attrs.get_near(select.name, &select.place);
        self.found_attribute(attrs, found, select.name, select.name_position)
    }

    /// The set that an attribute is selected from.
    #[inline]
    fn selected_from(
        &self,
        target: Evaluated<'a>,
        select: &'a ir::SelectOne<'a>,
    ) -> Result<&'a Attrs<'a>, Error> {
        match target? {
            Value::Attrs(attrs) => Ok(attrs),
            other => self
                .type_error(select.position, "a set", other)
                .map_err(|error| self.while_selecting(error, select.name, select.name_position)),
        }
    }

    #[inline(never)]
    pub(super) fn select(
        &self,
        select: &'a ir::Select<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
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
        error.frame(position, FrameText::Owned(format!("while selecting the attribute '{name}'")));
        error
    }

    #[inline(never)]
    pub(super) fn has_attr(
        &self,
        has: &'a ir::HasAttr<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
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
}
