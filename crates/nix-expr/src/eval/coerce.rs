//! Turning values into strings.

use super::Evaluator;
use crate::error::{Error, ErrorKind};
use crate::position::Position;
use crate::string::{ContextUnion, NixString};
use crate::symbol::known;
use crate::value::Value;

/// What may become a string, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coercion {
    /// Numbers, truth values, null and lists too: `toString` and the attributes of derivations.
    pub(crate) more: bool,
    /// Paths are copied to the store and become their store path.
    pub(crate) copy: bool,
}

impl Coercion {
    /// `"${x}"`
    pub(crate) const INTERPOLATION: Coercion = Coercion { more: false, copy: true };
    /// Arguments of builtins that want text.
    pub(crate) const PLAIN: Coercion = Coercion { more: false, copy: false };
    /// `toString`
    pub(crate) const TO_STRING: Coercion = Coercion { more: true, copy: false };
    /// Attributes of derivations.
    pub(crate) const DERIVATION: Coercion = Coercion { more: true, copy: true };
}

impl<'a> Evaluator<'a> {
    /// A value as a string.
    pub(crate) fn coerce(
        &self,
        value: Value<'a>,
        position: Position,
        coercion: Coercion,
    ) -> Result<&'a NixString<'a>, Error> {
        match value {
            Value::String(string) => return Ok(string),
            Value::Path(path) if coercion.copy => return self.copy_to_store(path.bytes, position),
            Value::Attrs(attrs) if attrs.get(known::TO_STRING).is_none() => {
                if let Some(attr) = attrs.get(known::OUT_PATH) {
                    self.check_stack(position)?;
                    let inner = self.force(attr.value, position)?;
                    return self.deeper(position, || self.coerce(inner, position, coercion));
                }
            }
            _ => {}
        }
        let mut out = Vec::new();
        let mut context = ContextUnion::default();
        self.coerce_into(value, position, coercion, &mut out, &mut context)?;
        let bytes = self.arena.alloc_slice_copy(&out);
        Ok(self.arena.alloc(NixString::new(bytes, self.contexts.of(&context))))
    }

    /// Appends a value as a string, and adds what it depends on to `context`.
    pub(crate) fn coerce_into(
        &self,
        value: Value<'a>,
        position: Position,
        coercion: Coercion,
        out: &mut Vec<u8>,
        context: &mut ContextUnion,
    ) -> Result<(), Error> {
        match value {
            Value::String(string) => {
                out.extend_from_slice(string.bytes);
                context.add(string.context);
            }
            Value::Path(path) if coercion.copy => {
                let copied = self.copy_to_store(path.bytes, position)?;
                out.extend_from_slice(copied.bytes);
                context.add(copied.context);
            }
            Value::Path(path) => out.extend_from_slice(path.bytes),
            Value::Attrs(attrs) => {
                self.check_stack(position)?;
                if let Some(attr) = attrs.get(known::TO_STRING) {
                    let function = self.force(attr.value, position)?;
                    let text = self.call(function, &[self.slot(value)], position)?;
                    return self
                        .deeper(position, || self.coerce_into(text, position, coercion, out, context));
                }
                let Some(attr) = attrs.get(known::OUT_PATH) else {
                    return self.not_a_string(value, position);
                };
                let inner = self.force(attr.value, position)?;
                return self.deeper(position, || self.coerce_into(inner, position, coercion, out, context));
            }
            Value::Bool(true) if coercion.more => out.push(b'1'),
            Value::Bool(false) | Value::Null if coercion.more => {}
            Value::Int(number) if coercion.more => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) if coercion.more => out.extend_from_slice(format!("{number:.6}").as_bytes()),
            Value::List(list) if coercion.more => {
                self.check_stack(position)?;
                let count = list.items.len();
                for (index, item) in list.items.iter().enumerate() {
                    let item = self.in_context(
                        self.force(item, position),
                        position,
                        "while evaluating one element of the list",
                    )?;
                    self.coerce_into(item, position, coercion, out, context)?;
                    // An empty list gets no blank behind it unless another element follows; every other one but the
                    // last does. So has Nix it, and hashes depend on it.
                    let is_empty_list = matches!(item, Value::List(list) if list.items.is_empty());
                    if index + 1 < count && !is_empty_list {
                        out.push(b' ');
                    }
                }
            }
            other => return self.not_a_string(other, position),
        }
        Ok(())
    }

    #[cold]
    fn not_a_string<T>(&self, value: Value<'a>, position: Position) -> Result<T, Error> {
        let shown = crate::print::brief(self, value);
        let message = format!("cannot coerce {} to a string: {shown}", value.describe());
        self.fail(ErrorKind::Type, position, message)
    }

    /// A value as an absolute path.
    pub(crate) fn coerce_to_path(
        &self,
        value: Value<'a>,
        position: Position,
        context: &mut ContextUnion,
    ) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        self.coerce_into(value, position, Coercion::PLAIN, &mut out, context)?;
        if out.first() != Some(&b'/') {
            let shown = String::from_utf8_lossy(&out).into_owned();
            return self.fail(
                ErrorKind::Value,
                position,
                format!("string '{shown}' doesn't represent an absolute path"),
            );
        }
        Ok(out)
    }
}
