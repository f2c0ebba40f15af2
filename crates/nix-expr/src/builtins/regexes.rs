//! POSIX extended regular expressions: `match` and `split`.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::Builtin;
use crate::error::{Error, ErrorKind};
use crate::eval::{Evaluated, Evaluator};
use crate::position::Position;
use crate::regex::{Captures, Regex, RegexError};
use crate::string::ContextId;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__match", 2, match_builtin).doc(
        "regex str",
        "Matches a whole string with a POSIX extended regular expression. Returns the list of \
         what its groups matched, or `null` if it does not match.",
    ),
    Builtin::new("__split", 2, split).doc(
        "regex str",
        "Splits a string wherever a POSIX extended regular expression matches. Returns a list \
         in which the text between matches alternates with lists of what the groups of each \
         match are.",
    ),
];

/// Expressions that were compiled already: the same few are used over and over.
pub(crate) type RegexCache<'a> = FxHashMap<&'a [u8], Rc<Regex>>;

fn compile<'a>(e: &Evaluator<'a>, pattern: &'a [u8], at: Position) -> Result<Rc<Regex>, Error> {
    if let Some(regex) = e.regexes.borrow().get(pattern) {
        return Ok(regex.clone());
    }
    match Regex::new(pattern) {
        Ok(regex) => {
            let regex = Rc::new(regex);
            e.regexes.borrow_mut().insert(pattern, regex.clone());
            Ok(regex)
        }
        Err(error) => failure(e, pattern, error, at),
    }
}

/// The groups of a match as a list; null for those that took no part.
fn groups<'a>(e: &Evaluator<'a>, text: &'a [u8], captures: &Captures) -> Value<'a> {
    let items: Vec<_> = captures
        .groups()
        .iter()
        .map(|group| {
            e.slot(match group {
                Some(range) => e.string_in_arena(&text[range.clone()], ContextId::EMPTY),
                None => Value::Null,
            })
        })
        .collect();
    e.list(&items)
}

fn failure<'a, T>(e: &Evaluator<'a>, pattern: &[u8], error: RegexError, at: Position) -> Result<T, Error> {
    let pattern = String::from_utf8_lossy(pattern);
    e.fail(ErrorKind::Value, at, format!("invalid regular expression '{pattern}': {error}"))
}

fn match_builtin<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let pattern = e.force_plain(args[0], at)?;
    let regex = compile(e, pattern, at)?;
    let text = e.force_string(args[1], at)?.bytes;
    let found = regex.match_full(text).or_else(|error| failure(e, pattern, error, at))?;
    Ok(found.map_or(Value::Null, |captures| groups(e, text, &captures)))
}

fn split<'a>(e: &Evaluator<'a>, args: &[&'a Slot<'a>], at: Position) -> Evaluated<'a> {
    let pattern = e.force_plain(args[0], at)?;
    let regex = compile(e, pattern, at)?;
    let string = e.force_string(args[1], at)?;
    let text = string.bytes;
    let mut items = Vec::new();
    let mut behind = 0;
    for captures in regex.matches(text) {
        let captures = captures.or_else(|error| failure(e, pattern, error, at))?;
        let whole = captures.whole();
        items.push(e.slot(e.string_in_arena(&text[behind..whole.start], ContextId::EMPTY)));
        items.push(e.slot(groups(e, text, &captures)));
        behind = whole.end;
    }
    if items.is_empty() {
        // A string without a match is returned as it is, context and all.
        return Ok(e.list(&[e.slot(Value::String(string))]));
    }
    items.push(e.slot(e.string_in_arena(&text[behind..], ContextId::EMPTY)));
    Ok(e.list(&items))
}
