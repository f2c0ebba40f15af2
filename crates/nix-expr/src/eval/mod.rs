//! The evaluator: a tree walker over [`crate::ir`].
//!
//! Everything made during an evaluation lives in one arena that is thrown away whole: there is no collector and no
//! counting. Values are 16 bytes and copied; what must keep its identity or be filled later is a [`Slot`].

mod attributes;
mod call;
mod coerce;
mod compare;
mod expect;
mod expression;
mod import;
mod missing;
mod number;
mod operators;
mod scope;
mod select;
mod store;
mod turns;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use bumpalo::Bump;
use nix_store::StorePath;
use rustc_hash::FxHashMap;

use crate::attrs::{Attr, Attrs};
use crate::builtins::{Builtin, Identity};
use crate::context::{Derivations, FinishedDerivations};
use crate::error::{Error, ErrorKind, Failure, FrameText};
use crate::io::EvalIo;
use crate::ir::{CodeId, CodeTable, Constant, Expr, Lambda, LambdaId, Lazy, Literal};
use crate::parse_cache::FileParser;
use crate::pool::Given;
use crate::position::{Position, SourceMap};
use crate::settings::Settings;
use crate::stack::StackLimit;
use crate::string::{ContextId, ContextTable, NixString};
use crate::symbol::{Symbol, SymbolTable};
use crate::value::{Application, Environment, List, PathValue, Slot, Value, Variables};

pub(crate) use coerce::Coercion;
pub(crate) use import::os_path;
pub(crate) use number::Number;
pub(crate) use turns::{Places, Turns};

/// The result of evaluating something.
pub(crate) type Evaluated<'a> = Result<Value<'a>, Error>;

/// One evaluation.
pub struct Evaluator<'a> {
    pub(crate) arena: &'a Bump,
    pub(crate) symbols: &'a SymbolTable,
    pub(crate) contexts: ContextTable<'a>,
    pub(crate) sources: SourceMap<'a>,
    pub(crate) settings: &'a Settings,
    io: &'a dyn EvalIo,
    parser: &'a dyn FileParser<'a>,
    code: RefCell<CodeTable<'a>>,
    /// The slots of literals, by their numbers.
    constants: RefCell<Vec<Option<&'a Slot<'a>>>>,
    /// Names as values, by their symbols, so that `attrNames` allocates nothing for them.
    names: RefCell<Vec<Option<&'a Slot<'a>>>>,
    /// For text that is put together.
    pub(crate) text: Cell<Vec<u8>>,
    /// For syntax trees, which are needed only while a file is lowered.
    scratch: RefCell<Bump>,
    pub(crate) globals: &'a [Slot<'a>],
    root: &'a Environment<'a>,
    /// A slot that holds `null`; also stands where a slot is not made yet.
    null_slot: &'a Slot<'a>,
    empty_string: &'a NixString<'a>,
    empty_list: &'a List<'a>,
    pub(crate) empty_attrs: &'a Attrs<'a>,
    stack: StackLimit,
    call_depth: Cell<u32>,
    /// Whether what is being evaluated depends on whose turn it is.
    varies: Cell<bool>,
    pub(crate) turns: Turns<'a>,
    interrupted: &'a AtomicBool,
    imports: RefCell<FxHashMap<&'a [u8], &'a Slot<'a>>>,
    resolved: RefCell<FxHashMap<&'a [u8], &'a [u8]>>,
    copied: RefCell<FxHashMap<&'a [u8], &'a NixString<'a>>>,
    pub(crate) derivations: RefCell<Derivations>,
    /// What other evaluations computed as well.
    pub(crate) shared: &'a FinishedDerivations,
    /// The sets of the paths of derivations that were finished, by what they were declared as.
    pub(crate) finished: RefCell<FxHashMap<Identity, Value<'a>>>,
    context_paths: RefCell<FxHashMap<&'a str, StorePath>>,
    /// An error of a filter function, on its way through [`EvalIo::add_path`].
    pub(crate) filter_failure: RefCell<Option<Error>>,
    pub(crate) regexes: RefCell<crate::builtins::RegexCache<'a>>,
    /// Search path entries that were looked up already.
    pub(crate) search_path: RefCell<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator whose memory outlives it. `stack` is what the calling thread has left.
    pub(crate) fn new(
        Given { arena, symbols, finished, settings, io }: Given<'a>,
        parser: &'a dyn FileParser<'a>,
        stack: StackLimit,
    ) -> Self {
        let names = crate::builtins::global_names(settings);
        let mut numbers = FxHashMap::default();
        for (number, name) in names.iter().enumerate() {
            numbers.insert(symbols.intern(name.as_bytes()), number as u32);
        }
        let null_slot: &'a Slot<'a> = arena.alloc(Cell::new(Value::Null));
        let evaluator = Evaluator {
            arena,
            contexts: ContextTable::new(arena),
            sources: SourceMap::new(io),
            settings,
            io,
            code: RefCell::default(),
            parser,
            constants: RefCell::default(),
            names: RefCell::default(),
            text: Cell::default(),
            scratch: RefCell::default(),
            globals: arena.alloc_slice_fill_with(names.len(), |_| Cell::new(Value::Null)),
            root: arena.alloc(Environment { up: None, slots: Variables::One(null_slot) }),
            null_slot,
            empty_string: arena.alloc(NixString::new(b"", ContextId::EMPTY)),
            empty_list: arena.alloc(List { items: &[] }),
            empty_attrs: arena.alloc(Attrs::from_sorted(&[])),
            stack,
            call_depth: Cell::new(0),
            varies: Cell::new(false),
            turns: Turns::default(),
            interrupted: &settings.interrupted,
            imports: RefCell::default(),
            resolved: RefCell::default(),
            copied: RefCell::default(),
            derivations: RefCell::default(),
            shared: finished,
            finished: RefCell::default(),
            context_paths: RefCell::default(),
            filter_failure: RefCell::default(),
            regexes: RefCell::default(),
            search_path: RefCell::default(),
            symbols,
        };
        crate::builtins::fill_globals(&evaluator, &numbers);
        evaluator
    }

    // Errors.

    pub(crate) fn fail<T>(
        &self,
        kind: ErrorKind,
        position: Position,
        message: impl Into<String>,
    ) -> Result<T, Error> {
        Err(Failure::new(kind, position, message))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn type_error<T>(
        &self,
        position: Position,
        wanted: &str,
        found: Value<'a>,
    ) -> Result<T, Error> {
        let shown = crate::print::brief(self, found);
        let message = format!("expected {wanted} but found {}: {shown}", found.describe());
        self.fail(ErrorKind::Type, position, message)
    }

    /// Adds a step to the trace of an error.
    pub(crate) fn in_context<T>(
        &self,
        result: Result<T, Error>,
        position: Position,
        text: &'static str,
    ) -> Result<T, Error> {
        result.map_err(|mut error| {
            error.frame(position, FrameText::Static(text));
            error
        })
    }

    pub(crate) fn check_stack(&self, position: Position) -> Result<(), Error> {
        if self.stack.exhausted() {
            return self.fail(
                ErrorKind::StackDepth,
                position,
                "stack overflow: evaluation is nested too deeply (possible infinite recursion)",
            );
        }
        Ok(())
    }

    // Making values.

    pub(crate) fn slot(&self, value: Value<'a>) -> &'a Slot<'a> {
        self.arena.alloc(Cell::new(value))
    }

    pub(crate) fn string(&self, bytes: &[u8]) -> Value<'a> {
        self.string_with(bytes, ContextId::EMPTY)
    }

    pub(crate) fn string_with(&self, bytes: &[u8], context: ContextId) -> Value<'a> {
        if bytes.is_empty() && context.is_empty() {
            return Value::String(self.empty_string);
        }
        let bytes = self.arena.alloc_slice_copy(bytes);
        Value::String(self.arena.alloc(NixString::new(bytes, context)))
    }

    /// A string of bytes that are in the arena already.
    pub(crate) fn string_in_arena(&self, bytes: &'a [u8], context: ContextId) -> Value<'a> {
        Value::String(self.arena.alloc(NixString::new(bytes, context)))
    }

    pub(crate) fn path(&self, bytes: &[u8]) -> Value<'a> {
        let bytes = self.arena.alloc_slice_copy(bytes);
        Value::Path(self.arena.alloc(PathValue { bytes }))
    }

    pub(crate) fn list(&self, items: &[&'a Slot<'a>]) -> Value<'a> {
        if items.is_empty() {
            return Value::List(self.empty_list);
        }
        let items = self.arena.alloc_slice_copy(items);
        Value::List(self.arena.alloc(List { items }))
    }

    /// A list of new slots.
    pub(crate) fn list_of(&self, values: impl ExactSizeIterator<Item = Value<'a>>) -> Value<'a> {
        if values.len() == 0 {
            return Value::List(self.empty_list);
        }
        let items = self.arena.alloc_slice_fill_iter(values.map(|value| self.slot(value)));
        Value::List(self.arena.alloc(List { items }))
    }

    pub(crate) fn attrs(&self, attrs: Vec<Attr<'a>>) -> Value<'a> {
        if attrs.is_empty() {
            return Value::Attrs(self.empty_attrs);
        }
        Value::Attrs(Attrs::from_unsorted(self.arena, attrs))
    }

    /// A set of values under names of the program's own.
    pub(crate) fn attrs_of(&self, values: &[(Symbol, Value<'a>)]) -> Value<'a> {
        self.attrs(
            values
                .iter()
                .map(|(name, value)| Attr { name: *name, position: Position::NONE, value: self.slot(*value) })
                .collect(),
        )
    }

    /// A call that is made when its value is needed.
    pub(crate) fn application(
        &self,
        function: &'a Slot<'a>,
        first: &'a Slot<'a>,
        second: Option<&'a Slot<'a>>,
    ) -> &'a Slot<'a> {
        self.slot(Value::Application(self.arena.alloc(Application { function, first, second })))
    }

    pub(crate) fn builtin_slot(&self, builtin: &'static Builtin) -> &'a Slot<'a> {
        self.slot(Value::Builtin(builtin))
    }

    /// A name as a value in a slot.
    pub(crate) fn name_slot(&self, name: Symbol) -> &'a Slot<'a> {
        let index = name.0 as usize;
        let mut names = self.names.borrow_mut();
        if index >= names.len() {
            names.resize(self.symbols.len(), None);
        }
        names[index].get_or_insert_with(|| {
            let string = NixString::new(self.symbols.name(name), ContextId::EMPTY);
            string.symbol.set(name.0);
            self.slot(Value::String(self.arena.alloc(string)))
        })
    }

    // Code.

    /// The slot of a literal.
    #[inline]
    fn constant(&self, constant: &'a Constant<'a>) -> &'a Slot<'a> {
        let known = self.constants.borrow().get(constant.number as usize).copied().flatten();
        known.unwrap_or_else(|| self.new_constant(constant))
    }

    #[cold]
    fn new_constant(&self, constant: &'a Constant<'a>) -> &'a Slot<'a> {
        let slot = self.slot(match constant.literal {
            Literal::Int(number) => Value::Int(number),
            Literal::Float(number) => Value::Float(number),
            Literal::String(string) => Value::String(string),
            Literal::Path(path) => Value::Path(path),
            Literal::EmptyList => Value::List(self.empty_list),
        });
        let mut constants = self.constants.borrow_mut();
        let index = constant.number as usize;
        if index >= constants.len() {
            constants.resize(self.code.borrow().constants as usize, None);
        }
        constants[index] = Some(slot);
        slot
    }

    pub(crate) fn delayed(&self, id: CodeId) -> Result<Expr<'a>, Error> {
        match self.code.borrow().delayed.get(id.0 as usize) {
            Some(code) => Ok(*code),
            None => self.turns.delayed(id),
        }
    }

    pub(crate) fn lambda(&self, id: LambdaId) -> Result<&'a Lambda<'a>, Error> {
        match self.code.borrow().lambdas.get(id.0 as usize) {
            Some(lambda) => Ok(lambda),
            None => self.turns.lambda(id),
        }
    }

    // Laziness.

    /// The slot for an expression in a place where it is not needed yet.
    #[inline]
    fn delay(&self, lazy: Lazy<'a>, environment: &'a Environment<'a>) -> Result<&'a Slot<'a>, Error> {
        Ok(match lazy {
            Lazy::Delayed(id) => self.slot(Value::Thunk(id, environment)),
            Lazy::Local { level, slot } => self.variable(environment, level, slot)?,
            Lazy::Global(number) => &self.globals[number as usize],
            Lazy::Constant(constant) => self.constant(constant),
            Lazy::Function(id) => self.slot(Value::Lambda(id, environment)),
        })
    }

    #[inline(always)]
    fn variable(
        &self,
        environment: &'a Environment<'a>,
        level: u32,
        slot: u32,
    ) -> Result<&'a Slot<'a>, Error> {
        match environment.lookup(level, slot) {
            Some(slot) => Ok(slot),
            None => self.fail(ErrorKind::Value, Position::NONE, "a variable has no place in its scope"),
        }
    }

    /// The value of a slot, evaluated to its outermost constructor. `position` is where it was needed.
    #[inline(always)]
    pub(crate) fn force(&self, slot: &'a Slot<'a>, position: Position) -> Evaluated<'a> {
        let value = slot.get();
        if value.is_evaluated() { Ok(value) } else { self.force_unevaluated(slot, position) }
    }

    #[inline(never)]
    fn force_unevaluated(&self, slot: &'a Slot<'a>, position: Position) -> Evaluated<'a> {
        let delayed = slot.replace(Value::Blackhole);
        if let Value::Varying(varying) = delayed {
            return self.force_varying(slot, varying, position);
        }
        let around = self.varies.replace(false);
        let result = self.evaluate_delayed(delayed, position);
        // Whoever needs a value that failed gets the same error again, not a blackhole.
        slot.set(match &result {
            Ok(value) if self.varies.get() => self.varying(delayed, *value),
            Ok(value) => *value,
            Err(_) => delayed,
        });
        if around {
            self.varies.set(true);
        }
        result
    }

    /// The value of what is not evaluated yet.
    #[inline(always)]
    fn evaluate_delayed(&self, delayed: Value<'a>, position: Position) -> Evaluated<'a> {
        match delayed {
            Value::Thunk(id, environment) => self.delayed(id).and_then(|code| self.eval(code, environment)),
            Value::Application(application) => {
                self.force(application.function, position).and_then(|function| match application.second {
                    None => self.call(function, &[application.first], position),
                    Some(second) => self.call(function, &[application.first, second], position),
                })
            }
            Value::MappedItem(index, list) => self.force(list.function, position).and_then(|function| {
                let item = list.items.get(index as usize).copied().unwrap_or(self.null_slot);
                self.call(function, &[item], position)
            }),
            Value::MappedAttr(name, mapping) => self.force(mapping.function, position).and_then(|function| {
                let value = mapping.attrs.get(name).map_or(self.null_slot, |attr| attr.value);
                self.call(function, &[self.name_slot(name), value], position)
            }),
            Value::Generated(index, function) => self.force(function, position).and_then(|function| {
                self.call(function, &[self.slot(Value::Int(i64::from(index)))], position)
            }),
            Value::Chosen(choice) => self.force(self.chosen_slot(choice)?, position),
            Value::Blackhole => {
                self.fail(ErrorKind::InfiniteRecursion, position, "infinite recursion encountered")
            }
            value => Ok(value),
        }
    }

    /// Evaluates a value and all that is in it.
    pub(crate) fn force_deep(&self, value: Value<'a>, position: Position) -> Result<(), Error> {
        let mut seen = rustc_hash::FxHashSet::default();
        self.force_deep_unseen(value, position, &mut seen)
    }

    fn force_deep_unseen(
        &self,
        value: Value<'a>,
        position: Position,
        seen: &mut rustc_hash::FxHashSet<*const ()>,
    ) -> Result<(), Error> {
        self.check_stack(position)?;
        match value {
            Value::Attrs(attrs) if seen.insert(std::ptr::from_ref(attrs).cast()) => {
                for attr in attrs.joined().iter() {
                    let result = self
                        .force(attr.value, attr.position)
                        .and_then(|value| self.force_deep_unseen(value, attr.position, seen));
                    result.map_err(|error| {
                        self.while_evaluating_attribute(error, &[attr.name], attr.position)
                    })?;
                }
            }
            Value::List(list) if seen.insert(std::ptr::from_ref(list).cast()) => {
                for item in list.items {
                    let value = self.force(item, position)?;
                    self.force_deep_unseen(value, position, seen)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn while_evaluating_attribute(
        &self,
        mut error: Error,
        path: &[Symbol],
        position: Position,
    ) -> Error {
        let text = match path {
            [name] => FrameText::Attribute(*name),
            path => {
                let names = path.iter().map(|name| crate::print::attr_name(self.symbols.name(*name)));
                let names: Vec<_> = names.collect();
                FrameText::Owned(format!("while evaluating the attribute '{}'", names.join(".")))
            }
        };
        error.frame(position, text);
        error
    }

    /// Attributes in the order of their names, which is the order of the language.
    pub(crate) fn by_name(&self, attrs: &'a Attrs<'a>) -> Vec<Attr<'a>> {
        // The beginnings of the names, which nearly always decide, are looked up once.
        let with_prefix = |attr: &Attr<'a>| (self.symbols.prefix(attr.name), *attr);
        let mut sorted: Vec<(u64, Attr<'a>)> = attrs.joined().iter().map(with_prefix).collect();
        sorted.sort_unstable_by(|(prefix, a), (other, b)| {
            prefix.cmp(other).then_with(|| self.symbols.name(a.name).cmp(self.symbols.name(b.name)))
        });
        sorted.into_iter().map(|(_, attr)| attr).collect()
    }
}
