//! Interned names.
//!
//! Attribute names and variables are compared, sorted and looked up millions of times in one evaluation, so each
//! distinct byte string becomes a [`Symbol`] once. Symbols compare by number; whatever is shown to the user, or whose
//! order the language defines, is sorted by [`SymbolTable::name`].

use std::cell::RefCell;

use elsa::FrozenVec;
use rustc_hash::FxHashMap;

use crate::string::NixString;

/// An interned name. Numbers are handed out in order of first use and mean nothing outside their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub(crate) u32);

impl Symbol {
    /// No symbol.
    pub(crate) const UNKNOWN: Symbol = Symbol(u32::MAX);
}

/// The names seen in evaluations that follow one another.
pub struct SymbolTable {
    /// Names of up to fifteen bytes, which nearly all are, by their bytes and length as one number: looking one up
    /// compares numbers and touches no other memory.
    short: RefCell<FxHashMap<u128, Symbol>>,
    long: RefCell<FxHashMap<Box<[u8]>, Symbol>>,
    names: FrozenVec<Box<[u8]>>,
    /// The first eight bytes of every name as a number that sorts as they do.
    prefixes: RefCell<Vec<u64>>,
}

impl Default for SymbolTable {
    fn default() -> Self {
        SymbolTable::new()
    }
}

impl SymbolTable {
    /// A table that holds the [well-known names](known).
    pub fn new() -> Self {
        let table = SymbolTable {
            short: RefCell::default(),
            long: RefCell::default(),
            names: FrozenVec::new(),
            prefixes: RefCell::default(),
        };
        for name in known::NAMES {
            table.intern(name.as_bytes());
        }
        table
    }

    /// The symbol of a name.
    pub fn intern(&self, name: &[u8]) -> Symbol {
        match short_key(name) {
            Some(key) => *self.short.borrow_mut().entry(key).or_insert_with(|| self.add(name)),
            None => match self.find(name) {
                Some(symbol) => symbol,
                None => {
                    let symbol = self.add(name);
                    self.long.borrow_mut().insert(name.into(), symbol);
                    symbol
                }
            },
        }
    }

    /// The symbol of a string's text. The string remembers it, so that names which are values again and again, such as
    /// those in the code of `removeAttrs set [ "name" ]`, are looked up once.
    pub fn intern_string(&self, string: &NixString<'_>) -> Symbol {
        if Symbol(string.symbol.get()) == Symbol::UNKNOWN {
            string.symbol.set(self.intern(string.bytes).0);
        }
        Symbol(string.symbol.get())
    }

    fn add(&self, name: &[u8]) -> Symbol {
        let symbol = Symbol(self.names.len() as u32);
        let mut prefix = [0; 8];
        let length = name.len().min(8);
        prefix[..length].copy_from_slice(&name[..length]);
        self.prefixes.borrow_mut().push(u64::from_be_bytes(prefix));
        self.names.push(name.into());
        symbol
    }

    /// The symbol of a name, if it was ever interned: a name that was not cannot be an attribute of any set.
    pub fn find(&self, name: &[u8]) -> Option<Symbol> {
        match short_key(name) {
            Some(key) => self.short.borrow().get(&key).copied(),
            None => self.long.borrow().get(name).copied(),
        }
    }

    /// As [`Self::find`], for a string's text; remembered as in [`Self::intern_string`].
    pub fn find_string(&self, string: &NixString<'_>) -> Option<Symbol> {
        if Symbol(string.symbol.get()) == Symbol::UNKNOWN {
            string.symbol.set(self.find(string.bytes)?.0);
        }
        Some(Symbol(string.symbol.get()))
    }

    /// The bytes of a symbol's name.
    pub fn name(&self, symbol: Symbol) -> &[u8] {
        &self.names[symbol.0 as usize]
    }

    /// The first eight bytes of a symbol's name as a number that sorts as they do.
    pub(crate) fn prefix(&self, symbol: Symbol) -> u64 {
        self.prefixes.borrow()[symbol.0 as usize]
    }

    /// How many symbols exist.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the table is empty; it never is, as it starts with the well-known names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A short name as a number.
fn short_key(name: &[u8]) -> Option<u128> {
    let mut key = [0; 16];
    let (text, length) = key.split_at_mut(15);
    text.get_mut(..name.len())?.copy_from_slice(name);
    length[0] = name.len() as u8;
    Some(u128::from_le_bytes(key))
}

/// Names that the evaluator itself looks up: their numbers are constants.
pub mod known {
    use super::Symbol;

    macro_rules! known {
        ($($constant:ident = $name:literal),* $(,)?) => {
            known!(@number 0u32; $($constant)*);
            pub(super) const NAMES: &[&str] = &[$($name),*];
        };
        (@number $n:expr; $head:ident $($tail:ident)*) => {
            #[doc(hidden)]
            pub const $head: Symbol = Symbol($n);
            known!(@number $n + 1; $($tail)*);
        };
        (@number $n:expr;) => {};
    }

    known! {
        SUB = "__sub",
        MUL = "__mul",
        DIV = "__div",
        LESS_THAN = "__lessThan",
        FIND_FILE = "__findFile",
        NIX_PATH = "__nixPath",
        CUR_POS = "__curPos",
        OR = "or",
        BODY = "body",
        OVERRIDES = "__overrides",
        FUNCTOR = "__functor",
        TO_STRING = "__toString",
        OUT_PATH = "outPath",
        DRV_PATH = "drvPath",
        TYPE = "type",
        NAME = "name",
        VALUE = "value",
        SUCCESS = "success",
        LINE = "line",
        COLUMN = "column",
        FILE = "file",
        PATH = "path",
        PREFIX = "prefix",
        RIGHT = "right",
        WRONG = "wrong",
        KEY = "key",
        OPERATOR = "operator",
        START_SET = "startSet",
        VERSION = "version",
        SYSTEM = "system",
        BUILDER = "builder",
        ARGS = "args",
        OUTPUTS = "outputs",
        OUTPUT_HASH = "outputHash",
        OUTPUT_HASH_ALGO = "outputHashAlgo",
        OUTPUT_HASH_MODE = "outputHashMode",
        CONTENT_ADDRESSED = "__contentAddressed",
        IMPURE = "__impure",
        STRUCTURED_ATTRS = "__structuredAttrs",
        IGNORE_NULLS = "__ignoreNulls",
        OUTPUT_NAME = "outputName",
        ALL_OUTPUTS = "allOutputs",
        FILTER = "filter",
        RECURSIVE = "recursive",
        SHA256 = "sha256",
        HASH = "hash",
        HASH_ALGO = "hashAlgo",
        TO_HASH_FORMAT = "toHashFormat",
        OUT = "out",
        ALL = "all",
        DRV_ATTRS = "drvAttrs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_interned_once() {
        let table = SymbolTable::new();
        let a = table.intern(b"a name");
        assert_eq!(table.intern(b"a name"), a);
        assert_ne!(table.intern(b"another"), a);
        assert_eq!(table.name(a), b"a name");
        assert_eq!(table.find(b"never seen"), None);
    }

    #[test]
    fn known_names_have_their_numbers() {
        let table = SymbolTable::new();
        assert_eq!(table.intern(b"__sub"), known::SUB);
        assert_eq!(table.intern(b"drvAttrs"), known::DRV_ATTRS);
    }
}
