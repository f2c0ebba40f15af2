//! Selecting by an attribute path, and calling functions on the way, as the command line asks for it.

use super::{Outcome, Session, ValueRef};
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind, EvalError, Failure};
use crate::ir::Parameters;
use crate::position::Position;
use crate::symbol::{Symbol, known};
use crate::value::{Slot, Value};

impl<'a> Session<'a> {
    /// Calls a value if it is a function that takes a set of named arguments, with those of `arguments` that it takes
    /// (all, if it takes any); other values are returned as they are. This is what `--arg` and default arguments of a
    /// file's function need.
    ///
    /// # Errors
    /// An argument without default is not among `arguments`.
    pub fn auto_call(
        &self,
        value: ValueRef<'a>,
        arguments: &[(String, ValueRef<'a>)],
    ) -> Outcome<ValueRef<'a>> {
        self.value(self.auto_call_value(value.0, arguments))
    }

    fn auto_call_value(
        &self,
        slot: &'a Slot<'a>,
        arguments: &[(String, ValueRef<'a>)],
    ) -> Result<Value<'a>, Error> {
        let e = &self.evaluator;
        let value = e.force(slot, Position::NONE)?;
        if let Value::Attrs(attrs) = value
            && let Some(functor) = attrs.get(known::FUNCTOR)
        {
            let function = e.force(functor.value, functor.position)?;
            let called = e.call(function, &[slot], functor.position)?;
            return self.auto_call_value(e.slot(called), arguments);
        }
        let Value::Lambda(id, _) = value else { return Ok(value) };
        let lambda = e.lambda(id)?;
        let Parameters::Set { formals, .. } = &lambda.parameters else { return Ok(value) };
        let mut given = Vec::new();
        for (name, value) in arguments {
            let name = e.symbols.intern(name.as_bytes());
            if formals.ellipsis || formals.list.iter().any(|formal| formal.name == name) {
                given.push(Attr { name, position: Position::NONE, value: value.0 });
            }
        }
        let is_given = |name: Symbol| given.iter().any(|attr| attr.name == name);
        if let Some(missing) =
            formals.list.iter().find(|formal| formal.default.is_none() && !is_given(formal.name))
        {
            let name = String::from_utf8_lossy(e.symbols.name(missing.name)).into_owned();
            let message = format!(
                "cannot evaluate a function that has an argument without a value ('{name}'): nothing gives it one; \
                 pass it with '--arg {name} EXPRESSION' or '--argstr {name} TEXT'"
            );
            return e.fail(ErrorKind::Arguments, missing.position, message);
        }
        let argument = e.slot(e.attrs(given));
        e.call(value, &[argument], Position::NONE)
    }

    /// The value at an attribute path such as `a.b."c.d".0`, where functions on the way are called as by
    /// [`Self::auto_call`] and numbers select from lists. An empty path is the value itself.
    pub fn select(
        &self,
        value: ValueRef<'a>,
        path: &str,
        arguments: &[(String, ValueRef<'a>)],
    ) -> Outcome<ValueRef<'a>> {
        let parts = parse_attribute_path(path)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.select_parts(value, &parts, arguments)
    }

    /// As [`Self::select`], with the parts of the path already apart.
    pub fn select_parts(
        &self,
        value: ValueRef<'a>,
        parts: &[&str],
        arguments: &[(String, ValueRef<'a>)],
    ) -> Outcome<ValueRef<'a>> {
        let selected = self.select_uncalled(value, parts, arguments)?;
        self.auto_call(selected, arguments)
    }

    /// As [`Self::select_parts`], but the value at the end is not called.
    pub fn select_uncalled(
        &self,
        value: ValueRef<'a>,
        parts: &[&str],
        arguments: &[(String, ValueRef<'a>)],
    ) -> Outcome<ValueRef<'a>> {
        let e = &self.evaluator;
        let mut current = value.0;
        for part in parts {
            let value = self.outcome(self.auto_call_value(current, arguments))?;
            current = self.outcome(match (value, part.parse::<usize>()) {
                (Value::List(list), Ok(index)) => match list.items.get(index) {
                    Some(item) => Ok(*item),
                    None => {
                        let message = format!("list index {index} in selection path is out of range");
                        e.fail(ErrorKind::Value, Position::NONE, message)
                    }
                },
                (Value::Attrs(attrs), _) => {
                    let name = e.symbols.intern(part.as_bytes());
                    match attrs.get(name) {
                        Some(attr) => e
                            .force(attr.value, attr.position)
                            .map_err(|error| e.while_evaluating_attribute(error, &[name], attr.position))
                            .map(|_| attr.value),
                        None => {
                            let path = parts.join(".");
                            let message = format!("attribute '{part}' in selection path '{path}' not found");
                            let mut error =
                                Failure::new(ErrorKind::MissingAttribute, Position::NONE, message);
                            error.suggestions = e.similar_attributes(attrs, part.as_bytes());
                            Err(error)
                        }
                    }
                }
                (other, _) => {
                    let message = format!(
                        "the value before '{part}' in the selection path should be a set but is {}",
                        other.describe()
                    );
                    e.fail(ErrorKind::Type, Position::NONE, message)
                }
            })?;
        }
        Ok(ValueRef(current))
    }
}

/// Splits an attribute path at its dots; parts in double quotes hold dots.
fn parse_attribute_path(path: &str) -> Outcome<Vec<String>> {
    let mut parts = Vec::new();
    if path.is_empty() {
        return Ok(parts);
    }
    let mut part = String::new();
    let mut quoted = false;
    for character in path.chars() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            other => part.push(other),
        }
    }
    if quoted {
        let message = format!("missing closing quote in selection path '{path}'");
        return Err(EvalError::new(ErrorKind::Syntax, message));
    }
    parts.push(part);
    if parts.iter().any(String::is_empty) && !path.contains("\"\"") {
        return Err(EvalError::new(
            ErrorKind::Syntax,
            format!("empty attribute name in selection path '{path}'"),
        ));
    }
    Ok(parts)
}
