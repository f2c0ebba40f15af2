//! A walk looks at everything once, however many workers and evaluations it takes.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix_expr::{
    ErrorKind, EvalError, EvaluationPool, FileSystemIo, Session, Settings, ValueRef, Visitor, WalkLimits,
    walk,
};

/// Notes the text or number that each value is, and looks into all sets.
#[derive(Default)]
struct Notes {
    expression: &'static str,
    evaluations: AtomicUsize,
    values: Mutex<BTreeMap<String, String>>,
    failed: Mutex<BTreeSet<String>>,
    /// The walk ends where this fails.
    last: &'static str,
}

impl Visitor for Notes {
    fn root<'a>(&self, session: &Session<'a>) -> Result<ValueRef<'a>, EvalError> {
        self.evaluations.fetch_add(1, Ordering::Relaxed);
        session.evaluate_text(self.expression, "«walk»", "/".as_ref())
    }

    fn visit<'a>(
        &self,
        session: &Session<'a>,
        path: &[String],
        value: ValueRef<'a>,
    ) -> Result<Vec<String>, EvalError> {
        if session.type_name(value)? == "set" {
            return session.attribute_names(value);
        }
        let text = session.to_json(value)?.text;
        let before = self.values.lock().unwrap().insert(path.join("."), text);
        assert_eq!(before, None, "{path:?} was seen twice");
        Ok(Vec::new())
    }

    fn failed(&self, path: &[String], error: EvalError) -> Result<(), EvalError> {
        let path = path.join(".");
        if path == self.last {
            return Err(error);
        }
        self.failed.lock().unwrap().insert(path);
        Ok(())
    }
}

fn walked(expression: &'static str, workers: usize, memory: usize) -> (Notes, Result<(), EvalError>) {
    let notes = Notes { expression, last: "end", ..Notes::default() };
    let limits = WalkLimits { workers: NonZeroUsize::new(workers).unwrap(), memory };
    let (pool, io) = (EvaluationPool::default(), FileSystemIo::default());
    let result = walk(&pool, &Settings::default(), &io, limits, &notes);
    (notes, result)
}

/// A hundred numbers in sets in sets, one of which fails, and a string that takes memory for each.
const NUMBERS: &str = "
    let
      set = size: f: builtins.listToAttrs (builtins.genList (n: { name = \"n${toString n}\"; value = f n; }) size);
      large = n: builtins.foldl' (sum: m: sum + m) 0 (builtins.genList (m: n) 2000);
    in set 5 (a: set 4 (b: set 5 (c: if a == 1 && b == 2 then throw \"not this\" else large (a * 100 + b * 10 + c))))";

#[test]
fn all_is_seen_once_in_evaluations_of_any_size() {
    let (whole, result) = walked(NUMBERS, 1, usize::MAX);
    result.unwrap();
    assert_eq!(whole.evaluations.into_inner(), 1);
    let values = whole.values.into_inner().unwrap();
    assert_eq!(values.len(), 95);
    assert_eq!(values["n3.n1.n4"], "628000");
    let failed = whole.failed.into_inner().unwrap();
    assert_eq!(failed, (0..5).map(|n| format!("n1.n2.n{n}")).collect());

    for (workers, memory, evaluations) in
        [(1, 1 << 20, 2..60), (1, 0, 126..127), (3, 1 << 20, 2..60), (4, 0, 126..127)]
    {
        let (parts, result) = walked(NUMBERS, workers, memory);
        result.unwrap();
        let count = parts.evaluations.into_inner();
        assert!(evaluations.contains(&count), "{workers} workers, {memory} bytes: {count} evaluations");
        assert_eq!(parts.values.into_inner().unwrap(), values);
        assert_eq!(parts.failed.into_inner().unwrap(), failed);
    }
}

#[test]
fn a_walk_ends_with_its_visitor() {
    for workers in [1, 4] {
        let (notes, result) = walked("{ a = 1; end = throw \"over\"; f.g = 2; }", workers, 0);
        assert_eq!(result.unwrap_err().message, "over");
        assert!(notes.failed.into_inner().unwrap().is_empty());
        // The value that all lies in is not there at all.
        let (notes, result) = walked("{ a = 1; }.b", workers, 0);
        assert_eq!(result.unwrap_err().kind, ErrorKind::MissingAttribute);
        assert_eq!(notes.values.into_inner().unwrap().len(), 0);
    }
}

#[test]
fn a_set_in_itself_is_seen_once() {
    for memory in [0, usize::MAX] {
        let (notes, result) =
            walked("let all = { n = 1; self = all; more = { m = 2; inherit all; }; }; in all", 2, memory);
        result.unwrap();
        let values = notes.values.into_inner().unwrap();
        assert_eq!(values.keys().collect::<Vec<_>>(), ["more.m", "n"]);
    }
}

#[test]
#[should_panic(expected = "was seen twice")]
fn a_visitor_that_panics_ends_the_walk() {
    let notes = Notes { expression: "{ a = 1; b = 2; c = 3; }", ..Notes::default() };
    notes.values.lock().unwrap().insert("b".to_owned(), String::new());
    let limits = WalkLimits { workers: NonZeroUsize::new(3).unwrap(), memory: 0 };
    let _ = walk(&EvaluationPool::default(), &Settings::default(), &FileSystemIo::default(), limits, &notes);
}
