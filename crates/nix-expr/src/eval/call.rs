//! Calling functions.

use std::cell::Cell;

use super::{Evaluated, Evaluator};
use crate::attrs::Attrs;
use crate::builtins::{ARITY_MOST, Builtin};
use crate::error::{Error, ErrorKind, Failure, FrameText};
use crate::ir::{Call, Formals, Lambda, LambdaId};
use crate::position::Position;
use crate::symbol::known;
use crate::value::{Environment, Partial, Slot, Value, Variables};

impl<'a> Evaluator<'a> {
    pub(super) fn eval_call(&self, call: &'a Call<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        let mut function = self.eval(call.function, environment)?;
        let position = call.position;
        let mut rest = call.arguments;
        while let Some((next, behind)) = rest.split_first() {
            function = match function {
                Value::Lambda(id, scope) => {
                    let argument = self.delay(*next, environment)?;
                    rest = behind;
                    self.call_lambda(id, scope, argument, position)?
                }
                Value::Builtin(builtin) if rest.len() >= builtin.arity => {
                    let (now, later) = rest.split_at(builtin.arity);
                    let mut arguments = [self.null_slot; ARITY_MOST];
                    for (argument, lazy) in arguments.iter_mut().zip(now) {
                        *argument = self.delay(*lazy, environment)?;
                    }
                    rest = later;
                    self.call_builtin(builtin, &arguments[..builtin.arity], position)?
                }
                other => {
                    let argument = self.delay(*next, environment)?;
                    rest = behind;
                    self.call(other, &[argument], position)?
                }
            };
        }
        Ok(function)
    }

    /// Calls a function with arguments, one after the other.
    pub(crate) fn call(
        &self,
        function: Value<'a>,
        arguments: &[&'a Slot<'a>],
        position: Position,
    ) -> Evaluated<'a> {
        let mut function = function;
        let mut rest = arguments;
        let mut functors = 0;
        while let Some((next, behind)) = rest.split_first() {
            function = match function {
                Value::Lambda(id, scope) => {
                    rest = behind;
                    self.call_lambda(id, scope, next, position)?
                }
                Value::Builtin(builtin) => {
                    let count = builtin.arity.min(rest.len());
                    let (now, later) = rest.split_at(count);
                    rest = later;
                    if count == builtin.arity {
                        self.call_builtin(builtin, now, position)?
                    } else {
                        let arguments = self.arena.alloc_slice_copy(now);
                        Value::Partial(self.arena.alloc(Partial { builtin, arguments }))
                    }
                }
                Value::Partial(partial) => {
                    let missing = partial.builtin.arity - partial.arguments.len();
                    let (now, later) = rest.split_at(missing.min(rest.len()));
                    rest = later;
                    let all = [partial.arguments, now].concat();
                    if all.len() == partial.builtin.arity {
                        self.call_builtin(partial.builtin, &all, position)?
                    } else {
                        let arguments = self.arena.alloc_slice_copy(&all);
                        Value::Partial(self.arena.alloc(Partial { builtin: partial.builtin, arguments }))
                    }
                }
                Value::Attrs(attrs) => match attrs.get(known::FUNCTOR) {
                    Some(functor) => {
                        // One functor may give another without ever taking the argument.
                        functors += 1;
                        if functors > self.settings.max_call_depth {
                            return self.too_deep(position);
                        }
                        let inner = self.force(functor.value, position)?;
                        // The set is passed on as a fresh value, which `==` on functions can tell.
                        self.call(inner, &[self.slot(function)], position)?
                    }
                    None => return self.not_a_function(function, position),
                },
                other => return self.not_a_function(other, position),
            };
        }
        Ok(function)
    }

    #[cold]
    fn not_a_function<T>(&self, value: Value<'a>, position: Position) -> Result<T, Error> {
        let shown = crate::print::brief(self, value);
        let message =
            format!("attempt to call something which is not a function but {}: {shown}", value.describe());
        self.fail(ErrorKind::Type, position, message)
    }

    /// Runs one call deeper, if that is allowed.
    pub(crate) fn deeper<T>(
        &self,
        position: Position,
        body: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let depth = self.call_depth.get();
        if depth >= self.settings.max_call_depth {
            return self.too_deep(position);
        }
        self.call_depth.set(depth + 1);
        let result = body();
        self.call_depth.set(depth);
        result
    }

    #[cold]
    fn too_deep<T>(&self, position: Position) -> Result<T, Error> {
        let message = "stack overflow; max-call-depth exceeded (possible infinite recursion)";
        self.fail(ErrorKind::StackDepth, position, message)
    }

    fn call_builtin(
        &self,
        builtin: &'static Builtin,
        arguments: &[&'a Slot<'a>],
        position: Position,
    ) -> Evaluated<'a> {
        self.check_stack(position)?;
        self.deeper(position, || (builtin.run)(self, arguments, position)).map_err(|mut error| {
            if !error.position.is_some() {
                error.position = position;
            } else if builtin.traced {
                error.frame(
                    position,
                    FrameText::Owned(format!("while calling the '{}' builtin", builtin.name)),
                );
            }
            error
        })
    }

    fn call_lambda(
        &self,
        id: LambdaId,
        scope: &'a Environment<'a>,
        argument: &'a Slot<'a>,
        position: Position,
    ) -> Evaluated<'a> {
        let lambda = self.lambda(id)?;
        let environment = match &lambda.formals {
            None => self.arena.alloc(Environment { up: Some(scope), slots: Variables::One(argument) }),
            Some(formals) => self.bind_formals(lambda, formals, scope, argument, position)?,
        };
        self.deeper(position, || self.eval(lambda.body, environment))
            .map_err(|error| self.while_calling(error, lambda, position))
    }

    #[cold]
    fn while_calling(&self, mut error: Error, lambda: &'a Lambda<'a>, position: Position) -> Error {
        if error.frames.len() < 64 {
            let text = match lambda.name {
                Some(name) => {
                    let name = String::from_utf8_lossy(self.symbols.name(name));
                    FrameText::Owned(format!("while calling '{name}'"))
                }
                None => FrameText::Static("while calling a function"),
            };
            error.frame(position, text);
        } else {
            error.frame(position, FrameText::Static("while calling a function"));
        }
        error
    }

    fn function_name(&self, lambda: &Lambda<'a>) -> String {
        match lambda.name {
            Some(name) => format!("'{}'", String::from_utf8_lossy(self.symbols.name(name))),
            None => "'anonymous lambda'".to_owned(),
        }
    }

    fn bind_formals(
        &self,
        lambda: &'a Lambda<'a>,
        formals: &'a Formals<'a>,
        scope: &'a Environment<'a>,
        argument: &'a Slot<'a>,
        position: Position,
    ) -> Result<&'a Environment<'a>, Error> {
        let given = match self.force(argument, lambda.position)? {
            Value::Attrs(attrs) => attrs,
            other => {
                let result = self.type_error(lambda.position, "a set", other);
                return result.map_err(|error| self.while_calling(error, lambda, position));
            }
        };
        let offset = usize::from(lambda.argument.is_some());
        let variables: &'a [Cell<&'a Slot<'a>>] =
            self.arena.alloc_slice_fill_with(formals.list.len() + offset, |_| Cell::new(self.null_slot));
        let environment: &'a Environment<'a> =
            self.arena.alloc(Environment { up: Some(scope), slots: Variables::Many(variables) });
        if offset == 1 {
            variables[0].set(argument);
        }
        let variables = &variables[offset..];
        let mut taken = 0;
        let mut defaults = 0;
        for (formal, variable) in formals.list.iter().zip(variables) {
            match (given.get(formal.name), formal.default) {
                (Some(attr), _) => {
                    variable.set(attr.value);
                    taken += 1;
                }
                (None, Some(_)) => {
                    variable.set(self.slot(Value::Blackhole));
                    defaults += 1;
                }
                (None, None) => {
                    let message = format!(
                        "function {} called without required argument '{}'",
                        self.function_name(lambda),
                        String::from_utf8_lossy(self.symbols.name(formal.name))
                    );
                    let mut error = Failure::new(ErrorKind::Arguments, lambda.position, message);
                    error.frame(position, FrameText::Static("from call site"));
                    return Err(error);
                }
            }
        }
        if !formals.ellipsis && given.len() != taken {
            return self.unexpected_argument(lambda, formals, given, position);
        }
        if defaults > 0 {
            for (formal, variable) in formals.list.iter().zip(variables) {
                if let (None, Some(default)) = (given.get(formal.name), formal.default) {
                    match default {
                        crate::ir::Lazy::Delayed(id) => variable.get().set(Value::Thunk(id, environment)),
                        other => variable.set(self.delay(other, environment)?),
                    }
                }
            }
        }
        Ok(environment)
    }

    #[cold]
    fn unexpected_argument<T>(
        &self,
        lambda: &'a Lambda<'a>,
        formals: &'a Formals<'a>,
        given: &'a Attrs<'a>,
        position: Position,
    ) -> Result<T, Error> {
        let is_formal = |name| formals.list.iter().any(|formal| formal.name == name);
        let unexpected = self.by_name(given).into_iter().find(|attr| !is_formal(attr.name));
        let name = unexpected.map(|attr| self.symbols.name(attr.name)).unwrap_or_default();
        let message = format!(
            "function {} called with unexpected argument '{}'",
            self.function_name(lambda),
            String::from_utf8_lossy(name)
        );
        let mut error = Failure::new(ErrorKind::Arguments, lambda.position, message);
        error.suggestions =
            crate::suggest::closest(name, formals.list.iter().map(|formal| self.symbols.name(formal.name)));
        error.frame(position, FrameText::Static("from call site"));
        Err(error)
    }
}
