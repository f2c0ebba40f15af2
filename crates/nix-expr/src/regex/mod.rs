//! POSIX extended regular expressions as `builtins.match` and `builtins.split` have them: exactly those of the
//! C++ standard library that Nix is built with (libstdc++'s `std::regex`, flag `extended`), on bytes.
//!
//! These differ from POSIX and from other engines: groups keep what they last matched in an earlier turn of a loop, a loop
//! may turn once more on nothing (`(a*)+` on `aa` gives `""`), of alternatives the longest match wins only
//! in a search, and then the first of equal length; escaping an ordinary character is an error, and so is what
//! POSIX leaves undefined. Outputs of derivations depend on all of that, so it is kept.
//!
//! [`parse`] makes a [`program`] of states, [`execute`] runs it by backtracking in the order that decides which
//! match is found. Other than in the original, matching takes no call stack, and remembers what it has
//! tried, so that no pattern takes exponential time.

mod bracket;
mod execute;
mod parse;
mod program;
mod search;
#[cfg(test)]
mod tests;

use std::ops::Range;

use execute::{Machine, Mode};
use program::Program;
pub use search::Matches;

/// Why a regular expression cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// It is not an extended regular expression.
    #[error("{problem} at byte {offset}")]
    Invalid {
        /// What is wrong.
        problem: &'static str,
        /// Where, from 0.
        offset: usize,
    },
    /// It needs more states than libstdc++ allows (100 000), mostly because of repetition counts.
    #[error("it needs too much memory")]
    TooLarge,
    /// Matching took too many steps or too much memory.
    #[error("it is too complex for this text")]
    TooComplex,
}

/// What a match consists of: the places of the whole match (group 0) and of each group, `None` for a group
/// that took no part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captures(Vec<Option<Range<usize>>>);

impl Captures {
    /// The whole match.
    pub fn whole(&self) -> Range<usize> {
        self.0.first().cloned().flatten().unwrap_or(0..0)
    }

    /// The groups, without the whole match, in order of their opening parentheses.
    pub fn groups(&self) -> &[Option<Range<usize>>] {
        self.0.get(1..).unwrap_or_default()
    }
}

/// A compiled regular expression.
#[derive(Debug)]
pub struct Regex {
    program: Program,
}

impl Regex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`RegexError::Invalid`] and [`RegexError::TooLarge`].
    pub fn new(pattern: &[u8]) -> Result<Self, RegexError> {
        Ok(Regex { program: parse::parse(pattern)? })
    }

    /// Matches all of `text` (what `builtins.match` does).
    ///
    /// # Errors
    /// [`RegexError::TooComplex`].
    pub fn match_full(&self, text: &[u8]) -> Result<Option<Captures>, RegexError> {
        let mut machine = Machine::new(&self.program, text, Mode::Full);
        Ok(machine.run(0)?.then(|| machine.captures()))
    }

    /// All matches from left to right that do not overlap, in the way of `std::regex_iterator` (what
    /// `builtins.split` goes through). After an error there are none.
    pub fn matches<'regex>(&'regex self, text: &'regex [u8]) -> Matches<'regex> {
        Matches::new(&self.program, text)
    }
}
