//! Evaluating from a program.
//!
//! [`evaluate`] runs a closure with a [`Session`] on a thread with a stack of its own. Values live as long as the
//! session and are handled as [`ValueRef`]s; what leaves the closure is owned: text, JSON, store paths, errors.

mod select;
mod turns;

use std::cell::Ref;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix_store::StorePath;

use crate::attrs::Attr;
use crate::builtins::to_json;
use crate::error::{Error, ErrorKind, EvalError, Failure, SourceLocation, render};
use crate::eval::{Coercion, Evaluator, os_path};
use crate::io::{DerivationTable, EvalIo};
use crate::pool::EvaluationPool;
use crate::position::Position;
use crate::settings::Settings;
use crate::show::Display;
use crate::stack::StackLimit;
use crate::string::{ContextElement, ContextId, ContextUnion};
use crate::symbol::known;
use crate::value::{Slot, Value};

pub use turns::Turns;

/// A stack that is smaller than this is not tried.
const STACK_LEAST: usize = 64 << 20;

/// Runs `body` with a new evaluation, on a thread whose stack is as large as the settings say, or as large as the machine
/// allows: one with little memory may refuse to set aside gigabytes, even untouched.
///
/// # Errors
/// Those of `body`; the thread could not be started.
pub fn evaluate<T: Send>(
    settings: &Settings,
    io: &(dyn EvalIo + Sync),
    body: impl for<'s, 'a> FnOnce(&'s Session<'a>) -> Result<T, EvalError> + Send,
) -> Result<T, EvalError> {
    evaluate_in(&EvaluationPool::default(), settings, io, body)
}

/// As [`evaluate`], with what a pool keeps: for many evaluations.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_in<T: Send>(
    pool: &EvaluationPool,
    settings: &Settings,
    io: &(dyn EvalIo + Sync),
    body: impl for<'s, 'a> FnOnce(&'s Session<'a>) -> Result<T, EvalError> + Send,
) -> Result<T, EvalError> {
    // A thread that cannot be started does not give back what it was to run.
    let body = Mutex::new(Some(body));
    let run = |stack_size| {
        let body = body.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let stack = StackLimit::with_remaining(stack_size);
        Some(pool.with(settings, io, |given, parser| {
            body(&Session { evaluator: Evaluator::new(given, parser, stack) })
        }))
    };
    let mut stack_size = settings.stack_size;
    loop {
        let result = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("evaluation".into()).stack_size(stack_size);
            Ok(builder.spawn_scoped(scope, || run(stack_size))?.join())
        });
        let failed: std::io::Error = match result {
            Ok(Ok(Some(result))) => return result,
            Ok(Ok(None)) => std::io::ErrorKind::Other.into(),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) if stack_size / 2 < STACK_LEAST => error,
            Err(_) => {
                stack_size /= 2;
                continue;
            }
        };
        let message = format!("cannot start the evaluation's thread: {failed}");
        return Err(EvalError::new(ErrorKind::Io, message));
    }
}

/// What a text was understood as, in the form that `nix-instantiate --parse` prints. `name` stands for the text in
/// messages; relative paths are meant from `directory`, an absolute path.
///
/// # Errors
/// The text is no expression, or has a variable that nothing binds.
pub fn show_parsed(
    text: &[u8],
    name: &str,
    directory: &Path,
    settings: &Settings,
    io: &(dyn EvalIo + Sync),
) -> Result<String, EvalError> {
    evaluate(settings, io, |session| {
        let directory = Evaluator::path_bytes(directory.to_owned());
        let shown = session.outcome(session.evaluator.show_parsed(text, name, &directory))?;
        Ok(String::from_utf8_lossy(&shown).into_owned())
    })
}

/// An evaluation under way.
pub struct Session<'a> {
    pub(crate) evaluator: Evaluator<'a>,
}

/// A value of a session, perhaps not evaluated yet.
#[derive(Clone, Copy)]
pub struct ValueRef<'a>(pub(crate) &'a Slot<'a>);

/// One thing that a text depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// A store path as it is.
    Path(StorePath),
    /// A derivation with its closure and all outputs in it.
    DerivationDeep(StorePath),
    /// An output of a derivation.
    Output {
        /// The `.drv` file.
        derivation: StorePath,
        /// Name of the output.
        output: String,
    },
}

/// A text with what it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text; bytes that are not UTF-8 are replaced.
    pub text: String,
    /// The text's bytes.
    pub bytes: Vec<u8>,
    /// What it depends on, sorted.
    pub dependencies: Vec<Dependency>,
}

type Outcome<T> = Result<T, EvalError>;

impl<'a> Session<'a> {
    fn owned(&self, error: Error) -> EvalError {
        let user_path = |path: &[u8]| Evaluator::path_bytes(self.evaluator.io().user_path(os_path(path)));
        render(&error, &self.evaluator.sources, self.evaluator.symbols, &user_path)
    }

    pub(crate) fn outcome<T>(&self, result: Result<T, Error>) -> Outcome<T> {
        result.map_err(|error| self.owned(error))
    }

    fn value(&self, result: Result<Value<'a>, Error>) -> Outcome<ValueRef<'a>> {
        Ok(ValueRef(self.evaluator.slot(self.outcome(result)?)))
    }

    // Evaluating.

    /// Evaluates a file, or `default.nix` of a directory, to its outermost constructor. As with `import`, a file is
    /// evaluated once in a session.
    pub fn evaluate_file(&self, path: &Path) -> Outcome<ValueRef<'a>> {
        let path = Evaluator::path_bytes(path.to_owned());
        self.value(self.evaluator.import(&path, Position::NONE))
    }

    /// A file as [`Self::evaluate_file`] has it, not evaluated yet. It is read and parsed at once.
    pub fn delay_file(&self, path: &Path) -> Outcome<ValueRef<'a>> {
        let path = Evaluator::path_bytes(path.to_owned());
        self.outcome(self.evaluator.imported_slot(&path, Position::NONE)).map(ValueRef)
    }

    /// Evaluates a text. `name` stands for it in messages; relative paths are meant from `directory`, an absolute path.
    pub fn evaluate_text(&self, text: &str, name: &str, directory: &Path) -> Outcome<ValueRef<'a>> {
        let directory = Evaluator::path_bytes(directory.to_owned());
        self.value(self.evaluator.eval_text(text.as_bytes(), name, &directory))
    }

    /// Evaluates a value to its outermost constructor.
    pub fn force(&self, value: ValueRef<'a>) -> Outcome<()> {
        self.outcome(self.evaluator.force(value.0, Position::NONE).map(|_| ()))
    }

    /// Evaluates a value and all that is in it.
    pub fn force_deep(&self, value: ValueRef<'a>) -> Outcome<()> {
        let e = &self.evaluator;
        self.outcome(e.force(value.0, Position::NONE).and_then(|value| e.force_deep(value, Position::NONE)))
    }

    /// Calls a function with arguments, one after the other.
    pub fn call(&self, function: ValueRef<'a>, arguments: &[ValueRef<'a>]) -> Outcome<ValueRef<'a>> {
        let e = &self.evaluator;
        let arguments: Vec<&'a Slot<'a>> = arguments.iter().map(|argument| argument.0).collect();
        let called = e.force(function.0, Position::NONE).and_then(|f| e.call(f, &arguments, Position::NONE));
        self.value(called)
    }

    // Looking into values.

    /// The name of a value's type, as `builtins.typeOf` has it.
    pub fn type_name(&self, value: ValueRef<'a>) -> Outcome<&'static str> {
        let value = self.outcome(self.evaluator.force(value.0, Position::NONE))?;
        Ok(value.type_name().unwrap_or("thunk"))
    }

    /// An attribute of a set; `None` if the set lacks it or the value is no set.
    pub fn attribute(&self, value: ValueRef<'a>, name: &str) -> Outcome<Option<ValueRef<'a>>> {
        let e = &self.evaluator;
        let value = self.outcome(e.force(value.0, Position::NONE))?;
        let Value::Attrs(attrs) = value else { return Ok(None) };
        Ok(e.symbols.find(name.as_bytes()).and_then(|name| attrs.get(name)).map(|attr| ValueRef(attr.value)))
    }

    /// Whether two values are one set, and not only equal ones. A value that is not evaluated yet is none.
    pub(crate) fn is_same_set(&self, one: ValueRef<'a>, other: ValueRef<'a>) -> bool {
        match (one.0.get(), other.0.get()) {
            (Value::Attrs(one), Value::Attrs(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }

    /// The names of a set's attributes, sorted.
    pub fn attribute_names(&self, value: ValueRef<'a>) -> Outcome<Vec<String>> {
        let e = &self.evaluator;
        let attrs = self.outcome(e.force_attrs(value.0, Position::NONE))?;
        let name = |attr: &Attr<'a>| String::from_utf8_lossy(e.symbols.name(attr.name)).into_owned();
        Ok(e.by_name(attrs).iter().map(name).collect())
    }

    /// Where an attribute was defined.
    pub fn attribute_position(&self, value: ValueRef<'a>, name: &str) -> Outcome<Option<SourceLocation>> {
        let e = &self.evaluator;
        let attrs = self.outcome(e.force_attrs(value.0, Position::NONE))?;
        let attr = e.symbols.find(name.as_bytes()).and_then(|name| attrs.get(name));
        Ok(attr.and_then(|attr| self.location(attr.position)))
    }

    pub(crate) fn location(&self, position: Position) -> Option<SourceLocation> {
        let error = Failure::new(ErrorKind::Value, position, "");
        self.owned(error).location.clone()
    }

    /// The elements of a list.
    pub fn list_items(&self, value: ValueRef<'a>) -> Outcome<Vec<ValueRef<'a>>> {
        let items = self.outcome(self.evaluator.force_list(value.0, Position::NONE))?;
        Ok(items.iter().map(|item| ValueRef(item)).collect())
    }

    /// Whether a value is a derivation.
    pub fn is_derivation(&self, value: ValueRef<'a>) -> Outcome<bool> {
        let e = &self.evaluator;
        let is = e.force(value.0, Position::NONE).and_then(|value| match value {
            Value::Attrs(attrs) => e.is_derivation(attrs),
            _ => Ok(false),
        });
        self.outcome(is)
    }

    /// The path of the `.drv` file of a derivation. The derivation itself is in [`Self::derivations`].
    pub fn derivation_path(&self, value: ValueRef<'a>) -> Outcome<StorePath> {
        let e = &self.evaluator;
        let path = e.force_attrs(value.0, Position::NONE).and_then(|attrs| {
            if !e.is_derivation(attrs)? {
                return e.fail(
                    ErrorKind::Type,
                    Position::NONE,
                    "expected a derivation but found another set",
                );
            }
            let path = e.attribute(attrs, known::DRV_PATH, Position::NONE)?;
            let path = e.coerce(path, Position::NONE, Coercion::PLAIN)?;
            e.parse_store_path(path.bytes, Position::NONE)
        });
        self.outcome(path)
    }

    /// A truth value.
    pub fn to_bool(&self, value: ValueRef<'a>) -> Outcome<bool> {
        self.outcome(self.evaluator.force_bool(value.0, Position::NONE))
    }

    /// An integer.
    pub fn to_int(&self, value: ValueRef<'a>) -> Outcome<i64> {
        self.outcome(self.evaluator.force_int(value.0, Position::NONE))
    }

    // Values as text.

    /// A value as `nix-instantiate --eval` prints it. What was not evaluated is `<CODE>`, so a caller that wants all of
    /// it evaluates it deeply before.
    pub fn print(&self, value: ValueRef<'a>) -> Outcome<String> {
        let value = self.outcome(self.evaluator.force(value.0, Position::NONE))?;
        Ok(String::from_utf8_lossy(&crate::print::print(&self.evaluator, value)).into_owned())
    }

    /// A value as people read it, and the first error inside it, which is shown in its place.
    ///
    /// # Errors
    /// The value itself has an error, or the evaluation was interrupted.
    pub fn show(&self, value: ValueRef<'a>, display: Display) -> Outcome<(String, Option<EvalError>)> {
        let e = &self.evaluator;
        let value = self.outcome(e.force(value.0, Position::NONE))?;
        let shown = self.outcome(crate::show::show(e, value, display))?;
        let text = String::from_utf8_lossy(&shown.text).into_owned();
        Ok((text, shown.error.map(|error| self.owned(error))))
    }

    /// A value as JSON, as `nix eval --json` prints it: paths become store paths.
    pub fn to_json(&self, value: ValueRef<'a>) -> Outcome<Text> {
        let e = &self.evaluator;
        let mut out = Vec::new();
        let mut context = ContextUnion::default();
        let written = e
            .force(value.0, Position::NONE)
            .and_then(|value| to_json(e, value, Position::NONE, true, &mut out, &mut context));
        self.outcome(written)?;
        self.text(out, e.contexts.of(&context))
    }

    /// A value as XML, as `nix-instantiate --eval --xml` prints it.
    pub fn to_xml(&self, value: ValueRef<'a>) -> Outcome<Text> {
        let e = &self.evaluator;
        let function = self.outcome(e.eval_text(b"builtins.toXML", "«internal»", b"/"))?;
        let string = self.outcome(
            e.call(function, &[value.0], Position::NONE)
                .and_then(|text| e.expect_string(text, Position::NONE)),
        )?;
        self.text(string.bytes.to_vec(), string.context)
    }

    /// A value as a string, as `"${value}"` has it: paths are copied to the store, derivations are their output path.
    pub fn to_text(&self, value: ValueRef<'a>) -> Outcome<Text> {
        let e = &self.evaluator;
        let string = e
            .force(value.0, Position::NONE)
            .and_then(|value| e.coerce(value, Position::NONE, Coercion::INTERPOLATION));
        let string = self.outcome(string)?;
        self.text(string.bytes.to_vec(), string.context)
    }

    fn text(&self, bytes: Vec<u8>, context: ContextId) -> Outcome<Text> {
        let e = &self.evaluator;
        let path = |text: &str| self.outcome(e.parse_store_path(text.as_bytes(), Position::NONE));
        let mut dependencies = Vec::new();
        for element in e.contexts.elements(context) {
            dependencies.push(match element {
                ContextElement::Path(text) => Dependency::Path(path(text)?),
                ContextElement::DerivationDeep(text) => Dependency::DerivationDeep(path(text)?),
                ContextElement::Output { derivation, output } => {
                    Dependency::Output { derivation: path(derivation)?, output: output.to_owned() }
                }
            });
        }
        dependencies.sort();
        Ok(Text { text: String::from_utf8_lossy(&bytes).into_owned(), bytes, dependencies })
    }

    // Making values.

    /// A string that depends on nothing.
    pub fn string(&self, text: &str) -> ValueRef<'a> {
        ValueRef(self.evaluator.slot(self.evaluator.string(text.as_bytes())))
    }

    /// The path of something in the store, as a string that depends on it.
    pub fn store_path(&self, path: &StorePath) -> ValueRef<'a> {
        let e = &self.evaluator;
        let text = e.store_path_text(path);
        let context = e.contexts.single(ContextElement::Path(text));
        ValueRef(e.slot(e.string_in_arena(text.as_bytes(), context)))
    }

    /// An integer.
    pub fn int(&self, number: i64) -> ValueRef<'a> {
        ValueRef(self.evaluator.slot(Value::Int(number)))
    }

    /// A truth value.
    pub fn bool(&self, truth: bool) -> ValueRef<'a> {
        ValueRef(self.evaluator.slot(Value::Bool(truth)))
    }

    /// `null`
    pub fn null(&self) -> ValueRef<'a> {
        ValueRef(self.evaluator.slot(Value::Null))
    }

    /// An absolute path.
    pub fn path(&self, path: &Path) -> ValueRef<'a> {
        let path = crate::path::canonical(&Evaluator::path_bytes(path.to_owned()));
        ValueRef(self.evaluator.slot(self.evaluator.path(&path)))
    }

    /// A list.
    pub fn list(&self, items: &[ValueRef<'a>]) -> ValueRef<'a> {
        let items: Vec<&'a Slot<'a>> = items.iter().map(|item| item.0).collect();
        ValueRef(self.evaluator.slot(self.evaluator.list(&items)))
    }

    /// A set. Of two attributes with one name the first counts.
    pub fn attrs<'n>(&self, attrs: impl IntoIterator<Item = (&'n str, ValueRef<'a>)>) -> ValueRef<'a> {
        let e = &self.evaluator;
        let attrs = attrs
            .into_iter()
            .map(|(name, value)| Attr {
                name: e.symbols.intern(name.as_bytes()),
                position: Position::NONE,
                value: value.0,
            })
            .collect();
        ValueRef(e.slot(e.attrs(attrs)))
    }

    /// The derivations that were computed so far. Nothing of them is in the store yet. Nothing can be evaluated as long as
    /// the result is held.
    pub fn derivations(&self) -> impl Deref<Target = DerivationTable> {
        Ref::map(self.evaluator.derivations.borrow(), |derivations| &derivations.graph)
    }

    /// Bytes that the values of the evaluation take.
    pub fn memory(&self) -> usize {
        let arena = self.evaluator.arena;
        arena.allocated_bytes() - arena.chunk_capacity()
    }
}
