//! Values: 16 bytes, copied freely, pointing into the arena of the evaluation.
//!
//! A [`Slot`] is a place for a value that may be filled later: a thunk is a slot that is overwritten when its value is
//! known. Lists, attribute sets and environments hold references to slots, because the language can tell whether two
//! functions came from the same slot (`[ f ] == [ f ]`).

use std::cell::Cell;

use crate::attrs::Attrs;
use crate::builtins::Builtin;
use crate::ir::{CodeId, LambdaId};
use crate::string::NixString;
use crate::symbol::Symbol;

/// A place for a value.
pub type Slot<'a> = Cell<Value<'a>>;

/// A value, or what stands for one that is not known yet.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string with context.
    String(&'a NixString<'a>),
    /// A path.
    Path(&'a PathValue<'a>),
    /// A list.
    List(&'a List<'a>),
    /// An attribute set.
    Attrs(&'a Attrs<'a>),
    /// A function of the language.
    Lambda(LambdaId, &'a Environment<'a>),
    /// A function of several parameters with some of its arguments.
    PartialLambda(&'a PartialLambda<'a>),
    /// A builtin function.
    Builtin(&'static Builtin),
    /// A builtin function with some of its arguments.
    Partial(&'a Partial<'a>),
    /// Not evaluated yet: an expression in its environment.
    Thunk(CodeId, &'a Environment<'a>),
    /// Not evaluated yet: a function and its arguments.
    Application(&'a Application<'a>),
    /// Not evaluated yet: an element of a list that `map` made. These forms, which need nothing of their own besides their
    /// slots, are a third of all unevaluated calls of a NixOS system.
    MappedItem(u32, &'a MappedList<'a>),
    /// Not evaluated yet: an attribute of a set that `mapAttrs` made.
    MappedAttr(Symbol, &'a MappedAttrs<'a>),
    /// Not evaluated yet: an element of a list that `genList` made with this function.
    Generated(u32, &'a Slot<'a>),
    /// Not evaluated yet: another value in each turn of an evaluation that is shared.
    Chosen(&'a Choice<'a>),
    /// Evaluated in some turn, but needs to be evaluated again in others.
    Varying(&'a Varying<'a>),
    /// Being evaluated.
    Blackhole,
}

/// An absolute path.
pub struct PathValue<'a> {
    /// Its bytes, canonical but for paths that were made by joining.
    pub bytes: &'a [u8],
}

/// A list.
pub struct List<'a> {
    /// Its elements.
    pub items: &'a [&'a Slot<'a>],
}

/// A function of the language that waits for more arguments.
pub struct PartialLambda<'a> {
    /// The function.
    pub lambda: LambdaId,
    /// The environment that it was defined in.
    pub scope: &'a Environment<'a>,
    /// The arguments so far.
    pub arguments: &'a [&'a Slot<'a>],
}

/// A builtin that waits for more arguments.
pub struct Partial<'a> {
    /// The builtin.
    pub builtin: &'static Builtin,
    /// The arguments so far.
    pub arguments: &'a [&'a Slot<'a>],
}

/// A call that was put off.
pub struct Application<'a> {
    /// The function.
    pub function: &'a Slot<'a>,
    /// Its first argument.
    pub first: &'a Slot<'a>,
    /// Its second argument.
    pub second: Option<&'a Slot<'a>>,
}

/// `map` of a function and a list.
pub struct MappedList<'a> {
    /// The function.
    pub function: &'a Slot<'a>,
    /// The list's elements.
    pub items: &'a [&'a Slot<'a>],
}

/// `mapAttrs` of a function and a set.
pub struct MappedAttrs<'a> {
    /// The function.
    pub function: &'a Slot<'a>,
    /// The set.
    pub attrs: &'a Attrs<'a>,
}

/// What a value is in each turn.
pub struct Choice<'a> {
    /// By the numbers of the turns.
    pub slots: &'a [&'a Slot<'a>],
}

/// A value that depends on whose turn it is.
pub struct Varying<'a> {
    /// What it is evaluated from.
    pub origin: Value<'a>,
    /// The turn that it was evaluated in the last time.
    pub turn: Cell<u32>,
    /// What it was then.
    pub value: Cell<Value<'a>>,
}

/// The variables of a scope.
pub struct Environment<'a> {
    /// The scope around; `None` for the outermost.
    pub up: Option<&'a Environment<'a>>,
    /// The variables.
    pub slots: Variables<'a>,
}

/// The slots of an environment. Most environments belong to functions of one argument, and need no array.
pub enum Variables<'a> {
    /// A single variable.
    One(&'a Slot<'a>),
    /// Several.
    Many(&'a [Cell<&'a Slot<'a>>]),
}

impl<'a> Environment<'a> {
    /// The slot of a variable, `level` scopes up.
    #[inline(always)]
    pub fn lookup(&self, level: u32, slot: u32) -> Option<&'a Slot<'a>> {
        let mut environment = self;
        for _ in 0..level {
            environment = environment.up?;
        }
        match environment.slots {
            Variables::One(variable) => Some(variable),
            Variables::Many(variables) => variables.get(slot as usize).map(Cell::get),
        }
    }
}

impl Value<'_> {
    /// The name of the value's type as `typeOf` has it; `None` for what is not evaluated.
    pub fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::String(_) => "string",
            Value::Path(_) => "path",
            Value::List(_) => "list",
            Value::Attrs(_) => "set",
            Value::Lambda(..) | Value::PartialLambda(_) | Value::Builtin(_) | Value::Partial(_) => "lambda",
            Value::Thunk(..)
            | Value::Application(_)
            | Value::MappedItem(..)
            | Value::MappedAttr(..)
            | Value::Generated(..)
            | Value::Chosen(_)
            | Value::Varying(_)
            | Value::Blackhole => return None,
        })
    }

    /// The value's type with its article, for messages.
    pub fn describe(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a Boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(string) if !string.context.is_empty() => "a string with context",
            Value::String(_) => "a string",
            Value::Path(_) => "a path",
            Value::List(_) => "a list",
            Value::Attrs(_) => "a set",
            Value::Lambda(..) | Value::PartialLambda(_) => "a function",
            Value::Builtin(_) => "a built-in function",
            Value::Partial(_) => "a partially applied built-in function",
            Value::Blackhole => "a value that is being evaluated",
            _ => "a thunk",
        }
    }

    /// Whether the value is evaluated to its outermost constructor.
    pub fn is_evaluated(&self) -> bool {
        !matches!(
            self,
            Value::Thunk(..)
                | Value::Application(_)
                | Value::MappedItem(..)
                | Value::MappedAttr(..)
                | Value::Generated(..)
                | Value::Chosen(_)
                | Value::Varying(_)
                | Value::Blackhole
        )
    }
}

const _: () = assert!(std::mem::size_of::<Value<'static>>() == 16, "values are passed in two registers");
const _: () =
    assert!(std::mem::size_of::<Environment<'static>>() == 24, "function calls allocate one of these");
