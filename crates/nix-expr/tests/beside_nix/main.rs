//! The language beside Nix's own evaluator: the files of `cases/` must mean the same to both.
//!
//! Each file is a set of named cases. What they evaluate to is compared as JSON (sets, functions and derivations go
//! through `toXML` or their paths in it); `failures.nix` holds what must be an error. Random programs are compared, too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod generated;
mod nix;

use std::path::{Path, PathBuf};

use nix_expr::{EvalError, FileSystemIo, Settings, evaluate};

fn cases(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/beside_nix/cases").join(name)
}

/// What an expression evaluates to, as JSON.
fn json(expression: &str) -> Result<String, EvalError> {
    let io = FileSystemIo::default();
    evaluate(&Settings::default(), &io, |session| {
        let value = session.evaluate_text(expression, "«test»", Path::new("/"))?;
        Ok(session.to_json(value)?.text)
    })
}

/// Compares all cases of a file.
fn compare(name: &str) {
    // Each case by itself, so that a failure names it.
    let expression = format!(
        "let cases = import {}; in
         map (name: {{ inherit name; value = builtins.toJSON cases.${{name}}; }}) (builtins.attrNames cases)",
        cases(name).display()
    );
    let theirs: serde_json::Value = serde_json::from_str(&nix::json(&expression)).unwrap();
    let ours: serde_json::Value = serde_json::from_str(&json(&expression).unwrap()).unwrap();
    for (theirs, ours) in theirs.as_array().unwrap().iter().zip(ours.as_array().unwrap()) {
        assert_eq!(theirs, ours, "{name}");
    }
    assert_eq!(theirs, ours);
}

#[test]
fn strings() {
    compare("strings.nix");
}

#[test]
fn numbers() {
    compare("numbers.nix");
}

#[test]
fn sets() {
    compare("sets.nix");
}

#[test]
fn lists() {
    compare("lists.nix");
}

#[test]
fn functions() {
    compare("functions.nix");
}

#[test]
fn conversions() {
    compare("conversions.nix");
}

#[test]
fn derivations() {
    compare("derivations.nix");
}

#[test]
fn paths() {
    compare("paths.nix");
}

#[test]
fn failures() {
    let file = cases("failures.nix").display().to_string();
    let names: Vec<String> =
        serde_json::from_str(&json(&format!("builtins.attrNames (import {file})")).unwrap()).unwrap();
    assert!(names.len() > 100);
    for name in &names {
        let outcome = json(&format!("(import {file}).{name}"));
        assert!(outcome.is_err(), "{name} evaluates to {outcome:?} here");
    }
    nix::assert_all_fail(&file, &names);
}
