//! Evaluating expressions.

use super::{Evaluated, Evaluator};
use crate::error::ErrorKind;
use crate::ir::{self, Expr, LambdaId, Lazy};
use crate::position::Position;
use crate::value::{Environment, Value, Variables};

impl<'a> Evaluator<'a> {
    /// Evaluates an expression to its outermost constructor. All that is done here is to choose: what evaluates a form
    /// of expression is entered without leaving anything on the stack.
    pub(crate) fn eval(&self, expr: Expr<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        match expr {
            Expr::Local(variable) => {
                let slot = self.variable(environment, variable.level(), variable.slot())?;
                self.force(slot, variable.position())
            }
            Expr::Attribute(select) => self.select_one(select, environment),
            Expr::Call(call) => self.eval_call(call, environment),
            Expr::Int(number) => Ok(Value::Int(number)),
            Expr::Float(number) => Ok(Value::Float(*number)),
            Expr::String(string) => Ok(Value::String(string)),
            Expr::Path(path) => Ok(Value::Path(path)),
            Expr::Lambda(number) => Ok(Value::Lambda(LambdaId(number as u32), environment)),
            Expr::Global(number) => self.force(&self.globals[number], Position::NONE),
            Expr::Far(variable) => {
                let slot = self.variable(environment, variable.level, variable.slot)?;
                self.force(slot, variable.position)
            }
            Expr::Select(select) => self.select(select, environment),
            Expr::Attrs(attributes) => self.eval_attributes(attributes, environment),
            Expr::Let(binding) => self.eval_let(binding, environment),
            Expr::If(condition) => self.eval_if(condition, environment),
            Expr::Concat(concat) => self.concat(concat, environment),
            Expr::Binary(binary) => self.binary(binary, environment),
            Expr::Not(operand) => self.not(*operand, environment),
            Expr::List(items) => self.eval_list(items, environment),
            Expr::HasAttr(has) => self.has_attr(has, environment),
            Expr::With(with) => self.eval_with(with, environment),
            Expr::Dynamic(variable) => self.dynamic_variable(variable, environment),
            Expr::FromSource(inherited) => self.inherited(inherited, environment),
            Expr::Assert(assertion) => self.eval_assert(assertion, environment),
            Expr::CurrentPosition(position) => Ok(self.position_value(*position)),
            Expr::Choice(choices) => self.chosen(choices, environment),
        }
    }

    #[inline(never)]
    fn eval_let(&self, binding: &'a ir::Let<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let (inner, _) = self.recursive_scope(&binding.bindings, environment)?;
        self.eval(binding.body, inner)
    }

    #[inline(never)]
    fn eval_if(&self, condition: &'a ir::If<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let truth = self.eval(condition.condition, environment)?;
        let chosen = match self.expect_bool(truth, condition.position)? {
            true => condition.then,
            false => condition.otherwise,
        };
        self.eval(chosen, environment)
    }

    #[inline(never)]
    fn eval_list(&self, items: &'a [Lazy<'a>], environment: &'a Environment<'a>) -> Evaluated<'a> {
        let mut slots = bumpalo::collections::Vec::with_capacity_in(items.len(), self.arena);
        for item in items {
            slots.push(self.delay(*item, environment)?);
        }
        Ok(Value::List(self.arena.alloc(crate::value::List { items: slots.into_bump_slice() })))
    }

    #[inline(never)]
    fn eval_with(&self, with: &'a ir::With<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let scope = self.delay(with.scope, environment)?;
        let inner = self.arena.alloc(Environment { up: Some(environment), slots: Variables::One(scope) });
        self.eval(with.body, inner)
    }

    #[inline(never)]
    fn inherited(&self, inherited: &'a ir::FromSource, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let source = self.variable(environment, 0, inherited.slot)?;
        let attrs = self.in_context(
            self.force_attrs(source, inherited.position),
            inherited.position,
            "while evaluating the source of an inherited attribute",
        )?;
        self.attribute(attrs, inherited.name, inherited.position)
    }

    #[inline(never)]
    fn eval_assert(&self, assertion: &'a ir::Assert<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let truth = self.eval(assertion.condition, environment)?;
        if !self.expect_bool(truth, assertion.position)? {
            let message = self.assertion_text(assertion.position);
            return self.fail(ErrorKind::Assertion, assertion.position, message);
        }
        self.eval(assertion.body, environment)
    }

    /// The message of a failed assertion, with its source text up to the end of the condition.
    fn assertion_text(&self, position: Position) -> String {
        let condition = self.sources.locate(position).and_then(|place| {
            let line = self.sources.line_text(position)?;
            let text = line.get(place.column as usize - 1..)?.strip_prefix(b"assert")?;
            let end = memchr::memchr(b';', text)?;
            Some(String::from_utf8_lossy(text[..end].trim_ascii()).into_owned())
        });
        match condition {
            Some(condition) => format!("assertion '{condition}' failed"),
            None => "assertion failed".to_owned(),
        }
    }

    #[inline(never)]
    fn dynamic_variable(
        &self,
        variable: &'a ir::Dynamic<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        for level in variable.levels {
            let scope = self.variable(environment, *level, 0)?;
            let attrs = self.in_context(
                self.force_attrs(scope, variable.position),
                variable.position,
                "while evaluating the first subexpression of a with expression",
            )?;
            if let Some(attr) = attrs.get(variable.name) {
                return self.force(attr.value, variable.position);
            }
        }
        let name = self.symbols.name(variable.name);
        let mut error = crate::error::Failure::new(
            ErrorKind::UndefinedVariable,
            variable.position,
            format!("undefined variable '{}'", String::from_utf8_lossy(name)),
        );
        for level in variable.levels {
            if let Ok(scope) = self.variable(environment, *level, 0)
                && let Value::Attrs(attrs) = scope.get()
            {
                error.suggestions.extend(self.similar_attributes(attrs, name));
            }
        }
        Err(error)
    }
}
