//! The parser: it takes or refuses any text, and what it prints of an expression is the same expression.

use std::path::Path;

use nix_expr::{ErrorKind, EvalError, FileSystemIo, Settings, show_parsed};

fn shown(text: &[u8]) -> Result<String, EvalError> {
    let settings = Settings { pure: true, stack_size: 64 << 20, ..Settings::default() };
    show_parsed(text, "«fuzz»", Path::new("/"), &settings, &FileSystemIo::default())
}

/// Whether the printed form of an expression can be read back. Nix's form shows floats with six digits, paths without
/// what makes them paths, and the attribute `or` without quotes.
fn is_faithful(text: &[u8], printed: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | b'-');
    let has_or = printed.match_indices("or").any(|(at, _)| {
        let bytes = printed.as_bytes();
        let goes_on = bytes.get(at + 2).is_some_and(|byte| is_word(*byte));
        let began_before = at > 0 && is_word(bytes[at - 1]);
        !goes_on && !began_before
    });
    let has_float = text.windows(2).any(|pair| {
        pair[0].is_ascii_digit() && pair[1] == b'.' || pair[0] == b'.' && pair[1].is_ascii_digit()
    });
    !printed.contains('/') && !has_or && !has_float && std::str::from_utf8(text).is_ok()
}

pub fn parser(bytes: &[u8]) {
    match shown(bytes) {
        Ok(printed) => {
            if is_faithful(bytes, &printed) {
                let read = |text: &str| match shown(text.as_bytes()) {
                    Ok(printed) => printed,
                    Err(error) => panic!("what is printed is not read: {error}\n{text}"),
                };
                // A string of three parts or more is shown as one sum, which is read as a sum of a sum.
                let again = read(&printed);
                let parts = |text: &str| text.replace(['(', ')'], "");
                assert_eq!(parts(&again), parts(&printed), "{}", String::from_utf8_lossy(bytes));
                assert_eq!(read(&again), again, "{}", String::from_utf8_lossy(bytes));
            }
            accepted_by_another_parser(bytes);
        }
        Err(error) => assert!(
            matches!(error.kind, ErrorKind::Syntax | ErrorKind::UndefinedVariable | ErrorKind::StackDepth),
            "{error}"
        ),
    }
}

/// Another parser of the language takes what ours takes. Where it is known to be narrower, it is not asked.
fn accepted_by_another_parser(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // It knows ASCII white space only as Nix does, but is stricter about what may stand in paths and URIs, about floats
    // without a digit before the dot, about numbers that do not fit, about `or` as a name, and about `!` after an
    // operator that binds tighter.
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\n');
    let narrower = ["/", "or", ":", "~", "<", "let", "''", "\\"];
    let joined = text.replace([' ', '\n'], "");
    let not_after_operator = ["-!", "+!", "*!"].iter().any(|part| joined.contains(part));
    if !plain
        || not_after_operator
        || narrower.iter().any(|part| text.contains(part))
        || text.bytes().any(|byte| byte == b'.')
    {
        return;
    }
    let parsed = rnix::Root::parse(text);
    assert!(parsed.errors().is_empty(), "rnix refuses {text:?}: {:?}", parsed.errors());
}

pub const SEEDS: &[&[u8]] = &[
    b"{ a, b ? 1, ... }@c: let d.e = a; inherit (c) f; in rec { inherit d; \"g h\" = ''\n  x ${b}\n  ''$ ''; ${a} = ./i/${b}; }",
    b"assert a ? b.c -> !d; with e; if f then -1 * 2 else g.h or [ 3.5 <nixpkgs/lib> ~/x http://y.z ]",
    b"x: y: { z = x // y; w = x ++ y == x && y || x < y; }",
    b"let { body = __curPos; }",
    b"/* a */ # b\n\"\\${c} $${d} ${\"e\"}\"",
];
