//! TOML.

use super::Builtin;
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[Builtin::new("fromTOML", 1, from_toml)];

fn from_toml<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let bytes = e.force_plain(args[0], at)?;
    let problem = |problem: String| -> Error {
        crate::error::Failure::new(ErrorKind::Value, at, format!("while parsing TOML: {problem}"))
    };
    let text = std::str::from_utf8(bytes).map_err(|error| problem(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| problem(error.to_string()))?;
    convert(e, toml::Value::Table(table), at)
}

fn check<'a>(e: &Evaluator<'a>, text: &str, at: Position) -> Result<(), Error> {
    if text.contains('\0') {
        return e.fail(ErrorKind::Value, at, "while parsing TOML: strings cannot hold a NUL byte");
    }
    Ok(())
}

fn convert<'a>(e: &Evaluator<'a>, value: toml::Value, at: Position) -> Evaluated<'a> {
    e.check_stack(at)?;
    Ok(match value {
        toml::Value::String(text) => {
            check(e, &text, at)?;
            e.string(text.as_bytes())
        }
        toml::Value::Integer(number) => Value::Int(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(_) => {
            return e.fail(ErrorKind::Value, at, "while parsing TOML: dates and times are not supported");
        }
        toml::Value::Array(items) => {
            let items = items
                .into_iter()
                .map(|item| Ok(e.slot(convert(e, item, at)?)))
                .collect::<Result<Vec<&'a Slot<'a>>, Error>>()?;
            e.list(&items)
        }
        toml::Value::Table(table) => {
            let attrs = table
                .into_iter()
                .map(|(name, value)| {
                    check(e, &name, at)?;
                    let name = e.symbols.intern(name.as_bytes());
                    Ok(Attr { name, position: Position::NONE, value: e.slot(convert(e, value, at)?) })
                })
                .collect::<Result<Vec<_>, Error>>()?;
            e.attrs(attrs)
        }
    })
}
