# JSON, TOML, XML, versions and types.
with builtins;
{
  toJson = toJSON {
    a = 1;
    b = [ 1.5 null true "x\"\\\n\t/é" ];
    "" = { };
    c = { outPath = "/x"; y = 1; };
    d = { __toString = self: "s"; };
    e = [ ];
    big = 9223372036854775807;
  };
  toJsonEscapes = toJSON "\n\r\t\"\\/<>&'";
  fromJson = map (text: toXML (fromJSON text)) [
    "1"
    "-5"
    "1.5"
    "1e3"
    "\"a\\u00e9\\ud83d\\ude00\\n\""
    "[1,[2,{}],null,true,false]"
    "{\"b\":1,\"a\":{\"c\":[]},\"b\":2}"
    " \n{ \"a\" : 1 } "
    "9223372036854775807"
    "-9223372036854775808"
    "0.1"
    "-0"
  ];
  fromJsonTypes = map (text: typeOf (fromJSON text)) [ "1" "1.0" "-0" "1e2" "null" "{}" "[]" "\"\"" ];
  fromToml = fromTOML ''
    title = "a"
    "quoted key" = 1
    dotted.key = true
    numbers = [ 1, -2, 0x10, 0o7, 0b11, 1_000 ]
    float = 1.5
    multi = """
    a
      b"""
    literal = 'c:\x'

    [table]
    x = 1
    [table.sub]
    y = { z = "inline" }

    [[array]]
    n = 1
    [[array]]
    n = 2
  '';
  toXml = toXML {
    a = 1;
    b = [ "x<>&\"'" null true 1.5 ];
    c = x: x;
    d = { y, z ? 1, ... }: y;
    e = args@{ p }: p;
    f = /a/b;
    g = { };
  };
  versionsCompared = map (pair: compareVersions (elemAt pair 0) (elemAt pair 1)) [
    [ "1.0" "1.0" ]
    [ "1.0" "2.3" ]
    [ "2.1" "2.3" ]
    [ "2.3" "2.3pre1" ]
    [ "2.3pre1" "2.3" ]
    [ "2.3pre3" "2.3pre12" ]
    [ "2.3a" "2.3c" ]
    [ "2.3pre1" "2.3c" ]
    [ "2.3" "2.3.1" ]
    [ "2.3" "2.3q" ]
    [ "1.0-a" "1.0_a" ]
    [ "" "1" ]
    [ "10" "9" ]
    [ "1.09" "1.9" ]
    [ "a" "1" ]
  ];
  versionsSplit = map splitVersion [ "1.2.3" "" "1.2pre3" "a-b.c" "1..2" "2.3.1-rc1" ];
  namesParsed = map parseDrvName [ "nix-0.12pre12876" "a" "a-b" "a-1" "a-b-1.2-c" "hello-2.x" "a--1" "-1" "a-" ];
  types = map typeOf [ 1 1.5 "a" /a null true [ ] { } (x: x) map ];
  checks = [
    (isInt 1)
    (isInt 1.0)
    (isFloat 1.0)
    (isString "a")
    (isString /a)
    (isPath /a)
    (isBool true)
    (isNull null)
    (isList [ ])
    (isAttrs { })
    (isAttrs [ ])
  ];
  constants = [ langVersion storeDir (typeOf nixVersion) (typeOf builtins) true false null ];
  hashesConverted = map (type: hashString type "") [ "md5" "sha1" "sha256" "sha512" ];
  placeholders = map placeholder [ "out" "dev" ];
}
