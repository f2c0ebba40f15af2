//! The builtin functions, one file a subject.

mod attrsets;
mod contexts;
mod control;
mod derivation;
mod fetch;
mod files;
mod hashes;
mod json;
mod lists;
mod numbers;
mod regexes;
mod strings;
mod toml;
mod types;
mod versions;
mod xml;

use rustc_hash::FxHashMap;

use crate::attrs::Attr;
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::settings::{Feature, Settings};
use crate::symbol::{Symbol, known};
use crate::value::{Slot, Value};

pub(crate) use derivation::Identity;
pub(crate) use json::{to_json, write_string as write_json_string};
pub(crate) use regexes::RegexCache;

/// The version of Nix whose language this is; configurations compare it.
pub const NIX_VERSION: &str = "2.26.3";

/// `builtins.langVersion`
const LANGUAGE_VERSION: i64 = 6;

/// No builtin takes more arguments.
pub(crate) const ARITY_MOST: usize = 3;

/// What a builtin runs. There are as many arguments as its arity says; they are not evaluated.
pub(crate) type Run = for<'a, 'b> fn(&'b Evaluator<'a>, &'b [&'a Slot<'a>], Position) -> Evaluated<'a>;

/// A builtin function.
pub struct Builtin {
    /// The name of the global: those that start with `__` lack that in `builtins`.
    pub(crate) name: &'static str,
    pub(crate) arity: usize,
    pub(crate) run: Run,
    /// Whether errors in it mention it.
    pub(crate) traced: bool,
    /// The names of its arguments, divided by blanks.
    pub(crate) arguments: &'static str,
    /// What it does, for people.
    pub(crate) doc: &'static str,
    /// The experimental feature without which it does not exist.
    pub(crate) feature: Option<Feature>,
}

impl Builtin {
    pub(crate) const fn new(name: &'static str, arity: usize, run: Run) -> Self {
        assert!(arity >= 1 && arity <= ARITY_MOST);
        Builtin { name, arity, run, traced: true, arguments: "", doc: "", feature: None }
    }

    const fn untraced(name: &'static str, arity: usize, run: Run) -> Self {
        Builtin { traced: false, ..Builtin::new(name, arity, run) }
    }

    /// Describes it: the names of its arguments, divided by blanks, and what it does. Every builtin has this.
    const fn doc(self, arguments: &'static str, doc: &'static str) -> Self {
        Builtin { arguments, doc, ..self }
    }

    /// Has it exist only where a feature is on.
    const fn needs(self, feature: Feature) -> Self {
        Builtin { feature: Some(feature), ..self }
    }

    /// The name of its attribute in `builtins`.
    pub(crate) fn attribute(&self) -> &'static str {
        self.name.strip_prefix("__").unwrap_or(self.name)
    }
}

static TABLES: &[&[Builtin]] = &[
    attrsets::BUILTINS,
    contexts::BUILTINS,
    control::BUILTINS,
    derivation::BUILTINS,
    fetch::BUILTINS,
    files::BUILTINS,
    hashes::BUILTINS,
    json::BUILTINS,
    lists::BUILTINS,
    numbers::BUILTINS,
    regexes::BUILTINS,
    strings::BUILTINS,
    toml::BUILTINS,
    types::BUILTINS,
    versions::BUILTINS,
    xml::BUILTINS,
];

/// Globals that are no functions, with what they are.
const CONSTANTS: &[(&str, &str)] = &[
    ("builtins", "The set of all builtin functions and values."),
    ("true", "The truth value `true`."),
    ("false", "The truth value `false`."),
    ("null", "The value `null`, which stands for the absence of any other."),
    ("__langVersion", "The version of the language, an integer that grows with it."),
    ("__nixVersion", "The version of Nix whose language this is, as a string such as `2.26.3`."),
    ("__nixPath", "The search path that `<name>` is looked up in: a list of sets with `prefix` and `path`."),
    ("__storeDir", "The directory that store paths begin with, normally `/nix/store`."),
];
/// Those that pure evaluation does not have.
const IMPURE_CONSTANTS: &[(&str, &str)] = &[
    (
        "__currentSystem",
        "The system that is evaluated for, such as `x86_64-linux`. Not there in pure evaluation.",
    ),
    ("__currentTime", "Seconds since 1970 when the evaluation began. Not there in pure evaluation."),
];

/// The builtin functions that exist with these settings.
fn functions(settings: &Settings) -> impl Iterator<Item = &'static Builtin> {
    let features = settings.features;
    TABLES
        .iter()
        .flat_map(|table| table.iter())
        .filter(move |builtin| builtin.feature.is_none_or(|feature| features.has(feature)))
}

/// The globals that are no functions and exist with these settings.
fn constants(settings: &Settings) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    let impure: &[_] = if settings.pure { &[] } else { IMPURE_CONSTANTS };
    CONSTANTS.iter().chain(impure)
}

/// The names of all globals, in the order of their numbers.
pub(crate) fn global_names(settings: &Settings) -> Vec<&'static str> {
    constants(settings)
        .map(|(name, _)| *name)
        .chain(functions(settings).map(|builtin| builtin.name))
        .collect()
}

/// What is known of a global or an attribute of `builtins`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Documentation {
    /// Its name as an attribute of `builtins`.
    pub name: &'static str,
    /// The names of its arguments; none for a value that is no function.
    pub arguments: &'static str,
    /// What it is or does, in Markdown.
    pub text: &'static str,
}

/// What all globals are and do, by name.
pub fn documentation() -> Vec<Documentation> {
    let values = CONSTANTS.iter().chain(IMPURE_CONSTANTS).map(|(name, text)| Documentation {
        name: name.strip_prefix("__").unwrap_or(name),
        arguments: "",
        text,
    });
    let functions = TABLES.iter().flat_map(|table| table.iter()).map(|builtin| Documentation {
        name: builtin.attribute(),
        arguments: builtin.arguments,
        text: builtin.doc,
    });
    let mut all: Vec<Documentation> = values.chain(functions).collect();
    all.sort_unstable_by_key(|documented| documented.name);
    all
}

/// The value of `currentTime`, for the first time that somebody asks: an evaluation that does not ask has the same result
/// at any time.
static CURRENT_TIME: Builtin = Builtin::untraced("__currentTime", 1, |e, _, _| {
    Ok(e.io().current_time().map_or(Value::Null, Value::Int))
});

/// Gives the globals their values.
pub(crate) fn fill_globals<'a>(e: &Evaluator<'a>, numbers: &FxHashMap<Symbol, u32>) {
    let set = |name: &str, value: Value<'a>| {
        if let Some(number) = numbers.get(&e.symbols.intern(name.as_bytes())) {
            e.globals[*number as usize].set(value);
        }
    };
    for builtin in functions(e.settings) {
        set(builtin.name, Value::Builtin(builtin));
    }
    set("true", Value::Bool(true));
    set("false", Value::Bool(false));
    set("null", Value::Null);
    set("__langVersion", Value::Int(LANGUAGE_VERSION));
    set("__nixVersion", e.string(NIX_VERSION.as_bytes()));
    set("__storeDir", e.string(e.io().store_dir().as_str().as_bytes()));
    set("__nixPath", search_path(e));
    set("__currentSystem", e.string(e.settings.system.as_bytes()));
    let time = e.application(e.builtin_slot(&CURRENT_TIME), &e.globals[0], None);
    set("__currentTime", time.get());
    let mut attrs: Vec<Attr<'a>> = numbers
        .iter()
        .map(|(name, number)| {
            let text = e.symbols.name(*name);
            let name = e.symbols.intern(text.strip_prefix(b"__").unwrap_or(text));
            Attr { name, position: Position::NONE, value: &e.globals[*number as usize] }
        })
        .collect();
    attrs.sort_by_key(|attr| attr.name);
    let builtins = e.attrs(attrs);
    set("builtins", builtins);
}

fn search_path<'a>(e: &Evaluator<'a>) -> Value<'a> {
    if e.settings.pure {
        return e.list(&[]);
    }
    let entries: Vec<&'a Slot<'a>> = e
        .settings
        .search_path
        .iter()
        .map(|entry| {
            e.slot(e.attrs_of(&[
                (known::PREFIX, e.string(entry.prefix.as_bytes())),
                (known::PATH, e.string(entry.path.as_bytes())),
            ]))
        })
        .collect();
    e.list(&entries)
}

/// Where files that are part of the language lie, as far as it can tell.
pub(crate) const BUNDLED_PREFIX: &[u8] = b"/__corepkgs__/";

/// `<nix/fetchurl.nix>`, which stdenv's bootstrap imports: a derivation that fetches a URL without any other program.
const FETCHURL: &str = include_str!("fetchurl.nix");

/// The text of a file that is part of the language.
pub(crate) fn bundled_file(path: &[u8]) -> Option<&'static str> {
    (path.strip_prefix(BUNDLED_PREFIX)? == b"fetchurl.nix").then_some(FETCHURL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_global_is_documented() {
        for documented in documentation() {
            let name = documented.name;
            assert!(
                documented.text.len() > 20 && documented.text.ends_with('.'),
                "{name} lacks documentation"
            );
        }
        for builtin in TABLES.iter().flat_map(|table| table.iter()) {
            let arguments = builtin.arguments.split_whitespace().count();
            assert_eq!(arguments, builtin.arity, "{} documents {arguments} arguments", builtin.name);
        }
    }
}
