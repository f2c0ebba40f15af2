//! Values of a known type.

use super::{Evaluated, Evaluator};
use crate::attrs::Attrs;
use crate::error::{Error, ErrorKind};
use crate::position::Position;
use crate::string::NixString;
use crate::symbol::Symbol;
use crate::value::{Slot, Value};

impl<'a> Evaluator<'a> {
    #[inline]
    pub(crate) fn expect_bool(&self, value: Value<'a>, position: Position) -> Result<bool, Error> {
        match value {
            Value::Bool(truth) => Ok(truth),
            other => self.type_error(position, "a Boolean", other),
        }
    }

    #[inline]
    pub(crate) fn force_bool(&self, slot: &'a Slot<'a>, position: Position) -> Result<bool, Error> {
        self.expect_bool(self.force(slot, position)?, position)
    }

    pub(crate) fn force_int(&self, slot: &'a Slot<'a>, position: Position) -> Result<i64, Error> {
        match self.force(slot, position)? {
            Value::Int(number) => Ok(number),
            other => self.type_error(position, "an integer", other),
        }
    }

    #[inline]
    pub(crate) fn expect_attrs(&self, value: Value<'a>, position: Position) -> Result<&'a Attrs<'a>, Error> {
        match value {
            Value::Attrs(attrs) => Ok(attrs),
            other => self.type_error(position, "a set", other),
        }
    }

    #[inline]
    pub(crate) fn force_attrs(&self, slot: &'a Slot<'a>, position: Position) -> Result<&'a Attrs<'a>, Error> {
        self.expect_attrs(self.force(slot, position)?, position)
    }

    #[inline]
    pub(crate) fn expect_list(
        &self,
        value: Value<'a>,
        position: Position,
    ) -> Result<&'a [&'a Slot<'a>], Error> {
        match value {
            Value::List(list) => Ok(list.items),
            other => self.type_error(position, "a list", other),
        }
    }

    #[inline]
    pub(crate) fn force_list(
        &self,
        slot: &'a Slot<'a>,
        position: Position,
    ) -> Result<&'a [&'a Slot<'a>], Error> {
        self.expect_list(self.force(slot, position)?, position)
    }

    #[inline]
    pub(crate) fn expect_string(
        &self,
        value: Value<'a>,
        position: Position,
    ) -> Result<&'a NixString<'a>, Error> {
        match value {
            Value::String(string) => Ok(string),
            other => self.type_error(position, "a string", other),
        }
    }

    pub(crate) fn force_string(
        &self,
        slot: &'a Slot<'a>,
        position: Position,
    ) -> Result<&'a NixString<'a>, Error> {
        self.expect_string(self.force(slot, position)?, position)
    }

    /// The name that a string is, which depends on nothing.
    pub(crate) fn expect_name(&self, value: Value<'a>, position: Position) -> Result<Symbol, Error> {
        self.expect_plain(value, position)?;
        Ok(self.symbols.intern_string(self.expect_string(value, position)?))
    }

    /// A string that depends on nothing.
    #[inline]
    pub(crate) fn expect_plain(&self, value: Value<'a>, position: Position) -> Result<&'a [u8], Error> {
        let string = self.expect_string(value, position)?;
        if !string.context.is_empty() {
            let shown = String::from_utf8_lossy(string.bytes).into_owned();
            let message = format!("the string '{shown}' is not allowed to refer to a store path");
            return self.fail(ErrorKind::Type, position, message);
        }
        Ok(string.bytes)
    }

    pub(crate) fn force_plain(&self, slot: &'a Slot<'a>, position: Position) -> Result<&'a [u8], Error> {
        self.expect_plain(self.force(slot, position)?, position)
    }

    pub(crate) fn force_function(&self, slot: &'a Slot<'a>, position: Position) -> Evaluated<'a> {
        let value = self.force(slot, position)?;
        match value {
            Value::Lambda(..) | Value::PartialLambda(_) | Value::Builtin(_) | Value::Partial(_) => Ok(value),
            Value::Attrs(attrs) if attrs.get(crate::symbol::known::FUNCTOR).is_some() => Ok(value),
            other => self.type_error(position, "a function", other),
        }
    }

    /// Whether a value is a derivation: a set with `type = "derivation"`.
    pub(crate) fn is_derivation(&self, attrs: &'a Attrs<'a>) -> Result<bool, Error> {
        let Some(attr) = attrs.get(crate::symbol::known::TYPE) else { return Ok(false) };
        Ok(match self.force(attr.value, attr.position)? {
            Value::String(string) => string.bytes == b"derivation",
            _ => false,
        })
    }
}
