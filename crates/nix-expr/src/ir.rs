//! The form of code that is evaluated: names are places, names of operators are looked up already.
//!
//! Everything here is immutable and lives in the arena of the code, longer than the evaluations that run it.

use crate::hint::Hint;
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

/// Code by number: delayed expressions and functions.
#[derive(Default)]
pub(crate) struct CodeTable<'a> {
    pub(crate) delayed: Vec<Expr<'a>>,
    pub(crate) lambdas: Vec<&'a Lambda<'a>>,
    /// How many [`Constant`]s there are.
    pub(crate) constants: u32,
}

impl<'a> CodeTable<'a> {
    /// The number of an expression that is new.
    pub(crate) fn delay(&mut self, expr: Expr<'a>) -> CodeId {
        let id = CodeId(self.delayed.len() as u32);
        self.delayed.push(expr);
        id
    }

    /// Takes over what was added to another table, of which this one is a beginning.
    pub(crate) fn follow(&mut self, other: &CodeTable<'a>) {
        self.delayed.extend_from_slice(&other.delayed[self.delayed.len()..]);
        self.lambdas.extend_from_slice(&other.lambdas[self.lambdas.len()..]);
        self.constants = other.constants;
    }
}

/// An expression in a place where the language does not evaluate it yet: what has to be done there is known when the
/// code is lowered.
#[derive(Clone, Copy)]
pub enum Lazy<'a> {
    /// A variable: its slot is shared, which is also what keeps the identity of values that `==` looks at.
    Local { level: u32, slot: u32 },
    /// A global.
    Global(u32),
    /// A literal: all its uses in an evaluation share one slot, as nothing tells two of them apart.
    Constant(&'a Constant<'a>),
    /// A function, which costs nothing to evaluate.
    Function(LambdaId),
    /// All else becomes a thunk.
    Delayed(CodeId),
}

/// A literal, and its number in the evaluator's table of slots.
pub struct Constant<'a> {
    pub literal: Literal<'a>,
    pub number: u32,
}

/// What needs no evaluation.
#[derive(Clone, Copy)]
pub enum Literal<'a> {
    Int(i64),
    Float(f64),
    String(&'a NixString<'a>),
    Path(&'a PathValue<'a>),
    EmptyList,
}

/// An expression. What it holds is always one word, which makes it two that are passed in registers.
#[derive(Clone, Copy)]
pub enum Expr<'a> {
    Int(i64),
    Float(&'a f64),
    String(&'a NixString<'a>),
    Path(&'a PathValue<'a>),
    CurrentPosition(&'a Position),
    /// A variable of an environment that is near.
    Local(NearVariable),
    /// A variable of any environment.
    Far(&'a FarVariable),
    /// The number of a global.
    Global(usize),
    /// A variable that only `with` can supply.
    Dynamic(&'a Dynamic<'a>),
    FromSource(&'a FromSource),
    Attribute(&'a SelectOne<'a>),
    Select(&'a Select<'a>),
    HasAttr(&'a HasAttr<'a>),
    Call(&'a Call<'a>),
    /// The number of a [`LambdaId`].
    Lambda(usize),
    Attrs(&'a Attributes<'a>),
    Let(&'a Let<'a>),
    List(&'a &'a [Lazy<'a>]),
    With(&'a With<'a>),
    If(&'a If<'a>),
    Assert(&'a Assert<'a>),
    Not(&'a Expr<'a>),
    Binary(&'a Binary<'a>),
    Concat(&'a Concat<'a>),
    /// Another expression in each turn of an evaluation that is shared.
    Choice(&'a &'a [Expr<'a>]),
}

const _: () = assert!(std::mem::size_of::<Expr<'static>>() == 16, "expressions are passed in two registers");

/// A variable in one word: eight bits for how many environments up it is, 24 for its slot there, 32 for the place of its
/// use. Nearly all variables are that near.
#[derive(Clone, Copy)]
pub struct NearVariable(u64);

impl NearVariable {
    /// A variable, if it is near.
    pub fn new(level: u32, slot: u32, position: Position) -> Option<Self> {
        (level < 1 << 8 && slot < 1 << 24)
            .then(|| NearVariable(u64::from(position.0) << 32 | u64::from(slot) << 8 | u64::from(level)))
    }

    /// How many environments up it is.
    pub fn level(self) -> u32 {
        self.0 as u32 & 0xff
    }

    /// Its place in that environment.
    pub fn slot(self) -> u32 {
        self.0 as u32 >> 8
    }

    /// Where it is used.
    pub fn position(self) -> Position {
        Position((self.0 >> 32) as u32)
    }
}

/// A variable `level` environments up.
pub struct FarVariable {
    pub level: u32,
    pub slot: u32,
    pub position: Position,
}

/// `name` of `inherit (source) name;`, evaluated in the environment that holds the sources.
pub struct FromSource {
    pub slot: u32,
    pub name: Symbol,
    pub position: Position,
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

/// `target.name`: nearly all selections.
pub struct SelectOne<'a> {
    pub target: Expr<'a>,
    pub name: Symbol,
    pub position: Position,
    pub name_position: Position,
    /// Where the attribute was the last time: one place in the code sees the same set, or sets of one shape, again and
    /// again.
    pub place: Hint,
}

/// `target.a.b`, with computed names or with `or default`.
pub struct Select<'a> {
    pub position: Position,
    pub target: Expr<'a>,
    pub path: &'a [Name<'a>],
    pub default: Option<Expr<'a>>,
}

pub struct HasAttr<'a> {
    pub target: Expr<'a>,
    pub path: &'a [Name<'a>],
}

pub struct Call<'a> {
    pub position: Position,
    pub function: Expr<'a>,
    pub arguments: &'a [Lazy<'a>],
}

/// A function.
pub struct Lambda<'a> {
    pub position: Position,
    pub name: Option<Symbol>,
    pub parameters: Parameters<'a>,
    pub body: Expr<'a>,
}

/// What a function takes.
pub enum Parameters<'a> {
    /// `x: y: …`: functions that do nothing but return the next are one function of several parameters, which takes them
    /// all into one environment. At least one, each with the place of the function that it belongs to; parameter `i` is
    /// slot `i`.
    Names(&'a [(Symbol, Position)]),
    /// `{ … }:` and `argument@{ … }:`
    Set { argument: Option<Symbol>, formals: Formals<'a> },
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
    pub name: Expr<'a>,
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
    pub body: Expr<'a>,
}

pub struct With<'a> {
    pub scope: Lazy<'a>,
    pub body: Expr<'a>,
}

pub struct If<'a> {
    pub position: Position,
    pub condition: Expr<'a>,
    pub then: Expr<'a>,
    pub otherwise: Expr<'a>,
}

pub struct Assert<'a> {
    pub position: Position,
    pub condition: Expr<'a>,
    pub body: Expr<'a>,
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
    pub left: Expr<'a>,
    pub right: Expr<'a>,
}

pub struct Concat<'a> {
    pub position: Position,
    /// Whether the result is a string whatever the parts are; otherwise the first part decides.
    pub as_string: bool,
    pub parts: &'a [(Position, Expr<'a>)],
}
