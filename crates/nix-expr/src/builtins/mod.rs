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
use crate::settings::Settings;
use crate::symbol::{Symbol, known};
use crate::value::{Slot, Value};

pub(crate) use json::to_json;
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
}

impl Builtin {
    pub(crate) const fn new(name: &'static str, arity: usize, run: Run) -> Self {
        assert!(arity >= 1 && arity <= ARITY_MOST);
        Builtin { name, arity, run, traced: true }
    }

    const fn untraced(name: &'static str, arity: usize, run: Run) -> Self {
        Builtin { traced: false, ..Builtin::new(name, arity, run) }
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

/// Globals that are no functions.
const CONSTANTS: &[&str] =
    &["builtins", "true", "false", "null", "__langVersion", "__nixVersion", "__nixPath", "__storeDir"];
/// Those that pure evaluation does not have.
const IMPURE_CONSTANTS: &[&str] = &["__currentSystem", "__currentTime"];

/// The names of all globals, in the order of their numbers.
pub(crate) fn global_names(settings: &Settings) -> Vec<&'static str> {
    let impure: &[&str] = if settings.pure { &[] } else { IMPURE_CONSTANTS };
    let functions = TABLES.iter().flat_map(|table| table.iter()).map(|builtin| builtin.name);
    CONSTANTS.iter().chain(impure).copied().chain(functions).collect()
}

/// Gives the globals their values.
pub(crate) fn fill_globals<'a>(e: &Evaluator<'a>, numbers: &FxHashMap<Symbol, u32>) {
    let set = |name: &str, value: Value<'a>| {
        if let Some(number) = numbers.get(&e.symbols.intern(name.as_bytes())) {
            e.globals[*number as usize].set(value);
        }
    };
    for builtin in TABLES.iter().flat_map(|table| table.iter()) {
        set(builtin.name, Value::Builtin(builtin));
    }
    set("true", Value::Bool(true));
    set("false", Value::Bool(false));
    set("null", Value::Null);
    set("__langVersion", Value::Int(LANGUAGE_VERSION));
    set("__nixVersion", e.string(NIX_VERSION.as_bytes()));
    set("__storeDir", e.string(e.io.store_dir().as_str().as_bytes()));
    set("__nixPath", search_path(e));
    set("__currentSystem", e.string(e.settings.system.as_bytes()));
    set("__currentTime", e.io.current_time().map_or(Value::Null, Value::Int));
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
