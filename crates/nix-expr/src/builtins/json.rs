//! JSON, both ways. Written as nlohmann's library writes it, because derivations with structured attributes hold it and
//! their hashes depend on every byte.

use super::Builtin;
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind};
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::position::Position;
use crate::string::ContextUnion;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__fromJSON", 1, from_json).doc("e", "The value that a JSON text stands for."),
    Builtin::new("__toJSON", 1, to_json_builtin).doc(
        "e",
        "The JSON text of a value. Derivations are their output paths, and paths are copied to the store.",
    ),
];

fn to_json_builtin<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let mut out = Vec::new();
    let mut context = ContextUnion::default();
    to_json(e, e.force(args[0], at)?, at, true, &mut out, &mut context)?;
    Ok(e.string_with(&out, e.contexts.of(&context)))
}

/// Data that is nested deeper than this is taken for data without end; an evaluation's stack holds more. A set counts
/// twice: Nix's stack ends between 95 000 and 100 000 of them, and its tests want the latter to be an error.
const NESTING_MOST: u32 = 199_000;

/// Appends a value as JSON. `copy` says whether paths are copied to the store.
pub(crate) fn to_json<'a>(
    e: &Evaluator<'a>,
    value: Value<'a>,
    at: Position,
    copy: bool,
    out: &mut Vec<u8>,
    context: &mut ContextUnion,
) -> Result<(), Error> {
    write(e, value, at, copy, out, context, 0)
}

fn write<'a>(
    e: &Evaluator<'a>,
    value: Value<'a>,
    at: Position,
    copy: bool,
    out: &mut Vec<u8>,
    context: &mut ContextUnion,
    depth: u32,
) -> Result<(), Error> {
    if depth > NESTING_MOST {
        let message = "stack overflow: the data is nested too deeply (possible infinite recursion)";
        return e.fail(ErrorKind::StackDepth, at, message);
    }
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
        Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Float(number) => write_float(number, out),
        Value::String(string) => {
            context.add(string.context);
            write_string(e, string.bytes, at, out)?;
        }
        Value::Path(path) if copy => {
            let copied = e.copy_to_store(path.bytes, at)?;
            context.add(copied.context);
            write_string(e, copied.bytes, at, out)?;
        }
        Value::Path(path) => write_string(e, path.bytes, at, out)?,
        Value::List(list) => {
            e.check_stack(at)?;
            out.push(b'[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let item = e.in_context(e.force(item, at), at, "while evaluating a list element for JSON")?;
                write(e, item, at, copy, out, context, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Attrs(attrs) => {
            e.check_stack(at)?;
            if attrs.get(known::TO_STRING).is_some() {
                let mut text = Vec::new();
                e.coerce_into(value, at, Coercion::PLAIN, &mut text, context)?;
                return write_string(e, &text, at, out);
            }
            if let Some(attr) = attrs.get(known::OUT_PATH) {
                let inner = e.force(attr.value, attr.position)?;
                return write(e, inner, attr.position, copy, out, context, depth + 1);
            }
            out.push(b'{');
            for (index, attr) in e.by_name(attrs).iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(e, e.symbols.name(attr.name), at, out)?;
                out.push(b':');
                e.force(attr.value, attr.position)
                    .and_then(|value| write(e, value, attr.position, copy, out, context, depth + 2))
                    .map_err(|error| e.while_evaluating_attribute(error, &[attr.name], attr.position))?;
            }
            out.push(b'}');
        }
        other => return e.fail(ErrorKind::Type, at, format!("cannot convert {} to JSON", other.describe())),
    }
    Ok(())
}

/// Appends a text as a JSON string.
pub(crate) fn write_string(
    e: &Evaluator<'_>,
    bytes: &[u8],
    at: Position,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let shown = String::from_utf8_lossy(bytes).into_owned();
        return e.fail(
            ErrorKind::Value,
            at,
            format!("cannot convert to JSON a string that is not UTF-8: '{shown}'"),
        );
    };
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = first_escaped(rest) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            byte @ 0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => out.extend_from_slice(&[b'\\', byte]),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
    Ok(())
}

/// Where the first byte stands that a JSON string has only behind a backslash.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    let is_escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // Looking at all bytes of a piece takes fewer steps than stopping at the first: the processor looks at many at once.
    const PIECE: usize = 32;
    let plain = bytes.chunks_exact(PIECE);
    let plain = plain.take_while(|piece| !piece.iter().fold(false, |found, byte| found | is_escaped(byte)));
    let behind = plain.count() * PIECE;
    bytes[behind..].iter().position(is_escaped).map(|at| behind + at)
}

/// The shortest digits that read back as the same number; plain notation from 1e-5 up to 1e15.
pub(crate) fn write_float(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    if number == 0.0 {
        out.extend_from_slice(if number.is_sign_negative() { b"-0.0" } else { b"0.0" });
        return;
    }
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|digit| *digit != '.').collect();
    if number < 0.0 {
        out.push(b'-');
    }
    // The decimal point lies behind this many digits.
    let point = exponent + 1;
    let count = digits.len() as i32;
    let text = if count <= point && point <= 15 {
        format!("{digits}{}.0", "0".repeat((point - count) as usize))
    } else if 0 < point && point <= 15 {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{whole}.{fraction}")
    } else if -4 < point && point <= 0 {
        format!("0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let (first, rest) = digits.split_at(1);
        let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{first}{rest}e{sign}{:02}", exponent.abs())
    };
    out.extend_from_slice(text.as_bytes());
}

fn from_json<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let text = e.force_plain(args[0], at)?;
    let mut reader = Reader { e, text, place: 0, at };
    let value = reader.value()?;
    reader.blank();
    if reader.place < text.len() {
        return reader.fail("unexpected text behind the value");
    }
    Ok(value)
}

struct Reader<'r, 'a> {
    e: &'r Evaluator<'a>,
    text: &'a [u8],
    place: usize,
    at: Position,
}

impl<'a> Reader<'_, 'a> {
    fn fail<T>(&self, problem: &str) -> Result<T, Error> {
        let before = &self.text[..self.place.min(self.text.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1) + 1;
        self.e.fail(
            ErrorKind::Value,
            self.at,
            format!("JSON is invalid at line {line}, column {column}: {problem}"),
        )
    }

    fn blank(&mut self) {
        while matches!(self.text.get(self.place), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.place += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.text.get(self.place) == Some(&wanted);
        self.place += usize::from(found);
        found
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Evaluated<'a> {
        if !self.text[self.place..].starts_with(word) {
            return self.fail("unexpected text");
        }
        self.place += word.len();
        Ok(value)
    }

    fn value(&mut self) -> Evaluated<'a> {
        self.e.check_stack(self.at)?;
        self.blank();
        match self.text.get(self.place) {
            None => self.fail("unexpected end"),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'"') => {
                let text = self.string()?;
                Ok(self.e.string(&text))
            }
            Some(b'[') => self.array(),
            Some(b'{') => self.object(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.fail("unexpected text"),
        }
    }

    fn array(&mut self) -> Evaluated<'a> {
        self.place += 1;
        let mut items = Vec::new();
        self.blank();
        if self.take(b']') {
            return Ok(self.e.list(&[]));
        }
        loop {
            let item = self.value()?;
            items.push(self.e.slot(item));
            self.blank();
            if self.take(b']') {
                return Ok(self.e.list(&items));
            }
            if !self.take(b',') {
                return self.fail("expected ',' or ']'");
            }
        }
    }

    fn object(&mut self) -> Evaluated<'a> {
        self.place += 1;
        let mut attrs = Vec::new();
        self.blank();
        if self.take(b'}') {
            return Ok(Value::Attrs(self.e.empty_attrs));
        }
        loop {
            self.blank();
            if self.text.get(self.place) != Some(&b'"') {
                return self.fail("expected a name");
            }
            let name = self.string()?;
            let name = self.e.symbols.intern(&name);
            self.blank();
            if !self.take(b':') {
                return self.fail("expected ':'");
            }
            let value = self.value()?;
            attrs.push(Attr { name, position: Position::NONE, value: self.e.slot(value) });
            self.blank();
            if self.take(b'}') {
                // Of two values with one name the last counts.
                attrs.reverse();
                return Ok(self.e.attrs(attrs));
            }
            if !self.take(b',') {
                return self.fail("expected ',' or '}'");
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.place;
        while self.text.get(self.place).is_some_and(u8::is_ascii_digit) {
            self.place += 1;
        }
        self.place - start
    }

    fn number(&mut self) -> Evaluated<'a> {
        let start = self.place;
        self.take(b'-');
        let leading_zero = self.text.get(self.place) == Some(&b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return self.fail("bad number");
        }
        let mut is_float = false;
        if self.take(b'.') {
            is_float = true;
            if self.digits() == 0 {
                return self.fail("bad number");
            }
        }
        if self.take(b'e') || self.take(b'E') {
            is_float = true;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.digits() == 0 {
                return self.fail("bad number");
            }
        }
        let text = String::from_utf8_lossy(&self.text[start..self.place]).into_owned();
        if !is_float {
            if let Ok(number) = text.parse::<i64>() {
                return Ok(Value::Int(number));
            }
            if text.parse::<u64>().is_ok() {
                return self.fail(&format!("the number {text} does not fit a 64-bit integer"));
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => self.fail(&format!("the number {text} is out of range")),
        }
    }

    fn unit(&mut self) -> Result<u32, Error> {
        let digits =
            self.text.get(self.place..self.place + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(digits) => {
                self.place += 4;
                u32::from_str_radix(digits, 16).or_else(|_| self.fail("bad \\u escape"))
            }
            None => self.fail("bad \\u escape"),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Error> {
        self.place += 1;
        let mut out = Vec::new();
        loop {
            let Some(&byte) = self.text.get(self.place) else { return self.fail("string is not closed") };
            self.place += 1;
            match byte {
                b'"' => break,
                b'\\' => {
                    let Some(&escape) = self.text.get(self.place) else {
                        return self.fail("string is not closed");
                    };
                    self.place += 1;
                    match escape {
                        b'"' | b'\\' | b'/' => out.push(escape),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'u' => {
                            let mut code = self.unit()?;
                            if (0xd800..0xdc00).contains(&code) {
                                if !(self.take(b'\\') && self.take(b'u')) {
                                    return self.fail("lone surrogate");
                                }
                                let low = self.unit()?;
                                if !(0xdc00..0xe000).contains(&low) {
                                    return self.fail("lone surrogate");
                                }
                                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                            }
                            let Some(character) = char::from_u32(code) else {
                                return self.fail("lone surrogate");
                            };
                            if code == 0 {
                                return self.fail("strings cannot hold a NUL byte");
                            }
                            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        _ => return self.fail("unknown escape"),
                    }
                }
                0..0x20 => return self.fail("control character in a string"),
                other => out.push(other),
            }
        }
        if std::str::from_utf8(&out).is_err() {
            return self.fail("string is not UTF-8");
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::write_float;

    #[test]
    fn floats_are_written_as_nlohmann_does() {
        for (number, text) in [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (-0.1, "-0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456789012345.0, "123456789012345.0"),
            (1e15, "1e+15"),
            (1.25e100, "1.25e+100"),
            (f64::NAN, "null"),
        ] {
            let mut out = Vec::new();
            write_float(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
