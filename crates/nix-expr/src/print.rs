//! Values as text: as `nix-instantiate --eval` prints them, and briefly for messages.

use rustc_hash::FxHashSet;

use crate::attrs::Attrs;
use crate::eval::Evaluator;
use crate::value::{Slot, Value};

/// A string literal.
pub(crate) fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'$' if bytes.get(index + 1) == Some(&b'{') => out.extend_from_slice(b"\\$"),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

const RESERVED: &[&[u8]] = &[b"if", b"then", b"else", b"assert", b"with", b"let", b"in", b"rec", b"inherit"];

/// A name as it is written in code, with quotes where it needs them.
pub(crate) fn write_name(name: &[u8], out: &mut Vec<u8>) {
    let is_identifier = name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | b'-'))
        && !RESERVED.contains(&name);
    if is_identifier {
        out.extend_from_slice(name);
    } else {
        quoted(name, out);
    }
}

/// A name as it is written in code, with quotes where it needs them.
pub(crate) fn attr_name(name: &[u8]) -> String {
    let mut out = Vec::new();
    write_name(name, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A path. Files that are part of the language are shown as they are looked up.
pub(crate) fn path(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes.strip_prefix(crate::builtins::BUNDLED_PREFIX) {
        Some(name) => {
            out.extend_from_slice(b"<nix/");
            out.extend_from_slice(name);
            out.push(b'>');
        }
        None => out.extend_from_slice(bytes),
    }
}

/// A float with six significant digits, zeros at the end left out.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return if number.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
    }
    if number.is_infinite() {
        return if number < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{number:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| -> String {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..6).contains(&exponent) {
        trim(&format!("{number:.*}", (5 - exponent).max(0) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
    }
}

/// How much of a value is printed.
struct Limits {
    items: usize,
    bytes: usize,
    depth: usize,
}

struct Printer<'p, 'a> {
    e: &'p Evaluator<'a>,
    out: Vec<u8>,
    seen: FxHashSet<*const ()>,
    limits: Option<Limits>,
}

/// A value as `nix-instantiate --eval` prints it: what is not evaluated is `<CODE>`.
pub(crate) fn print<'a>(e: &Evaluator<'a>, value: Value<'a>) -> Vec<u8> {
    let mut printer = Printer { e, out: Vec::new(), seen: FxHashSet::default(), limits: None };
    printer.value(value, None, 0);
    printer.out
}

/// A value in a few words.
pub(crate) fn brief<'a>(e: &Evaluator<'a>, value: Value<'a>) -> String {
    let limits = Some(Limits { items: 4, bytes: 60, depth: 2 });
    let mut printer = Printer { e, out: Vec::new(), seen: FxHashSet::default(), limits };
    printer.value(value, None, 0);
    String::from_utf8_lossy(&printer.out).into_owned()
}

impl<'a> Printer<'_, 'a> {
    fn value(&mut self, value: Value<'a>, slot: Option<&'a Slot<'a>>, depth: usize) {
        if self.e.check_stack(crate::position::Position::NONE).is_err() {
            self.out.extend_from_slice("«too deep»".as_bytes());
            return;
        }
        match value {
            Value::Null => self.out.extend_from_slice(b"null"),
            Value::Bool(truth) => self.out.extend_from_slice(if truth { b"true" } else { b"false" }),
            Value::Int(number) => self.out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) => self.out.extend_from_slice(float(number).as_bytes()),
            Value::String(string) => self.string(string.bytes),
            Value::Path(path) => crate::print::path(path.bytes, &mut self.out),
            Value::List(list) => {
                // Nix knows a short list again only by its place, a longer one by its content's.
                let key = match slot {
                    _ if list.items.len() > 2 => Some(std::ptr::from_ref(list).cast()),
                    Some(slot) => Some(std::ptr::from_ref(slot).cast()),
                    None => None,
                };
                if !list.items.is_empty() && key.is_some_and(|key| !self.seen.insert(key)) {
                    return self.out.extend_from_slice("«repeated»".as_bytes());
                }
                self.out.extend_from_slice(b"[ ");
                for (index, item) in list.items.iter().enumerate() {
                    if self.cut(index, depth) {
                        break;
                    }
                    self.value(item.get(), Some(item), depth + 1);
                    self.out.push(b' ');
                }
                self.out.push(b']');
            }
            Value::Attrs(attrs) => self.attrs(attrs, depth),
            Value::Lambda(..) | Value::PartialLambda(_) => self.out.extend_from_slice(b"<LAMBDA>"),
            // Nix has this one written in its own language.
            Value::Builtin(builtin) if builtin.name == "derivation" => {
                self.out.extend_from_slice(b"<LAMBDA>")
            }
            Value::Builtin(_) => self.out.extend_from_slice(b"<PRIMOP>"),
            Value::Partial(_) => self.out.extend_from_slice(b"<PRIMOP-APP>"),
            Value::Blackhole => self.out.extend_from_slice("«potential infinite recursion»".as_bytes()),
            Value::Thunk(..)
            | Value::Application(_)
            | Value::MappedItem(..)
            | Value::MappedAttr(..)
            | Value::Generated(..)
            | Value::Chosen(_)
            | Value::Varying(_) => self.out.extend_from_slice(b"<CODE>"),
        }
    }

    fn cut(&mut self, index: usize, depth: usize) -> bool {
        let cut = self.limits.as_ref().is_some_and(|limits| index >= limits.items || depth >= limits.depth);
        if cut {
            self.out.extend_from_slice("… ".as_bytes());
        }
        cut
    }

    fn string(&mut self, bytes: &[u8]) {
        match &self.limits {
            Some(limits) if bytes.len() > limits.bytes => {
                quoted(&bytes[..limits.bytes], &mut self.out);
                self.out.extend_from_slice("…".as_bytes());
            }
            _ => quoted(bytes, &mut self.out),
        }
    }

    fn attrs(&mut self, attrs: &'a Attrs<'a>, depth: usize) {
        if !attrs.is_empty() && !self.seen.insert(std::ptr::from_ref(attrs).cast()) {
            return self.out.extend_from_slice("«repeated»".as_bytes());
        }
        self.out.extend_from_slice(b"{ ");
        for (index, attr) in self.e.by_name(attrs).iter().enumerate() {
            if self.cut(index, depth) {
                break;
            }
            write_name(self.e.symbols.name(attr.name), &mut self.out);
            self.out.extend_from_slice(b" = ");
            self.value(attr.value.get(), Some(attr.value), depth + 1);
            self.out.extend_from_slice(b"; ");
        }
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_six_digits() {
        for (number, text) in [
            (1.0, "1"),
            (1.5, "1.5"),
            (123456789.0, "1.23457e+08"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.25, "-2.25"),
            (999999.5, "1e+06"),
            (100000.0, "100000"),
        ] {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(attr_name(b"a-b'"), "a-b'");
        assert_eq!(attr_name(b"with"), "\"with\"");
        assert_eq!(attr_name(b"a.b"), "\"a.b\"");
        assert_eq!(attr_name(b""), "\"\"");
    }
}
