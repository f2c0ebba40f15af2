//! Running a program on a text: backtracking in a fixed order, without recursion.
//!
//! A visit of a state at a place either comes to a match or does not. A repetition tries its body first, and what
//! follows only if no match came of the body. An alternative tries both sides, and the longer match counts, the
//! first of equally long ones. What comes of a visit depends on the state, the place, and how often the loops
//! around it have turned without taking anything ([`Turns`]), so it can be remembered.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::program::{Kind, Program, Shape, StateId};
use super::{Captures, RegexError};

/// Visits of a run after which results are remembered: short matches are faster without.
const VISITS_BEFORE_MEMORY: u64 = 2_000;

/// Visits after which the search is given up, beside those that each byte of the text has without memory: some
/// seconds.
const MOST_VISITS: u64 = 100_000_000;

/// Results that are remembered at once, some hundred megabytes. A match that needs more is given up; libstdc++'s call
/// stack overflows long before.
const MOST_RESULTS: usize = 4 << 20;

/// Frames of pending work at once, 32 bytes each.
const MOST_FRAMES: usize = 8 << 20;

/// A place that is not set.
const UNSET: usize = usize::MAX;

/// What counts as a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The text up to its end.
    Full,
    /// Whatever begins at the start.
    Prefix,
    /// As [`Mode::Prefix`], but not nothing.
    NonemptyPrefix,
}

/// Which loops have turned how often without taking anything since the last byte; a number in [`Machine::turns`], 0
/// for none.
type Turns = u32;

/// What comes of a visit.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Nothing,
    /// A match that ends there, by the body or left alternative if `branch`, or else by the next state.
    Match {
        end: usize,
        branch: bool,
    },
}

/// What is left to do after a visit.
#[derive(Debug)]
enum Frame {
    /// Puts the beginning of a group back.
    Begin { group: u32, before: usize },
    /// Puts the end of a group back.
    End { group: u32, before: usize },
    /// The body was visited; if no match came of it, the next state is.
    AfterBody { state: StateId, turns: Turns, place: usize },
    /// The next state was visited, and its outcome is the state's.
    AfterNext { state: StateId, turns: Turns, place: usize },
    /// The next state of a loop over single bytes was visited at `place`; if no match came of it, it is visited one byte
    /// earlier, but not before `least`.
    AfterBytes { state: StateId, turns: Turns, place: usize, least: usize },
    /// The left alternative was visited; the right one is next.
    AfterLeft { state: StateId, turns: Turns, place: usize },
    /// Both alternatives were visited; `left` is where the match of the left one ends, or [`UNSET`].
    AfterRight { state: StateId, turns: Turns, place: usize, left: usize },
}

/// How far a loop over single bytes can go.
enum Run {
    /// To there; no match comes of going further.
    Until(usize),
    /// To there, from where a match is known.
    Known(usize),
}

pub(super) struct Machine<'regex> {
    program: &'regex Program,
    text: &'regex [u8],
    mode: Mode,
    start: usize,
    begins: Vec<usize>,
    ends: Vec<usize>,
    frames: Vec<Frame>,
    /// The end of the best match so far, or [`UNSET`].
    best: usize,
    best_groups: Vec<(usize, usize)>,
    visits: u64,
    /// Those before the current run.
    visits_before: u64,
    most_visits: u64,
    memory_after: u64,
    results: FxHashMap<(StateId, Turns, usize), Outcome>,
    /// Each entry is one more turn of a loop than the entry that it names has.
    turns: Vec<(Turns, StateId)>,
    turn_numbers: FxHashMap<(Turns, StateId), Turns>,
}

impl<'regex> Machine<'regex> {
    pub fn new(program: &'regex Program, text: &'regex [u8], mode: Mode) -> Self {
        Machine {
            program,
            text,
            mode,
            start: 0,
            begins: vec![UNSET; program.group_count],
            ends: vec![UNSET; program.group_count],
            frames: Vec::new(),
            best: UNSET,
            best_groups: Vec::new(),
            visits: 0,
            visits_before: 0,
            memory_after: VISITS_BEFORE_MEMORY,
            most_visits: MOST_VISITS + text.len() as u64 * VISITS_BEFORE_MEMORY,
            results: FxHashMap::default(),
            turns: vec![(0, StateId::MAX)],
            turn_numbers: FxHashMap::default(),
        }
    }

    /// Sets the visits of a run after which results are remembered, and those after which all runs together are
    /// given up.
    #[cfg(test)]
    pub fn limit(&mut self, memory_after: u64, most_visits: u64) {
        self.memory_after = memory_after;
        self.most_visits = most_visits;
    }

    /// Changes the mode. What was remembered holds for the old one only.
    pub fn set_mode(&mut self, mode: Mode) {
        if mode != self.mode {
            self.results.clear();
            self.mode = mode;
        }
    }

    /// The groups of the match that [`Self::run`] found.
    pub fn captures(&self) -> Captures {
        let group = |(begin, end): &(usize, usize)| -> Option<Range<usize>> {
            (*end != UNSET && *begin != UNSET).then_some(*begin..*end)
        };
        Captures(self.best_groups.iter().map(group).collect())
    }

    /// Looks for a match that begins at `start`. A machine may be run again on the same text; what it
    /// remembers helps it.
    pub fn run(&mut self, start: usize) -> Result<bool, RegexError> {
        self.start = start;
        self.visits_before = self.visits;
        // To forget costs time, never the result.
        if self.results.len() > MOST_RESULTS / 2 {
            self.results.clear();
        }
        self.best = UNSET;
        self.begins.fill(UNSET);
        self.ends.fill(UNSET);
        self.frames.clear();
        let mut next = Some((self.program.start, 0, start));
        while let Some((state, turns, place)) = next {
            let end = self.visit(state, turns, place)?;
            // Without alternatives, and where every match is equally long, the first match is the one.
            let decided = self.mode == Mode::Full || !self.program.has_alternatives;
            if end.is_some() && decided {
                break;
            }
            next = self.resume(end);
        }
        Ok(self.best != UNSET)
    }

    fn remembers(&self) -> bool {
        self.visits - self.visits_before > self.memory_after
    }

    /// Goes on from `state` until a match is found or there is no way; tells where the match ends. Frames are left for
    /// what is to be done then.
    fn visit(
        &mut self,
        mut state: StateId,
        mut turns: Turns,
        mut place: usize,
    ) -> Result<Option<usize>, RegexError> {
        loop {
            self.visits += 1;
            if self.visits > self.most_visits
                || self.frames.len() > MOST_FRAMES
                || self.results.len() > MOST_RESULTS
            {
                return Err(RegexError::TooComplex);
            }
            let id = state;
            let current = self.program.state(id);
            state = current.next;
            match current.kind {
                Kind::Byte(byte) => {
                    if self.text.get(place) != Some(&byte) {
                        return Ok(None);
                    }
                    place += 1;
                    turns = 0;
                }
                Kind::Set(set) => {
                    let set = &self.program.sets[set as usize];
                    if !self.text.get(place).is_some_and(|byte| set.contains(*byte)) {
                        return Ok(None);
                    }
                    place += 1;
                    turns = 0;
                }
                Kind::Nothing => {}
                Kind::Begin(group) => {
                    let before = std::mem::replace(&mut self.begins[group as usize], place);
                    self.frames.push(Frame::Begin { group, before });
                }
                Kind::End(group) => {
                    let before = std::mem::replace(&mut self.ends[group as usize], place);
                    self.frames.push(Frame::End { group, before });
                }
                Kind::LineBegin if place == 0 => {}
                Kind::LineEnd if place == self.text.len() => {}
                Kind::LineBegin | Kind::LineEnd => return Ok(None),
                Kind::Accept => return Ok(self.accept(place)),
                Kind::Repeat { body, shape } => {
                    match self.recall(id, turns, place) {
                        Some(Outcome::Nothing) => return Ok(None),
                        Some(Outcome::Match { end, branch }) => {
                            if !self.improves(end) {
                                return Ok(Some(end));
                            }
                            if branch {
                                state = body;
                                turns = self.turned(id, shape, turns);
                            }
                            continue;
                        }
                        None => {}
                    }
                    match shape {
                        Shape::SingleByte => match self.longest_run(id, body, place) {
                            Run::Until(end) => {
                                let least = place;
                                self.frames.push(Frame::AfterBytes { state: id, turns, place: end, least });
                                if end > least {
                                    (place, turns) = (end, 0);
                                }
                            }
                            Run::Known(end) => (state, place, turns) = (id, end, 0),
                        },
                        // A loop that takes nothing is turned twice, no more: once again than the first time, so that
                        // its groups can match nothing.
                        Shape::MayTakeNothing if self.turns_of(id, turns) >= 2 => {}
                        _ => {
                            self.frames.push(Frame::AfterBody { state: id, turns, place });
                            state = body;
                            turns = self.turned(id, shape, turns);
                        }
                    }
                }
                Kind::Alternative { left } => {
                    match self.recall(id, turns, place) {
                        Some(Outcome::Nothing) => return Ok(None),
                        Some(Outcome::Match { end, .. }) if !self.improves(end) => return Ok(Some(end)),
                        Some(Outcome::Match { branch, .. }) => {
                            if branch {
                                state = left;
                            }
                            continue;
                        }
                        None => {}
                    }
                    self.frames.push(Frame::AfterLeft { state: id, turns, place });
                    state = left;
                }
            }
        }
    }

    /// Does what is left after a visit from which a match up to `end` came, if any; tells what is to be visited next.
    fn resume(&mut self, mut end: Option<usize>) -> Option<(StateId, Turns, usize)> {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Begin { group, before } => self.begins[group as usize] = before,
                Frame::End { group, before } => self.ends[group as usize] = before,
                Frame::AfterBody { state, turns, place } => {
                    if end.is_some() {
                        self.remember(state, turns, place, end, true);
                        continue;
                    }
                    if self.remembers() {
                        self.frames.push(Frame::AfterNext { state, turns, place });
                    }
                    return Some((self.program.state(state).next, turns, place));
                }
                Frame::AfterNext { state, turns, place } => {
                    self.remember(state, turns, place, end, false);
                }
                Frame::AfterBytes { state, turns, place, least } => {
                    let turns_at = |place| if place == least { turns } else { 0 };
                    self.remember(state, turns_at(place), place, end, false);
                    if end.is_some() && place > least {
                        self.remember(state, turns, least, end, true);
                    }
                    if end.is_none() && place > least {
                        let place = place - 1;
                        self.frames.push(Frame::AfterBytes { state, turns, place, least });
                        return Some((self.program.state(state).next, turns_at(place), place));
                    }
                }
                Frame::AfterLeft { state, turns, place } => {
                    let left = end.unwrap_or(UNSET);
                    self.frames.push(Frame::AfterRight { state, turns, place, left });
                    return Some((self.program.state(state).next, turns, place));
                }
                Frame::AfterRight { state, turns, place, left } => {
                    let left = Some(left).filter(|left| *left != UNSET);
                    let branch = left.is_some() && end <= left;
                    if branch {
                        end = left;
                    }
                    self.remember(state, turns, place, end, branch);
                }
            }
        }
        None
    }

    fn accept(&mut self, place: usize) -> Option<usize> {
        let accepted = match self.mode {
            Mode::Full => place == self.text.len(),
            Mode::Prefix => true,
            Mode::NonemptyPrefix => place != self.start,
        };
        if !accepted {
            return None;
        }
        if self.improves(place) {
            self.best = place;
            self.best_groups.clear();
            self.best_groups.extend(self.begins.iter().copied().zip(self.ends.iter().copied()));
        }
        Some(place)
    }

    /// Whether a match up to `end` is longer than the best so far.
    fn improves(&self, end: usize) -> bool {
        self.best == UNSET || end > self.best
    }

    /// How far the loop `repeat` can go from `place` on over bytes that `body` takes.
    fn longest_run(&self, repeat: StateId, body: StateId, place: usize) -> Run {
        let program = self.program;
        let takes = |byte: u8| match program.state(body).kind {
            Kind::Byte(taken) => taken == byte,
            Kind::Set(set) => program.sets[set as usize].contains(byte),
            _ => false,
        };
        if self.results.is_empty() {
            let rest = &self.text[place..];
            let length = rest.iter().position(|byte| !takes(*byte)).unwrap_or(rest.len());
            return Run::Until(place + length);
        }
        let mut end = place;
        while self.text.get(end).is_some_and(|byte| takes(*byte)) {
            match self.recall(repeat, 0, end + 1) {
                Some(Outcome::Nothing) => break,
                Some(Outcome::Match { .. }) => return Run::Known(end + 1),
                None => end += 1,
            }
        }
        Run::Until(end)
    }

    fn recall(&self, state: StateId, turns: Turns, place: usize) -> Option<Outcome> {
        if self.results.is_empty() { None } else { self.results.get(&(state, turns, place)).copied() }
    }

    fn remember(&mut self, state: StateId, turns: Turns, place: usize, end: Option<usize>, branch: bool) {
        if !self.remembers() {
            return;
        }
        let outcome = end.map_or(Outcome::Nothing, |end| Outcome::Match { end, branch });
        self.results.insert((state, turns, place), outcome);
    }

    /// How often the loop `state` has turned on nothing.
    fn turns_of(&mut self, state: StateId, mut turns: Turns) -> usize {
        let mut count = 0;
        while turns != 0 {
            // As much work as a visit.
            self.visits += 1;
            let (before, turned) = self.turns[turns as usize];
            count += usize::from(turned == state);
            turns = before;
        }
        count
    }

    /// `turns` and one more of the loop `state`.
    fn turned(&mut self, state: StateId, shape: Shape, turns: Turns) -> Turns {
        if shape != Shape::MayTakeNothing {
            return turns;
        }
        let number = self.turns.len() as Turns;
        let turns = (turns, state);
        let number = *self.turn_numbers.entry(turns).or_insert(number);
        if number as usize == self.turns.len() {
            self.turns.push(turns);
        }
        number
    }
}
