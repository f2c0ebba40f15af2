//! Values that differ between the turns of an evaluation that is shared.
//!
//! Hosts that are alike, as [`crate::alike`] has it, are evaluated one after the other in one evaluation, each in a turn of
//! its own. What differs between them is a [`Value::Chosen`] or an [`Expr::Choice`]. Every slot whose evaluation needed
//! one, directly or by way of other slots, keeps what it was evaluated from ([`Value::Varying`]) and is evaluated again
//! when another turn needs it; all other slots are evaluated once for all turns. That is exact, as the language is pure: a
//! value depends on nothing but what its evaluation needed.

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashMap;

use super::{Evaluated, Evaluator};
use crate::alike::same_data;
use crate::attrs::Attr;
use crate::error::{Error, ErrorKind, Failure};
use crate::io::EvalIo;
use crate::ir::{CodeId, Expr, Lambda, LambdaId};
use crate::position::{Origin, Position};
use crate::string::ContextId;
use crate::symbol::known;
use crate::value::{Choice, Environment, Slot, Value, Varying};

/// Numbers of code that was made for turns begin here; those of code that was parsed are smaller.
const OWN: u32 = 1 << 31;

/// Places in code by those of the first turn, in the order of turns.
pub(crate) type Places = FxHashMap<Position, Vec<Position>>;

/// The turns of an evaluation.
#[derive(Default)]
pub(crate) struct Turns<'a> {
    current: Cell<u32>,
    delayed: RefCell<Vec<Expr<'a>>>,
    lambdas: RefCell<Vec<&'a Lambda<'a>>>,
    /// Places of the first turn's code, with what they are in each turn.
    places: RefCell<Places>,
    told_apart: Cell<bool>,
    /// The turn that the world was last asked for; `None` if it was asked for all.
    asked_for: Cell<Option<u32>>,
}

impl<'a> Turns<'a> {
    /// The number of a new delayed expression.
    pub(crate) fn delay(&self, expr: Expr<'a>) -> CodeId {
        let mut delayed = self.delayed.borrow_mut();
        delayed.push(expr);
        CodeId(OWN + delayed.len() as u32 - 1)
    }

    /// The number of a new function.
    pub(crate) fn add_lambda(&self, lambda: &'a Lambda<'a>) -> LambdaId {
        let mut lambdas = self.lambdas.borrow_mut();
        lambdas.push(lambda);
        LambdaId(OWN + lambdas.len() as u32 - 1)
    }

    #[cold]
    pub(super) fn delayed(&self, id: CodeId) -> Result<Expr<'a>, Error> {
        let found =
            id.0.checked_sub(OWN).and_then(|index| self.delayed.borrow().get(index as usize).copied());
        found.ok_or_else(|| missing("code of a thunk is missing"))
    }

    #[cold]
    pub(super) fn lambda(&self, id: LambdaId) -> Result<&'a Lambda<'a>, Error> {
        let found =
            id.0.checked_sub(OWN).and_then(|index| self.lambdas.borrow().get(index as usize).copied());
        found.ok_or_else(|| missing("code of a function is missing"))
    }

    /// The code that turns have in common has these places.
    pub(crate) fn choose_places(&self, places: Places) {
        self.places.borrow_mut().extend(places);
    }

    /// There is too little in common with other turns.
    #[cold]
    fn tell_apart(&self) {
        self.told_apart.set(true);
    }

    /// Whether values should rather be evaluated by themselves.
    pub(crate) fn are_told_apart(&self) -> bool {
        self.told_apart.get()
    }
}

fn missing(message: &str) -> Error {
    Failure::new(ErrorKind::Value, Position::NONE, message)
}

impl<'a> Evaluator<'a> {
    /// From now on it is this turn.
    pub(crate) fn take_turn(&self, number: u32) {
        self.turns.current.set(number);
        self.varies.set(false);
        self.ask_for(Some(number));
    }

    /// The world, which is told for whom it is asked.
    pub(crate) fn io(&self) -> &'a dyn EvalIo {
        self.ask_for(self.varies.get().then(|| self.turns.current.get()));
        self.io
    }

    fn ask_for(&self, turn: Option<u32>) {
        if self.turns.asked_for.replace(turn) != turn {
            self.io.asked_for(turn);
        }
    }

    /// Whether what is being evaluated is the same in all turns as far as it is known: only then may an answer of the world
    /// be remembered, as other turns have to ask for themselves.
    pub(crate) fn is_shared(&self) -> bool {
        !self.varies.get()
    }

    /// Stops a turn that is about to read code because of what differs: so large a difference does not pay.
    ///
    /// # Errors
    /// The turn has to stop. No builtin catches this.
    pub(super) fn check_shared(&self, position: Position) -> Result<(), Error> {
        if self.is_shared() || self.turns.are_told_apart() {
            return Ok(());
        }
        self.turns.tell_apart();
        self.fail(ErrorKind::Interrupted, position, "the values are told apart by their code")
    }

    /// The value of a slot that was evaluated in some turn, and is a blackhole now.
    #[cold]
    #[inline(never)]
    pub(super) fn force_varying(
        &self,
        slot: &'a Slot<'a>,
        varying: &'a Varying<'a>,
        position: Position,
    ) -> Evaluated<'a> {
        let turn = self.turns.current.get();
        let result = if varying.turn.get() == turn {
            Ok(varying.value.get())
        } else {
            self.evaluate_delayed(varying.origin, position)
        };
        if let Ok(value) = result {
            varying.value.set(value);
            varying.turn.set(turn);
        }
        slot.set(Value::Varying(varying));
        self.varies.set(true);
        result
    }

    /// What a slot holds whose value was found to depend on whose turn it is.
    #[cold]
    pub(super) fn varying(&self, origin: Value<'a>, value: Value<'a>) -> Value<'a> {
        let turn = self.turns.current.clone();
        Value::Varying(self.arena.alloc(Varying { origin, turn, value: Cell::new(value) }))
    }

    /// The slot whose turn it is.
    pub(super) fn chosen_slot(&self, choice: &'a Choice<'a>) -> Result<&'a Slot<'a>, Error> {
        self.varies.set(true);
        let turn = self.turns.current.get();
        choice.slots.get(turn as usize).copied().ok_or_else(|| missing("no value for this turn"))
    }

    /// `{ file, line, column }`, or null where there is no file.
    pub(crate) fn position_value(&self, position: Position) -> Value<'a> {
        let places = self.turns.places.borrow().get(&position).cloned();
        let places = places.unwrap_or_else(|| vec![position]);
        let parts: Option<Vec<_>> = places.into_iter().map(|place| self.parts_of(place)).collect();
        let Some(parts) = parts else { return Value::Null };
        let attrs = [known::FILE, known::LINE, known::COLUMN].into_iter().enumerate().map(|(index, name)| {
            let value = self.data_in_turns(parts.iter().map(|parts| parts[index]));
            Attr { name, position: Position::NONE, value }
        });
        self.attrs(attrs.collect())
    }

    /// File, line and column.
    fn parts_of(&self, position: Position) -> Option<[Value<'a>; 3]> {
        let place = self.sources.locate(position)?;
        match place.origin {
            Origin::File(path) => Some([
                self.string_in_arena(path, ContextId::EMPTY),
                Value::Int(i64::from(place.line)),
                Value::Int(i64::from(place.column)),
            ]),
            Origin::Text(_) => None,
        }
    }

    /// A slot of data that may differ between turns.
    fn data_in_turns(&self, values: impl Iterator<Item = Value<'a>>) -> &'a Slot<'a> {
        let slots: Vec<&'a Slot<'a>> = values.map(|value| self.slot(value)).collect();
        let same = slots.windows(2).all(|pair| same_data(pair[0].get(), pair[1].get()));
        match slots.first() {
            Some(first) if same => first,
            _ => {
                let slots = self.arena.alloc_slice_copy(&slots);
                self.slot(Value::Chosen(self.arena.alloc(Choice { slots })))
            }
        }
    }

    /// The value of the expression whose turn it is.
    #[cold]
    pub(super) fn chosen(&self, choices: &'a [Expr<'a>], environment: &'a Environment<'a>) -> Evaluated<'a> {
        self.varies.set(true);
        let turn = self.turns.current.get();
        match choices.get(turn as usize) {
            Some(expr) => self.eval(*expr, environment),
            None => Err(missing("no expression for this turn")),
        }
    }
}
