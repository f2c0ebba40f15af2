{ lib }:
let
  inherit (lib) types;
  # One option of the type with these definitions.
  merge =
    type: values:
    (lib.evalModules {
      modules = [
        { options.x = lib.mkOption { inherit type; }; }
      ]
      ++ map (x: { inherit x; }) values;
    }).config.x;
  accepts = type: map type.check;
  fails = expr: !(builtins.tryEval (builtins.deepSeq expr null)).success;
in
{
  testScalars = {
    expr = [
      (accepts types.bool [ true "true" ])
      (accepts types.int [ 1 1.5 "1" ])
      (accepts types.float [ 1 1.5 ])
      (accepts types.number [ 1 1.5 "x" ])
      (accepts types.str [ "x" 1 null ])
      (accepts types.nonEmptyStr [ "x" "" "  " ])
      (accepts types.singleLineStr [ "x" "x\n" "x\ny" ])
      (accepts (types.strMatching "[a-z]+") [ "ab" "aB" "" ])
      (accepts types.port [ 0 65535 65536 (-1) ])
      (accepts types.ints.u8 [ 255 256 ])
      (accepts types.ints.s8 [ (-128) (-129) 127 128 ])
      (accepts types.ints.positive [ 1 0 ])
      (accepts types.ints.unsigned [ 0 (-1) ])
      (accepts (types.ints.between 2 4) [ 2 4 5 ])
      (accepts (types.numbers.between 0 1) [ 0.5 2 ])
      (accepts (types.enum [ "a" 1 null ]) [ "a" 1 null "b" ])
    ];
    expected = [
      [ true false ]
      [ true false false ]
      [ false true ]
      [ true true false ]
      [ true false false ]
      [ true false false ]
      [ true true false ]
      [ true false false ]
      [ true true false false ]
      [ true false ]
      [ true false true false ]
      [ true false ]
      [ true false ]
      [ true true false ]
      [ true false ]
      [ true true true false ]
    ];
  };
  testPaths = {
    expr = [
      (accepts types.path [ /x "/x" "x" { outPath = "/x"; } 1 ])
      (accepts types.pathInStore [ "${builtins.storeDir}/0lz9p8xhf89kb1c1kk6jxrzskaiygnlh-x" "/x" ])
      (accepts types.externalPath [ "/x" "${builtins.storeDir}/0lz9p8xhf89kb1c1kk6jxrzskaiygnlh-x" ])
      (accepts types.package [ { type = "derivation"; } "/x" ])
    ];
    expected = [
      [ true true false true false ]
      [ true false ]
      [ true false ]
      [ true false ]
    ];
  };
  testMerging = {
    expr = [
      (merge types.lines [ "a" "b" ])
      (merge types.commas [ "a" "b" ])
      (merge (types.listOf types.int) [ [ 1 ] [ 2 3 ] ])
      (merge (types.attrsOf types.int) [ { a = 1; } { b = 2; } ])
      (merge types.attrs [ { a.b = 1; } { a.c = 2; } ])
      (merge types.boolByOr [ false true ])
      (merge types.str [ "same" "same" ])
      (merge types.singleLineStr [ "x\n" ])
      (merge (types.nullOr types.int) [ null ])
      (merge (types.either types.int types.str) [ "x" ])
      (merge (types.oneOf [ types.int types.str types.bool ]) [ true ])
      (merge (types.coercedTo types.int toString types.str) [ 5 ])
      (merge types.anything [ { a.b = 1; } { a.c = [ 2 ]; } ])
      (merge (types.uniq types.str) [ "x" ])
      ((merge (types.functionTo (types.listOf types.int)) [ (x: [ x ]) (x: [ (x + 1) ]) ]) 1)
      (merge (types.attrTag { a = lib.mkOption { type = types.int; }; b = lib.mkOption { type = types.str; }; }) [ { b = "x"; } ])
    ];
    # Later modules' definitions come first, as modules are read from the importing one down.
    expected = [
      "b\na"
      "b,a"
      [ 2 3 1 ]
      { a = 1; b = 2; }
      { a.b = 1; }
      true
      "same"
      "x"
      null
      "x"
      true
      "5"
      { a = { b = 1; c = [ 2 ]; }; }
      "x"
      [ 2 1 ]
      { b = "x"; }
    ];
  };
  testEmptyValues = {
    expr = [
      (merge (types.listOf types.int) [ ])
      (merge (types.attrsOf types.int) [ ])
      (merge (types.nullOr types.int) [ ])
      (merge (types.submodule { options.a = lib.mkOption { default = 1; }; }) [ ])
      (fails (merge types.int [ ]))
      (fails (merge (types.nonEmptyListOf types.int) [ ]))
    ];
    expected = [ [ ] { } null { a = 1; } true true ];
  };
  testRefusals = {
    expr = map fails [
      (merge types.str [ "a" "b" ])
      (merge types.int [ "1" ])
      (merge (types.listOf types.int) [ [ "x" ] ])
      (merge types.raw [ 1 2 ])
      (merge (types.nullOr types.int) [ null 1 ])
      (merge (types.uniq types.lines) [ "a" "b" ])
      (merge (types.nonEmptyListOf types.int) [ [ ] ])
      (merge (types.passwdEntry types.str) [ "a:b" ])
    ];
    expected = builtins.genList (_: true) 8;
  };
  testLaziness = {
    expr =
      let
        type = kind: kind types.int;
        define = kind: merge (type kind) [ { a = lib.mkIf false 1; b = 2; } ];
      in
      [
        (lib.attrNames (define types.attrsOf))
        (lib.attrNames (define types.lazyAttrsOf))
        (merge (types.lazyAttrsOf types.int) [ { a = throw "lazy"; b = 2; } ]).b
      ];
    expected = [ [ "b" ] [ "a" "b" ] 2 ];
  };
  testDescriptions = {
    expr = map (type: type.description) (
      with types;
      [
        (listOf int)
        (attrsOf (listOf str))
        (nullOr (enum [ "a" "b" ]))
        (either (enum [ "a" ]) bool)
        (either int (listOf str))
        (attrsOf (either int str))
        (attrsOf (submodule { }))
        ints.u16
        (ints.between 1 3)
        lines
        (functionTo bool)
        (coercedTo int toString str)
        (nonEmptyListOf str)
        path
        (passwdEntry str)
      ]
    );
    expected = [
      "list of signed integer"
      "attribute set of list of string"
      "null or one of \"a\", \"b\""
      "value \"a\" (singular enum) or boolean"
      "signed integer or list of string"
      "attribute set of (signed integer or string)"
      "attribute set of (submodule)"
      "16 bit unsigned integer; between 0 and 65535 (both inclusive)"
      "integer between 1 and 3 (both inclusive)"
      "strings concatenated with \"\\n\""
      "function that evaluates to a(n) boolean"
      "string or signed integer convertible to it"
      "non-empty (list of string)"
      "absolute path"
      "string, not containing newlines or colons"
    ];
  };
  testTypeMerge = {
    expr = [
      ((types.enum [ "a" ]).typeMerge (types.enum [ "b" ]).functor).functor.payload.values
      ((types.listOf types.int).typeMerge (types.listOf types.str).functor)
      ((types.separatedString ",").typeMerge (types.separatedString ";").functor)
      ((types.nullOr types.int).typeMerge (types.nullOr types.int).functor).description
    ];
    expected = [ [ "a" "b" ] null null "null or signed integer" ];
  };
  testAddCheck = {
    expr = accepts (types.addCheck types.int (x: x > 3)) [ 4 2 "x" ];
    expected = [ true false false ];
  };
}
