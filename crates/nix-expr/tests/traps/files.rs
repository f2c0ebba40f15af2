//! Files, the store and derivations.

use super::{fails, gives};

/// `default.nix` of directories; `scopedImport` has its own variables.
#[test]
fn imports_follow_links() {
    gives("import ./dir", "{ value = 42; }");
    gives("(import ./imported.nix).value", "42");
    gives("builtins.scopedImport { x = 1; y = 2; } ./scoped.nix", "3");
    fails("import ./scoped.nix");
    gives("import (toString ./dir)", "{ value = 42; }");
    fails(r#"import "dir""#);
    gives("import ./dir == import ./dir/default.nix", "true");
}

/// For `pathExists`; links on the way are followed.
#[test]
fn a_slash_at_the_end_wants_a_directory() {
    gives(
        r#"map builtins.pathExists [ (toString ./tree + "/") (toString ./tree/file + "/") (toString ./tree/file + "/.") ./tree/file ./nowhere ./treelink/file ./tree/file/x (toString ./tree/link) ]"#,
        "[ true false false true false true false true ]",
    );
}

/// `readFile`, `readDir` and the types of files.
#[test]
fn what_files_say() {
    gives("builtins.readFile ./tree/file", r#""hello\n""#);
    gives(
        "builtins.readDir ./tree",
        r#"{ file = "regular"; link = "symlink"; program = "regular"; sub = "directory"; }"#,
    );
    gives("builtins.readFileType ./tree", r#""directory""#);
    gives("builtins.readFileType ./tree/link", r#""symlink""#);
    fails("builtins.readFile ./tree");
    fails("builtins.readFile ./nowhere");
    gives(
        r#"builtins.hashFile "sha256" ./tree/file"#,
        r#""5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03""#,
    );
    gives(r#"builtins.readFile (builtins.toFile "a" "b")"#, r#""b""#);
}

/// `path` and `filterSource`: the root of a tree is not asked for, its link is followed.
#[test]
fn added_paths_are_filtered_and_followed() {
    gives(
        r#"builtins.path { path = ./tree; name = "t"; }"#,
        r#""/nix/store/qwln81qx1zvc49x2n2aip69gvv5vb7f2-t""#,
    );
    gives(
        r#"builtins.path { path = ./treelink; name = "t"; }"#,
        r#""/nix/store/qwln81qx1zvc49x2n2aip69gvv5vb7f2-t""#,
    );
    gives(
        r#"builtins.filterSource (p: t: t != "directory") ./tree"#,
        r#""/nix/store/vhc9d8yjkq2qqsh6ihv7vicg6lazn84f-tree""#,
    );
    gives(
        "builtins.path { path = ./tree/file; recursive = false; }",
        r#""/nix/store/1vap48aqggkk52ijn2prxzxv7cnzvs0w-file""#,
    );
    fails(
        r#"builtins.path { path = ./tree/file; sha256 = "0000000000000000000000000000000000000000000000000000"; }"#,
    );
    gives(
        r#"builtins.path { path = ./tree; filter = p: t: baseNameOf p != "link"; }"#,
        r#""/nix/store/y1rpszb7mal47z59cjp2jmhykccm596b-tree""#,
    );
    fails("builtins.path { path = ./tree; filter = p: t: 1; }");
    fails("builtins.path { path = ./tree; unknown = 1; }");
    fails(r#"builtins.path { name = "x"; }"#);
    fails(r#"builtins.path { path = ./tree; name = "a b"; }"#);
}

/// Order of names, executables, links: the hash of a tree.
#[test]
fn archives_hold_bytes_and_one_bit() {
    gives(
        r#"builtins.path { path = ./tree; name = "source"; }"#,
        r#""/nix/store/qyfwlk6hzb3vlgnsv72ij4fj8sxyil2q-source""#,
    );
    gives(
        r#"builtins.path { path = ./tree/program; name = "p"; }"#,
        r#""/nix/store/3v2pd238irx7gzkqrxpxl69g8afz3dyj-p""#,
    );
    gives(
        r#"builtins.path { path = ./tree/sub; name = "s"; }"#,
        r#""/nix/store/8031976ikvymdgiqqvj8xfndnagvhnbr-s""#,
    );
}

/// Texts with references, fixed outputs, sources; names have rules.
#[test]
fn store_paths_are_hashes_of_their_content() {
    gives(r#"builtins.toFile "a" "b""#, r#""/nix/store/g76zcpqc540lrc8i6g7xy6ip0npn2hnp-a""#);
    gives(
        r#"builtins.toFile "a" "${builtins.toFile "b" "c"} ${./tree/file}""#,
        r#""/nix/store/a4jdvq326gsm0a40bsmhr2b5ylq1w7dj-a""#,
    );
    gives(r#"builtins.toFile ".a" "b""#, r#""/nix/store/rh2bm5m5rcx8kqv0cgf8gy0bydvs712h-.a""#);
    fails(r#"builtins.toFile "a b" "c""#);
    fails(r#"builtins.toFile "" "c""#);
    gives(
        r#"builtins.toFile (builtins.concatStringsSep "" (builtins.genList (x: "a") 211)) "b""#,
        r#""/nix/store/x91yrqdashdiag2xx7xx5yn52dzwd9aa-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#,
    );
    fails(r#"builtins.toFile (builtins.concatStringsSep "" (builtins.genList (x: "a") 212)) "b""#);
    gives(
        r#"(derivation { name = "f"; system = "x"; builder = "b"; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashMode = "recursive"; }).outPath"#,
        r#""/nix/store/f66gffbbljx7hpk8xw2f4ylk355g52as-f""#,
    );
    gives(
        r#"(derivation { name = "f"; system = "x"; builder = "b"; outputHash = "da39a3ee5e6b4b0d3255bfef95601890afd80709"; outputHashAlgo = "sha1"; }).outPath"#,
        r#""/nix/store/19m5iwh69wy32v1vkx5npi31prvvf98m-f""#,
    );
    fails("builtins.storePath /a");
    fails(r#"builtins.toFile "a" "${derivation { name = "d"; system = "x"; builder = "b"; }}""#);
}

/// But for `out`.
#[test]
fn outputs_are_named_behind_the_name() {
    gives(
        r#"let d = derivation { name = "d"; system = "x"; builder = "b"; outputs = [ "dev" "out" ]; }; in [ d.outPath d.out.outPath d.dev.outPath d.outputName (map (o: o.outputName) d.all) ]"#,
        r#"[ "/nix/store/07ad1f996xz3k5c8qsmpchmbxy9n7s9g-d-dev" "/nix/store/a1mf0ac01hhxjqzic47b2dyiy1kvwadn-d" "/nix/store/07ad1f996xz3k5c8qsmpchmbxy9n7s9g-d-dev" "dev" [ "dev" "out" ] ]"#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputs = [ "bin" ]; }).outPath"#,
        r#""/nix/store/6shcid5fdkybyqwybz3g90vr9qfjrix7-d-bin""#,
    );
}

/// `hashDerivationModulo`: fixed outputs stand for their content, inputs are sorted by hash.
#[test]
fn inputs_with_one_hash_are_merged() {
    gives(
        r#"let f = b: derivation { name = "f"; system = "x"; builder = b; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; }; d = b: derivation { name = "d"; system = "x"; builder = "b"; a = f b; }; in [ ((d "1").outPath == (d "2").outPath) ((d "1").drvPath == (d "2").drvPath) (d "1").outPath ]"#,
        r#"[ true false "/nix/store/bj5m91kk8kkw6s7b32gy07iz0ibsfwf3-d" ]"#,
    );
    gives(
        r#"let f = b: derivation { name = "f"; system = "x"; builder = b; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; }; in (derivation { name = "d"; system = "x"; builder = "b"; a = [ (f "1") (f "2") ]; }).outPath"#,
        r#""/nix/store/vzm524s1xx169j1nlyxiplizjdqagnw2-d""#,
    );
}

/// And sort everything but arguments.
#[test]
fn derivation_files_escape_five_bytes() {
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; args = [ "z" "a" "\"\\\n\r\t\${" ]; Z = "1"; a = "é"; __ignoreNulls = true; n = null; }).drvPath"#,
        r#""/nix/store/j76zjbg9llmz1k7fdrkigri68jf6i74p-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; __ignoreNulls = false; n = null; }).drvPath"#,
        r#""/nix/store/8vxxd8af5cx96k4xwnd1bygf1iayx1d5-d.drv""#,
    );
}

/// The first is the default; fixed outputs have one; hashes come in many forms.
#[test]
fn outputs_have_an_order() {
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputs = [ "dev" "out" ]; }).drvPath"#,
        r#""/nix/store/jsjvpjwjadw65141y3zhj7kmszr2jcd2-d.drv""#,
    );
    fails(r#"(derivation { name = "d"; system = "x"; builder = "b"; outputs = [ "out" "out" ]; }).drvPath"#);
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputs = [ "drv" ]; }).drvPath"#,
        r#""/nix/store/imz1ccmv1hr29lwfd10lja54j9zkrbww-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputHash = ""; outputHashAlgo = "sha256"; }).drvPath"#,
        r#""/nix/store/528pxm57rsw8i6bgvydbyf7h625qn7m0-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputHash = "0000000000000000000000000000000000000000000000000000"; outputHashAlgo = "sha256"; }).drvPath"#,
        r#""/nix/store/p8112w5lpizh6624jxqycbah5pz8aj72-d.drv""#,
    );
    fails(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashAlgo = "sha512"; }).drvPath"#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashMode = "nar"; }).drvPath"#,
        r#""/nix/store/dhv7gikbr21b5k7hj23jvb0bc9m45c66-d.drv""#,
    );
    fails(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputs = [ "out" "dev" ]; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; }).drvPath"#,
    );
    fails(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashMode = "text"; }).drvPath"#,
    );
}

/// Sorted, nulls dropped if asked for, paths copied.
#[test]
fn structured_attributes_are_one_json_text() {
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; __structuredAttrs = true; a = [ 1 2.5 null { b = "x"; } true ]; c = ./tree/file; u = "é"; outputs = [ "out" "dev" ]; }).drvPath"#,
        r#""/nix/store/p27wvm0vjmkgzd7hd0z4p55i6qajsgmy-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; __structuredAttrs = true; __ignoreNulls = true; n = null; args = [ "x" 1 ]; }).drvPath"#,
        r#""/nix/store/9x1vn0rh98mzqld9h9vmsvffw7v6dy6n-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; __structuredAttrs = false; n = null; }).drvPath"#,
        r#""/nix/store/k2zqvp0y2i2g1n5q3l80dxw9cy4w2pi3-d.drv""#,
    );
    gives(
        r#"(derivation { name = "d"; system = "x"; builder = "b"; __contentAddressed = false; __impure = false; }).drvPath"#,
        r#""/nix/store/0g0rfsxwfzkyh5v70dy4khm1qbx8plry-d.drv""#,
    );
    fails(r#"(derivation { name = "d"; system = "x"; builder = "b"; __contentAddressed = true; }).drvPath"#);
    fails(r#"(derivation { name = "d"; system = "x"; builder = "b"; __impure = true; }).drvPath"#);
}

/// Everything else of the set is there without it.
#[test]
fn only_paths_make_a_derivation() {
    gives(r#"(derivation { name = "d"; a = throw "x"; }).name"#, r#""d""#);
    gives(
        r#"builtins.attrNames (derivation { name = "d"; a = throw "x"; })"#,
        r#"[ "a" "all" "drvAttrs" "drvPath" "name" "out" "outPath" "outputName" "type" ]"#,
    );
    fails(r#"(derivation { name = "d"; a = throw "x"; }).outPath"#);
    gives(
        r#"(derivation { name = "d"; outputs = [ "out" "dev" ]; a = throw "x"; }).dev.outputName"#,
        r#""dev""#,
    );
    gives(r#"(derivation { name = "d"; a = 1; }).drvAttrs"#, r#"{ a = 1; name = "d"; }"#);
    gives(r#"(builtins.head (derivation { name = "d"; }).all).type"#, r#""derivation""#);
    gives("(derivation { }).type", r#""derivation""#);
    fails(r#"(derivation { name = "d"; outputs = [ ]; }).type"#);
}

/// As the C++ library has them, with its oddities.
#[test]
fn expressions_are_those_of_posix() {
    fails(r#"builtins.match "\\d" "1""#);
    gives(r#"builtins.match "(a*)+" "aa""#, r#"[ "" ]"#);
    gives(r#"builtins.match "[\\.]" "\\""#, "[ ]");
    gives(r#"builtins.match "." "\n""#, "[ ]");
    gives(r#"builtins.match "[[:alpha:]]+" "abc""#, "[ ]");
    gives(r#"builtins.match "(a)|(b)" "b""#, r#"[ null "b" ]"#);
    fails(r#"builtins.match "(?:a)" "a""#);
    fails(r#"builtins.match "a{,2}" "a""#);
    gives(r#"builtins.split "(x)|y" "axbyc""#, r#"[ "a" [ "x" ] "b" [ null ] "c" ]"#);
    gives(r#"builtins.split "" "ab""#, r#"[ "" [ ] "a" [ ] "b" [ ] "" ]"#);
    gives(r#"builtins.match "é" "é""#, "[ ]");
    gives(r#"builtins.match "." "é""#, "null");
    gives(r#"builtins.split "b*" "abc""#, r#"[ "" [ ] "a" [ ] "" [ ] "c" [ ] "" ]"#);
    gives(r#"builtins.match "(.*)/([^/]*)" "a/b/c""#, r#"[ "a/b" "c" ]"#);
    fails(r#"builtins.match "[a" "a""#);
    gives(r#"builtins.match "a**" "a""#, "[ ]");
}

/// And what configurations ask about the language.
#[test]
fn versions_are_compared_by_component() {
    gives(
        r#"map (p: builtins.compareVersions (builtins.elemAt p 0) (builtins.elemAt p 1)) [ [ "1.0" "1.0pre" ] [ "1.0" "1.0.0" ] [ "2.3" "2.12" ] [ "1a" "1b" ] [ "1.0a" "1.0" ] [ "" "pre" ] [ "1-2" "1.2" ] ]"#,
        "[ 1 -1 -1 -1 1 1 0 ]",
    );
    gives(
        r#"map builtins.parseDrvName [ "a-b-1.2" "a-b" "a-1-b" "a--1" "-1" ]"#,
        r#"[ { name = "a-b"; version = "1.2"; } { name = "a-b"; version = ""; } { name = "a"; version = "1-b"; } { name = "a"; version = "-1"; } { name = ""; version = "1"; } ]"#,
    );
    gives(r#"builtins.splitVersion "1.2-3pre4..5""#, r#"[ "1" "2" "3" "pre" "4" "5" ]"#);
    gives("builtins.langVersion", "6");
    gives(r#"builtins.compareVersions builtins.nixVersion "2.18" > 0"#, "true");
    gives("builtins.storeDir", r#""/nix/store""#);
    gives("builtins ? outputOf", "false");
    gives("builtins ? readFileType", "true");
    gives(r#"builtins.placeholder "out""#, r#""/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9""#);
    gives(r#"builtins.fromJSON "{\"a\":1,\"a\":2}""#, "{ a = 2; }");
    fails(r#"builtins.fromJSON "9223372036854775808""#);
    fails(r#"builtins.fromTOML "a = 1979-05-27""#);
    gives(r#"builtins.getEnv "NOT_THERE_AT_ALL""#, r#""""#);
}
