//! Evaluating values that are alike in one evaluation.

use super::{Outcome, Session, ValueRef};
use crate::alike::Likeness;
use crate::value::{Choice, Slot, Value};

/// A turn that takes more than this part of the first one's memory has too little in common with it.
const LITTLE: usize = 4;

/// No more values than this are evaluated in one evaluation, which keeps the memory that they need in bounds.
const TURNS_MOST: usize = 16;

/// A value is compared with no more groups than this: each comparison may take some milliseconds.
const GROUPS_MOST: usize = 16;

/// What was evaluated in turns.
pub struct Turns<T> {
    /// For the first values, as many as were evaluated; none if the first showed that they had better not be.
    pub outcomes: Vec<Outcome<T>>,
    /// Whether it was of use: otherwise the other values are better evaluated by themselves.
    pub useful: bool,
}

impl<'a> Session<'a> {
    /// The values by which of them are alike: made by the same code from other data. Nothing is evaluated for it. Each
    /// group, and the groups themselves, are in the order of `values`, whose indices they hold. Many that are alike become
    /// several groups of about the same size; where there are many kinds, some that are alike may stay by themselves.
    pub fn groups(&self, values: &[ValueRef<'a>]) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let like = |group: &&mut Vec<usize>| {
                group.first().is_some_and(|first| {
                    Likeness::of(&self.evaluator, &[values[*first].0, value.0]).is_some()
                })
            };
            match groups.iter_mut().take(GROUPS_MOST).find(like) {
                Some(group) => group.push(index),
                None => groups.push(vec![index]),
            }
        }
        let balanced = |group: Vec<usize>| {
            let size = group.len().div_ceil(group.len().div_ceil(TURNS_MOST));
            group.chunks(size).map(<[usize]>::to_vec).collect::<Vec<_>>()
        };
        groups.into_iter().flat_map(balanced).collect()
    }

    /// Evaluates something of each of `values`, given by its index: what they have in common, once. What comes out is what
    /// evaluations by themselves give. A value after the first with an error is left to such an evaluation, and so is the
    /// rest if the first has an error or there turns out to be less in common than it seemed.
    ///
    /// Values that are evaluated already or are not alike have nothing in common here.
    pub fn in_turns<T>(
        &self,
        values: &[ValueRef<'a>],
        mut each: impl FnMut(usize) -> Outcome<T>,
    ) -> Turns<T> {
        let slots: Vec<&'a Slot<'a>> = values.iter().map(|value| value.0).collect();
        let turns = &self.evaluator.turns;
        let mut useful = slots.len() > 1 && self.share(&slots);
        let before = self.memory();
        let first = each(0);
        if useful && turns.are_told_apart() {
            return Turns { outcomes: Vec::new(), useful: false };
        }
        useful &= first.is_ok();
        let most = (self.memory() - before) / LITTLE;
        let mut outcomes = vec![first];
        while useful && outcomes.len() < slots.len() {
            let before = self.memory();
            self.evaluator.take_turn(outcomes.len() as u32);
            let outcome = each(outcomes.len());
            useful = !turns.are_told_apart();
            if outcome.is_err() || !useful {
                break;
            }
            outcomes.push(outcome);
            useful = self.memory() - before <= most;
        }
        Turns { outcomes, useful }
    }

    /// Makes slots choose what they have in common, each in its turn. In the turn of another they are what they were.
    fn share(&self, slots: &[&'a Slot<'a>]) -> bool {
        let e = &self.evaluator;
        let Some((common, places)) = Likeness::of(e, slots) else { return false };
        e.turns.choose_places(places);
        let own: Vec<&'a Slot<'a>> = slots.iter().map(|slot| e.slot(slot.get())).collect();
        for (index, slot) in slots.iter().enumerate() {
            let choice =
                own.iter().enumerate().map(|(turn, _)| if turn == index { common } else { own[index] });
            let slots = e.arena.alloc_slice_fill_iter(choice);
            slot.set(Value::Chosen(e.arena.alloc(Choice { slots })));
        }
        true
    }
}
