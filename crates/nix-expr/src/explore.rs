//! Looking around in a session, for the repl: variables, documentation, where things are defined.

use std::collections::BTreeMap;
use std::path::Path;

use bumpalo::Bump;

use crate::builtins::{Documentation, documentation, global_names};
use crate::doc_comment;
use crate::error::{EvalError, SourceLocation};
use crate::eval::Evaluator;
use crate::position::{Origin, Position};
use crate::session::{Session, ValueRef};
use crate::stack::StackLimit;
use crate::symbol::{SymbolTable, known};
use crate::syntax::{ParseOptions, parse};
use crate::value::Value;

/// Variables of the caller's own, by name.
pub type Scope<'a> = BTreeMap<String, ValueRef<'a>>;

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionDocumentation {
    /// A builtin.
    Builtin(Documentation),
    /// A function of the language, with the comment `/** … */` before it.
    Function {
        /// The name that it was bound to first.
        name: Option<String>,
        /// Where it is defined.
        location: Option<SourceLocation>,
        /// The comment's text; `None` where there is none.
        text: Option<String>,
    },
}

impl<'a> Session<'a> {
    /// Parses a text in which variables are known, for evaluation when it is needed.
    ///
    /// # Errors
    /// The text is no expression, or has a variable that nobody knows.
    pub fn delay_text(
        &self,
        text: &str,
        name: &str,
        directory: &Path,
        scope: &Scope<'a>,
    ) -> Result<ValueRef<'a>, EvalError> {
        let e = &self.evaluator;
        let directory = Evaluator::path_bytes(directory.to_owned());
        let variables: Vec<_> =
            scope.iter().map(|(name, value)| (e.symbols.intern(name.as_bytes()), value.0)).collect();
        self.outcome(e.delayed_text(text.as_bytes(), name, &directory, &variables)).map(ValueRef)
    }

    /// The attributes of a set, evaluated no further than that.
    pub fn attributes(&self, value: ValueRef<'a>) -> Result<Scope<'a>, EvalError> {
        let e = &self.evaluator;
        let attrs = self.outcome(e.force_attrs(value.0, Position::NONE))?;
        let text = |name| String::from_utf8_lossy(e.symbols.name(name)).into_owned();
        Ok(attrs.joined().iter().map(|attr| (text(attr.name), ValueRef(attr.value))).collect())
    }

    /// The type of a value, with its article: `a set`, `an integer`.
    pub fn describe(&self, value: ValueRef<'a>) -> &'static str {
        value.0.get().describe()
    }

    /// The names of all variables that every file sees.
    pub fn global_names(&self) -> Vec<&'static str> {
        global_names(self.evaluator.settings)
    }

    /// What is known of a function; `None` for other values.
    ///
    /// # Errors
    /// The value has an error.
    pub fn documentation(&self, value: ValueRef<'a>) -> Result<Option<FunctionDocumentation>, EvalError> {
        let e = &self.evaluator;
        let mut value = self.outcome(e.force(value.0, Position::NONE))?;
        if let Value::Attrs(attrs) = value
            && let Some(functor) = attrs.get(known::FUNCTOR)
        {
            value = self.outcome(e.force(functor.value, functor.position))?;
        }
        let builtin = match value {
            Value::Builtin(builtin) => builtin,
            Value::Partial(partial) => partial.builtin,
            function => {
                let Some((lambda, position)) = self.outcome(e.function_code(function))? else {
                    return Ok(None);
                };
                let place = e.sources.file_text(position);
                return Ok(Some(FunctionDocumentation::Function {
                    name: lambda.name.map(|name| String::from_utf8_lossy(e.symbols.name(name)).into_owned()),
                    location: self.location(position),
                    text: place.and_then(|(text, offset)| doc_comment::before(&text, offset)),
                }));
            }
        };
        let found = documentation().into_iter().find(|documented| documented.name == builtin.attribute());
        Ok(found.map(FunctionDocumentation::Builtin))
    }

    /// Where a value is defined: a function, or a package by its `meta.position`; else the attribute's own place is what
    /// is known.
    ///
    /// # Errors
    /// The value has an error.
    pub fn definition(&self, value: ValueRef<'a>) -> Result<Option<(std::path::PathBuf, u32)>, EvalError> {
        let e = &self.evaluator;
        let forced = self.outcome(e.force(value.0, Position::NONE))?;
        if let Some((_, position)) = self.outcome(e.function_code(forced))? {
            let found = e.sources.locate(position);
            return Ok(found.and_then(|place| match place.origin {
                Origin::File(path) => Some((e.io().user_path(crate::eval::os_path(path)), place.line)),
                Origin::Text(_) => None,
            }));
        }
        match forced {
            Value::Path(path) => Ok(Some((e.io().user_path(crate::eval::os_path(path.bytes)), 1))),
            Value::Attrs(_) => {
                let Some(meta) = self.attribute(value, "meta")? else { return Ok(None) };
                let Some(position) = self.attribute(meta, "position")? else { return Ok(None) };
                let text = self.to_text(position)?.text;
                let Some((file, line)) = text.rsplit_once(':') else { return Ok(None) };
                let file = e.io().user_path(Path::new(file));
                Ok(line.parse().ok().map(|line| (file, line)))
            }
            _ => Ok(None),
        }
    }
}

/// Whether a text is the beginning of an expression whose end is still to come.
pub fn is_incomplete(text: &str) -> bool {
    let symbols = SymbolTable::new();
    let scratch = Bump::new();
    let options = ParseOptions { base_directory: b"/", home: None, pipe_operators: true };
    // What is typed is nested little; what is pasted and is not is evaluated to its error.
    let stack = StackLimit::with_remaining(1 << 20);
    match parse(text.as_bytes(), Position(1), options, &symbols, &scratch, stack) {
        Ok(_) => false,
        // A comment that does not end is read as the operators `/` and `*`.
        Err(error) if begins_comment(text, error.position.0 as usize - 1) => true,
        Err(error) => {
            error.message.contains("unexpected end of file") || error.message.ends_with("is not closed")
        }
    }
}

/// Whether a comment begins at an offset or just before.
fn begins_comment(text: &str, offset: usize) -> bool {
    let from = |start: usize| text.get(start..).is_some_and(|rest| rest.starts_with("/*"));
    from(offset) || offset.checked_sub(1).is_some_and(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_is_known() {
        for text in [
            "{ a = 1;",
            "let a = 1;",
            "let in",
            "[ 1",
            "(",
            "''a",
            "\"a",
            "x:",
            "if true then 1",
            "1 +",
            "f: {",
            "1 /* a",
            "/** a\n b",
        ] {
            assert!(is_incomplete(text), "{text}");
        }
        for text in ["1", "{ a = 1; }", "1 )", "}", "let in 1", "\"a\""] {
            assert!(!is_incomplete(text), "{text}");
        }
    }
}
