//! From the syntax tree to code: every variable gets its place.
//!
//! An environment is made by functions, `let`, `rec`, `with` and the sources of `inherit (…)`. A variable bound by one of
//! the first three is a (level, slot) pair; one that is bound nowhere is an error unless a `with` is around it.
//! Lookup costs one step however deep scopes nest: for every symbol there is a stack of its bindings.

use bumpalo::Bump;
use rustc_hash::FxHashMap;

use crate::ir::{self, BinaryOperator, CodeId, Expr, LambdaId, Lazy, Name, Scope};
use crate::position::Position;
use crate::stack::StackLimit;
use crate::string::{ContextId, NixString};
use crate::symbol::{Symbol, SymbolTable, known};
use crate::syntax::SyntaxError;
use crate::syntax::ast::{Ast, AttrName, AttrSet, AttrValue, Binary, Operator, SetId, Tree};
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

/// The code of an evaluation: delayed expressions and functions by number.
#[derive(Default)]
pub struct CodeTable<'a> {
    pub(crate) delayed: Vec<&'a Expr<'a>>,
    pub(crate) lambdas: Vec<&'a ir::Lambda<'a>>,
}

/// Why code could not be lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolveError {
    /// A variable that nothing binds, with the names in scope that look like it.
    Undefined { name: Symbol, position: Position, similar: Vec<String> },
    /// Other mistakes.
    Syntax(SyntaxError),
}

/// Lowers syntax trees of one evaluation.
pub struct Resolver<'a> {
    arena: &'a Bump,
    bindings: Vec<Vec<Binding>>,
}

impl<'a> Resolver<'a> {
    /// A resolver that knows the globals by their numbers.
    pub fn new(arena: &'a Bump, globals: &FxHashMap<Symbol, u32>) -> Self {
        let mut resolver = Resolver { arena, bindings: Vec::new() };
        for (name, number) in globals {
            resolver.stack(*name).push(Binding::Global(*number));
        }
        resolver
    }

    fn stack(&mut self, name: Symbol) -> &mut Vec<Binding> {
        let index = name.0 as usize;
        if index >= self.bindings.len() {
            self.bindings.resize_with(index + 1, Vec::new);
        }
        &mut self.bindings[index]
    }

    /// Lowers a tree. `scope` are names that the outermost environment binds, in the order of its slots.
    ///
    /// # Errors
    /// A variable that nothing binds.
    pub fn lower(
        &mut self,
        tree: &Tree<'_>,
        scope: &[Symbol],
        symbols: &SymbolTable<'a>,
        code: &mut CodeTable<'a>,
        stack: StackLimit,
    ) -> Result<&'a Expr<'a>> {
        let mut pass = Pass {
            resolver: self,
            tree,
            symbols,
            code,
            stack,
            depth: 0,
            bound: Vec::new(),
            withs: Vec::new(),
        };
        for (slot, name) in scope.iter().enumerate() {
            pass.bind(*name, slot as u32);
        }
        let result = pass.expression(tree.root);
        pass.unbind(0);
        result.map(|expr| &*self.arena.alloc(expr))
    }
}

struct Pass<'r, 't, 'a> {
    resolver: &'r mut Resolver<'a>,
    tree: &'t Tree<'t>,
    symbols: &'r SymbolTable<'a>,
    code: &'r mut CodeTable<'a>,
    stack: StackLimit,
    /// Environments around the expression at hand; the outermost is 0.
    depth: u32,
    /// Names bound by this pass, innermost last.
    bound: Vec<Symbol>,
    /// Depths of the environments of the enclosing `with`s.
    withs: Vec<u32>,
}

type Result<T> = std::result::Result<T, ResolveError>;

impl<'t, 'a> Pass<'_, 't, 'a> {
    fn bind(&mut self, name: Symbol, slot: u32) {
        let depth = self.depth;
        self.resolver.stack(name).push(Binding::Local { depth, slot });
        self.bound.push(name);
    }

    fn unbind(&mut self, mark: usize) {
        for name in self.bound.drain(mark..) {
            self.resolver.bindings[name.0 as usize].pop();
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
        self.resolver.arena.alloc(value)
    }

    fn slice<T>(&self, values: Vec<T>) -> &'a [T] {
        self.resolver.arena.alloc_slice_fill_iter(values)
    }

    fn string(&self, bytes: &[u8]) -> &'a NixString<'a> {
        let bytes = self.resolver.arena.alloc_slice_copy(bytes);
        self.alloc(NixString { bytes, context: ContextId::EMPTY })
    }

    fn binding(&self, name: Symbol) -> Option<Binding> {
        self.resolver.bindings.get(name.0 as usize).and_then(|stack| stack.last()).copied()
    }

    fn variable(&mut self, name: Symbol, position: Position) -> Result<Expr<'a>> {
        match self.binding(name) {
            Some(Binding::Local { depth, slot }) => {
                Ok(Expr::Local { level: self.depth - depth, slot, position })
            }
            Some(Binding::Global(number)) => Ok(Expr::Global(number)),
            None if self.withs.is_empty() => {
                Err(ResolveError::Undefined { name, position, similar: self.similar(name) })
            }
            None => {
                let levels = self.withs.iter().rev().map(|depth| self.depth - depth).collect();
                let levels = self.slice(levels);
                Ok(Expr::Dynamic(self.alloc(ir::Dynamic { name, position, levels })))
            }
        }
    }

    fn similar(&self, name: Symbol) -> Vec<String> {
        let bound = self.resolver.bindings.iter().enumerate().filter(|(_, stack)| !stack.is_empty());
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
        Ok(match expr {
            Expr::Local { level: 0, slot, .. } if slot as usize >= own => self.thunk(expr),
            expr => self.delay(expr),
        })
    }

    fn thunk(&mut self, expr: Expr<'a>) -> Lazy<'a> {
        let id = CodeId(self.code.delayed.len() as u32);
        let expr = self.alloc(expr);
        self.code.delayed.push(expr);
        Lazy::Delayed(id)
    }

    fn delay(&mut self, expr: Expr<'a>) -> Lazy<'a> {
        match expr {
            Expr::Local { level, slot, .. } => Lazy::Local { level, slot },
            Expr::Global(number) => Lazy::Global(number),
            Expr::Int(_) | Expr::Float(_) | Expr::String(_) | Expr::Path(_) | Expr::Lambda(_) => {
                Lazy::Cheap(self.alloc(expr))
            }
            Expr::List([]) => Lazy::Cheap(self.alloc(expr)),
            expr => self.thunk(expr),
        }
    }

    fn strict(&mut self, ast: &'t Ast<'t>) -> Result<&'a Expr<'a>> {
        let expr = self.expression(ast)?;
        Ok(self.alloc(expr))
    }

    fn path(&mut self, path: &'t [AttrName<'t>]) -> Result<&'a [Name<'a>]> {
        let names = path
            .iter()
            .map(|name| {
                Ok(match *name {
                    AttrName::Static(symbol, position) => Name::Static(symbol, position),
                    AttrName::Dynamic(ast, position) => Name::Dynamic(self.strict(ast)?, position),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(self.slice(names))
    }

    fn expression(&mut self, ast: &'t Ast<'t>) -> Result<Expr<'a>> {
        if self.stack.exhausted() {
            let message = "expression is nested too deeply".to_owned();
            return Err(ResolveError::Syntax(SyntaxError { message, position: Position::NONE }));
        }
        Ok(match ast {
            Ast::Int(number) => Expr::Int(*number),
            Ast::Float(number) => Expr::Float(*number),
            Ast::Str(text) => Expr::String(self.string(text)),
            Ast::Path(path) => {
                let bytes = self.resolver.arena.alloc_slice_copy(path);
                Expr::Path(self.alloc(PathValue { bytes }))
            }
            Ast::Var(position, name) => self.variable(*name, *position)?,
            Ast::CurrentPosition(position) => Expr::CurrentPosition(*position),
            Ast::SearchPath(position, path) => {
                let function = self.variable(known::FIND_FILE, *position)?;
                let entries = self.variable(known::NIX_PATH, *position)?;
                let entries = self.delay(entries);
                let path = self.delay(Expr::String(self.string(path)));
                let arguments = self.slice(vec![entries, path]);
                Expr::Call(self.alloc(ir::Call {
                    position: *position,
                    function: self.alloc(function),
                    arguments,
                }))
            }
            Ast::Select { position, target, path, default } => {
                let target = self.strict(target)?;
                let path = self.path(path)?;
                let default = default.map(|default| self.strict(default)).transpose()?;
                Expr::Select(self.alloc(ir::Select { position: *position, target, path, default }))
            }
            Ast::HasAttr { target, path } => {
                let target = self.strict(target)?;
                let path = self.path(path)?;
                Expr::HasAttr(self.alloc(ir::HasAttr { target, path }))
            }
            Ast::Call { position, function, arguments } => {
                // `f a` applied to `b` is the same call as `f a b`.
                let mut function = *function;
                let mut groups = vec![*arguments];
                while let Ast::Call { function: inner, arguments, .. } = function {
                    groups.push(arguments);
                    function = inner;
                }
                let function = self.strict(function)?;
                let arguments = groups
                    .into_iter()
                    .rev()
                    .flatten()
                    .map(|argument| self.lazy(argument))
                    .collect::<Result<Vec<_>>>()?;
                let arguments = self.slice(arguments);
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
                let items = items.iter().map(|item| self.lazy(item)).collect::<Result<Vec<_>>>()?;
                Expr::List(self.slice(items))
            }
            Ast::With { scope, body, .. } => {
                let scope = self.lazy(scope)?;
                let body = self.scoped([], |pass| {
                    pass.withs.push(pass.depth);
                    let body = pass.strict(body);
                    pass.withs.pop();
                    body
                })?;
                Expr::With(self.alloc(ir::With { scope, body }))
            }
            Ast::If { position, condition, then, otherwise } => {
                let condition = self.strict(condition)?;
                let then = self.strict(then)?;
                let otherwise = self.strict(otherwise)?;
                Expr::If(self.alloc(ir::If { position: *position, condition, then, otherwise }))
            }
            Ast::Assert { position, condition, body } => {
                let condition = self.strict(condition)?;
                let body = self.strict(body)?;
                Expr::Assert(self.alloc(ir::Assert { position: *position, condition, body }))
            }
            Ast::Not(operand) => Expr::Not(self.strict(operand)?, Position::NONE),
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
                let parts = parts
                    .iter()
                    .map(|(position, part)| Ok((*position, self.strict(part)?)))
                    .collect::<Result<Vec<_>>>()?;
                let parts = self.slice(parts);
                Expr::Concat(self.alloc(ir::Concat { position: *position, as_string: *as_string, parts }))
            }
        })
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        position: Position,
        left: &'t Ast<'t>,
        right: &'t Ast<'t>,
    ) -> Result<Expr<'a>> {
        let left = self.strict(left)?;
        let right = self.strict(right)?;
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
        let arguments = vec![self.lazy(left)?, self.lazy(right)?];
        let arguments = self.slice(arguments);
        Ok(Expr::Call(self.alloc(ir::Call { position, function: self.alloc(function), arguments })))
    }

    fn lambda(&mut self, lambda: &'t crate::syntax::ast::Lambda<'t>) -> Result<Expr<'a>> {
        let mut formals: Vec<_> = lambda.formals.iter().flat_map(|formals| formals.list).collect();
        formals.sort_unstable_by_key(|formal| formal.name);
        let slots: Vec<Symbol> =
            lambda.argument.into_iter().chain(formals.iter().map(|formal| formal.name)).collect();
        let (list, body) = self.scoped(slots, |pass| {
            let offset = usize::from(lambda.argument.is_some());
            let list = formals
                .iter()
                .enumerate()
                .map(|(place, formal)| {
                    let default = formal.default.map(|default| pass.lazy_binding(default, offset + place));
                    let default = default.transpose()?;
                    Ok(ir::Formal { name: formal.name, position: formal.position, default })
                })
                .collect::<Result<Vec<_>>>()?;
            Ok((list, pass.strict(lambda.body)?))
        })?;
        let list = self.slice(list);
        let formals = lambda.formals.as_ref().map(|formals| ir::Formals { list, ellipsis: formals.ellipsis });
        let id = LambdaId(self.code.lambdas.len() as u32);
        let lambda = self.alloc(ir::Lambda {
            position: lambda.position,
            name: lambda.name.get(),
            argument: lambda.argument,
            formals,
            body,
        });
        self.code.lambdas.push(lambda);
        Ok(Expr::Lambda(id))
    }

    fn let_in(&mut self, set: SetId, body: &'t Ast<'t>) -> Result<Expr<'a>> {
        let (bindings, body) = self.bindings(self.tree.set(set), true, |pass| pass.strict(body))?;
        Ok(Expr::Let(self.alloc(ir::Let { bindings, body })))
    }

    fn attributes<T>(
        &mut self,
        set: &'t AttrSet<'t>,
        inside: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(ir::Attributes<'a>, T)> {
        self.bindings(set, set.recursive, inside)
    }

    /// Lowers a set, and runs `inside` where its names are visible if it is recursive.
    fn bindings<T>(
        &mut self,
        set: &'t AttrSet<'t>,
        recursive: bool,
        inside: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(ir::Attributes<'a>, T)> {
        let mut attrs = set.attrs.clone();
        attrs.sort_unstable_by_key(|attr| attr.name);
        // `inherit name;` means the name outside, so it is resolved before the set's own names are bound.
        let mut outer = Vec::new();
        for attr in &attrs {
            if matches!(attr.value, AttrValue::Inherited) {
                let variable = self.variable(attr.name, attr.position)?;
                outer.push(self.delay(variable));
            }
        }
        let names: Vec<Symbol> =
            if recursive { attrs.iter().map(|attr| attr.name).collect() } else { Vec::new() };
        let lower = |pass: &mut Self| {
            let mut outer = outer.into_iter();
            let sources = set.sources.iter().map(|source| pass.lazy(source)).collect::<Result<Vec<_>>>()?;
            let mut attributes = Vec::with_capacity(attrs.len());
            // `__overrides` may replace any slot later.
            let overridden = attrs.iter().any(|attr| attr.name == known::OVERRIDES);
            for (place, attr) in attrs.iter().enumerate() {
                let shared = if overridden { 0 } else { place };
                let (value, scope) = match attr.value {
                    AttrValue::Plain(ast) if recursive => (pass.lazy_binding(ast, shared)?, Scope::Own),
                    AttrValue::Plain(ast) => (pass.lazy(ast)?, Scope::Own),
                    AttrValue::Inherited => match outer.next() {
                        Some(value) => (value, Scope::Outer),
                        None => continue,
                    },
                    AttrValue::From(slot) => {
                        let expr = Expr::FromSource { slot, name: attr.name, position: attr.position };
                        (pass.delay(expr), Scope::Sources)
                    }
                };
                attributes.push(ir::Attribute { name: attr.name, position: attr.position, value, scope });
            }
            let dynamic = set
                .dynamic
                .iter()
                .map(|attr| {
                    let name = pass.strict(attr.name)?;
                    Ok(ir::DynamicAttribute { name, position: attr.position, value: pass.lazy(attr.value)? })
                })
                .collect::<Result<Vec<_>>>()?;
            let inner = inside(pass)?;
            Ok((sources, attributes, dynamic, inner))
        };
        let (sources, attributes, dynamic, inner) =
            if recursive { self.scoped(names, lower)? } else { lower(self)? };
        let overrides = recursive
            .then(|| attributes.iter().position(|attr| attr.name == known::OVERRIDES))
            .flatten()
            .map(|place| place as u32);
        let attributes = ir::Attributes {
            recursive,
            attributes: self.slice(attributes),
            dynamic: self.slice(dynamic),
            sources: self.slice(sources),
            overrides,
        };
        Ok((attributes, inner))
    }
}
