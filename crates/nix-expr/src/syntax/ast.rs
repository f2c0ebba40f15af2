//! The syntax tree, names not yet resolved.

use std::cell::Cell;

use bumpalo::collections::Vec;
use rustc_hash::FxHashMap;

use crate::position::Position;
use crate::symbol::Symbol;

/// A binary operator that has a node of its own. Arithmetic and comparison go through variables in scope and are
/// [`Ast::Operator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `->`
    Implies,
    /// `//`
    Update,
    /// `++`
    Concat,
}

/// An operator that stands for a call of a variable: `3 - 1` is `__sub 3 1` for whichever `__sub` is in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `-`, binary and (with `0` on the left) unary
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `<`, and the other comparisons by swapping and negation
    LessThan,
}

/// One part of an attribute path.
#[derive(Clone, Copy)]
pub enum AttrName<'s> {
    /// Known when parsing.
    Static(Symbol, Position),
    /// `${…}` or a string with interpolation.
    Dynamic(&'s Ast<'s>, Position),
}

/// A part of an interpolated string or path, with its position.
pub type Part<'s> = (Position, &'s Ast<'s>);

/// An expression.
pub enum Ast<'s> {
    /// Integer literal.
    Int(i64),
    /// Floating-point literal.
    Float(f64),
    /// String without interpolation, or a URI.
    Str(&'s [u8]),
    /// Absolute path.
    Path(&'s [u8]),
    /// `"…${x}…"` (`as_string`), or `a + b` and paths with interpolation (not `as_string`: the first part decides).
    Concat { position: Position, as_string: bool, parts: &'s [Part<'s>] },
    /// A variable.
    Var(Position, Symbol),
    /// `__curPos`
    CurrentPosition(Position),
    /// `<path>`
    SearchPath(Position, &'s [u8]),
    /// `target.path` or `target.path or default`
    Select { position: Position, target: &'s Ast<'s>, path: &'s [AttrName<'s>], default: Option<&'s Ast<'s>> },
    /// `target ? path`
    HasAttr { target: &'s Ast<'s>, path: &'s [AttrName<'s>] },
    /// `function argument…`
    Call { position: Position, function: &'s Ast<'s>, arguments: &'s [&'s Ast<'s>] },
    /// `x: …`, `{ … }: …`
    Lambda(&'s Lambda<'s>),
    /// `{ … }`, `rec { … }`; the set itself is in the [`Tree`].
    Attrs(SetId),
    /// `let … in …`
    Let(SetId, &'s Ast<'s>),
    /// `[ … ]`
    List(&'s [&'s Ast<'s>]),
    /// `with scope; body`
    With { position: Position, scope: &'s Ast<'s>, body: &'s Ast<'s> },
    /// `if … then … else …`
    If { position: Position, condition: &'s Ast<'s>, then: &'s Ast<'s>, otherwise: &'s Ast<'s> },
    /// `assert …; body`
    Assert { position: Position, condition: &'s Ast<'s>, body: &'s Ast<'s> },
    /// `!x`
    Not(&'s Ast<'s>),
    /// An operator with a node of its own.
    Binary(Binary, Position, &'s Ast<'s>, &'s Ast<'s>),
    /// An operator that stands for a call.
    Operator(Operator, Position, &'s Ast<'s>, &'s Ast<'s>),
}

/// A function.
pub struct Lambda<'s> {
    /// Where it starts.
    pub position: Position,
    /// The attribute or variable that it was bound to first, for traces.
    pub name: Cell<Option<Symbol>>,
    /// `x` of `x: …` and `x@{ … }: …`
    pub argument: Option<Symbol>,
    /// `{ … }` of `{ … }: …`
    pub formals: Option<Formals<'s>>,
    /// The body.
    pub body: &'s Ast<'s>,
}

/// The attribute names that a function wants.
pub struct Formals<'s> {
    /// In order of writing.
    pub list: &'s [Formal<'s>],
    /// Whether `...` allows others.
    pub ellipsis: bool,
}

/// One wanted attribute.
pub struct Formal<'s> {
    /// Its name.
    pub name: Symbol,
    /// Where.
    pub position: Position,
    /// What stands in when it is missing.
    pub default: Option<&'s Ast<'s>>,
}

/// The number of an attribute set in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetId(pub u32);

/// How an attribute came into its set.
#[derive(Clone, Copy)]
pub enum AttrValue<'s> {
    /// `name = value;`
    Plain(&'s Ast<'s>),
    /// `inherit name;`
    Inherited,
    /// `inherit (source) name;` with the index of the source in [`AttrSet::sources`].
    From(u32),
}

/// One attribute of a set.
#[derive(Clone, Copy)]
pub struct Attr<'s> {
    /// Its name.
    pub name: Symbol,
    /// Where its name was written.
    pub position: Position,
    /// Its value.
    pub value: AttrValue<'s>,
}

/// An attribute whose name is computed.
pub struct DynamicAttr<'s> {
    /// The name.
    pub name: &'s Ast<'s>,
    /// Where.
    pub position: Position,
    /// The value.
    pub value: &'s Ast<'s>,
}

/// An attribute set, or the bindings of a `let`. Paths such as `a.b.c = 1;` are merged while parsing.
pub struct AttrSet<'s> {
    /// Where it starts.
    pub position: Position,
    /// Whether attributes see each other.
    pub recursive: bool,
    /// In order of writing.
    pub attrs: Vec<'s, Attr<'s>>,
    /// Index by name, once the set is large.
    pub(super) index: Option<Box<FxHashMap<Symbol, u32>>>,
    /// `${name} = value;`
    pub dynamic: Vec<'s, DynamicAttr<'s>>,
    /// `source` of `inherit (source) …;`
    pub sources: Vec<'s, &'s Ast<'s>>,
}

/// A parsed text.
pub struct Tree<'s> {
    /// The expression.
    pub root: &'s Ast<'s>,
    /// All attribute sets in it.
    pub sets: std::vec::Vec<AttrSet<'s>>,
}

impl<'s> Tree<'s> {
    /// An attribute set of this tree.
    pub fn set(&self, id: SetId) -> &AttrSet<'s> {
        &self.sets[id.0 as usize]
    }
}
