//! Equality, order and functions.

use super::{fails, gives};

/// `==` makes new values of its sides, but not of the elements in them.
#[test]
fn elements_are_compared_by_identity_first() {
    gives("let f = x: x; in f == f", "false");
    gives("let f = x: x; in [ f ] == [ f ]", "true");
    gives("let a = { f = x: x; }; in a == a", "true");
    gives("let a = { f = x: x; }; in [ a.f ] == [ a.f ]", "false");
    gives("[ (x: x) ] == [ (x: x) ]", "false");
}

/// Only a variable is the same value in two places.
#[test]
fn variables_keep_identity_and_selections_do_not() {
    gives("let f = x: x; id = x: x; in [ (id f) ] == [ f ]", "false");
    gives("let f = x: x; in { a = f; } == { a = f; }", "true");
    gives("let f = x: x; g = f; in [ g ] == [ f ]", "true");
    gives("let s = { f = x: x; }; inherit (s) f; in [ f ] == [ f ]", "true");
    gives("with { f = x: x; }; [ f ] == [ f ]", "false");
    gives("let f = x: x; in [ (if true then f else f) ] == [ f ]", "false");
}

/// And by nothing else.
#[test]
fn derivations_are_compared_by_output_path() {
    gives(r#"let d = x: { type = "derivation"; outPath = "a"; inherit x; }; in d 1 == d 2"#, "true");
    gives(r#"{ type = "derivation"; outPath = "a"; } == { type = "derivation"; outPath = "b"; }"#, "false");
    gives(r#"{ type = "derivation"; a = 1; } == { type = "derivation"; a = 1; }"#, "true");
}

/// Also inside lists and for `elem`.
#[test]
fn integers_equal_floats() {
    gives("1 == 1.0", "true");
    gives("[ 1 ] == [ 1.0 ]", "true");
    gives("builtins.elem 1 [ 1.0 ]", "true");
    gives("{ a = 1; } == { a = 1.0; }", "true");
    gives("1 < 1.5", "true");
}

/// Elements that cannot be compared are an error only there.
#[test]
fn lists_are_ordered_by_their_first_difference() {
    gives("[ 1 2 ] < [ 1 3 ]", "true");
    gives(r#"[ 1 ] < [ 1 "a" ]"#, "true");
    gives("[ { } ] < [ { } 1 ]", "true");
    fails("[ { a = 1; } ] < [ { a = 2; } ]");
    gives("[ ] < [ 1 ]", "true");
    fails("{ } < { }");
    fails("true < false");
    gives("/a < /b", "true");
    fails("null < null");
}

/// And bears comparators that contradict themselves.
#[test]
fn sorting_is_stable() {
    gives("builtins.sort (a: b: true) [ 3 2 1 ]", "[ 1 2 3 ]");
    gives("builtins.sort (a: b: false) [ 3 2 1 ]", "[ 3 2 1 ]");
    gives(
        "map (x: x.v) (builtins.sort (a: b: a.k < b.k) [ { k = 2; v = 1; } { k = 1; v = 2; } { k = 2; v = 3; } { k = 1; v = 4; } ])",
        "[ 2 4 1 3 ]",
    );
    gives("builtins.sort builtins.lessThan [ 3 1.5 2 ]", "[ 1.5 2 3 ]");
    gives("builtins.sort (a: b: true) [ 1 2 3 4 5 6 7 8 9 10 ]", "[ 10 9 8 7 6 5 4 3 2 1 ]");
}

/// Every key once; numbers of both kinds are one.
#[test]
fn closures_go_breadth_first() {
    gives(
        "builtins.genericClosure { startSet = [ { key = 1; } { key = 1.0; v = 1; } ]; operator = x: [ ]; }",
        "[ { key = 1; } ]",
    );
    gives(
        "map (x: x.key) (builtins.genericClosure { startSet = [ { key = 1; } { key = 10; } ]; operator = x: if x.key < 4 then [ { key = x.key * 2; } { key = x.key + 1; } ] else [ ]; })",
        "[ 1 10 2 4 3 6 ]",
    );
    gives(
        "builtins.genericClosure { startSet = [ { key = { }; } ]; operator = x: [ ]; }",
        "[ { key = { }; } ]",
    );
    fails("builtins.genericClosure { startSet = [ { key = { }; } { key = { }; } ]; operator = x: [ ]; }");
    fails(r#"builtins.genericClosure { startSet = [ { key = "a"; } { key = 1; } ]; operator = x: [ ]; }"#);
}

/// `listToAttrs` keeps the first and does not evaluate values.
#[test]
fn the_first_of_two_names_counts_in_lists() {
    gives(r#"builtins.listToAttrs [ { name = "a"; value = 1; } { name = "a"; value = 2; } ]"#, "{ a = 1; }");
    gives(
        r#"builtins.attrNames (builtins.listToAttrs [ { name = "a"; value = throw "x"; } ])"#,
        r#"[ "a" ]"#,
    );
}

/// The first accumulator may be anything.
#[test]
fn folds_do_not_force_their_start() {
    gives(r#"builtins.foldl' (a: b: b) (throw "x") [ 1 ]"#, "1");
    gives("builtins.foldl' (a: b: a) 1 [ 1 2 ]", "1");
    fails(r#"builtins.foldl' (a: b: b) 0 [ (throw "a") 1 ]"#);
}

/// `@` is what was given; defaults see all formals.
#[test]
fn arguments_do_not_hold_defaults() {
    gives("({ a, b ? a + 1 }@args: [ args b ]) { a = 1; }", "[ { a = 1; } 2 ]");
    gives("({ a ? b, b ? 2 }: a) { }", "2");
    gives("(args@{ a ? 1, ... }: args) { c = 2; }", "{ c = 2; }");
    fails("({ a }: a) { a = 1; b = 2; }");
    fails("({ a }: a) { }");
    gives(r#"({ a ? throw "x" }: 1) { }"#, "1");
}

/// They are no functions to `isFunction`, and builtins have no arguments.
#[test]
fn functors_get_a_copy_of_themselves() {
    gives("({ __functor = self: x: x + self.v; v = 1; }) 2", "3");
    gives("builtins.isFunction { __functor = self: x: x; }", "false");
    gives("builtins.functionArgs map", "{ }");
    gives("builtins.functionArgs ({ a, b ? 1 }: a)", "{ a = false; b = true; }");
    gives("builtins.functionArgs (x: x)", "{ }");
    gives("let s = { __functor = self: x: [ self ] == [ s ]; f = x: x; }; in s 1", "true");
}

/// Ten thousand calls, and an error instead of a crash behind that.
#[test]
fn calls_nest_as_deep_as_in_nix() {
    gives("let f = n: if n == 0 then 0 else 1 + f (n - 1); in f 9990", "9990");
    fails("let f = n: if n == 0 then 0 else 1 + f (n - 1); in f 20000");
    fails("let f = n: f (n + 1); in f 0");
}
