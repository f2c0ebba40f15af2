# Strings are bytes; what is coerced to them, and what the builtins make of them.
with builtins;
{
  length = map stringLength [ "" "a" "é" "日本" "\n" ];
  escapes = [ "\n\r\t\\\"\${x}$\{" "$$" "$" "\a\q" "$${x}" "a${"b"}c" ];
  indented = [
    ''
      a
        b
      c
    ''
    ''  x''
    ''
    ''
    ''a''${b} '''x''' ''\n\ty $$ $x''
    ''
      ${"a"}
       b
    ''
    ''

      a

      b
    ''
    (
      ''
        a
      ''
      + "c"
    )
    ''
        ''${x}
      tail''
  ];
  uri = [ http://example.org/a?b=c&d x:x ];
  toStrings = map toString [
    1
    (-3)
    1.5
    0.1
    1.0e10
    1.0e-7
    true
    false
    null
    "a"
    /a/b
    [ ]
    [ 1 2 ]
    [ "a" [ ] ]
    [ [ ] "a" ]
    [ 1 [ ] 2 [ [ ] ] 3 ]
    [ [ 1 2 ] [ 3 [ 4 ] ] ]
    [ true null false ]
    { outPath = "/x"; }
    { __toString = self: self.a; a = "b"; }
    { outPath = { outPath = "/y"; }; }
    { __toString = self: { outPath = "/z"; }; outPath = "no"; }
  ];
  interpolated = [
    "${{ outPath = "/x"; }}"
    "${{ __toString = self: "a"; }}"
    ("a" + { outPath = "/x"; })
  ];
  substrings = map (f: f "hello") [
    (substring 0 2)
    (substring 2 100)
    (substring 3 (-1))
    (substring 10 2)
    (substring 5 0)
    (substring 0 0)
  ];
  substringsOfOthers = [ (substring 1 2 { outPath = "/xyz"; }) ];
  replaced = [
    (replaceStrings [ "a" "b" ] [ "b" "a" ] "abba")
    (replaceStrings [ "" ] [ "-" ] "abc")
    (replaceStrings [ "" "a" ] [ "-" "x" ] "abc")
    (replaceStrings [ "a" "" ] [ "x" "-" ] "abc")
    (replaceStrings [ "ab" "abc" ] [ "1" "2" ] "abcab")
    (replaceStrings [ "abc" "ab" ] [ "2" "1" ] "abcab")
    (replaceStrings [ ] [ ] "abc")
    (replaceStrings [ "x" ] [ "y" ] "")
    (replaceStrings [ "" ] [ "y" ] "")
    (replaceStrings [ "oo" "a" ] [ "a" "oo" ] "foobar")
  ];
  joined = [
    (concatStringsSep ", " [ ])
    (concatStringsSep ", " [ "a" ])
    (concatStringsSep ", " [ "a" "b" "" "c" ])
    (concatStringsSep "" [ "a" { outPath = "b"; } ])
  ];
  order = [ ("a" < "b") ("a" < "B") ("é" < "z") ("" < "a") ("ab" < "a") ("a" <= "a") ("b" >= "a") ];
  baseNames = map baseNameOf [ "" "/" "a" "a/" "/a/b" "a/b/" "a//" "/a/b//" ./a/b ];
  directories = map dirOf [ "" "/" "a" "a/" "/a" "/a/b" "a/b/c" ];
  sums = [ ("a" + "b") ("a" + "") ("${"a"}" + "b") ];
  hashes = map (type: hashString type "text") [ "md5" "sha1" "sha256" "sha512" ];
  matched = [
    (match "ab" "abc")
    (match "abc" "abc")
    (match "a(b)(c)" "abc")
    (match "a(b)?(c)" "ac")
    (match "[[:space:]]+([[:upper:]]+)[[:space:]]+" "  FOO   ")
    (match "(.*)\\.nix" "a.b.nix")
    (match "" "")
    (match "(a|b)*" "abab")
  ];
  parts = [
    (split "(a)b" "abc")
    (split "([ac])" "abc")
    (split "(a)|(c)" "abc")
    (split "([[:upper:]]+)" " FOO ")
    (split "x" "abc")
    (split "" "abc")
    (split "," "")
    (split "," ",a,,b,")
    (split "(b*)" "abbc")
  ];
  attributeNames = attrNames { "a b" = 1; "" = 2; "é" = 3; Z = 4; a = 5; "1" = 6; "a-b" = 7; "a'" = 8; _ = 9; };
}
