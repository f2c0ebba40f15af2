//! `toXML`: the layout is that of the Nix manual, `builtins.toXML`.

use rustc_hash::FxHashSet;

use super::Builtin;
use crate::attrs::Attrs;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator};
use crate::ir::Parameters;
use crate::position::Position;
use crate::string::ContextUnion;
use crate::symbol::known;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] =
    &[Builtin::new("__toXML", 1, to_xml).doc("e", "The XML text of a value, for programs that read XML.")];

/// Elements that may be open at once. Lines are indented, so of a value that holds itself, such as `builtins`, a text
/// would grow with the square of the depth and fill the memory long before the stack.
const DEPTH_MOST: usize = 4000;

fn to_xml<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let mut writer = Writer {
        e,
        out: Vec::new(),
        depth: 0,
        context: ContextUnion::default(),
        seen: FxHashSet::default(),
        at,
    };
    writer.out.extend_from_slice(b"<?xml version='1.0' encoding='utf-8'?>\n");
    writer.open("expr", &[]);
    writer.value(e.force(args[0], at)?)?;
    writer.close("expr");
    Ok(e.string_with(&writer.out, e.contexts.of(&writer.context)))
}

struct Writer<'w, 'a> {
    e: &'w Evaluator<'a>,
    out: Vec<u8>,
    depth: usize,
    context: ContextUnion,
    /// Paths of derivations that were written already.
    seen: FxHashSet<&'a [u8]>,
    at: Position,
}

impl<'a> Writer<'_, 'a> {
    fn tag(&mut self, name: &str, attributes: &[(&str, &[u8])], end: &[u8]) {
        self.out.resize(self.out.len() + 2 * self.depth, b' ');
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        for (attribute, value) in attributes {
            self.out.push(b' ');
            self.out.extend_from_slice(attribute.as_bytes());
            self.out.extend_from_slice(b"=\"");
            for byte in *value {
                match byte {
                    b'"' => self.out.extend_from_slice(b"&quot;"),
                    b'<' => self.out.extend_from_slice(b"&lt;"),
                    b'>' => self.out.extend_from_slice(b"&gt;"),
                    b'&' => self.out.extend_from_slice(b"&amp;"),
                    // A line break in an attribute would become a blank when it is read.
                    b'\n' => self.out.extend_from_slice(b"&#xA;"),
                    other => self.out.push(*other),
                }
            }
            self.out.push(b'"');
        }
        self.out.extend_from_slice(end);
        self.out.push(b'\n');
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &[u8])]) {
        self.tag(name, attributes, b">");
        self.depth += 1;
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.tag(&format!("/{name}"), &[], b">");
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &[u8])]) {
        self.tag(name, attributes, b" />");
    }

    fn attributes(&mut self, attrs: &'a Attrs<'a>) -> Result<(), Error> {
        for attr in self.e.by_name(attrs) {
            let name = self.e.symbols.name(attr.name);
            self.open("attr", &[("name", name)]);
            let value = self.e.force(attr.value, attr.position)?;
            self.value(value)?;
            self.close("attr");
        }
        Ok(())
    }

    fn value(&mut self, value: Value<'a>) -> Result<(), Error> {
        self.e.check_stack(self.at)?;
        if self.depth > DEPTH_MOST {
            let message = "the value is nested too deeply for XML (possible infinite recursion)";
            return self.e.fail(ErrorKind::StackDepth, self.at, message);
        }
        match value {
            Value::Int(number) => self.empty("int", &[("value", number.to_string().as_bytes())]),
            Value::Float(number) => self.empty("float", &[("value", crate::print::float(number).as_bytes())]),
            Value::Bool(truth) => self.empty("bool", &[("value", if truth { b"true" } else { b"false" })]),
            Value::Null => self.empty("null", &[]),
            Value::String(string) => {
                self.context.add(string.context);
                self.empty("string", &[("value", string.bytes)]);
            }
            Value::Path(path) => self.empty("path", &[("value", path.bytes)]),
            Value::List(list) => {
                self.open("list", &[]);
                for item in list.items {
                    let item = self.e.force(item, self.at)?;
                    self.value(item)?;
                }
                self.close("list");
            }
            Value::Attrs(attrs) if self.e.is_derivation(attrs)? => self.derivation(attrs)?,
            Value::Attrs(attrs) => {
                self.open("attrs", &[]);
                self.attributes(attrs)?;
                self.close("attrs");
            }
            Value::Lambda(id, _) => self.function(id, 0)?,
            Value::PartialLambda(partial) => self.function(partial.lambda, partial.arguments.len())?,
            _ => self.empty("unevaluated", &[]),
        }
        Ok(())
    }

    fn derivation(&mut self, attrs: &'a Attrs<'a>) -> Result<(), Error> {
        let mut tags: Vec<(&str, &[u8])> = Vec::new();
        let mut drv_path: &'a [u8] = b"";
        for (name, tag) in [(known::DRV_PATH, "drvPath"), (known::OUT_PATH, "outPath")] {
            if let Some(attr) = attrs.get(name)
                && let Value::String(string) = self.e.force(attr.value, attr.position)?
            {
                tags.push((tag, string.bytes));
                if tag == "drvPath" {
                    drv_path = string.bytes;
                }
            }
        }
        self.open("derivation", &tags);
        if !drv_path.is_empty() && self.seen.insert(drv_path) {
            self.attributes(attrs)?;
        } else {
            self.empty("repeated", &[]);
        }
        self.close("derivation");
        Ok(())
    }

    /// A function that has the first `taken` of its parameters.
    fn function(&mut self, id: crate::ir::LambdaId, taken: usize) -> Result<(), Error> {
        let lambda = self.e.lambda(id)?;
        self.open("function", &[]);
        match &lambda.parameters {
            Parameters::Set { argument, formals } => {
                let mut tags: Vec<(&str, &[u8])> = Vec::new();
                if formals.ellipsis {
                    tags.push(("ellipsis", b"1"));
                }
                if let Some(name) = argument {
                    tags.push(("name", self.e.symbols.name(*name)));
                }
                self.open("attrspat", &tags);
                let mut names: Vec<&'a [u8]> =
                    formals.list.iter().map(|formal| self.e.symbols.name(formal.name)).collect();
                names.sort_unstable();
                for name in names {
                    self.empty("attr", &[("name", name)]);
                }
                self.close("attrspat");
            }
            Parameters::Names(names) => {
                let name = names.get(taken).map(|(name, _)| self.e.symbols.name(*name)).unwrap_or_default();
                self.empty("varpat", &[("name", name)]);
            }
        }
        self.close("function");
        Ok(())
    }
}
