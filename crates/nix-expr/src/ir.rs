//! The form of code that is evaluated: names are places, names of operators are looked up already.
//!
//! Everything here is immutable and lives in the arena of the evaluation.

use crate::position::Position;
use crate::string::NixString;
use crate::symbol::Symbol;
use crate::value::PathValue;

/// The number of a delayed expression in [`crate::eval::Evaluator`]'s table. A thunk holds this number rather than a
/// pointer, so that a thunk with its environment fits the 16 bytes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeId(pub(crate) u32);

/// The number of a function in the evaluator's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LambdaId(pub(crate) u32);

/// An expression in a place where the language does not evaluate it yet: what has to be done there is known when the
/// code is lowered.
#[derive(Clone, Copy)]
pub enum Lazy<'a> {
    /// A variable: its slot is shared, which is also what keeps the identity of values that `==` looks at.
    Local { level: u32, slot: u32 },
    /// A global.
    Global(u32),
    /// Literals and functions, which cost nothing to evaluate.
    Cheap(&'a Expr<'a>),
    /// All else becomes a thunk.
    Delayed(CodeId),
}

/// An expression.
pub enum Expr<'a> {
    Int(i64),
    Float(f64),
    String(&'a NixString<'a>),
    Path(&'a PathValue<'a>),
    CurrentPosition(Position),
    /// A variable `level` environments up.
    Local {
        level: u32,
        slot: u32,
        position: Position,
    },
    Global(u32),
    /// A variable that only `with` can supply.
    Dynamic(&'a Dynamic<'a>),
    /// `name` of `inherit (source) name;`, evaluated in the environment that holds the sources.
    FromSource {
        slot: u32,
        name: Symbol,
        position: Position,
    },
    Select(&'a Select<'a>),
    HasAttr(&'a HasAttr<'a>),
    Call(&'a Call<'a>),
    Lambda(LambdaId),
    Attrs(&'a Attributes<'a>),
    Let(&'a Let<'a>),
    List(&'a [Lazy<'a>]),
    With(&'a With<'a>),
    If(&'a If<'a>),
    Assert(&'a Assert<'a>),
    Not(&'a Expr<'a>, Position),
    Binary(&'a Binary<'a>),
    Concat(&'a Concat<'a>),
}

/// A variable that lexical scope does not bind.
pub struct Dynamic<'a> {
    pub name: Symbol,
    pub position: Position,
    /// The enclosing `with`s, innermost first, as levels up from here.
    pub levels: &'a [u32],
}

/// A name in an attribute path.
#[derive(Clone, Copy)]
pub enum Name<'a> {
    Static(Symbol, Position),
    Dynamic(&'a Expr<'a>, Position),
}

pub struct Select<'a> {
    pub position: Position,
    pub target: &'a Expr<'a>,
    pub path: &'a [Name<'a>],
    pub default: Option<&'a Expr<'a>>,
}

pub struct HasAttr<'a> {
    pub target: &'a Expr<'a>,
    pub path: &'a [Name<'a>],
}

pub struct Call<'a> {
    pub position: Position,
    pub function: &'a Expr<'a>,
    pub arguments: &'a [Lazy<'a>],
}

/// A function.
pub struct Lambda<'a> {
    pub position: Position,
    pub name: Option<Symbol>,
    pub argument: Option<Symbol>,
    pub formals: Option<Formals<'a>>,
    pub body: &'a Expr<'a>,
}

pub struct Formals<'a> {
    /// Sorted by symbol. Formal `i` is slot `i` of the function's environment, or `i + 1` if the function names its
    /// whole argument, which is slot 0 then.
    pub list: &'a [Formal<'a>],
    pub ellipsis: bool,
}

pub struct Formal<'a> {
    pub name: Symbol,
    pub position: Position,
    pub default: Option<Lazy<'a>>,
}

/// In which environment an attribute's value is evaluated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The set's own, if it is recursive.
    Own,
    /// The one around the set: `inherit name;`
    Outer,
    /// That of the sources of `inherit (source) name;`
    Sources,
}

pub struct Attribute<'a> {
    pub name: Symbol,
    pub position: Position,
    pub value: Lazy<'a>,
    pub scope: Scope,
}

pub struct DynamicAttribute<'a> {
    pub name: &'a Expr<'a>,
    pub position: Position,
    pub value: Lazy<'a>,
}

pub struct Attributes<'a> {
    pub recursive: bool,
    /// Sorted by symbol; in a recursive set attribute `i` is slot `i` of its environment.
    pub attributes: &'a [Attribute<'a>],
    pub dynamic: &'a [DynamicAttribute<'a>],
    pub sources: &'a [Lazy<'a>],
    /// The place of `__overrides` in a recursive set.
    pub overrides: Option<u32>,
}

pub struct Let<'a> {
    pub bindings: Attributes<'a>,
    pub body: &'a Expr<'a>,
}

pub struct With<'a> {
    pub scope: Lazy<'a>,
    pub body: &'a Expr<'a>,
}

pub struct If<'a> {
    pub position: Position,
    pub condition: &'a Expr<'a>,
    pub then: &'a Expr<'a>,
    pub otherwise: &'a Expr<'a>,
}

pub struct Assert<'a> {
    pub position: Position,
    pub condition: &'a Expr<'a>,
    pub body: &'a Expr<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOperator {
    Equal,
    NotEqual,
    And,
    Or,
    Implies,
    Update,
    ConcatLists,
    Subtract,
    Multiply,
    Divide,
    LessThan,
}

pub struct Binary<'a> {
    pub operator: BinaryOperator,
    pub position: Position,
    pub left: &'a Expr<'a>,
    pub right: &'a Expr<'a>,
}

pub struct Concat<'a> {
    pub position: Position,
    /// Whether the result is a string whatever the parts are; otherwise the first part decides.
    pub as_string: bool,
    pub parts: &'a [(Position, &'a Expr<'a>)],
}
