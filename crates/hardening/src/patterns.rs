//! Regular expressions: grown from bytes in the part of the grammar on which all engines agree, compared with one of them;
//! and any bytes at all, of which only an answer is wanted.

use std::path::Path;

use nix_expr::{ErrorKind, EvalError};

use crate::evaluation::bounded;
use crate::input::Input;

/// What `builtins.match` and `builtins.split` say; the first as whether it matches.
fn ours(pattern: &str, text: &str) -> Result<bool, EvalError> {
    bounded(|session| {
        let functions = session.evaluate_text(
            "p: t: builtins.seq (builtins.deepSeq (builtins.split p t) null) (builtins.match p t != null)",
            "«fuzz»",
            Path::new("/"),
        )?;
        let value = session.call(functions, &[session.string(pattern), session.string(text)])?;
        session.to_bool(value)
    })
}

/// A pattern of literals, classes, groups, alternatives and repetitions.
fn pattern(input: &mut Input<'_>, out: &mut String, depth: usize) {
    let count = 1 + input.choose(3);
    for index in 0..count {
        if index > 0 && input.choose(5) == 1 {
            out.push('|');
        }
        match input.choose(if depth == 0 { 5 } else { 7 }) {
            0 | 1 => out.push(input.one_of(&['a', 'b', 'c'])),
            2 => out.push('.'),
            3 => out.push_str(input.one_of(&["[ab]", "[^a]", "[a-c]", "[[:alpha:]]", "[^b-z]"])),
            4 => out.push_str(input.one_of(&["\\.", "\\(", "-", "_"])),
            _ => {
                out.push('(');
                pattern(input, out, depth - 1);
                out.push(')');
            }
        }
        out.push_str(input.one_of(&["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}"]));
    }
}

pub fn regex(bytes: &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) if first % 2 == 0 => generated(rest),
        Some((_, rest)) => {
            let (pattern, text) =
                rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
            if let (Ok(pattern), Ok(text)) = (std::str::from_utf8(pattern), std::str::from_utf8(text)) {
                let _ = ours(pattern, text);
            }
        }
        None => {}
    }
}

fn generated(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut written = String::new();
    pattern(&mut input, &mut written, 3);
    let mut text = String::new();
    for _ in 0..input.choose(12) {
        text.push(input.one_of(&['a', 'b', 'c', 'a', '.', '(', '\n', '-']));
    }
    // Which texts a pattern matches as a whole does not depend on which of several ways an engine prefers.
    let theirs = regex::Regex::new(&format!("(?s)\\A(?:{written})\\z"));
    match (ours(&written, &text), theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs.is_match(&text), "{written:?} on {text:?}"),
        // Too much work for either engine is an error that it may have; on a busy machine ours runs out of time before.
        (Err(error), Ok(_)) => assert!(
            error.kind == ErrorKind::Interrupted || error.message.contains("too"),
            "{written:?}: {error}"
        ),
        (_, Err(error)) => assert!(error.to_string().contains("exceeds"), "{written:?}: {error}"),
    }
}

pub const SEEDS: &[&[u8]] = &[
    &[0, 2, 0, 0, 3, 0, 5, 1, 2, 4, 3, 0, 1, 2, 6, 8, 3, 1, 0, 1, 1, 2, 3],
    &[0, 1, 5, 2, 5, 1, 0, 3, 0, 3, 4, 3, 11, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    b"1([a-z]+)(-[0-9.]*)?\nhello-1.2",
    b"1(a*)*(b|[[:digit:]])\\2{3,}\naaaaaaaaaaaa",
    b"1[^]a-]{2}|^$\n",
];
