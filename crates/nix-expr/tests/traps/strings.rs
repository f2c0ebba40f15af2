//! Coercion and strings.

use super::{fails, gives};

/// `toString` of lists: a blank behind each element but the last, unless that element is an empty list.
#[test]
fn blanks_between_list_elements() {
    gives(r#"toString [ "a" [ ] ]"#, r#""a ""#);
    gives(r#"toString [ [ ] "a" ]"#, r#""a""#);
    gives("toString [ 1 [ ] 2 [ [ ] ] 3 ]", r#""1 2  3""#);
    gives(r#"toString [ "a" [ "b" [ ] ] "c" ]"#, r#""a b  c""#);
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; l = [ "a" [ ] ]; }).drvPath"#,
        r#""/nix/store/m3i6dczcm6ff3vfczkmjpiad2bfn8s2q-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; args = [ [ "a" [ ] ] ]; }).drvPath"#,
        r#""/nix/store/8qxnhc04kpblp335hlrwd8dca3f89nv7-d.drv""#,
    );
}

/// `toString` and derivations coerce them, interpolation does not.
#[test]
fn booleans_and_null_become_strings_only_where_more_is_coerced() {
    gives("toString [ true false null ]", r#""1  ""#);
    fails(r#""${true}""#);
    fails(r#""${null}""#);
    fails(r#""${1}""#);
    fails(r#"builtins.concatStringsSep "," [ 1 ]"#);
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; a = true; b = false; c = null; }).drvPath"#,
        r#""/nix/store/0whnjiavdq4iippw6dy5i7gvkcab3lz2-d.drv""#,
    );
}

/// `toString`, printing and JSON write floats differently.
#[test]
fn floats_have_three_forms() {
    gives("toString [ 1.5 1.0 123456789.123 1.0e-7 ]", r#""1.500000 1.000000 123456789.123000 0.000000""#);
    gives("[ 1.5 1.0 123456789.0 1.0e-7 1.0e100 0.1 ]", "[ 1.5 1 1.23457e+08 1e-07 1e+100 0.1 ]");
    gives(
        "builtins.toJSON [ 1.5 1.0 123456789.0 1.0e-7 1.0e100 0.1 1.0e15 1.0e16 ]",
        r#""[1.5,1.0,123456789.0,1e-07,1e+100,0.1,1e+15,1e+16]""#,
    );
    gives(
        "builtins.toXML 123456789.0",
        r#""<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <float value=\"1.23457e+08\" />\n</expr>\n""#,
    );
}

/// `__toString` is tried first, and its result is coerced again.
#[test]
fn to_string_before_out_path() {
    gives(r#""${{ __toString = self: "a"; outPath = "b"; }}""#, r#""a""#);
    gives(r#"toString { __toString = self: { outPath = "b"; }; }"#, r#""b""#);
    gives(r#"builtins.toJSON { __toString = self: "a"; outPath = "b"; }"#, r#""\"a\"""#);
    gives("builtins.toJSON { __toString = self: ./tree; } == builtins.toJSON (toString ./tree)", "true");
    gives(r#""${{ outPath = { outPath = "c"; }; }}""#, r#""c""#);
}

/// Interpolation and JSON copy a path, `toString` and `+` do not.
#[test]
fn paths_are_copied_in_interpolation_only() {
    gives(r#""${./tree}""#, r#""/nix/store/pld29iiqlpyf6m65gfzps36j9414kskm-tree""#);
    gives(r#""${./tree/link}""#, r#""/nix/store/h987bfv512xlppfsczj2p3cby6jf6jsc-link""#);
    gives(r#""${./treelink/file}""#, r#""/nix/store/ihdwy5k1i80r3gggim39pday2v3vbpna-file""#);
    gives("builtins.toJSON ./tree/file", r#""\"/nix/store/ihdwy5k1i80r3gggim39pday2v3vbpna-file\"""#);
    gives("baseNameOf (toString ./tree)", r#""tree""#);
    gives("builtins.hasContext (toString ./tree)", "false");
    gives(
        r#"builtins.getContext "${./tree/file}""#,
        r#"{ "/nix/store/ihdwy5k1i80r3gggim39pday2v3vbpna-file" = { path = true; }; }"#,
    );
}

/// The string must depend on nothing; parts are canonicalised.
#[test]
fn path_plus_string_is_a_path() {
    gives(r#"/a + "/b""#, "/a/b");
    gives(r#"/a + "b""#, "/ab");
    gives("/a + /b", "/a/b");
    gives(r#"/a/${"b"}/c"#, "/a/b/c");
    gives(r#"/a/${"../b"}"#, "/b");
    gives(r#"/a + "/../b""#, "/b");
    fails(r#"/a + "${derivation { name = "d"; system = "x"; builder = "b"; }}""#);
    gives(r#"builtins.typeOf (/a + "b")"#, r#""path""#);
}

/// Numbers, paths and strings.
#[test]
fn plus_is_decided_by_its_first_operand() {
    gives("1 + 2.5", "3.5");
    fails(r#"1 + "a""#);
    fails(r#""a" + 1"#);
    fails(r#"null + "a""#);
    gives(r#""a" + ./tree/file"#, r#""a/nix/store/ihdwy5k1i80r3gggim39pday2v3vbpna-file""#);
    gives(r#"./tree + "a" == ./treea"#, "true");
    fails("[ ] + 1");
    gives(r#""a" + { outPath = "b"; }"#, r#""ab""#);
}

/// Opaque, built and deep.
#[test]
fn contexts_have_three_kinds_of_elements() {
    gives(
        r#"builtins.getContext "${derivation { name = "d"; system = "x"; builder = "b"; }}""#,
        r#"{ "/nix/store/nzvhjdd45mdh8mkqm4vz4hdqsjrvkm8j-d.drv" = { outputs = [ "out" ]; }; }"#,
    );
    gives(
        r#"builtins.getContext (derivation { name = "d"; system = "x"; builder = "b"; }).drvPath"#,
        r#"{ "/nix/store/nzvhjdd45mdh8mkqm4vz4hdqsjrvkm8j-d.drv" = { allOutputs = true; }; }"#,
    );
    gives(
        r#"builtins.getContext (builtins.toFile "a" "b")"#,
        r#"{ "/nix/store/g76zcpqc540lrc8i6g7xy6ip0npn2hnp-a" = { path = true; }; }"#,
    );
    gives(
        r#"builtins.getContext (builtins.unsafeDiscardOutputDependency (derivation { name = "d"; system = "x"; builder = "b"; }).drvPath)"#,
        r#"{ "/nix/store/nzvhjdd45mdh8mkqm4vz4hdqsjrvkm8j-d.drv" = { path = true; }; }"#,
    );
    gives(
        r#"builtins.getContext (builtins.addDrvOutputDependencies (builtins.unsafeDiscardOutputDependency (derivation { name = "d"; system = "x"; builder = "b"; }).drvPath))"#,
        r#"{ "/nix/store/nzvhjdd45mdh8mkqm4vz4hdqsjrvkm8j-d.drv" = { allOutputs = true; }; }"#,
    );
    gives(
        r#"builtins.getContext (builtins.appendContext "a" (builtins.getContext "${derivation { name = "d"; system = "x"; builder = "b"; }} ${builtins.toFile "a" "b"}"))"#,
        r#"{ "/nix/store/g76zcpqc540lrc8i6g7xy6ip0npn2hnp-a" = { path = true; }; "/nix/store/nzvhjdd45mdh8mkqm4vz4hdqsjrvkm8j-d.drv" = { outputs = [ "out" ]; }; }"#,
    );
}

/// A derivation that depends on a `drvPath` has all of its closure as inputs.
#[test]
fn deep_dependencies_bring_the_whole_closure() {
    gives(
        r#"(derivation { name = "e"; system = "x"; builder = "b"; d = (derivation { name = "f"; system = "x"; builder = "b"; outputs = [ "out" "dev" ]; d = derivation { name = "d"; system = "x"; builder = "b"; }; }).drvPath; }).drvPath"#,
        r#""/nix/store/0bhpjw041xpfkdwsg1l5hc5855h2h5hl-e.drv""#,
    );
}

/// Substrings and joins keep it; groups of matches and hashes do not.
#[test]
fn who_keeps_context() {
    gives(
        r#"let s = "${derivation { name = "d"; system = "x"; builder = "b"; }}"; in map builtins.hasContext [ (builtins.substring 0 0 s) (baseNameOf s) (dirOf s) (builtins.concatStringsSep s [ "a" "b" ]) (builtins.toJSON s) (builtins.toXML s) (builtins.replaceStrings [ "q" ] [ s ] "a") (builtins.replaceStrings [ "a" ] [ s ] "a") (builtins.hashString "md5" s) (builtins.head (builtins.split "zzz" s)) (builtins.head (builtins.split "/" s)) (builtins.head (builtins.match "(.*)" s)) ]"#,
        "[ true true true true true true false true false true false false ]",
    );
}

/// Attribute names, names of derivations, hashes.
#[test]
fn names_depend_on_nothing() {
    fails(r#"{ ${"${derivation { name = "d"; system = "x"; builder = "b"; }}"} = 1; }"#);
    fails(r#"builtins.getAttr "${derivation { name = "d"; system = "x"; builder = "b"; }}" { }"#);
    fails(
        r#"(derivation { name = "${derivation { name = "d"; system = "x"; builder = "b"; }}"; system = "x"; builder = "b"; }).drvPath"#,
    );
    fails(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputHash = "${derivation { name = "d"; system = "x"; builder = "b"; }}"; outputHashAlgo = "sha256"; }).drvPath"#,
    );
    fails(
        r#"builtins.listToAttrs [ { name = "${derivation { name = "d"; system = "x"; builder = "b"; }}"; value = 1; } ]"#,
    );
}

/// Lengths and order are those of bytes, and NUL is in none.
#[test]
fn strings_are_bytes() {
    gives(r#"builtins.stringLength "é""#, "2");
    gives(r#""z" < "é""#, "true");
    gives(r#"builtins.substring 0 1 "é" == "é""#, "false");
    fails(r#"builtins.fromJSON "\"\\u0000\"""#);
}

/// `replaceStrings` with an empty pattern; replacements are lazy; the first in the list wins.
#[test]
fn empty_patterns_match_between_characters() {
    gives(r#"builtins.replaceStrings [ "" "a" ] [ "x" "y" ] "abc""#, r#""xaxbxcx""#);
    gives(r#"builtins.replaceStrings [ "a" "ab" ] [ "1" "2" ] "abab""#, r#""1b1b""#);
    gives(r#"builtins.replaceStrings [ "a" "b" ] [ (throw "not needed") "c" ] "b""#, r#""c""#);
    gives(r#"builtins.replaceStrings [ "" ] [ "-" ] """#, r#""-""#);
    fails(r#"builtins.replaceStrings [ "a" ] [ "b" "c" ] "a""#);
}

/// Negative lengths mean the rest.
#[test]
fn substrings_are_cut_to_the_string() {
    gives(r#"builtins.substring 1 (-1) "hello""#, r#""ello""#);
    gives(r#"builtins.substring 10 1 "hello""#, r#""""#);
    gives(r#"builtins.substring 3 10 "hello""#, r#""lo""#);
    fails(r#"builtins.substring (-1) 1 "hello""#);
    gives(r#"builtins.substring 0 2 { outPath = "abc"; }"#, r#""ab""#);
    gives(r#"builtins.substring 0 (-2) """#, r#""""#);
}
