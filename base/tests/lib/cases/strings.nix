{ lib }:
{
  testAffixes = {
    expr = [
      (lib.hasPrefix "ab" "abc")
      (lib.hasPrefix "abcd" "abc")
      (lib.hasSuffix "bc" "abc")
      (lib.hasInfix "b" "abc")
      (lib.hasInfix "x" "abc")
      (lib.removePrefix "a" "abc")
      (lib.removeSuffix "c" "abc")
      (lib.removeSuffix "abcd" "abc")
    ];
    expected = [ true false true true false "bc" "ab" "abc" ];
  };
  testSplit = {
    expr = [
      (lib.splitString "." "a.b..c")
      (lib.splitString "-" "")
      (lib.stringToCharacters "abc")
      (map builtins.hasContext (lib.splitString " " "a ${derivation { name = "x"; system = "x"; builder = "x"; }}"))
    ];
    expected = [
      [ "a" "b" "" "c" ]
      [ "" ]
      [ "a" "b" "c" ]
      [ true true ]
    ];
  };
  testJoin = {
    expr = [
      (lib.concatMapStringsSep "-" toString [ 1 2 ])
      (lib.concatImapStringsSep "," (i: x: "${toString i}${x}") [ "a" "b" ])
      (lib.concatLines [ "a" "b" ])
      (lib.concatMapAttrsStringSep ";" (n: v: "${n}=${v}") { a = "1"; b = "2"; })
      (lib.strings.replicate 3 "ab")
    ];
    expected = [ "1-2" "1a,2b" "a\nb\n" "a=1;b=2" "ababab" ];
  };
  testShell = {
    expr = [
      (lib.escapeShellArg "plain-1.2/x")
      (lib.escapeShellArg "it's")
      (lib.escapeShellArg "")
      (lib.escapeShellArgs [ "a b" 3 ])
      (lib.toShellVar "x" "a b")
      (lib.toShellVar "l" [ "a" "b c" ])
      (lib.toShellVar "m" { k = "v w"; })
      (lib.toShellVars { a = 1; b = "x"; })
    ];
    expected = [
      "plain-1.2/x"
      "'it'\\''s'"
      "''"
      "'a b' 3"
      "x='a b'"
      "declare -a l=(a 'b c')"
      "declare -A m=([k]='v w')"
      "a=1\nb=x"
    ];
  };
  testEscapes = {
    expr = [
      (lib.escapeURL "a b/c?ä~")
      (lib.escapeXML "<a href=\"x\">'&'")
      (lib.escapeNixString "a\${b}\"c\n")
      (map lib.escapeNixIdentifier [ "a-b" "1a" "if" "a.b" ])
      (lib.escapeRegex "a.b[c]")
      (lib.escapeC [ " " ] "a b")
      (lib.escapeSystemdPath "/dev/disk by/x-1")
      (lib.escapeSystemdPath "/")
    ];
    expected = [
      "a%20b%2Fc%3Fä~"
      "&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;"
      "\"a\\\${b}\\\"c\\n\""
      [ "a-b" "\"1a\"" "\"if\"" "\"a.b\"" ]
      "a\\.b\\[c]"
      "a\\x20b"
      "dev-disk\\x20by-x\\x2d1"
      "-"
    ];
  };
  testCases = {
    expr = [
      (lib.toUpper "aBc1")
      (lib.toLower "AbC1")
      (lib.toSentenceCase "hELLO")
      (lib.toCamelCase "hello-big_world")
    ];
    expected = [ "ABC1" "abc1" "Hello" "helloBigWorld" ];
  };
  testNumbers = {
    expr = [
      (lib.toInt " 123 ")
      (lib.toInt "-4")
      (lib.toInt "0")
      (lib.toIntBase10 "0012")
      (lib.fixedWidthNumber 4 12)
      (lib.fixedWidthString 5 "ab" "x")
      (lib.fromHexString "0xFF")
      (lib.toHexString 255)
    ];
    expected = [ 123 (-4) 0 12 "0012" "ababx" 255 "FF" ];
  };
  testToIntAmbiguous = {
    expr = (builtins.tryEval (lib.toInt "00024")).success;
    expected = false;
  };
  testTrim = {
    expr = [ (lib.trim " \n a b\t ") (lib.trim " ") (lib.trimWith { end = true; } " a ") ];
    expected = [ "a b" "" " a" ];
  };
  testPaths = {
    expr = [
      (lib.makeBinPath [ "/a" "/b" ])
      (lib.makeSearchPath "share" [ "/a" null "/b" ])
      (lib.makeLibraryPath [ { lib = "/l"; out = "/o"; } ])
      (lib.normalizePath or lib.strings.normalizePath "//a//b/")
    ];
    expected = [ "/a/bin:/b/bin" "/a/share:/b/share" "/l/lib" "/a/b/" ];
  };
  testNames = {
    expr = [
      (lib.getName "hello-1.2")
      (lib.getVersion "hello-1.2")
      (lib.getName { pname = "x"; })
      (lib.strings.sanitizeDerivationName "..a b(c)")
      (lib.strings.sanitizeDerivationName "")
      (lib.versionOlder "1.9" "1.10")
      (lib.versionAtLeast "1.9" "1.10")
      (lib.nameFromURL "https://x/y/z-1.tar.bz2" ".tar")
    ];
    expected = [ "hello" "1.2" "x" "a-b-c-" "unknown" true false "z-1" ];
  };
  testStorePath = {
    expr = map lib.isStorePath [
      "${builtins.storeDir}/d945ibfx9x185xf04b890y4f9g3cbb63-python"
      "${builtins.storeDir}/d945ibfx9x185xf04b890y4f9g3cbb63-python/bin"
      "/x"
      5
    ];
    expected = [ true false false false ];
  };
  testDistance = {
    expr = [
      (lib.levenshtein "kitten" "sitting")
      (lib.levenshtein "" "abc")
      (lib.levenshtein "same" "same")
      (lib.levenshteinAtMost 2 "book" "back")
      (lib.levenshteinAtMost 1 "book" "back")
      (lib.commonPrefixLength "abcd" "abxd")
      (lib.commonSuffixLength "xbc" "abc")
    ];
    expected = [ 3 3 0 true false 2 2 ];
  };
  testBuildFlags = {
    expr = [
      (lib.cmakeBool "X" true)
      (lib.cmakeFeature "Y" "z")
      (lib.mesonEnable "docs" false)
      (lib.enableFeature true "x")
      (lib.withFeatureAs true "x" "/p")
    ];
    expected = [ "-DX:BOOL=TRUE" "-DY:STRING=z" "-Ddocs=disabled" "--enable-x" "--with-x=/p" ];
  };
  testVersions = {
    expr = [
      (lib.versions.major "1.2.3")
      (lib.versions.majorMinor "1.2.3")
      (lib.versions.patch "1.2.3")
      (lib.versions.pad 3 "1.2-rc1")
    ];
    expected = [ "1" "1.2" "3" "1.2.0-rc1" ];
  };
  testStringLike = {
    expr = map lib.isStringLike [ "x" /x { outPath = "/x"; } 1 [ ] ];
    expected = [ true true true false false ];
  };
}
