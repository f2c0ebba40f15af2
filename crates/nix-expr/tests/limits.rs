//! What is too much ends in an error, never in a crash or a hang.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::path::Path;

use nix_expr::{ErrorKind, EvalError, FileSystemIo, Settings, evaluate};

fn json_with(settings: &Settings, expression: &str) -> Result<String, EvalError> {
    evaluate(settings, &FileSystemIo::default(), |session| {
        let value = session.evaluate_text(expression, "«test»", Path::new("/"))?;
        Ok(session.to_json(value)?.text)
    })
}

fn json(expression: &str) -> Result<String, EvalError> {
    json_with(&Settings::default(), expression)
}

fn kind(expression: &str) -> ErrorKind {
    json(expression).unwrap_err().kind
}

#[test]
fn a_stack_that_the_machine_refuses_becomes_a_smaller_one() {
    let settings = Settings { stack_size: 1 << 60, ..Settings::default() };
    assert_eq!(json_with(&settings, "1 + 1").unwrap(), "2");
}

#[test]
fn endless_recursion_is_told() {
    assert_eq!(kind("let x = x; in x"), ErrorKind::InfiniteRecursion);
    assert_eq!(kind("let x = { y = x.y; }; in x.y"), ErrorKind::InfiniteRecursion);
    assert_eq!(kind("let f = n: f (n + 1); in f 0"), ErrorKind::StackDepth);
    assert_eq!(kind("let f = n: 1 + f (n + 1); in f 0"), ErrorKind::StackDepth);
    assert_eq!(kind("let f = n: [ (f (n + 1)) ]; in f 0"), ErrorKind::StackDepth);
    assert_eq!(kind("let a = { inherit a; }; in a"), ErrorKind::StackDepth);
    assert_eq!(kind("let s = { __toString = self: self; }; in toString s"), ErrorKind::StackDepth);
    assert_eq!(kind("let s = { __functor = self: self; }; in s 1"), ErrorKind::StackDepth);
    let error = json("let\n  f = n: f (n + 1);\nin f 0").unwrap_err();
    assert_eq!(error.trace.first().and_then(|frame| frame.location.as_ref()).unwrap().line, 2);
}

#[test]
fn nesting_of_the_text_is_limited_by_the_stack_only() {
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    assert_eq!(json(&nested("(", ")", 20_000)).unwrap(), "1");
    let settings = Settings { stack_size: 16 << 20, ..Settings::default() };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a = ", "; }"),
        ("x: ", ""),
        ("-", ""),
        ("!", ""),
        ("if true then ", " else 1"),
        ("let a = ", "; in a"),
        ("with { a = ", "; }; a"),
        ("assert true; ", ""),
        ("\"${", "}\""),
        ("''${", "}''"),
        ("1 + (", ")"),
        ("a.${", "}"),
    ] {
        let outcome = json_with(&settings, &nested(open, close, 300_000));
        assert!(outcome.is_err(), "{open}");
    }
}

#[test]
fn long_texts_are_not_nested() {
    let sum = "1 + ".repeat(100_000) + "1";
    assert_eq!(json(&sum).unwrap(), "100001");
    let unspaced = "1+".repeat(100_000) + "1";
    assert_eq!(json(&unspaced).unwrap(), "100001");
    let minus = "-".repeat(50_000) + "1";
    assert_eq!(json(&minus).unwrap(), "1");
    let list = "[ ".to_owned() + &"1 ".repeat(100_000) + "]";
    assert_eq!(json(&format!("builtins.length {list}")).unwrap(), "100000");
}

#[test]
fn nesting_of_data_is_limited() {
    let json_text = "[".repeat(1_000_000);
    assert!(json(&format!("builtins.fromJSON \"{json_text}\"")).is_err());
    let toml = "a = ".to_owned() + &"[".repeat(100_000);
    assert!(json(&format!("builtins.fromTOML \"{toml}\"")).is_err());
    assert_eq!(kind("builtins.toXML builtins"), ErrorKind::StackDepth);
    let linked = "builtins.foldl' (tail: head: { inherit head tail; }) null (builtins.genList (x: x) 300000)";
    assert_eq!(kind(linked), ErrorKind::StackDepth);
    assert_eq!(json(&format!("builtins.deepSeq ({linked}) 1")).unwrap(), "1");
}

/// Nix's own limit is 10 000 calls, of which the outermost takes some.
#[test]
fn recursion_is_as_deep_as_in_nix() {
    let sum = |depth: u32| format!("let f = n: if n == 0 then 0 else 1 + f (n - 1); in f {depth}");
    assert_eq!(json(&sum(9_990)).unwrap(), "9990");
    let error = json(&sum(10_100)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::StackDepth);
    assert!(error.message.contains("max-call-depth exceeded"), "{error}");
    assert!(error.trace.len() > 100 && error.omitted_frames > 1000);
    let settings = Settings { max_call_depth: 100_000, ..Settings::default() };
    assert_eq!(json_with(&settings, &sum(60_000)).unwrap(), "60000");
    assert_eq!(
        json("let f = n: if n == 0 then 0 else builtins.add 1 (f (n - 1)); in f 4900").unwrap(),
        "4900"
    );
    assert_eq!(
        json("let f = n: if n == 0 then { } else { a = f (n - 1); }; in builtins.deepSeq (f 50000) 1")
            .unwrap(),
        "1"
    );
}

#[test]
fn data_may_be_nested_deeply() {
    const NESTED: &str = "builtins.foldl' (a: x: [ a ]) [ ] (builtins.genList (x: x) 100000)";
    let length = |function: &str| json(&format!("builtins.stringLength ({function} ({NESTED}))"));
    assert_eq!(json(&format!("builtins.deepSeq ({NESTED}) 1")).unwrap(), "1");
    assert_eq!(length("builtins.toJSON").unwrap(), "200002");
    assert_eq!(length("toString").unwrap(), "0");
    // Its indentation grows with the square of the depth.
    let xml = NESTED.replace("100000", "1000");
    assert!(json(&format!("builtins.toXML ({xml})")).unwrap().len() > 1_000_000);
    assert_eq!(json(&format!("({NESTED}) == ({NESTED})")).unwrap(), "true");
    assert_eq!(json(&format!("({NESTED}) < ({NESTED})")).unwrap(), "false");
    let printed = evaluate(&Settings::default(), &FileSystemIo::default(), |session| {
        let value = session.evaluate_text(NESTED, "«test»", Path::new("/"))?;
        let (shown, error) = session.show(value, nix_expr::Display::EVALUATED)?;
        assert_eq!(error, None);
        Ok((session.print(value)?, shown))
    });
    let (printed, shown) = printed.unwrap();
    assert!(printed.starts_with("[ [ [ ") && printed.len() > 300_000);
    assert_eq!(printed, shown);
    let updates = "builtins.foldl' (a: x: a // { ${toString x} = x; }) { } (builtins.genList (x: x) 20000)";
    assert_eq!(json(&format!("builtins.length (builtins.attrNames ({updates}))")).unwrap(), "20000");
    let appended = "builtins.length (builtins.foldl' (a: x: a ++ [ x ]) [ ] (builtins.genList (x: x) 5000))";
    assert_eq!(json(appended).unwrap(), "5000");
    let chain =
        "(builtins.foldl' (a: x: { ${toString x} = 1; } // a) { } (builtins.genList (x: x) 20000)).\"0\"";
    assert_eq!(json(chain).unwrap(), "1");
}
