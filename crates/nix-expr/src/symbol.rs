//! Interned names.
//!
//! Attribute names and variables are compared, sorted and looked up millions of times in one evaluation, so each
//! distinct byte string becomes a [`Symbol`] once. Symbols compare by number; whatever is shown to the user, or whose
//! order the language defines, is sorted by [`SymbolTable::name`].

use std::cell::RefCell;

use bumpalo::Bump;
use rustc_hash::FxHashMap;

use crate::string::{ContextId, NixString};

/// An interned name. Numbers are handed out in order of first use and mean nothing outside their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(pub(crate) u32);

/// The names seen in one evaluation.
pub struct SymbolTable<'a> {
    arena: &'a Bump,
    numbers: RefCell<FxHashMap<&'a [u8], Symbol>>,
    names: RefCell<Vec<&'a NixString<'a>>>,
}

impl<'a> SymbolTable<'a> {
    /// A table that holds the [well-known names](known).
    pub fn new(arena: &'a Bump) -> Self {
        let table = SymbolTable { arena, numbers: RefCell::default(), names: RefCell::default() };
        for name in known::NAMES {
            table.intern(name.as_bytes());
        }
        table
    }

    /// The symbol of a name.
    pub fn intern(&self, name: &[u8]) -> Symbol {
        if let Some(symbol) = self.numbers.borrow().get(name) {
            return *symbol;
        }
        let mut names = self.names.borrow_mut();
        let symbol = Symbol(names.len() as u32);
        let bytes: &'a [u8] = self.arena.alloc_slice_copy(name);
        names.push(self.arena.alloc(NixString { bytes, context: ContextId::EMPTY }));
        self.numbers.borrow_mut().insert(bytes, symbol);
        symbol
    }

    /// The symbol of a name, if it was ever interned: a name that was not cannot be an attribute of any set.
    pub fn find(&self, name: &[u8]) -> Option<Symbol> {
        self.numbers.borrow().get(name).copied()
    }

    /// The bytes of a symbol's name.
    pub fn name(&self, symbol: Symbol) -> &'a [u8] {
        self.string(symbol).bytes
    }

    /// The name as a string value, made once so that `attrNames` allocates nothing for it.
    pub fn string(&self, symbol: Symbol) -> &'a NixString<'a> {
        self.names.borrow()[symbol.0 as usize]
    }

    /// How many symbols exist.
    pub fn len(&self) -> usize {
        self.names.borrow().len()
    }

    /// Whether the table is empty; it never is, as it starts with the well-known names.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
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
        EMPTY = "",
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
        let arena = Bump::new();
        let table = SymbolTable::new(&arena);
        let a = table.intern(b"a name");
        assert_eq!(table.intern(b"a name"), a);
        assert_ne!(table.intern(b"another"), a);
        assert_eq!(table.name(a), b"a name");
        assert_eq!(table.find(b"never seen"), None);
    }

    #[test]
    fn known_names_have_their_numbers() {
        let arena = Bump::new();
        let table = SymbolTable::new(&arena);
        assert_eq!(table.intern(b"__sub"), known::SUB);
        assert_eq!(table.intern(b"drvAttrs"), known::DRV_ATTRS);
    }
}
