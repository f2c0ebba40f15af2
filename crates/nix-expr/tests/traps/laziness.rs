//! Laziness and errors.

use super::{fails, gives};

/// And failed assertions and lookups.
#[test]
fn try_eval_catches_throws_only() {
    gives(r#"builtins.tryEval (throw "x")"#, "{ success = false; value = false; }");
    gives("builtins.tryEval (assert false; 1)", "{ success = false; value = false; }");
    gives("builtins.tryEval <not/there>", "{ success = false; value = false; }");
    fails(r#"builtins.tryEval (abort "x")"#);
    fails(r#"builtins.tryEval (1 + "a")"#);
    fails("builtins.tryEval { }.a");
    fails("builtins.tryEval (import ./nowhere.nix)");
    gives(
        r#"let t = throw "x"; in [ (builtins.tryEval t) (builtins.tryEval t) ]"#,
        "[ { success = false; value = false; } { success = false; value = false; } ]",
    );
    gives(r#"(builtins.tryEval { a = throw "x"; }).success"#, "true");
    fails("builtins.tryEval (let x = x; in x)");
}

/// `or` and `?` on the way.
#[test]
fn defaults_cover_what_is_no_set() {
    gives("{ a = 1; }.a or 2", "1");
    gives("{ }.a or 2", "2");
    fails("1.a or 2");
    gives("{ a = 1; }.a.b or 2", "2");
    gives("{ a = 1; } ? a.b", "false");
    gives("1 ? a", "false");
    gives("{ a.b = 1; } ? a.b", "true");
    gives("{ }.a.b.c or 3", "3");
    fails(r#"(throw "x").a or 2"#);
    fails(r#"{ a = throw "x"; }.a.b or 2"#);
    gives(r#"{ } ? ${"a"}"#, "false");
}

/// Which of several errors is seen is decided by the order of names.
#[test]
fn derivations_evaluate_attributes_by_name() {
    gives(
        r#"(builtins.tryEval (derivation { name = "d"; system = "x"; builder = "b"; a = throw "a"; b = abort "b"; }).drvPath).success"#,
        "false",
    );
    fails(
        r#"(builtins.tryEval (derivation { name = "d"; system = "x"; builder = "b"; a = abort "a"; b = throw "b"; }).drvPath).success"#,
    );
}

/// Whatever order they were written or first seen in.
#[test]
fn attributes_are_ordered_by_name() {
    gives(
        r#"builtins.attrNames { b = 1; a = 2; B = 3; _ = 4; "1" = 5; "é" = 6; }"#,
        r#"[ "1" "B" "_" "a" "b" "é" ]"#,
    );
    gives("builtins.attrValues { b = 1; a = 2; }", "[ 2 1 ]");
    gives("builtins.toJSON { b = 1; a = 2; }", r#""{\"a\":2,\"b\":1}""#);
    gives("{ z = 1; y = 2; }", "{ y = 2; z = 1; }");
    gives(
        r#"builtins.concatStringsSep "," (builtins.attrValues (builtins.mapAttrs (n: v: n) { d = 1; c = 1; }))"#,
        r#""c,d""#,
    );
}

/// `seq`, `deepSeq` on cycles, `trace` and kin.
#[test]
fn sequences_evaluate_and_return() {
    fails(r#"builtins.seq (throw "x") 1"#);
    gives(r#"builtins.seq { a = throw "x"; } 1"#, "1");
    fails(r#"builtins.deepSeq { a = throw "x"; } 1"#);
    gives("let x = { inherit x; }; in builtins.deepSeq x 1", "1");
    gives(r#"builtins.trace "x" 1"#, "1");
    gives(r#"builtins.addErrorContext "x" 1"#, "1");
    gives(r#"builtins.warn "x" 1"#, "1");
    fails("builtins.warn 1 1");
    gives(r#"builtins.traceVerbose (throw "x") 1"#, "1");
    gives("builtins.break 1", "1");
}

/// And can be asked again.
#[test]
fn values_that_need_themselves_are_errors() {
    fails("let x = x; in x");
    fails("let x = { a = x.a; }; in x.a");
    fails("rec { a = b; b = a; }.a");
    gives("let x = { a = 1; b = x.a; }; in x.b", "1");
    fails("let xs = [ (builtins.elemAt xs 0) ]; in builtins.head xs");
}
