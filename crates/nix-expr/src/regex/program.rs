//! The states that a regular expression is compiled to, and what is known of them before matching.

use rustc_hash::FxHashMap;

use super::RegexError;

/// libstdc++'s limit; beyond it the original refuses the expression, too.
const MOST_STATES: usize = 100_000;

/// The index of a state.
pub(super) type StateId = u32;

/// Where a state leads that is not connected yet.
pub(super) const UNCONNECTED: StateId = StateId::MAX;

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub fn insert(&mut self, byte: u8) {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
    }

    #[inline]
    pub fn contains(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 != 0
    }

    pub fn complement(&self) -> Self {
        ByteSet(self.0.map(|word| !word))
    }

    pub fn union(&mut self, other: &ByteSet) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    /// The only byte of the set, if it has just one.
    pub fn single(&self) -> Option<u8> {
        let mut bytes = (0..=u8::MAX).filter(|byte| self.contains(*byte));
        bytes.next().filter(|_| bytes.next().is_none())
    }
}

/// What a state does before it goes on to its next state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Takes this byte.
    Byte(u8),
    /// Takes a byte of the set with this index.
    Set(u32),
    /// Nothing. None is left in a finished program.
    Nothing,
    /// A group begins.
    Begin(u32),
    /// A group ends.
    End(u32),
    /// Goes on at the beginning of the text only.
    LineBegin,
    /// Goes on at the end of the text only.
    LineEnd,
    /// Tries `body`, and if no match comes of it, the next state.
    Repeat {
        /// What is repeated; it leads back here, or behind.
        body: StateId,
        /// How it can be executed.
        shape: Shape,
    },
    /// Tries both `left` and the next state.
    Alternative {
        /// The first alternative.
        left: StateId,
    },
    /// A match.
    Accept,
}

/// Kinds of repetitions, told apart by [`Program::finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The body may come back without having taken anything, so turns must be counted.
    MayTakeNothing,
    /// The body comes back only after it has taken something, or not at all.
    TakesSomething,
    /// The body is one byte that leads straight back.
    SingleByte,
}

/// A state.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    pub kind: Kind,
    pub next: StateId,
}

/// A part of a program with one way in and one way out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequence {
    pub start: StateId,
    pub end: StateId,
}

impl Sequence {
    pub fn of(state: StateId) -> Self {
        Sequence { start: state, end: state }
    }
}

/// What a match can begin with.
#[derive(Debug, Default)]
pub(super) enum First {
    /// Anything, or nothing.
    #[default]
    Anything,
    /// This byte.
    Byte(u8),
    /// One of these bytes.
    Set(ByteSet),
}

/// A compiled expression.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub states: Vec<State>,
    pub sets: Vec<ByteSet>,
    pub start: StateId,
    /// Groups, the whole match included.
    pub group_count: usize,
    pub has_alternatives: bool,
    /// What a match can begin with.
    pub first: First,
}

impl Program {
    pub fn insert(&mut self, kind: Kind) -> Result<StateId, RegexError> {
        if self.states.len() > MOST_STATES {
            return Err(RegexError::TooLarge);
        }
        self.states.push(State { kind, next: UNCONNECTED });
        Ok((self.states.len() - 1) as StateId)
    }

    pub fn insert_set(&mut self, set: ByteSet) -> Result<StateId, RegexError> {
        if let Some(byte) = set.single() {
            return self.insert(Kind::Byte(byte));
        }
        let index = match self.sets.iter().position(|present| *present == set) {
            Some(index) => index,
            None => {
                self.sets.push(set);
                self.sets.len() - 1
            }
        };
        self.insert(Kind::Set(index as u32))
    }

    pub fn state(&self, id: StateId) -> State {
        self.states[id as usize]
    }

    /// Connects the end of `sequence` to `next` and extends it by that.
    pub fn append(&mut self, sequence: &mut Sequence, next: Sequence) {
        self.states[sequence.end as usize].next = next.start;
        sequence.end = next.end;
    }

    /// A copy of all states of `sequence`.
    pub fn duplicate(&mut self, sequence: Sequence) -> Result<Sequence, RegexError> {
        let mut copies: FxHashMap<StateId, StateId> = FxHashMap::default();
        let mut pending = vec![sequence.start];
        while let Some(id) = pending.pop() {
            if copies.contains_key(&id) {
                continue;
            }
            let State { kind, next } = self.state(id);
            let copy = self.insert(kind)?;
            self.states[copy as usize].next = next;
            copies.insert(id, copy);
            pending.extend(kind.branch());
            if id != sequence.end && next != UNCONNECTED {
                pending.push(next);
            }
        }
        let copied = |id: StateId| copies.get(&id).copied().unwrap_or(id);
        for copy in copies.values() {
            let state = &mut self.states[*copy as usize];
            state.next = copied(state.next);
            state.kind.redirect(copied);
        }
        Ok(Sequence { start: copied(sequence.start), end: copied(sequence.end) })
    }

    /// Takes out states that do nothing, and finds out what speeds matching up.
    pub fn finish(&mut self) {
        self.skip_nothing();
        let components = self.components_without_taking();
        for index in 0..self.states.len() {
            let Kind::Repeat { body, .. } = self.states[index].kind else { continue };
            let back = self.state(body).next as usize == index;
            let shape = match self.state(body).kind {
                Kind::Byte(_) | Kind::Set(_) if back => Shape::SingleByte,
                _ if components[body as usize] == components[index] => Shape::MayTakeNothing,
                _ => Shape::TakesSomething,
            };
            self.states[index].kind = Kind::Repeat { body, shape };
        }
        self.has_alternatives =
            self.states.iter().any(|state| matches!(state.kind, Kind::Alternative { .. }));
        self.first = self.first_bytes();
    }

    fn skip_nothing(&mut self) {
        let mut behind: Vec<StateId> = (0..self.states.len() as StateId).collect();
        let mut chain = Vec::new();
        for id in 0..self.states.len() as StateId {
            let mut last = id;
            while self.state(last).kind == Kind::Nothing && behind[last as usize] == last {
                chain.push(last);
                match self.state(last).next {
                    UNCONNECTED => break,
                    next => last = next,
                }
            }
            let last = behind[last as usize];
            for passed in chain.drain(..) {
                behind[passed as usize] = last;
            }
        }
        let behind = |id: StateId| behind.get(id as usize).copied().unwrap_or(id);
        for state in &mut self.states {
            state.next = behind(state.next);
            state.kind.redirect(behind);
        }
        self.start = behind(self.start);
    }

    /// The states that `id` leads to without taking a byte.
    fn without_taking(&self, id: StateId) -> [Option<StateId>; 2] {
        let State { kind, next } = self.state(id);
        let next = Some(next).filter(|next| *next != UNCONNECTED);
        match kind {
            Kind::Byte(_) | Kind::Set(_) | Kind::Accept => [None, None],
            _ => [kind.branch(), next],
        }
    }

    /// The strongly connected component of each state in the graph of ways that take no byte (Tarjan's algorithm, with
    /// its call stack spelled out).
    fn components_without_taking(&self) -> Vec<u32> {
        const UNSEEN: u32 = u32::MAX;
        let count = self.states.len();
        let (mut order, mut low) = (vec![UNSEEN; count], vec![0; count]);
        let mut component = vec![UNSEEN; count];
        let (mut seen, mut components) = (0, 0);
        let mut stack: Vec<StateId> = Vec::new();
        let mut calls: Vec<(StateId, usize)> = Vec::new();
        for root in 0..count as StateId {
            if order[root as usize] != UNSEEN {
                continue;
            }
            calls.push((root, 0));
            while let Some((id, edge)) = calls.last_mut() {
                let at = *id as usize;
                if *edge == 0 && order[at] == UNSEEN {
                    order[at] = seen;
                    low[at] = seen;
                    seen += 1;
                    stack.push(*id);
                }
                let Some(target) = self.without_taking(*id).get(*edge).copied() else {
                    if low[at] == order[at] {
                        while let Some(member) = stack.pop() {
                            component[member as usize] = components;
                            if member as usize == at {
                                break;
                            }
                        }
                        components += 1;
                    }
                    calls.pop();
                    if let Some((caller, _)) = calls.last() {
                        let caller = *caller as usize;
                        low[caller] = low[caller].min(low[at]);
                    }
                    continue;
                };
                *edge += 1;
                let Some(target) = target else { continue };
                if order[target as usize] == UNSEEN {
                    calls.push((target, 0));
                } else if component[target as usize] == UNSEEN {
                    low[at] = low[at].min(order[target as usize]);
                }
            }
        }
        component
    }

    fn first_bytes(&self) -> First {
        let mut first = ByteSet::default();
        let mut seen = vec![false; self.states.len()];
        let mut pending = vec![self.start];
        while let Some(id) = pending.pop() {
            if std::mem::replace(&mut seen[id as usize], true) {
                continue;
            }
            match self.state(id).kind {
                Kind::Byte(byte) => first.insert(byte),
                Kind::Set(set) => first.union(&self.sets[set as usize]),
                Kind::Accept => return First::Anything,
                _ => pending.extend(self.without_taking(id).into_iter().flatten()),
            }
        }
        first.single().map_or(First::Set(first), First::Byte)
    }
}

impl Kind {
    /// The other way that a branching state leads, beside its next state.
    fn branch(self) -> Option<StateId> {
        match self {
            Kind::Repeat { body, .. } => Some(body),
            Kind::Alternative { left } => Some(left),
            _ => None,
        }
    }

    fn redirect(&mut self, to: impl Fn(StateId) -> StateId) {
        match self {
            Kind::Repeat { body, .. } => *body = to(*body),
            Kind::Alternative { left } => *left = to(*left),
            _ => {}
        }
    }
}
