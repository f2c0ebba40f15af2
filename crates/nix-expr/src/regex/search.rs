//! Looking for matches anywhere in a text.

use super::execute::{Machine, Mode};
use super::program::{First, Program};
use super::{Captures, RegexError};

/// The matches of a regular expression in a text (see [`super::Regex::matches`]).
pub struct Matches<'regex> {
    program: &'regex Program,
    text: &'regex [u8],
    machine: Machine<'regex>,
    /// Where the next search begins, and whether the match before was empty and ended there. `None` at the end.
    next: Option<(usize, bool)>,
}

impl<'regex> Matches<'regex> {
    pub(super) fn new(program: &'regex Program, text: &'regex [u8]) -> Self {
        let machine = Machine::new(program, text, Mode::Prefix);
        Matches { program, text, machine, next: Some((0, false)) }
    }

    /// The first match at or after `start`; `^` matches at the beginning of the text only.
    fn search(&mut self, start: usize) -> Result<Option<Captures>, RegexError> {
        self.machine.set_mode(Mode::Prefix);
        let mut place = start;
        while let Some(rest) = self.text.get(place..) {
            let candidate = match &self.program.first {
                First::Anything => Some(0),
                First::Byte(byte) => memchr::memchr(*byte, rest),
                First::Set(set) => rest.iter().position(|byte| set.contains(*byte)),
            };
            match candidate {
                Some(skipped) => place += skipped,
                None => return Ok(None),
            }
            if self.machine.run(place)? {
                return Ok(Some(self.machine.captures()));
            }
            place += 1;
        }
        Ok(None)
    }

    fn advance(&mut self) -> Result<Option<Captures>, RegexError> {
        let Some((mut start, after_empty)) = self.next.take() else { return Ok(None) };
        let mut found = None;
        if after_empty {
            if start == self.text.len() {
                return Ok(None);
            }
            // A match right there that is not empty goes before one further on.
            self.machine.set_mode(Mode::NonemptyPrefix);
            if self.machine.run(start)? {
                found = Some(self.machine.captures());
            } else {
                start += 1;
            }
        }
        if found.is_none() {
            found = self.search(start)?;
        }
        if let Some(captures) = &found {
            let whole = captures.whole();
            self.next = Some((whole.end, whole.is_empty()));
        }
        Ok(found)
    }
}

impl Iterator for Matches<'_> {
    type Item = Result<Captures, RegexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
