//! What values have in common before they are evaluated.
//!
//! Hosts of a fleet are often made by the same code from other data: names, addresses, keys. [`Likeness`] lays two values
//! that are not evaluated yet over each other and makes one of both, in which each piece of data that differs is chosen by
//! the turn. It only looks at what is there, and evaluates nothing. Values that differ in anything but data are not alike.

mod code;

use std::cell::{Cell, RefCell};

use rustc_hash::FxHashMap;

use crate::attrs::{Attr, Attrs};
use crate::eval::{Evaluator, Places};
use crate::ir::Expr;
use crate::position::{Origin, Position};
use crate::value::{Application, Choice, Environment, List, Slot, Value, Variables};

/// Values larger than this, in slots and expressions, are not compared to their end.
const STEPS_MOST: u32 = 100_000;

/// Makes one value out of several, one after the other.
pub(crate) struct Likeness<'e, 'a> {
    e: &'e Evaluator<'a>,
    /// How many values the first of two stands for already.
    turns: usize,
    /// Places that are others in the other values, by those of the first.
    places: RefCell<Places>,
    steps: Cell<u32>,
    slots: RefCell<Pairs<'a, Slot<'a>>>,
    environments: RefCell<Pairs<'a, Environment<'a>>>,
}

/// What was made of two things, by their addresses. `None` while it is being made, too: what refers to itself is alike only
/// if it is the same.
type Pairs<'a, T> = FxHashMap<(usize, usize), Option<&'a T>>;

fn address<T>(reference: &T) -> usize {
    std::ptr::from_ref(reference).addr()
}

impl<'e, 'a> Likeness<'e, 'a> {
    /// One value for all of `slots`, each of them in the turn of its index, and the places of its code; `None` if they are
    /// not alike.
    pub(crate) fn of(e: &'e Evaluator<'a>, slots: &[&'a Slot<'a>]) -> Option<(&'a Slot<'a>, Places)> {
        let (first, others) = slots.split_first()?;
        let (mut common, mut places) = (*first, Places::default());
        for (index, other) in others.iter().enumerate() {
            // A value under two names needs no turns.
            if slots[..=index].iter().any(|slot| std::ptr::eq(*slot, *other)) {
                return None;
            }
            let likeness = Likeness {
                e,
                turns: index + 1,
                places: RefCell::new(places),
                steps: Cell::new(0),
                slots: RefCell::default(),
                environments: RefCell::default(),
            };
            common = likeness.slot(common, other)?;
            places = likeness.places.into_inner();
            for (place, turns) in &mut places {
                turns.resize(index + 2, *place);
            }
        }
        Some((common, places))
    }

    /// Counts a step; `None` when there were too many.
    fn step(&self) -> Option<()> {
        self.steps.set(self.steps.get() + 1);
        (self.steps.get() < STEPS_MOST && self.e.check_stack(Position::NONE).is_ok()).then_some(())
    }

    /// What is chosen in all turns so far and in the next.
    fn choice<T: Copy>(&self, so_far: Option<&[T]>, first: T, next: T) -> &'a [T] {
        let mut all = so_far.map_or_else(|| vec![first; self.turns], <[T]>::to_vec);
        all.push(next);
        self.e.arena.alloc_slice_copy(&all)
    }

    fn chosen_slot(
        &self,
        so_far: Option<&[&'a Slot<'a>]>,
        first: &'a Slot<'a>,
        next: &'a Slot<'a>,
    ) -> &'a Slot<'a> {
        let slots = self.choice(so_far, first, next);
        self.e.slot(Value::Chosen(self.e.arena.alloc(Choice { slots })))
    }

    fn slot(&self, one: &'a Slot<'a>, other: &'a Slot<'a>) -> Option<&'a Slot<'a>> {
        self.once(&self.slots, one, other, || self.different_slot(one, other))
    }

    /// What `make` makes of two things that are not the same, made once.
    fn once<T>(
        &self,
        made: &RefCell<Pairs<'a, T>>,
        one: &'a T,
        other: &'a T,
        make: impl FnOnce() -> Option<&'a T>,
    ) -> Option<&'a T> {
        if std::ptr::eq(one, other) {
            return Some(one);
        }
        self.step()?;
        let key = (address(one), address(other));
        if let Some(known) = made.borrow().get(&key) {
            return *known;
        }
        made.borrow_mut().insert(key, None);
        let both = make();
        made.borrow_mut().insert(key, both);
        both
    }

    fn different_slot(&self, one: &'a Slot<'a>, other: &'a Slot<'a>) -> Option<&'a Slot<'a>> {
        let value = match (one.get(), other.get()) {
            (Value::Chosen(choice), value) if is_data(value) => {
                return Some(self.chosen_slot(Some(choice.slots), one, other));
            }
            (a, b) if is_data(a) && is_data(b) => {
                return Some(if same_data(a, b) { one } else { self.chosen_slot(None, one, other) });
            }
            (Value::Thunk(code, scope), Value::Thunk(other_code, other_scope)) => {
                let scope = self.environment(scope, other_scope)?;
                Value::Thunk(self.code(code, other_code)?, scope)
            }
            (Value::Lambda(id, scope), Value::Lambda(other_id, other_scope)) => {
                let scope = self.environment(scope, other_scope)?;
                Value::Lambda(self.lambda(id, other_id)?, scope)
            }
            (Value::List(a), Value::List(b)) if a.items.len() == b.items.len() => {
                let items: Option<Vec<_>> =
                    a.items.iter().zip(b.items).map(|(a, b)| self.slot(a, b)).collect();
                let items = self.e.arena.alloc_slice_copy(&items?);
                Value::List(self.e.arena.alloc(List { items }))
            }
            (Value::Attrs(a), Value::Attrs(b)) => Value::Attrs(self.attrs(a, b)?),
            (a, b) => {
                let (a, b) = (self.application(a)?, self.application(b)?);
                let second = match (a.second, b.second) {
                    (None, None) => None,
                    (Some(a), Some(b)) => Some(self.slot(a, b)?),
                    _ => return None,
                };
                let (function, first) = (self.slot(a.function, b.function)?, self.slot(a.first, b.first)?);
                Value::Application(self.e.arena.alloc(Application { function, first, second }))
            }
        };
        Some(self.e.slot(value))
    }

    fn attrs(&self, one: &'a Attrs<'a>, other: &'a Attrs<'a>) -> Option<&'a Attrs<'a>> {
        let (one, other) = (one.joined(), other.joined());
        if one.len() != other.len() {
            return None;
        }
        let both = one.iter().zip(other.iter()).map(|(a, b)| {
            let value = (a.name == b.name).then(|| self.slot(a.value, b.value))??;
            self.place(a.position, b.position)?;
            Some(Attr { value, ..*a })
        });
        Some(Attrs::from_sorted_iter(self.e.arena, both.collect::<Option<Vec<_>>>()?))
    }

    /// A call that was put off, in whichever form.
    fn application(&self, value: Value<'a>) -> Option<Application<'a>> {
        Some(match value {
            Value::Application(Application { function, first, second }) => {
                Application { function, first, second: *second }
            }
            Value::MappedItem(index, list) => {
                Application { function: list.function, first: list.items.get(index as usize)?, second: None }
            }
            Value::MappedAttr(name, mapping) => Application {
                function: mapping.function,
                first: self.e.name_slot(name),
                second: Some(mapping.attrs.get(name)?.value),
            },
            Value::Generated(index, function) => {
                Application { function, first: self.e.slot(Value::Int(i64::from(index))), second: None }
            }
            _ => return None,
        })
    }

    fn environment(
        &self,
        one: &'a Environment<'a>,
        other: &'a Environment<'a>,
    ) -> Option<&'a Environment<'a>> {
        self.once(&self.environments, one, other, || self.different_environment(one, other))
    }

    fn different_environment(
        &self,
        one: &'a Environment<'a>,
        other: &'a Environment<'a>,
    ) -> Option<&'a Environment<'a>> {
        let up = match (one.up, other.up) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(self.environment(a, b)?),
            _ => return None,
        };
        let slots = match (&one.slots, &other.slots) {
            (Variables::One(a), Variables::One(b)) => Variables::One(self.slot(a, b)?),
            (Variables::Many(a), Variables::Many(b)) if a.len() == b.len() => {
                let both = a.iter().zip(*b).map(|(a, b)| Some(Cell::new(self.slot(a.get(), b.get())?)));
                let both: Vec<_> = both.collect::<Option<_>>()?;
                Variables::Many(self.e.arena.alloc_slice_fill_iter(both))
            }
            _ => return None,
        };
        Some(self.e.arena.alloc(Environment { up, slots }))
    }

    /// Where the same is written in both. `None` if that cannot be said with one place for each turn.
    fn place(&self, one: Position, other: Position) -> Option<()> {
        let is_file =
            |position| matches!(self.e.sources.locate(position)?.origin, Origin::File(_)).then_some(());
        if is_file(one) != is_file(other) {
            return None;
        }
        let mut places = self.places.borrow_mut();
        let turns = places.entry(one).or_insert_with(|| vec![one; self.turns]);
        match turns.get(self.turns) {
            Some(known) => (*known == other).then_some(()),
            None => {
                turns.push(other);
                Some(())
            }
        }
    }

    /// Whether an expression is nothing but data.
    fn is_data(&self, expr: Expr<'a>) -> bool {
        match expr {
            Expr::Int(_) | Expr::Float(_) | Expr::String(_) | Expr::Path(_) | Expr::Choice(_) => true,
            Expr::Global(number) => is_data(self.e.globals[number].get()),
            Expr::List(items) => items.iter().all(|item| self.lazy_is_data(*item)),
            Expr::Attrs(attributes) => {
                !attributes.recursive
                    && attributes.dynamic.is_empty()
                    && attributes.attributes.iter().all(|attribute| self.lazy_is_data(attribute.value))
            }
            _ => false,
        }
    }
}

/// Whether a value is a piece of data.
fn is_data(value: Value<'_>) -> bool {
    matches!(
        value,
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Path(_)
    )
}

/// Whether two pieces of data cannot be told apart.
pub(crate) fn same_data(one: Value<'_>, other: Value<'_>) -> bool {
    match (one, other) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::String(a), Value::String(b)) => a.bytes == b.bytes && a.context == b.context,
        (Value::Path(a), Value::Path(b)) => a.bytes == b.bytes,
        _ => false,
    }
}
