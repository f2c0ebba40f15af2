//! Scope and syntax.

use super::{fails, gives};

/// Inner ones first, evaluated on lookup only.
#[test]
fn with_is_weaker_than_any_binding() {
    gives("let a = 1; in with { a = 2; }; a", "1");
    gives("with { a = 1; }; with { a = 2; }; a", "2");
    gives("with { a = 1; b = 3; }; with { a = 2; }; b", "3");
    gives(r#"with throw "x"; 1"#, "1");
    gives("with { a = 1; }; let a = 2; in a", "2");
    gives("let f = a: with { a = 2; }; a; in f 1", "1");
    fails("if false then undefinedVariable else 1");
}

/// `-`, `*`, `/` and `<` call what is in scope.
#[test]
fn operators_are_variables() {
    gives("let __sub = a: b: 42; in 3 - 1", "42");
    gives("let __sub = a: b: 42; in -1", "42");
    gives("let __lessThan = a: b: 42; in 3 < 1", "42");
    gives("let __mul = a: b: 42; in 3 * 1", "42");
    gives("let __div = a: b: 42; in 3 / 1", "42");
    gives("let __add = a: b: 42; in 3 + 1", "4");
    gives("let __lessThan = a: b: true; in 3 >= 1", "false");
}

/// `<x>` calls `__findFile __nixPath "x"` of the scope; `<nix/fetchurl.nix>` is always there.
#[test]
fn search_paths_are_calls() {
    gives("let __findFile = path: name: name; in <a/b>", r#""a/b""#);
    gives(r#"let __nixPath = [ { prefix = "p"; path = ./tree; } ]; in baseNameOf <p/file>"#, r#""file""#);
    gives("builtins.isFunction (import <nix/fetchurl.nix>)", "true");
    fails("<not/there>");
    gives(
        r#"(import <nix/fetchurl.nix> { url = "http://a/b"; sha256 = "0000000000000000000000000000000000000000000000000000"; }).drvPath"#,
        r#""/nix/store/n0bh1r9p90s8sk9hwqi1gdm4nbf1jlkw-b.drv""#,
    );
    gives(r#"baseNameOf (builtins.findFile [ { prefix = ""; path = ./tree; } ] "sub/inner")"#, r#""inner""#);
}

/// And some without.
#[test]
fn builtins_are_globals_with_underscores() {
    gives(r#"__hasAttr "a" { a = 1; }"#, "true");
    gives("__length [ 1 ]", "1");
    gives(r#"removeAttrs { a = 1; } [ "a" ]"#, "{ }");
    gives("isNull null", "true");
    gives(r#"baseNameOf "a/b""#, r#""b""#);
    fails(r#"hasAttr "a" { }"#);
    fails("length [ ]");
    gives(
        "builtins.attrNames (builtins.intersectAttrs { map = 1; toString = 1; } builtins)",
        r#"[ "map" "toString" ]"#,
    );
}

/// They can be bound like any other.
#[test]
fn truth_values_are_variables() {
    gives("let true = false; in true", "false");
    gives("let null = 1; in null", "1");
    gives("{ true = 1; }.true", "1");
    gives("(true: true) 3", "3");
}

/// In both orders; `rec` counts where it stands first.
#[test]
fn attribute_paths_are_merged() {
    gives("{ a.b = 1; a = { c = 2; }; }", "{ a = { b = 1; c = 2; }; }");
    gives("{ a = { c = 2; }; a.b = 1; }", "{ a = { b = 1; c = 2; }; }");
    gives("{ a = rec { c = 2; d = c; }; a.b = 1; }", "{ a = { b = 1; c = 2; d = 2; }; }");
    gives("{ a = rec { c = 1; }; a.d = c; }", "{ a = { c = 1; d = 1; }; }");
    fails("let c = 9; in { a.d = c; a = rec { c = 1; e = d; }; }");
    gives("let c = 9; in { a = rec { c = 1; }; a.d = c; }", "{ a = { c = 1; d = 1; }; }");
    fails("{ a.b = 1; a.b = 2; }");
    fails("{ a = 1; a.b = 2; }");
    gives("{ a.b.c = 1; a.b.d = 2; a.e = 3; }", "{ a = { b = { c = 1; d = 2; }; e = 3; }; }");
}

/// Null is no name; two of one name are an error when evaluated.
#[test]
fn computed_names_come_last() {
    gives("{ ${null} = 1; a = 2; }", "{ a = 2; }");
    gives(r#"{ ${"a"} = 1; }"#, "{ a = 1; }");
    fails(r#"{ a = 1; ${"a" + ""} = 2; }"#);
    fails(r#"{ ${"a" + ""} = 1; ${"a" + ""} = 2; }"#);
    gives(r#"{ "${"a"}b" = 1; }"#, "{ ab = 1; }");
    gives(r#"let ${"a"} = 1; in a"#, "1");
    gives(r#"{ a.${"b" + "c"}.d = 1; }"#, "{ a = { bc = { d = 1; }; }; }");
    fails(r#"rec { a = b; ${"b" + ""} = 1; }"#);
    gives(r#"builtins.attrNames { ${"b" + ""} = throw "x"; a = throw "y"; }"#, r#"[ "a" "b" ]"#);
}

/// `__overrides`, in `rec` only.
#[test]
fn overrides_replace_in_recursive_sets() {
    gives("rec { __overrides = { a = 2; }; a = 1; b = a; }", "{ __overrides = { a = 2; }; a = 2; b = 2; }");
    gives("{ __overrides = { a = 2; }; a = 1; }", "{ __overrides = { a = 2; }; a = 1; }");
    gives("rec { __overrides = { c = 3; }; a = 1; }.c", "3");
}

/// `let { body }`, `or` as a name, URIs, numbers.
#[test]
fn old_syntax_is_understood() {
    gives("let { body = a; a = 1; }", "1");
    gives("let or = x: x; in map or [ 1 ]", "[ 1 ]");
    fails("[ (x: x) or 1 ]");
    gives("x:x", r#""x:x""#);
    gives("http://example.org/a?b=c", r#""http://example.org/a?b=c""#);
    gives("[ .5 1.e3 0.5 ]", "[ 0.5 1000 0.5 ]");
    gives("let f = x: [ x ]; e3 = 2; in [ (f 1) e3 ]", "[ [ 1 ] 2 ]");
    gives("let a-b = 1; in a-b", "1");
    gives("let a' = 1; in a'", "1");
    gives("builtins.typeOf __curPos", r#""null""#);
    gives("(import ./position.nix).here", "1");
    gives("let a = 1; b = 2; in a -b", "-1");
    fails("[ 1 -1 ]");
}

/// And each name has its own position.
#[test]
fn inherited_sources_are_evaluated_once() {
    gives("let inherit ({ a = 1; b = 2; }) a b; in [ a b ]", "[ 1 2 ]");
    gives(r#"let inherit (throw "x") a; in 1"#, "1");
    gives("let s = { inherit (s2) a; }; s2 = { a = 1; }; in s", "{ a = 1; }");
    gives(
        r#"(builtins.unsafeGetAttrPos "b" (let x = { a = 1; b = 2; }; in { inherit (x) a b; })) == null"#,
        "true",
    );
    gives("(import ./position.nix).position.line", "1");
    gives("(import ./position.nix).position.column", "46");
}

/// Of lines with text; tabs are none of it.
#[test]
fn indented_strings_lose_their_indentation() {
    gives(
        "''
    a
      b
  ''",
        r#""a\n  b\n""#,
    );
    gives(r#"''a ''${"b"} ''' ''\n $${x} ''"#, r#""a \${\"b\"} '' \n $\${x} ""#);
    gives(
        "''  
  a''",
        r#""a""#,
    );
    gives(
        r#"''
    ${"x"}
   y
''"#,
        r#"" x\ny\n""#,
    );
    gives(
        "''
	a
  b''",
        r#""\ta\n  b""#,
    );
    gives(
        "''
    a

    b
    ''",
        r#""a\n\nb\n""#,
    );
    gives(
        r#"''
  a
  ${"b"}''"#,
        r#""a\nb""#,
    );
    gives("''''", r#""""#);
    gives("'' ''", r#""""#);
    gives(
        "''
  '''' 
''",
        r#""''' \n""#,
    );
    gives(
        r"''
  a ''\t b
''",
        r#""a \t b\n""#,
    );
}

/// CR and CRLF in strings, and escapes of `$`.
#[test]
fn line_ends_become_newlines() {
    gives("import ./crlf.nix", r#""x\ny""#);
    gives(r#""a\${b} $${c} $$ \x \" \\""#, r#""a\${b} $\${c} $$ x \" \\""#);
    gives("\"\\r\\n\\t\" == \"\r\n\t\"", "false");
    gives("builtins.readFile ./crlf.txt", r#""a\r\nb""#);
}

/// With at least one slash; none at the end.
#[test]
fn paths_are_tokens() {
    gives("builtins.typeOf ./a", r#""path""#);
    gives("builtins.typeOf a/b", r#""path""#);
    fails("./a/");
    gives("a/b == ./a/b", "true");
    gives("/a/b/../c", "/a/c");
    gives(r#"./a/${"b"}c == ./a/bc"#, "true");
    gives(r#"/${"a"}"#, "/a");
    gives("builtins.typeOf ~/x", r#""path""#);
    fails("/a//b");
    gives(r#"./a.b-c+d_e == ./. + "/a.b-c+d_e""#, "true");
    fails("..");
}

/// Overflow is an error, division truncates.
#[test]
fn integers_have_64_bits() {
    gives("9223372036854775807", "9223372036854775807");
    fails("9223372036854775807 + 1");
    fails("9223372036854775807 * 2");
    fails("(-9223372036854775807) - 2");
    fails("-9223372036854775808");
    gives("[ (7 / 2) (-7 / 2) (7 / -2) ]", "[ 3 -3 -3 ]");
    fails("(-9223372036854775807 - 1) / (-1)");
    fails("1 / 0");
    fails("1 / 0.0");
    gives("builtins.bitAnd 5 3", "1");
    gives("builtins.bitXor (-1) 1", "-2");
    gives("[ (builtins.ceil 1.5) (builtins.floor (-1.5)) ]", "[ 2 -2 ]");
    fails("9223372036854775808");
}
