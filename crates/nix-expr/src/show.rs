//! Values as people read them: as `nix eval`, the repl and `builtins.trace` show them.
//!
//! Unlike [`crate::print`], which prints what `nix-instantiate --eval` does, this says where functions come from, names
//! derivations by their files, and can evaluate what it prints on the way.

use rustc_hash::FxHashSet;

use crate::attrs::{Attr, Attrs};
use crate::error::{Error, ErrorKind};
use crate::eval::{Coercion, Evaluator};
use crate::position::{Origin, Position};
use crate::print;
use crate::symbol::known;
use crate::value::{Slot, Value};

/// How a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// Evaluate what is shown. An error in it is shown in its place.
    pub force: bool,
    /// Sets and lists that are nested deeper than this are cut to `{ ... }` and `[ ... ]`.
    pub depth: usize,
    /// How many blanks a nested line is indented by; all in one line if 0.
    pub indent: usize,
}

impl Display {
    /// As `nix eval` prints.
    pub const EVALUATED: Display = Display { force: true, depth: usize::MAX, indent: 0 };
    /// As `builtins.trace` prints: what is known already.
    pub const KNOWN: Display = Display { force: false, depth: usize::MAX, indent: 0 };
    /// As the repl prints an expression's value.
    pub const OUTLINE: Display = Display { force: true, depth: 1, indent: 2 };
    /// As the repl's `:print` does.
    pub const WHOLE: Display = Display { force: true, depth: usize::MAX, indent: 2 };
}

/// A value's text, and the first error that was shown inside it.
pub(crate) struct Shown {
    pub(crate) text: Vec<u8>,
    pub(crate) error: Option<Error>,
}

/// The text of a value.
///
/// # Errors
/// Only interruption: other errors inside the value are part of the text.
pub(crate) fn show<'a>(e: &Evaluator<'a>, value: Value<'a>, display: Display) -> Result<Shown, Error> {
    let mut writer =
        Writer { e, display, out: Vec::new(), seen: FxHashSet::default(), level: 0, error: None };
    writer.value(value, 0)?;
    Ok(Shown { text: writer.out, error: writer.error })
}

struct Writer<'w, 'a> {
    e: &'w Evaluator<'a>,
    display: Display,
    out: Vec<u8>,
    seen: FxHashSet<*const ()>,
    /// How many indented brackets are open.
    level: usize,
    error: Option<Error>,
}

impl<'a> Writer<'_, 'a> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn slot(&mut self, slot: &'a Slot<'a>, depth: usize) -> Result<(), Error> {
        let value = slot.get();
        if !self.display.force || value.is_evaluated() {
            return self.value(value, depth);
        }
        match self.e.force(slot, Position::NONE) {
            Ok(value) => self.value(value, depth),
            Err(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: Error) -> Result<(), Error> {
        if matches!(error.kind, ErrorKind::Interrupted) {
            return Err(error);
        }
        let message = format!("«error: {}»", error.message);
        self.text(&message);
        self.error.get_or_insert(error);
        Ok(())
    }

    fn value(&mut self, value: Value<'a>, depth: usize) -> Result<(), Error> {
        if self.e.check_stack(Position::NONE).is_err() {
            self.text("«too deep»");
            return Ok(());
        }
        match value {
            Value::Null => self.text("null"),
            Value::Bool(truth) => self.text(if truth { "true" } else { "false" }),
            Value::Int(number) => self.text(&number.to_string()),
            Value::Float(number) => self.text(&print::float(number)),
            Value::String(string) => print::quoted(string.bytes, &mut self.out),
            Value::Path(path) => print::path(path.bytes, &mut self.out),
            Value::List(list) => self.list(list.items, depth)?,
            Value::Attrs(attrs) => self.attrs(attrs, depth)?,
            Value::Lambda(..) | Value::PartialLambda(_) => {
                let Some((lambda, position)) = self.e.function_code(value)? else { return Ok(()) };
                self.text("«lambda");
                if let Some(name) = lambda.name {
                    self.out.push(b' ');
                    self.out.extend_from_slice(self.e.symbols.name(name));
                }
                if let Some(place) = self.e.sources.locate(position) {
                    let file = match place.origin {
                        Origin::File(path) => String::from_utf8_lossy(path).into_owned(),
                        Origin::Text(name) => name.to_owned(),
                    };
                    self.text(&format!(" @ {file}:{}:{}", place.line, place.column));
                }
                self.text("»");
            }
            Value::Builtin(builtin) => self.text(&format!("«primop {}»", builtin.attribute())),
            Value::Partial(partial) => {
                self.text(&format!("«partially applied primop {}»", partial.builtin.attribute()));
            }
            Value::Blackhole => self.text("«potential infinite recursion»"),
            _ => self.text("«thunk»"),
        }
        Ok(())
    }

    /// What stands between two items, and before and behind them.
    fn space(&mut self, lines: bool) {
        if lines {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + self.level * self.display.indent, b' ');
        } else {
            self.out.push(b' ');
        }
    }

    /// Whether items are written one a line: several of them, or one that holds others.
    fn lines(&self, items: &mut dyn ExactSizeIterator<Item = &'a Slot<'a>>) -> bool {
        if self.display.indent == 0 {
            return false;
        }
        let count = items.len();
        match items.next() {
            Some(only) if count == 1 => {
                let value =
                    if self.display.force { self.e.force(only, Position::NONE) } else { Ok(only.get()) };
                !matches!(value, Ok(value) if value.is_evaluated() && !matches!(value, Value::List(_) | Value::Attrs(_)))
            }
            first => first.is_some(),
        }
    }

    fn list(&mut self, items: &'a [&'a Slot<'a>], depth: usize) -> Result<(), Error> {
        if items.is_empty() {
            self.text("[ ]");
            return Ok(());
        }
        if !self.seen.insert(items.as_ptr().cast()) {
            self.text("«repeated»");
            return Ok(());
        }
        if depth >= self.display.depth {
            self.text("[ ... ]");
            return Ok(());
        }
        let lines = self.lines(&mut items.iter().copied());
        self.out.push(b'[');
        self.level += 1;
        for item in items {
            self.space(lines);
            self.slot(item, depth + 1)?;
        }
        self.level -= 1;
        self.space(lines);
        self.out.push(b']');
        Ok(())
    }

    fn attrs(&mut self, attrs: &'a Attrs<'a>, depth: usize) -> Result<(), Error> {
        if self.display.force {
            match self.derivation(attrs) {
                Ok(Some(path)) => {
                    self.text(&if path.is_empty() {
                        "«derivation»".to_owned()
                    } else {
                        format!("«derivation {path}»")
                    });
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => return self.failed(error),
            }
        }
        // To Nix all empty sets are one.
        let identity = if attrs.is_empty() { self.e.empty_attrs } else { attrs };
        if !self.seen.insert(std::ptr::from_ref(identity).cast()) {
            self.text("«repeated»");
            return Ok(());
        }
        if attrs.is_empty() {
            self.text("{ }");
            return Ok(());
        }
        if depth >= self.display.depth {
            self.text("{ ... }");
            return Ok(());
        }
        let sorted: Vec<Attr<'a>> = self.e.by_name(attrs);
        let lines = self.lines(&mut sorted.iter().map(|attr| attr.value));
        self.out.push(b'{');
        self.level += 1;
        for attr in &sorted {
            self.space(lines);
            let name = print::attr_name(self.e.symbols.name(attr.name));
            self.text(&format!("{name} = "));
            self.slot(attr.value, depth + 1)?;
            self.out.push(b';');
        }
        self.level -= 1;
        self.space(lines);
        self.out.push(b'}');
        Ok(())
    }

    /// The path of the `.drv` file, if the set is a derivation; empty if it has none.
    fn derivation(&self, attrs: &'a Attrs<'a>) -> Result<Option<String>, Error> {
        if !self.e.is_derivation(attrs)? {
            return Ok(None);
        }
        let Some(path) = attrs.get(known::DRV_PATH) else { return Ok(Some(String::new())) };
        let path = self.e.force(path.value, path.position)?;
        let path = self.e.coerce(path, Position::NONE, Coercion::PLAIN)?;
        self.e.parse_store_path(path.bytes, Position::NONE)?;
        Ok(Some(String::from_utf8_lossy(path.bytes).into_owned()))
    }
}
