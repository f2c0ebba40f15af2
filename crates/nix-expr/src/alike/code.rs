//! One expression out of two.
//!
//! Both are evaluated in environments of one shape, so variables are the same if their places are.

use super::{Likeness, same_data};
use crate::hint::Hint;
use crate::ir::{
    Assert, Attribute, Attributes, Binary, Call, CodeId, Concat, Constant, DynamicAttribute, Expr, Formal,
    Formals, HasAttr, If, Lambda, LambdaId, Lazy, Let, Literal, Name, NearVariable, Parameters, Select,
    SelectOne, With,
};
use crate::position::Position;
use crate::value::Value;

impl<'a> Likeness<'_, 'a> {
    pub(super) fn code(&self, one: CodeId, other: CodeId) -> Option<CodeId> {
        if one == other {
            return Some(one);
        }
        let common = self.expr(self.e.delayed(one).ok()?, self.e.delayed(other).ok()?)?;
        Some(self.e.turns.delay(common))
    }

    pub(super) fn lambda(&self, one: LambdaId, other: LambdaId) -> Option<LambdaId> {
        if one == other {
            return Some(one);
        }
        let (one, other) = (self.e.lambda(one).ok()?, self.e.lambda(other).ok()?);
        let parameters = match (&one.parameters, &other.parameters) {
            (Parameters::Names(a), Parameters::Names(b)) if names(a) == names(b) => Parameters::Names(a),
            (
                Parameters::Set { argument, formals },
                Parameters::Set { argument: other_argument, formals: other_formals },
            ) if argument == other_argument => {
                Parameters::Set { argument: *argument, formals: self.formals(formals, other_formals)? }
            }
            _ => return None,
        };
        let body = self.expr(one.body, other.body)?;
        let lambda = Lambda { parameters, body, ..*one };
        Some(self.e.turns.add_lambda(self.e.arena.alloc(lambda)))
    }

    fn formals(&self, one: &Formals<'a>, other: &Formals<'a>) -> Option<Formals<'a>> {
        if one.ellipsis != other.ellipsis {
            return None;
        }
        let list = self.each(one.list, other.list, |a, b| {
            let default = self.option(a.default, b.default, |a, b| self.lazy(a, b))?;
            (a.name == b.name).then_some(Formal { default, ..*a })
        })?;
        Some(Formals { list, ..*one })
    }

    /// One slice out of two of the same length.
    fn each<T, U>(&self, one: &[T], other: &[T], both: impl Fn(&T, &T) -> Option<U>) -> Option<&'a [U]> {
        if one.len() != other.len() {
            return None;
        }
        let all: Vec<U> = one.iter().zip(other).map(|(a, b)| both(a, b)).collect::<Option<_>>()?;
        Some(self.e.arena.alloc_slice_fill_iter(all))
    }

    fn option<T>(
        &self,
        one: Option<T>,
        other: Option<T>,
        both: impl Fn(T, T) -> Option<T>,
    ) -> Option<Option<T>> {
        match (one, other) {
            (None, None) => Some(None),
            (Some(a), Some(b)) => both(a, b).map(Some),
            _ => None,
        }
    }

    fn lazy(&self, one: Lazy<'a>, other: Lazy<'a>) -> Option<Lazy<'a>> {
        match (one, other) {
            (Lazy::Local { level: a, slot: x }, Lazy::Local { level: b, slot: y }) if (a, x) == (b, y) => {
                Some(one)
            }
            (Lazy::Global(a), Lazy::Global(b)) if a == b => Some(one),
            (Lazy::Constant(a), Lazy::Constant(b)) if self.same_literal(a.literal, b.literal) => Some(one),
            (Lazy::Function(a), Lazy::Function(b)) => self.lambda(a, b).map(Lazy::Function),
            (Lazy::Delayed(a), Lazy::Delayed(b)) => self.code(a, b).map(Lazy::Delayed),
            _ => {
                let common = self.chosen(self.expr_of(one)?, self.expr_of(other)?)?;
                Some(Lazy::Delayed(self.e.turns.delay(common)))
            }
        }
    }

    pub(super) fn lazy_is_data(&self, lazy: Lazy<'a>) -> bool {
        self.expr_of(lazy).is_some_and(|expr| self.is_data(expr))
    }

    /// What evaluates to the same.
    fn expr_of(&self, lazy: Lazy<'a>) -> Option<Expr<'a>> {
        Some(match lazy {
            Lazy::Local { level, slot } => Expr::Local(NearVariable::new(level, slot, Position::NONE)?),
            Lazy::Global(number) => Expr::Global(number as usize),
            Lazy::Function(id) => Expr::Lambda(id.0 as usize),
            Lazy::Delayed(id) => self.e.delayed(id).ok()?,
            Lazy::Constant(Constant { literal, .. }) => match literal {
                Literal::Int(number) => Expr::Int(*number),
                Literal::Float(number) => Expr::Float(number),
                Literal::String(string) => Expr::String(string),
                Literal::Path(path) => Expr::Path(path),
                Literal::EmptyList => Expr::List(&(&[] as &[Lazy<'_>])),
            },
        })
    }

    fn same_literal(&self, one: Literal<'a>, other: Literal<'a>) -> bool {
        let value = |literal| match literal {
            Literal::Int(number) => Value::Int(number),
            Literal::Float(number) => Value::Float(number),
            Literal::String(string) => Value::String(string),
            Literal::Path(path) => Value::Path(path),
            Literal::EmptyList => Value::Blackhole,
        };
        matches!((one, other), (Literal::EmptyList, Literal::EmptyList))
            || same_data(value(one), value(other))
    }

    /// Two pieces of data that differ.
    fn chosen(&self, one: Expr<'a>, other: Expr<'a>) -> Option<Expr<'a>> {
        if !self.is_data(one) || !self.is_data(other) {
            return None;
        }
        let so_far = match one {
            Expr::Choice(choices) => Some(*choices),
            _ => None,
        };
        let choices = self.choice(so_far, one, other);
        Some(Expr::Choice(self.e.arena.alloc(choices)))
    }

    pub(super) fn expr(&self, one: Expr<'a>, other: Expr<'a>) -> Option<Expr<'a>> {
        self.step()?;
        self.same_form(one, other).or_else(|| self.chosen(one, other))
    }

    /// Two expressions that differ in their parts, if at all.
    fn same_form(&self, one: Expr<'a>, other: Expr<'a>) -> Option<Expr<'a>> {
        let arena = self.e.arena;
        Some(match (one, other) {
            (Expr::Int(a), Expr::Int(b)) if a == b => one,
            (Expr::Float(a), Expr::Float(b)) if a.to_bits() == b.to_bits() => one,
            (Expr::String(a), Expr::String(b)) if a.bytes == b.bytes && a.context == b.context => one,
            (Expr::Path(a), Expr::Path(b)) if a.bytes == b.bytes => one,
            (Expr::CurrentPosition(a), Expr::CurrentPosition(b)) => {
                self.place(*a, *b)?;
                one
            }
            (Expr::Local(a), Expr::Local(b)) if (a.level(), a.slot()) == (b.level(), b.slot()) => one,
            (Expr::Far(a), Expr::Far(b)) if (a.level, a.slot) == (b.level, b.slot) => one,
            (Expr::Global(a), Expr::Global(b)) if a == b => one,
            (Expr::Dynamic(a), Expr::Dynamic(b)) if (a.name, a.levels) == (b.name, b.levels) => one,
            (Expr::FromSource(a), Expr::FromSource(b)) if (a.slot, a.name) == (b.slot, b.name) => one,
            (Expr::Attribute(a), Expr::Attribute(b)) if a.name == b.name => {
                let target = self.expr(a.target, b.target)?;
                Expr::Attribute(arena.alloc(SelectOne { target, place: Hint::new(0), ..*a }))
            }
            (Expr::Select(a), Expr::Select(b)) => {
                let target = self.expr(a.target, b.target)?;
                let path = self.each(a.path, b.path, |a, b| self.name(*a, *b))?;
                let default = self.option(a.default, b.default, |a, b| self.expr(a, b))?;
                Expr::Select(arena.alloc(Select { target, path, default, ..*a }))
            }
            (Expr::HasAttr(a), Expr::HasAttr(b)) => {
                let target = self.expr(a.target, b.target)?;
                let path = self.each(a.path, b.path, |a, b| self.name(*a, *b))?;
                Expr::HasAttr(arena.alloc(HasAttr { target, path }))
            }
            (Expr::Call(a), Expr::Call(b)) => {
                let function = self.expr(a.function, b.function)?;
                let arguments = self.each(a.arguments, b.arguments, |a, b| self.lazy(*a, *b))?;
                Expr::Call(arena.alloc(Call { function, arguments, ..*a }))
            }
            (Expr::Lambda(a), Expr::Lambda(b)) => {
                Expr::Lambda(self.lambda(LambdaId(a as u32), LambdaId(b as u32))?.0 as usize)
            }
            (Expr::Attrs(a), Expr::Attrs(b)) => Expr::Attrs(arena.alloc(self.attributes(a, b)?)),
            (Expr::Let(a), Expr::Let(b)) => {
                let (bindings, body) =
                    (self.attributes(&a.bindings, &b.bindings)?, self.expr(a.body, b.body)?);
                Expr::Let(arena.alloc(Let { bindings, body }))
            }
            (Expr::List(a), Expr::List(b)) => {
                Expr::List(arena.alloc(self.each(a, b, |a, b| self.lazy(*a, *b))?))
            }
            (Expr::With(a), Expr::With(b)) => {
                let (scope, body) = (self.lazy(a.scope, b.scope)?, self.expr(a.body, b.body)?);
                Expr::With(arena.alloc(With { scope, body }))
            }
            (Expr::If(a), Expr::If(b)) => {
                let condition = self.expr(a.condition, b.condition)?;
                let (then, otherwise) = (self.expr(a.then, b.then)?, self.expr(a.otherwise, b.otherwise)?);
                Expr::If(arena.alloc(If { condition, then, otherwise, ..*a }))
            }
            (Expr::Assert(a), Expr::Assert(b)) => {
                let (condition, body) = (self.expr(a.condition, b.condition)?, self.expr(a.body, b.body)?);
                Expr::Assert(arena.alloc(Assert { condition, body, ..*a }))
            }
            (Expr::Not(a), Expr::Not(b)) => Expr::Not(arena.alloc(self.expr(*a, *b)?)),
            (Expr::Binary(a), Expr::Binary(b)) if a.operator == b.operator => {
                let (left, right) = (self.expr(a.left, b.left)?, self.expr(a.right, b.right)?);
                Expr::Binary(arena.alloc(Binary { left, right, ..*a }))
            }
            (Expr::Concat(a), Expr::Concat(b)) if a.as_string == b.as_string => {
                let parts = self.each(a.parts, b.parts, |a, b| Some((a.0, self.expr(a.1, b.1)?)))?;
                Expr::Concat(arena.alloc(Concat { parts, ..*a }))
            }
            _ => return None,
        })
    }

    fn name(&self, one: Name<'a>, other: Name<'a>) -> Option<Name<'a>> {
        match (one, other) {
            (Name::Static(a, _), Name::Static(b, _)) if a == b => Some(one),
            (Name::Dynamic(a, position), Name::Dynamic(b, _)) => {
                Some(Name::Dynamic(self.e.arena.alloc(self.expr(*a, *b)?), position))
            }
            _ => None,
        }
    }

    fn attributes(&self, one: &Attributes<'a>, other: &Attributes<'a>) -> Option<Attributes<'a>> {
        if one.recursive != other.recursive || one.overrides != other.overrides {
            return None;
        }
        let attributes = self.each(one.attributes, other.attributes, |a, b| {
            let value = self.lazy(a.value, b.value)?;
            self.place(a.position, b.position)?;
            ((a.name, a.scope) == (b.name, b.scope)).then_some(Attribute { value, ..*a })
        })?;
        let dynamic = self.each(one.dynamic, other.dynamic, |a, b| {
            let (name, value) = (self.expr(a.name, b.name)?, self.lazy(a.value, b.value)?);
            self.place(a.position, b.position)?;
            Some(DynamicAttribute { name, value, ..*a })
        })?;
        let sources = self.each(one.sources, other.sources, |a, b| self.lazy(*a, *b))?;
        Some(Attributes { attributes, dynamic, sources, ..*one })
    }
}

fn names(parameters: &[(crate::symbol::Symbol, Position)]) -> Vec<crate::symbol::Symbol> {
    parameters.iter().map(|(name, _)| *name).collect()
}
