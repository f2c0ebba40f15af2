//! Calling functions.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::{Evaluated, Evaluator};
use crate::attrs::Attrs;
use crate::builtins::{ARITY_MOST, Builtin};
use crate::error::{Error, ErrorKind, Failure, FrameText};
use crate::ir::{Call, Formals, Lambda, LambdaId, Parameters};
use crate::position::Position;
use crate::symbol::{Symbol, known};
use crate::value::{Environment, Partial, PartialLambda, Slot, Value, Variables};

/// Calls of more arguments are rare.
const ARGUMENTS_FEW: usize = 6;

impl<'a> Evaluator<'a> {
    #[inline(never)]
    pub(super) fn eval_call(&self, call: &'a Call<'a>, environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.check_stack(Position::NONE)?;
        let function = self.eval(call.function, environment)?;
        // The calls that are most: a function gets all that it takes, and nothing more.
        match function {
            Value::Lambda(id, scope) => {
                let lambda = self.lambda(id)?;
                let inner = match (&lambda.parameters, call.arguments) {
                    (Parameters::Names([_]), [argument]) => {
                        let slots = Variables::One(self.delay(*argument, environment)?);
                        Some(&*self.arena.alloc(Environment { up: Some(scope), slots }))
                    }
                    (Parameters::Names(names), arguments) if names.len() == arguments.len() => {
                        let mut variables =
                            bumpalo::collections::Vec::with_capacity_in(arguments.len(), self.arena);
                        for argument in arguments {
                            variables.push(Cell::new(self.delay(*argument, environment)?));
                        }
                        let slots = Variables::Many(variables.into_bump_slice());
                        Some(&*self.arena.alloc(Environment { up: Some(scope), slots }))
                    }
                    (Parameters::Set { argument: name, formals }, [argument]) => {
                        let argument = self.delay(*argument, environment)?;
                        Some(self.bind_formals(lambda, *name, formals, scope, argument, call.position)?)
                    }
                    _ => None,
                };
                if let Some(inner) = inner {
                    return self.enter(lambda, inner, call.position);
                }
            }
            Value::Builtin(builtin) if builtin.arity == call.arguments.len() => {
                let mut arguments = [self.null_slot; ARITY_MOST];
                for (argument, lazy) in arguments.iter_mut().zip(call.arguments) {
                    *argument = self.delay(*lazy, environment)?;
                }
                return self.call_builtin(builtin, &arguments[..builtin.arity], call.position);
            }
            _ => {}
        }
        self.eval_other_call(function, call, environment)
    }

    #[inline(never)]
    fn eval_other_call(
        &self,
        function: Value<'a>,
        call: &'a Call<'a>,
        environment: &'a Environment<'a>,
    ) -> Evaluated<'a> {
        let mut few = [self.null_slot; ARGUMENTS_FEW];
        let mut many = Vec::new();
        let arguments = match few.get_mut(..call.arguments.len()) {
            Some(few) => few,
            None => {
                many.resize(call.arguments.len(), self.null_slot);
                &mut many[..]
            }
        };
        for (argument, lazy) in arguments.iter_mut().zip(call.arguments) {
            *argument = self.delay(*lazy, environment)?;
        }
        self.call(function, arguments, call.position)
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
                    let lambda = self.lambda(id)?;
                    let inner = match &lambda.parameters {
                        Parameters::Names([_]) => {
                            rest = behind;
                            self.arena.alloc(Environment { up: Some(scope), slots: Variables::One(next) })
                        }
                        Parameters::Names(names) => match rest.split_at_checked(names.len()) {
                            Some((now, later)) => {
                                rest = later;
                                self.bind_names(scope, &[], now)
                            }
                            None => return Ok(self.partial_lambda(id, scope, rest)),
                        },
                        Parameters::Set { argument: name, formals } => {
                            rest = behind;
                            self.bind_formals(lambda, *name, formals, scope, next, position)?
                        }
                    };
                    let result = self.enter(lambda, inner, position);
                    if rest.is_empty() {
                        return result;
                    }
                    result?
                }
                Value::PartialLambda(partial) => {
                    let lambda = self.lambda(partial.lambda)?;
                    let wanted = match &lambda.parameters {
                        Parameters::Names(names) => names.len(),
                        Parameters::Set { .. } => 1,
                    };
                    match rest.split_at_checked(wanted - partial.arguments.len()) {
                        Some((now, later)) => {
                            rest = later;
                            let inner = self.bind_names(partial.scope, partial.arguments, now);
                            let result = self.enter(lambda, inner, position);
                            if rest.is_empty() {
                                return result;
                            }
                            result?
                        }
                        None => {
                            let all = [partial.arguments, rest].concat();
                            return Ok(self.partial_lambda(partial.lambda, partial.scope, &all));
                        }
                    }
                }
                Value::Builtin(builtin) => {
                    let count = builtin.arity.min(rest.len());
                    let (now, later) = rest.split_at(count);
                    rest = later;
                    if count == builtin.arity {
                        let result = self.call_builtin(builtin, now, position);
                        if rest.is_empty() {
                            return result;
                        }
                        result?
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

    /// The code of a function of the language, and where the function is: one that has some of its arguments is the one
    /// inside that takes the next.
    pub(crate) fn function_code(
        &self,
        value: Value<'a>,
    ) -> Result<Option<(&'a Lambda<'a>, Position)>, Error> {
        let (id, taken) = match value {
            Value::Lambda(id, _) => (id, 0),
            Value::PartialLambda(partial) => (partial.lambda, partial.arguments.len()),
            _ => return Ok(None),
        };
        let lambda = self.lambda(id)?;
        let position = match &lambda.parameters {
            Parameters::Names(names) => names.get(taken).map_or(lambda.position, |(_, position)| *position),
            Parameters::Set { .. } => lambda.position,
        };
        Ok(Some((lambda, position)))
    }

    /// A function of several parameters that does not have all its arguments yet.
    fn partial_lambda(
        &self,
        lambda: LambdaId,
        scope: &'a Environment<'a>,
        arguments: &[&'a Slot<'a>],
    ) -> Value<'a> {
        let arguments = self.arena.alloc_slice_copy(arguments);
        Value::PartialLambda(self.arena.alloc(PartialLambda { lambda, scope, arguments }))
    }

    /// The environment of a function's body.
    fn bind_names(
        &self,
        scope: &'a Environment<'a>,
        first: &[&'a Slot<'a>],
        last: &[&'a Slot<'a>],
    ) -> &'a Environment<'a> {
        let mut variables = bumpalo::collections::Vec::with_capacity_in(first.len() + last.len(), self.arena);
        variables.extend(first.iter().chain(last).map(|argument| Cell::new(*argument)));
        let slots = Variables::Many(variables.into_bump_slice());
        self.arena.alloc(Environment { up: Some(scope), slots })
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
        // Whatever takes long makes calls.
        if self.interrupted.load(Ordering::Relaxed) {
            return self.fail(ErrorKind::Interrupted, Position::NONE, "interrupted");
        }
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
        let mut result = self.deeper(position, || (builtin.run)(self, arguments, position));
        if let Err(error) = &mut result {
            if !error.position.is_some() {
                error.position = position;
            } else if builtin.traced {
                let text = format!("while calling the '{}' builtin", builtin.name);
                error.frame(position, FrameText::Owned(text));
            }
        }
        result
    }

    /// Evaluates a function's body.
    fn enter(
        &self,
        lambda: &'a Lambda<'a>,
        environment: &'a Environment<'a>,
        position: Position,
    ) -> Evaluated<'a> {
        let mut result = self.deeper(position, || self.eval(lambda.body, environment));
        if let Err(error) = &mut result {
            while_calling(error, lambda, position);
        }
        result
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
        name: Option<Symbol>,
        formals: &'a Formals<'a>,
        scope: &'a Environment<'a>,
        argument: &'a Slot<'a>,
        position: Position,
    ) -> Result<&'a Environment<'a>, Error> {
        let given = match self.force(argument, lambda.position)? {
            Value::Attrs(attrs) => attrs,
            other => {
                let mut result = self.type_error(lambda.position, "a set", other);
                if let Err(error) = &mut result {
                    while_calling(error, lambda, position);
                }
                return result;
            }
        };
        let offset = usize::from(name.is_some());
        let variables: &'a [Cell<&'a Slot<'a>>] =
            self.arena.alloc_slice_fill_with(formals.list.len() + offset, |_| Cell::new(self.null_slot));
        let environment: &'a Environment<'a> =
            self.arena.alloc(Environment { up: Some(scope), slots: Variables::Many(variables) });
        if offset == 1 {
            variables[0].set(argument);
        }
        let variables = &variables[offset..];
        // Both are sorted: a set of about as many attributes as are wanted is gone through once.
        let mut listed = given.single_layer().filter(|attrs| attrs.len() < 4 * formals.list.len());
        let mut find = |name: Symbol| match &mut listed {
            None => given.get(name),
            Some(attrs) => {
                while let Some((first, behind)) = attrs.split_first()
                    && first.name < name
                {
                    *attrs = behind;
                }
                attrs.first().filter(|first| first.name == name)
            }
        };
        let mut taken = 0;
        for (formal, variable) in formals.list.iter().zip(variables) {
            match (find(formal.name), formal.default) {
                (Some(attr), _) => {
                    variable.set(attr.value);
                    taken += 1;
                }
                // Those in front of this one, whose slots it may share, have theirs already.
                (None, Some(default)) => variable.set(self.delay(default, environment)?),
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
        if !formals.ellipsis {
            let is_formal =
                |name: Symbol| formals.list.binary_search_by_key(&name, |formal| formal.name).is_ok();
            let none_left = match given.single_layer() {
                Some(attrs) => attrs.len() == taken,
                None => given.all_names(is_formal),
            };
            if !none_left {
                return self.unexpected_argument(lambda, formals, given, position);
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
            crate::print::attr_name(name)
        );
        let mut error = Failure::new(ErrorKind::Arguments, lambda.position, message);
        error.suggestions =
            crate::suggest::closest(name, formals.list.iter().map(|formal| self.symbols.name(formal.name)));
        error.frame(position, FrameText::Static("from call site"));
        Err(error)
    }
}

#[cold]
fn while_calling(error: &mut Error, lambda: &Lambda<'_>, position: Position) {
    let text = lambda.name.map_or(FrameText::Static("while calling a function"), FrameText::Calling);
    error.frame(position, text);
}
