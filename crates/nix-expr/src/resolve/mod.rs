//! From the syntax tree to code: every variable gets its place.
//!
//! An environment is made by functions, `let`, `rec`, `with` and the sources of `inherit (…)`. A variable bound by one of
//! the first three is a (level, slot) pair; one that is bound nowhere is an error unless a `with` is around it.
//! Lookup costs one step however deep scopes nest: for every symbol there is the place where it is bound.

mod functions;
mod sets;

use bumpalo::Bump;
use bumpalo::collections::Vec;

use crate::hint::Hint;
use crate::ir::{
    self, BinaryOperator, CodeId, CodeTable, Constant, Expr, FarVariable, LambdaId, Lazy, Literal, Name,
    NearVariable,
};
use crate::parse_cache::Workspace;
use crate::position::Position;
use crate::stack::StackLimit;
use crate::string::{ContextId, NixString};
use crate::symbol::{Symbol, SymbolTable, known};
use crate::syntax::SyntaxError;
use crate::syntax::ast::{Ast, AttrName, Binary, Operator, Tree};
use crate::value::PathValue;

/// Where a name is bound.
#[derive(Clone, Copy)]
enum Binding {
    Global(u32),
    /// In the environment made at `depth`.
    Local {
        depth: u32,
        slot: u32,
    },
}

/// Why code could not be lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveError {
    /// A variable that nothing binds, with the names in scope that look like it.
    Undefined { name: Symbol, position: Position, similar: std::vec::Vec<String> },
    /// Other mistakes.
    Syntax(SyntaxError),
}

/// Lowers syntax trees whose names are of one table.
pub struct Resolver {
    /// What every symbol is bound to at the place at hand.
    bindings: std::vec::Vec<Option<Binding>>,
}

impl Resolver {
    /// A resolver that knows the globals, in the order of their numbers.
    pub fn new(globals: impl IntoIterator<Item = Symbol>) -> Self {
        let mut resolver = Resolver { bindings: std::vec::Vec::new() };
        for (number, name) in globals.into_iter().enumerate() {
            resolver.set(name, Some(Binding::Global(number as u32)));
        }
        resolver
    }

    /// Binds a symbol, and returns what it was bound to before.
    fn set(&mut self, name: Symbol, binding: Option<Binding>) -> Option<Binding> {
        let index = name.0 as usize;
        if index >= self.bindings.len() {
            self.bindings.resize(index + 1, None);
        }
        std::mem::replace(&mut self.bindings[index], binding)
    }

    /// Lowers a tree, which lies in the workspace, into an arena. `scope` are names that the outermost environment
    /// binds, in the order of its slots.
    ///
    /// # Errors
    /// A variable that nothing binds.
    pub fn lower<'t, 'a>(
        &mut self,
        tree: &'t Tree<'t>,
        scope: &[Symbol],
        symbols: &SymbolTable,
        code: &mut CodeTable<'a>,
        arena: &'a Bump,
        Workspace { scratch, stack }: Workspace<'t>,
    ) -> Result<CodeId> {
        let mut pass = Pass {
            resolver: self,
            tree,
            symbols,
            code,
            arena,
            stack,
            scratch,
            depth: 0,
            bound: Vec::new_in(scratch),
            withs: Vec::new_in(scratch),
        };
        for (slot, name) in scope.iter().enumerate() {
            pass.bind(*name, slot as u32);
        }
        let result = pass.expression(tree.root);
        pass.unbind(0);
        Ok(code.delay(result?))
    }
}

fn undefined<T>(name: Symbol, position: Position, similar: std::vec::Vec<String>) -> Result<T> {
    Err(Box::new(ResolveError::Undefined { name, position, similar }))
}

fn too_deep<T>() -> Result<T> {
    let message = "expression is nested too deeply".to_owned();
    Err(Box::new(ResolveError::Syntax(SyntaxError { message, position: Position::NONE })))
}

struct Pass<'r, 't, 'a> {
    resolver: &'r mut Resolver,
    tree: &'t Tree<'t>,
    symbols: &'r SymbolTable,
    code: &'r mut CodeTable<'a>,
    /// For code.
    arena: &'a Bump,
    stack: StackLimit,
    /// For what is needed while lowering only.
    scratch: &'t Bump,
    /// Environments around the expression at hand; the outermost is 0.
    depth: u32,
    /// Names bound by this pass, innermost last, with what they were bound to before.
    bound: Vec<'t, (Symbol, Option<Binding>)>,
    /// Depths of the environments of the enclosing `with`s.
    withs: Vec<'t, u32>,
}

/// Mistakes are rare and boxed, so that code is returned in registers.
type Result<T> = std::result::Result<T, Box<ResolveError>>;

impl<'t, 'a> Pass<'_, 't, 'a> {
    fn bind(&mut self, name: Symbol, slot: u32) {
        let before = self.resolver.set(name, Some(Binding::Local { depth: self.depth, slot }));
        self.bound.push((name, before));
    }

    fn unbind(&mut self, mark: usize) {
        while self.bound.len() > mark
            && let Some((name, before)) = self.bound.pop()
        {
            self.resolver.set(name, before);
        }
    }

    /// Runs `body` one environment deeper with these names in its slots.
    fn scoped<T>(
        &mut self,
        names: impl IntoIterator<Item = Symbol>,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mark = self.bound.len();
        self.depth += 1;
        for (slot, name) in names.into_iter().enumerate() {
            self.bind(name, slot as u32);
        }
        let result = body(self);
        self.depth -= 1;
        self.unbind(mark);
        result
    }

    fn alloc<T>(&self, value: T) -> &'a T {
        self.arena.alloc(value)
    }

    /// A slice of what `lower` makes of each item. What it lowers goes to the arena as well, behind the slice.
    fn slice<I, T>(
        &mut self,
        items: impl IntoIterator<Item = I, IntoIter: ExactSizeIterator>,
        mut lower: impl FnMut(&mut Self, I) -> Result<T>,
    ) -> Result<&'a [T]> {
        let items = items.into_iter();
        let mut slice = Vec::with_capacity_in(items.len(), self.arena);
        for item in items {
            slice.push(lower(self, item)?);
        }
        Ok(slice.into_bump_slice())
    }

    fn string(&self, bytes: &[u8]) -> &'a NixString<'a> {
        let bytes = self.arena.alloc_slice_copy(bytes);
        self.alloc(NixString::new(bytes, ContextId::EMPTY))
    }

    fn binding(&self, name: Symbol) -> Option<Binding> {
        self.resolver.bindings.get(name.0 as usize).copied().flatten()
    }

    fn variable(&mut self, name: Symbol, position: Position) -> Result<Expr<'a>> {
        match self.binding(name) {
            Some(Binding::Local { depth, slot }) => {
                let level = self.depth - depth;
                Ok(match NearVariable::new(level, slot, position) {
                    Some(variable) => Expr::Local(variable),
                    None => Expr::Far(self.alloc(ir::FarVariable { level, slot, position })),
                })
            }
            Some(Binding::Global(number)) => Ok(Expr::Global(number as usize)),
            None if self.withs.is_empty() => undefined(name, position, self.similar(name)),
            None => {
                let levels = self.withs.iter().rev().map(|depth| self.depth - depth);
                let levels = self.arena.alloc_slice_fill_iter(levels);
                Ok(Expr::Dynamic(self.alloc(ir::Dynamic { name, position, levels })))
            }
        }
    }

    fn similar(&self, name: Symbol) -> std::vec::Vec<String> {
        let bound = self.resolver.bindings.iter().enumerate().filter(|(_, binding)| binding.is_some());
        crate::suggest::closest(
            self.symbols.name(name),
            bound.map(|(index, _)| self.symbols.name(Symbol(index as u32))),
        )
    }

    fn lazy(&mut self, ast: &'t Ast<'t>) -> Result<Lazy<'a>> {
        let expr = self.expression(ast)?;
        Ok(self.delay(expr))
    }

    /// As [`Self::lazy`], for the value of slot `own` of the innermost environment. Slots are filled in order, so another
    /// name of a slot before shares it, which `==` on functions can tell, and a reference to one behind is delayed.
    fn lazy_binding(&mut self, ast: &'t Ast<'t>, own: usize) -> Result<Lazy<'a>> {
        let expr = self.expression(ast)?;
        Ok(match self.delay(expr) {
            Lazy::Local { level: 0, slot } if slot as usize >= own => self.thunk(expr),
            lazy => lazy,
        })
    }

    fn thunk(&mut self, expr: Expr<'a>) -> Lazy<'a> {
        Lazy::Delayed(self.code.delay(expr))
    }

    fn delay(&mut self, expr: Expr<'a>) -> Lazy<'a> {
        let literal = match expr {
            Expr::Local(variable) => return Lazy::Local { level: variable.level(), slot: variable.slot() },
            Expr::Far(&FarVariable { level, slot, .. }) => return Lazy::Local { level, slot },
            Expr::Global(number) => return Lazy::Global(number as u32),
            Expr::Lambda(number) => return Lazy::Function(LambdaId(number as u32)),
            Expr::Int(number) => Literal::Int(number),
            Expr::Float(number) => Literal::Float(*number),
            Expr::String(string) => Literal::String(string),
            Expr::Path(path) => Literal::Path(path),
            Expr::List(&[]) => Literal::EmptyList,
            expr => return self.thunk(expr),
        };
        let number = self.code.constants;
        self.code.constants += 1;
        Lazy::Constant(self.alloc(Constant { literal, number }))
    }

    fn path(&mut self, path: &'t [AttrName<'t>]) -> Result<&'a [Name<'a>]> {
        self.slice(path, |pass, name| {
            Ok(match *name {
                AttrName::Static(symbol, position) => Name::Static(symbol, position),
                AttrName::Dynamic(ast, position) => {
                    let name = pass.expression(ast)?;
                    Name::Dynamic(pass.alloc(name), position)
                }
            })
        })
    }

    fn expression(&mut self, ast: &'t Ast<'t>) -> Result<Expr<'a>> {
        if self.stack.exhausted() {
            return too_deep();
        }
        Ok(match ast {
            Ast::Int(number) => Expr::Int(*number),
            Ast::Float(number) => Expr::Float(self.alloc(*number)),
            Ast::Str(text) => Expr::String(self.string(text)),
            Ast::Path(path) => {
                let bytes = self.arena.alloc_slice_copy(path);
                Expr::Path(self.alloc(PathValue { bytes }))
            }
            Ast::Var(position, name) => self.variable(*name, *position)?,
            Ast::CurrentPosition(position) => Expr::CurrentPosition(self.alloc(*position)),
            Ast::SearchPath(position, path) => {
                let function = self.variable(known::FIND_FILE, *position)?;
                let entries = self.variable(known::NIX_PATH, *position)?;
                let entries = self.delay(entries);
                let path = self.delay(Expr::String(self.string(path)));
                let arguments = self.arena.alloc_slice_copy(&[entries, path]);
                Expr::Call(self.alloc(ir::Call { position: *position, function, arguments }))
            }
            Ast::Select { position, target, path, default } => {
                let target = self.expression(target)?;
                if let ([AttrName::Static(name, name_position)], None) = (path, default) {
                    let (name, name_position) = (*name, *name_position);
                    let place = Hint::new(0);
                    let select = ir::SelectOne { target, name, position: *position, name_position, place };
                    return Ok(Expr::Attribute(self.alloc(select)));
                }
                let path = self.path(path)?;
                let default = default.map(|default| self.expression(default)).transpose()?;
                Expr::Select(self.alloc(ir::Select { position: *position, target, path, default }))
            }
            Ast::HasAttr { target, path } => {
                let target = self.expression(target)?;
                let path = self.path(path)?;
                Expr::HasAttr(self.alloc(ir::HasAttr { target, path }))
            }
            Ast::Call { position, function, arguments } => {
                // `f a` applied to `b` is the same call as `f a b`.
                let (mut function, mut count) = (*function, arguments.len());
                while let Ast::Call { function: inner, arguments, .. } = function {
                    count += arguments.len();
                    function = inner;
                }
                let function = self.expression(function)?;
                let mut all = Vec::with_capacity_in(count, self.arena);
                self.arguments(ast, &mut all)?;
                let arguments = all.into_bump_slice();
                Expr::Call(self.alloc(ir::Call { position: *position, function, arguments }))
            }
            Ast::Lambda(lambda) => self.lambda(lambda)?,
            Ast::Attrs(set) => {
                let set = self.tree.set(*set);
                let attributes = self.attributes(set, |_| Ok(()))?.0;
                Expr::Attrs(self.alloc(attributes))
            }
            Ast::Let(set, body) => self.let_in(*set, body)?,
            Ast::List(items) => {
                let items = self.slice(*items, |pass, item| pass.lazy(item))?;
                Expr::List(self.alloc(items))
            }
            Ast::With { scope, body, .. } => {
                let scope = self.lazy(scope)?;
                let body = self.scoped([], |pass| {
                    pass.withs.push(pass.depth);
                    let body = pass.expression(body);
                    pass.withs.pop();
                    body
                })?;
                Expr::With(self.alloc(ir::With { scope, body }))
            }
            Ast::If { position, condition, then, otherwise } => {
                let condition = self.expression(condition)?;
                let then = self.expression(then)?;
                let otherwise = self.expression(otherwise)?;
                Expr::If(self.alloc(ir::If { position: *position, condition, then, otherwise }))
            }
            Ast::Assert { position, condition, body } => {
                let condition = self.expression(condition)?;
                let body = self.expression(body)?;
                Expr::Assert(self.alloc(ir::Assert { position: *position, condition, body }))
            }
            Ast::Not(operand) => {
                let operand = self.expression(operand)?;
                Expr::Not(self.alloc(operand))
            }
            Ast::Binary(operator, position, left, right) => {
                let operator = match operator {
                    Binary::Equal => BinaryOperator::Equal,
                    Binary::NotEqual => BinaryOperator::NotEqual,
                    Binary::And => BinaryOperator::And,
                    Binary::Or => BinaryOperator::Or,
                    Binary::Implies => BinaryOperator::Implies,
                    Binary::Update => BinaryOperator::Update,
                    Binary::Concat => BinaryOperator::ConcatLists,
                };
                self.binary(operator, *position, left, right)?
            }
            Ast::Operator(operator, position, left, right) => {
                self.operator(*operator, *position, left, right)?
            }
            Ast::Concat { position, as_string, parts } => {
                let parts =
                    self.slice(*parts, |pass, (position, part)| Ok((*position, pass.expression(part)?)))?;
                Expr::Concat(self.alloc(ir::Concat { position: *position, as_string: *as_string, parts }))
            }
        })
    }

    /// The arguments of a call, behind those of the call that its function is.
    fn arguments(&mut self, ast: &'t Ast<'t>, all: &mut Vec<'a, Lazy<'a>>) -> Result<()> {
        if self.stack.exhausted() {
            return too_deep();
        }
        if let Ast::Call { function, arguments, .. } = ast {
            self.arguments(function, all)?;
            for argument in *arguments {
                all.push(self.lazy(argument)?);
            }
        }
        Ok(())
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        position: Position,
        left: &'t Ast<'t>,
        right: &'t Ast<'t>,
    ) -> Result<Expr<'a>> {
        let left = self.expression(left)?;
        let right = self.expression(right)?;
        Ok(Expr::Binary(self.alloc(ir::Binary { operator, position, left, right })))
    }

    /// `3 - 1` calls whatever `__sub` is in scope; nearly always that is the builtin, which needs no call.
    fn operator(
        &mut self,
        operator: Operator,
        position: Position,
        left: &'t Ast<'t>,
        right: &'t Ast<'t>,
    ) -> Result<Expr<'a>> {
        let (name, direct) = match operator {
            Operator::Subtract => (known::SUB, BinaryOperator::Subtract),
            Operator::Multiply => (known::MUL, BinaryOperator::Multiply),
            Operator::Divide => (known::DIV, BinaryOperator::Divide),
            Operator::LessThan => (known::LESS_THAN, BinaryOperator::LessThan),
        };
        if matches!(self.binding(name), Some(Binding::Global(_))) {
            return self.binary(direct, position, left, right);
        }
        let function = self.variable(name, position)?;
        let arguments = self.slice([left, right], Self::lazy)?;
        Ok(Expr::Call(self.alloc(ir::Call { position, function, arguments })))
    }
}
