//! TOML.
//!
//! Dates and times keep the text that they were written as, so the parser's values with their places are read, not its
//! finished ones.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Builtin;
use super::derivation::require;
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::settings::Feature;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] =
    &[Builtin::new("fromTOML", 1, from_toml).doc("e", "The set that a TOML text stands for.")];

fn from_toml<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let bytes = e.force_plain(args[0], at)?;
    let text = std::str::from_utf8(bytes).or_else(|error| problem(e, &error.to_string(), at))?;
    let table = DeTable::parse(text).or_else(|error| problem(e, &error.to_string(), at))?;
    Reader { e, text, at }.table(table.into_inner())
}

fn problem<'a, T>(e: &Evaluator<'a>, problem: &str, at: Position) -> Result<T, Error> {
    e.fail(ErrorKind::Value, at, format!("while parsing TOML: {problem}"))
}

struct Reader<'r, 'a> {
    e: &'r Evaluator<'a>,
    text: &'r str,
    at: Position,
}

impl<'a> Reader<'_, 'a> {
    fn check(&self, text: &str) -> Result<(), Error> {
        if text.contains('\0') {
            return problem(self.e, "strings cannot hold a NUL byte", self.at);
        }
        Ok(())
    }

    fn table(&self, table: DeTable<'_>) -> Evaluated<'a> {
        let attrs = table
            .into_iter()
            .map(|(name, value)| {
                self.check(name.get_ref())?;
                let name = self.e.symbols.intern(name.get_ref().as_bytes());
                Ok(Attr { name, position: Position::NONE, value: self.e.slot(self.value(value)?) })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(self.e.attrs(attrs))
    }

    fn value(&self, value: Spanned<DeValue<'_>>) -> Evaluated<'a> {
        self.e.check_stack(self.at)?;
        let span = value.span();
        Ok(match value.into_inner() {
            DeValue::String(text) => {
                self.check(&text)?;
                self.e.string(text.as_bytes())
            }
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Int(number),
                Err(error) => return problem(self.e, &error.to_string(), self.at),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Value::Float(number),
                Err(_) => return problem(self.e, "bad floating-point number", self.at),
            },
            DeValue::Boolean(truth) => Value::Bool(truth),
            DeValue::Datetime(_) => self.timestamp(self.text.get(span).unwrap_or_default())?,
            DeValue::Array(items) => {
                let items = items
                    .into_iter()
                    .map(|item| Ok(self.e.slot(self.value(item)?)))
                    .collect::<Result<Vec<&'a Slot<'a>>, Error>>()?;
                self.e.list(&items)
            }
            DeValue::Table(table) => self.table(table)?,
        })
    }

    /// A date or time, as a set that says so; without the feature an error.
    fn timestamp(&self, written: &str) -> Evaluated<'a> {
        if !self.e.settings.features.has(Feature::ParseTomlTimestamps) {
            let refused = require(self.e, Feature::ParseTomlTimestamps, self.at);
            return refused.and_then(|()| problem(self.e, "dates and times are not supported", self.at));
        }
        let kind = self.e.symbols.intern(b"_type");
        Ok(self.e.attrs_of(&[
            (kind, self.e.string(b"timestamp")),
            (known::VALUE, self.e.string(normalised(written).as_bytes())),
        ]))
    }
}

/// A timestamp as Nix prints it: as it was written, but with no more than nine digits of a second, and UTC as `Z`.
fn normalised(written: &str) -> String {
    let (before, fraction) = written.split_once('.').unwrap_or((written, ""));
    let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, zone) = fraction.split_at(digits);
    let (before, zone) = if fraction.is_empty() {
        // The zone follows a time of the form HH:MM:SS.
        let time = before.find(':').map_or(before.len(), |colon| (colon + 6).min(before.len()));
        before.split_at(time)
    } else {
        (before, zone)
    };
    let zone = if matches!(zone, "z" | "Z" | "+00:00" | "-00:00") { "Z" } else { zone };
    let digits = &digits[..digits.len().min(9)];
    if digits.is_empty() { format!("{before}{zone}") } else { format!("{before}.{digits}{zone}") }
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn timestamps_keep_their_writing() {
        for (written, shown) in [
            ("1979-05-27T00:32:00.999999-07:00", "1979-05-27T00:32:00.999999-07:00"),
            ("1979-05-27 07:32:00z", "1979-05-27 07:32:00Z"),
            ("1979-05-27T00:32:00+00:00", "1979-05-27T00:32:00Z"),
            ("1979-05-27T00:32:00.120+00:00", "1979-05-27T00:32:00.120Z"),
            ("07:32:00.9999999999", "07:32:00.999999999"),
            ("1979-05-27", "1979-05-27"),
        ] {
            assert_eq!(normalised(written), shown);
        }
    }
}
