//! Strings. They are bytes; nothing here knows of characters.

use super::Builtin;
use crate::error::ErrorKind;
use crate::eval::{Coercion, Evaluated, Evaluator};
use crate::position::Position;
use crate::string::ContextUnion;
use crate::value::{Slot, Value};

pub(super) const BUILTINS: &[Builtin] = &[
    Builtin::new("__concatStringsSep", 2, concat_strings_sep)
        .doc("separator list", "Joins strings, with `separator` between each two of them."),
    Builtin::new("__replaceStrings", 3, replace_strings).doc(
        "from to s",
        "Replaces each string of the list `from` in `s` by the one of `to` that has the same \
         index. Of several that fit, the first in the list counts.",
    ),
    Builtin::new("__stringLength", 1, string_length).doc("e", "The number of bytes in a string."),
    Builtin::new("__substring", 3, substring).doc(
        "start len s",
        "The part of a string from byte `start`, `len` bytes long; to its end if `len` is \
         negative.",
    ),
    Builtin::new("toString", 1, to_string).doc(
        "e",
        "A value as a string. Lists are joined with blanks, `true` is `1`, `false` and `null` \
         are empty; sets need `__toString` or `outPath`.",
    ),
];

type Arguments<'b, 'a> = &'b [&'a Slot<'a>];

fn to_string<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let value = e.force(args[0], at)?;
    Ok(Value::String(e.coerce(value, at, Coercion::TO_STRING)?))
}

fn string_length<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let string = e.coerce(e.force(args[0], at)?, at, Coercion::INTERPOLATION)?;
    Ok(Value::Int(string.bytes.len() as i64))
}

/// Keeps the whole string's context, even of an empty part: that is how a string's context is had without its text.
fn substring<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let start = e.force_int(args[0], at)?;
    let length = e.force_int(args[1], at)?;
    let Ok(start) = usize::try_from(start) else {
        return e.fail(ErrorKind::Value, at, "negative start position in 'substring'");
    };
    let string = e.coerce(e.force(args[2], at)?, at, Coercion::INTERPOLATION)?;
    let rest: &'a [u8] = string.bytes.get(start..).unwrap_or_default();
    // A negative length means all the rest.
    let length = usize::try_from(length).map_or(rest.len(), |length| length.min(rest.len()));
    Ok(e.string_in_arena(&rest[..length], string.context))
}

fn concat_strings_sep<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let separator = e.force_string(args[0], at)?;
    let mut context = ContextUnion::from_iter([separator.context]);
    let mut out = Vec::new();
    for (index, item) in e.force_list(args[1], at)?.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(separator.bytes);
        }
        let value = e.in_context(
            e.force(item, at),
            at,
            "while evaluating one element of the list of strings to concat",
        )?;
        e.coerce_into(value, at, Coercion::INTERPOLATION, &mut out, &mut context)?;
    }
    Ok(e.string_with(&out, e.contexts.of(&context)))
}

/// An empty pattern matches between all bytes and at the end; of several that match, the first in the list wins.
fn replace_strings<'a>(e: &Evaluator<'a>, args: Arguments<'_, 'a>, at: Position) -> Evaluated<'a> {
    let patterns = e.force_list(args[0], at)?;
    let replacements = e.force_list(args[1], at)?;
    if patterns.len() != replacements.len() {
        let message = "'from' and 'to' arguments passed to builtins.replaceStrings have different lengths";
        return e.fail(ErrorKind::Value, at, message);
    }
    let patterns = patterns
        .iter()
        .map(|pattern| Ok(e.force_string(pattern, at)?.bytes))
        .collect::<Result<Vec<&'a [u8]>, crate::error::Error>>()?;
    // Which bytes can start a match: most strings hold few of them.
    let has_empty = patterns.iter().any(|pattern| pattern.is_empty());
    let mut starts = [has_empty; 256];
    for pattern in &patterns {
        if let Some(first) = pattern.first() {
            starts[usize::from(*first)] = true;
        }
    }
    let string = e.force_string(args[2], at)?;
    let text = string.bytes;
    let mut context = ContextUnion::from_iter([string.context]);
    let mut out = Vec::with_capacity(text.len());
    let mut place = 0;
    while place <= text.len() {
        let rest = &text[place..];
        let found = match rest.first() {
            Some(byte) if !starts[usize::from(*byte)] => None,
            None if !has_empty => None,
            _ => patterns.iter().position(|pattern| rest.starts_with(pattern)),
        };
        let mut step = 0;
        if let Some(index) = found {
            // Only replacements that are used are evaluated, and only they add their context.
            let replacement = e.force_string(replacements[index], at)?;
            out.extend_from_slice(replacement.bytes);
            context.add(replacement.context);
            step = patterns[index].len();
        }
        if step == 0 {
            out.extend(rest.first());
            step = 1;
        }
        place += step;
    }
    Ok(e.string_with(&out, e.contexts.of(&context)))
}
