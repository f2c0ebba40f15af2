{ lib }:
let
  inherit (lib) generators;
in
{
  testKeyValue = {
    expr = generators.toKeyValue { } {
      a = 1;
      b = true;
      c = "x";
    };
    expected = "a=1\nb=true\nc=x\n";
  };
  testKeyValueDuplicates = {
    expr = generators.toKeyValue { listsAsDuplicateKeys = true; } { a = [ 1 2 ]; };
    expected = "a=1\na=2\n";
  };
  testIni = {
    expr = generators.toINI { } {
      "section 1".key = "v";
      other = { };
    };
    expected = "[other]\n\n[section 1]\nkey=v\n";
  };
  testIniGlobal = {
    expr = generators.toINIWithGlobalSection { } {
      globalSection.a = 1;
      sections.s.b = 2;
    };
    expected = "a=1\n\n[s]\nb=2\n";
  };
  testGitIni = {
    expr = generators.toGitINI {
      user.name = "A \"B\"";
      url."ssh://git@x/".insteadOf = [ "https://x/" "http://x/" ];
    };
    expected = ''
      [url "ssh://git@x/"]
      ${"\t"}insteadOf = "https://x/"
      ${"\t"}insteadOf = "http://x/"

      [user]
      ${"\t"}name = "A \"B\""
    '';
  };
  testJson = {
    expr = generators.toJSON { } { a = [ 1 null ]; };
    expected = "{\"a\":[1,null]}";
  };
  testPretty = {
    expr = generators.toPretty { multiline = false; } {
      a = [ 1 true null ];
      "b c" = "x\"\${y}";
      f = { x, y ? 1 }: x;
    };
    expected = "{ a = [ 1 true null ]; \"b c\" = \"x\\\"\\\${y}\"; f = <function, args: {x, y?}>; }";
  };
  testPrettyMultiline = {
    expr = generators.toPretty { } { a = "one\ntwo\n"; };
    expected = "{\n  a = ''\n    one\n    two\n  '';\n}";
  };
  testRecursionLimit = {
    expr = generators.toPretty { multiline = false; } (
      generators.withRecursion { depthLimit = 1; throwOnDepthLimit = false; } { a.b.c = 1; }
    );
    expected = "{ a = { b = \"<unevaluated>\"; }; }";
  };
  testLua = {
    expr = generators.toLua { multiline = false; } {
      a = [ 1 "x" null ];
      b = generators.mkLuaInline "1 + 1";
    };
    expected = "{ [\"a\"] = { 1, \"x\", nil }, [\"b\"] = (1 + 1) }";
  };
  testCommandLine = {
    expr = lib.cli.toGNUCommandLine { } {
      data = "x y";
      X = "PUT";
      retry = 3;
      url = [ "a" "b" ];
      silent = false;
      verbose = true;
      none = null;
    };
    expected = [ "-X" "PUT" "--data" "x y" "--retry" "3" "--url" "a" "--url" "b" "--verbose" ];
  };
  testCommandLineShell = {
    expr = lib.cli.toGNUCommandLineShell { optionValueSeparator = "="; } { data = "x y"; };
    expected = "'--data=x y'";
  };
  testIpv6 = {
    expr = [
      (lib.network.ipv6.fromString "2001:DB8:0:0:0:0:0:1/64").address
      (lib.network.ipv6.fromString "2001:DB8::1/64").prefixLength
      (lib.network.ipv6.fromString "::").address
      (lib.network.ipv6.fromString "1:0:0:2:0:0:0:3").address
      (lib.network.ipv6.mkEUI64Suffix "66:75:63:6B:20:75")
    ];
    expected = [ "2001:db8::1" 64 "::" "1:0:0:2::3" "6475:63ff:fe6b:2075" ];
  };
}
