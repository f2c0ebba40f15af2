//! What a derivation is declared as: the attributes of its set as the language has them.
//!
//! Packages declare the same derivations again and again. So nothing is copied here that lies in the arena already; a
//! [`nix_store::Derivation`] is made only of what was not declared before.

use std::borrow::Cow;

use nix_store::{ContentAddressMethod, Hash, HashAlgorithm, StorePath};

use super::require;
use crate::attrs::{Attr, Attrs};
use crate::builtins::{files, hashes, to_json, write_json_string};
use crate::error::{Error, ErrorKind, FrameText};
use crate::eval::{Coercion, Evaluator};
use crate::position::Position;
use crate::settings::Feature;
use crate::string::{ContextElement, ContextUnion};
use crate::symbol::{Symbol, known};
use crate::value::Value;

/// A derivation as it is declared.
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    pub(super) system: &'a [u8],
    pub(super) builder: &'a [u8],
    pub(super) args: Vec<Text<'a>>,
    /// The environment, sorted by name. The variables of outputs are there, and empty.
    pub(super) env: Vec<(&'a [u8], Text<'a>)>,
    pub(super) outputs: Outputs<'a>,
    /// Base names of store paths, sorted.
    pub(super) sources: Vec<&'a str>,
    /// Base names of `.drv` files, and outputs of them, sorted.
    pub(super) derivations: Vec<(&'a str, &'a str)>,
}

/// A text as the builder gets it. What lies in the arena already is not copied, and what is put together for the derivation
/// alone does not stay there.
type Text<'a> = Cow<'a, [u8]>;

/// The outputs that are declared.
pub(super) enum Outputs<'a> {
    /// One output `out`, whose content is known by its hash.
    Fixed { method: ContentAddressMethod, hash: Hash },
    /// Outputs whose paths depend on all that the derivation is, sorted.
    Open(Vec<&'a str>),
}

/// What the attributes say about outputs.
struct OutputAttributes<'a> {
    names: Vec<&'a str>,
    hash: Option<&'a [u8]>,
    algorithm: Option<HashAlgorithm>,
    method: Option<ContentAddressMethod>,
    content_addressed: bool,
}

/// The attributes, as far as they were read.
struct Reader<'e, 'a> {
    e: &'e Evaluator<'a>,
    ignore_nulls: bool,
    system: &'a [u8],
    builder: &'a [u8],
    args: Vec<Text<'a>>,
    env: Vec<(&'a [u8], Text<'a>)>,
    outputs: OutputAttributes<'a>,
    /// With structured attributes: those so far, as the beginning of a JSON object.
    json: Option<Vec<u8>>,
    /// All that the strings depend on.
    context: ContextUnion,
}

impl<'a> Declared<'a> {
    /// Reads the attributes of a derivation.
    pub(super) fn read(
        e: &Evaluator<'a>,
        attrs: &'a Attrs<'a>,
        name: &'a str,
        at: Position,
    ) -> Result<Self, Error> {
        let flag = |name: Symbol| -> Result<bool, Error> {
            attrs.get(name).map_or(Ok(false), |attr| e.force_bool(attr.value, attr.position))
        };
        let structured = flag(known::STRUCTURED_ATTRS)?;
        let mut reader = Reader {
            e,
            ignore_nulls: flag(known::IGNORE_NULLS)?,
            system: b"",
            builder: b"",
            args: Vec::new(),
            env: Vec::with_capacity(attrs.len_at_most()),
            outputs: OutputAttributes {
                names: vec!["out"],
                hash: None,
                algorithm: None,
                method: None,
                content_addressed: false,
            },
            json: structured.then(|| vec![b'{']),
            context: ContextUnion::default(),
        };
        // In the order of names, which decides which of several errors is seen.
        for attr in e.by_name(attrs) {
            if attr.name == known::IGNORE_NULLS {
                continue;
            }
            reader.attribute(&attr).map_err(|mut error| {
                let key = String::from_utf8_lossy(e.symbols.name(attr.name));
                let text = format!("while evaluating the attribute '{key}' of the derivation '{name}'");
                error.frame(attr.position, FrameText::Owned(text));
                error
            })?;
        }
        reader.declared(name, at)
    }
}

impl<'a> Reader<'_, 'a> {
    /// A value as the builder gets it.
    fn text(&mut self, value: Value<'a>, at: Position) -> Result<Text<'a>, Error> {
        Ok(match value {
            Value::Bool(true) => Cow::Borrowed(b"1"),
            Value::Bool(false) | Value::Null => Cow::Borrowed(b""),
            Value::List(_) => {
                let mut text = Vec::new();
                self.e.coerce_into(value, at, Coercion::DERIVATION, &mut text, &mut self.context)?;
                Cow::Owned(text)
            }
            value => {
                let string = self.e.coerce(value, at, Coercion::DERIVATION)?;
                self.context.add(string.context);
                Cow::Borrowed(string.bytes)
            }
        })
    }

    /// A text for longer than the derivation is being read.
    fn keep(&self, text: &Text<'a>) -> &'a [u8] {
        match text {
            Cow::Borrowed(text) => text,
            Cow::Owned(text) => self.e.arena.alloc_slice_copy(text),
        }
    }

    /// Takes one attribute.
    fn attribute(&mut self, attr: &Attr<'a>) -> Result<(), Error> {
        let (e, at) = (self.e, attr.position);
        let key = e.symbols.name(attr.name);
        let value = e.force(attr.value, at)?;
        if self.ignore_nulls && matches!(value, Value::Null) {
            return Ok(());
        }
        match attr.name {
            // Where these are false, they are attributes like any other.
            known::CONTENT_ADDRESSED if e.expect_bool(value, at)? => {
                require(e, Feature::CaDerivations, at)?;
                self.outputs.content_addressed = true;
                return Ok(());
            }
            known::IMPURE if e.expect_bool(value, at)? => {
                require(e, Feature::ImpureDerivations, at)?;
                return e.fail(ErrorKind::Unsupported, at, "impure derivations are not supported");
            }
            known::ARGS => {
                for item in e.expect_list(value, at)? {
                    let text = self.text(e.force(item, at)?, at)?;
                    self.args.push(text);
                }
                return Ok(());
            }
            known::STRUCTURED_ATTRS if self.json.is_some() => return Ok(()),
            _ => {}
        }
        let text = if let Some(json) = &mut self.json {
            if json.len() > 1 {
                json.push(b',');
            }
            write_json_string(e, key, at, json)?;
            json.push(b':');
            to_json(e, value, at, true, json, &mut self.context)?;
            Cow::Borrowed(match attr.name {
                known::BUILDER => e.expect_string(value, at)?.bytes,
                known::SYSTEM | known::OUTPUT_HASH | known::OUTPUT_HASH_ALGO | known::OUTPUT_HASH_MODE => {
                    e.expect_plain(value, at)?
                }
                known::OUTPUTS => {
                    let mut names = Vec::new();
                    for item in e.expect_list(value, at)? {
                        names.push(e.force_plain(item, at)?);
                    }
                    e.arena.alloc_slice_copy(&names.join(&b' '))
                }
                _ => return Ok(()),
            })
        } else {
            self.text(value, at)?
        };
        self.meaning(attr.name, &text, at)?;
        if self.json.is_none() {
            self.env.push((key, text));
        }
        Ok(())
    }

    /// What an attribute says besides being a variable of the environment.
    fn meaning(&mut self, name: Symbol, text: &Text<'a>, at: Position) -> Result<(), Error> {
        let e = self.e;
        match name {
            known::BUILDER => self.builder = self.keep(text),
            known::SYSTEM => self.system = self.keep(text),
            known::OUTPUT_HASH => self.outputs.hash = Some(self.keep(text)),
            // An algorithm that is empty is none; a hash in SRI form names its own.
            known::OUTPUT_HASH_ALGO if text.is_empty() => {}
            known::OUTPUT_HASH_ALGO => self.outputs.algorithm = Some(hashes::algorithm(e, text, at)?),
            known::OUTPUT_HASH_MODE => {
                self.outputs.method = Some(match &**text {
                    b"flat" => ContentAddressMethod::Flat,
                    b"recursive" | b"nar" => ContentAddressMethod::Recursive,
                    b"text" => {
                        require(e, Feature::DynamicDerivations, at)?;
                        ContentAddressMethod::Text
                    }
                    other => {
                        let other = String::from_utf8_lossy(other);
                        let message = format!("invalid value '{other}' for 'outputHashMode' attribute");
                        return e.fail(ErrorKind::Value, at, message);
                    }
                });
            }
            known::OUTPUTS => self.outputs.names = output_names(e, self.keep(text), at)?,
            _ => {}
        }
        Ok(())
    }

    fn declared(mut self, name: &'a str, at: Position) -> Result<Declared<'a>, Error> {
        if let Some(mut json) = self.json.take() {
            json.push(b'}');
            self.set_variable(b"__json", Cow::Owned(json));
        }
        let (sources, derivations) = inputs(self.e, &self.context);
        let names = std::mem::take(&mut self.outputs.names);
        for name in &names {
            self.set_variable(name.as_bytes(), Cow::Borrowed(b""));
        }
        let outputs = outputs(self.e, names, &self.outputs, at)?;
        let Reader { system, builder, args, env, .. } = self;
        Ok(Declared { name, system, builder, args, env, outputs, sources, derivations })
    }

    fn set_variable(&mut self, name: &'a [u8], text: Text<'a>) {
        match self.env.binary_search_by_key(&name, |(name, _)| *name) {
            Ok(place) => self.env[place].1 = text,
            Err(place) => self.env.insert(place, (name, text)),
        }
    }
}

/// All that the strings of a derivation depend on becomes its inputs.
fn inputs<'a>(e: &Evaluator<'a>, context: &ContextUnion) -> (Vec<&'a str>, Vec<(&'a str, &'a str)>) {
    let directory = e.io().store_dir().as_str();
    let base_name = |path: &'a str| -> &'a str {
        path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path)
    };
    let (mut sources, mut derivations) = (Vec::new(), Vec::new());
    for element in e.contexts.elements_of(context) {
        match element {
            ContextElement::Path(path) => sources.push(base_name(path)),
            ContextElement::Output { derivation, output } => {
                derivations.push((base_name(derivation), output))
            }
            ContextElement::DerivationDeep(path) => {
                let Ok(root) = StorePath::from_base_name(base_name(path)) else {
                    sources.push(path);
                    continue;
                };
                let known = e.derivations.borrow();
                for path in known.closure(root) {
                    let name: &'a str = e.arena.alloc_str(path.base_name());
                    if let Some(derivation) = known.get(&path) {
                        let outputs = derivation.outputs.keys();
                        derivations.extend(outputs.map(|output| (name, &*e.arena.alloc_str(output))));
                    }
                    sources.push(name);
                }
            }
        }
    }
    sources.sort_unstable();
    sources.dedup();
    derivations.sort_unstable();
    derivations.dedup();
    (sources, derivations)
}

/// The outputs that the attributes mean.
fn outputs<'a>(
    e: &Evaluator<'a>,
    mut names: Vec<&'a str>,
    attributes: &OutputAttributes<'a>,
    at: Position,
) -> Result<Outputs<'a>, Error> {
    if let Some(hash) = attributes.hash {
        if names != ["out"] {
            let message = "multiple outputs are not supported in fixed-output derivations";
            return e.fail(ErrorKind::Value, at, message);
        }
        let hash = files::parse_hash(e, hash, attributes.algorithm, at)?;
        return Ok(Outputs::Fixed { method: attributes.method.unwrap_or(ContentAddressMethod::Flat), hash });
    }
    if attributes.content_addressed {
        return e.fail(
            ErrorKind::Unsupported,
            at,
            "derivations whose output paths depend on what is built (`__contentAddressed`) are not supported",
        );
    }
    names.sort_unstable();
    Ok(Outputs::Open(names))
}

fn output_names<'a>(e: &Evaluator<'a>, text: &'a [u8], at: Position) -> Result<Vec<&'a str>, Error> {
    let mut names: Vec<&'a str> = Vec::new();
    for name in
        text.split(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).filter(|name| !name.is_empty())
    {
        let name: &'a str = match std::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => e.arena.alloc_str(&String::from_utf8_lossy(name)),
        };
        if names.contains(&name) {
            return e.fail(ErrorKind::Value, at, format!("duplicate derivation output '{name}'"));
        }
        // The set of a derivation has an attribute of that name already.
        if name == "drvPath" {
            return e.fail(ErrorKind::Value, at, "invalid derivation output name 'drvPath'");
        }
        names.push(name);
    }
    if names.is_empty() {
        return e.fail(ErrorKind::Value, at, "derivation cannot have an empty set of outputs");
    }
    Ok(names)
}
