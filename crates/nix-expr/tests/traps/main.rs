//! What an evaluator gets wrong easily: one test a trap, named for its subject.
//!
//! What each expression gives was recorded from Nix 2.26.3 (`nix-instantiate --eval --strict`, with a store that can be
//! written to, as derivations are looked up there); `fails` means that Nix fails, too. Relative paths are meant from
//! `files`, whose place does not matter to any result.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod comparison;
mod files;
mod laziness;
mod strings;
mod syntax;

use std::path::Path;

use nix_expr::{EvalError, FileSystemIo, Report, Settings, evaluate};

fn printed(expression: &str) -> Result<String, EvalError> {
    fn silent(_: Report, _: &str) {}
    let settings = Settings { report: silent, ..Settings::default() };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traps/files");
    evaluate(&settings, &FileSystemIo::default(), |session| {
        let value = session.evaluate_text(expression, "«test»", &directory)?;
        session.force_deep(value)?;
        session.print(value)
    })
}

/// The expression evaluates to this.
fn gives(expression: &str, expected: &str) {
    match printed(expression) {
        Ok(found) => assert_eq!(found, expected, "{expression}"),
        Err(error) => panic!("{expression} fails: {error}"),
    }
}

/// The expression is an error.
fn fails(expression: &str) {
    if let Ok(found) = printed(expression) {
        panic!("{expression} gives {found}");
    }
}
