{ lib }:
let
  inherit (lib) nameValuePair;
  nested = {
    a.b.c = 1;
    d = 2;
  };
in
{
  testAttrByPath = {
    expr = [
      (lib.attrByPath [ "a" "b" "c" ] 0 nested)
      (lib.attrByPath [ "a" "x" ] 0 nested)
      (lib.attrByPath [ ] 0 nested.d)
    ];
    expected = [ 1 0 2 ];
  };
  testHasAttrByPath = {
    expr = map (path: lib.hasAttrByPath path nested) [
      [ ]
      [ "a" "b" ]
      [ "a" "c" ]
      [ "d" "e" ]
    ];
    expected = [ true true false false ];
  };
  testSetAttrByPath = {
    expr = lib.setAttrByPath [ "a" "b" ] 3;
    expected.a.b = 3;
  };
  testLongestValidPathPrefix = {
    expr = lib.longestValidPathPrefix [ "a" "b" "x" ] nested;
    expected = [ "a" "b" ];
  };
  testUpdateManyAttrsByPath = {
    expr = lib.updateManyAttrsByPath [
      {
        path = [ "a" "b" ];
        update = old: { d = old.c; };
      }
      {
        path = [ "a" "b" "c" ];
        update = old: old + 1;
      }
      {
        path = [ "x" "y" ];
        update = _: "new";
      }
    ] nested;
    expected = {
      # The inner update comes first: the outer one sees its result.
      a.b.d = 2;
      d = 2;
      x.y = "new";
    };
  };
  testFilterAttrs = {
    expr = lib.filterAttrs (name: value: name != "a" && value > 1) {
      a = 5;
      b = 1;
      c = 2;
    };
    expected.c = 2;
  };
  testMapAttrsPrime = {
    expr = lib.mapAttrs' (name: value: nameValuePair "${name}-x" (value + 1)) { a = 1; };
    expected.a-x = 2;
  };
  testMapAttrsToList = {
    expr = lib.mapAttrsToList (name: value: name + value) {
      b = "2";
      a = "1";
    };
    expected = [ "a1" "b2" ];
  };
  testMapAttrsRecursiveCond = {
    expr = lib.mapAttrsRecursiveCond (set: !set ? leaf) (path: _: lib.concatStringsSep "." path) {
      a.b.leaf = 1;
      c = 2;
    };
    expected = {
      a.b = "a.b";
      c = "c";
    };
  };
  testMapAttrsToListRecursive = {
    expr = lib.mapAttrsToListRecursive (path: value: [ path value ]) nested;
    expected = [
      [ [ "a" "b" "c" ] 1 ]
      [ [ "d" ] 2 ]
    ];
  };
  testFoldlAttrs = {
    expr = lib.foldlAttrs (sum: _: value: sum + value) 1 {
      a = 2;
      b = 3;
    };
    expected = 6;
  };
  testFoldAttrs = {
    expr = lib.foldAttrs (item: rest: [ item ] ++ rest) [ ] [
      { a = 2; }
      { a = 3; b = 1; }
    ];
    expected = {
      a = [ 2 3 ];
      b = [ 1 ];
    };
  };
  testCollect = {
    expr = lib.collect builtins.isInt {
      a.b = 1;
      c = "x";
      d = 2;
    };
    expected = [ 1 2 ];
  };
  testCartesianProduct = {
    expr = lib.cartesianProduct {
      a = [ 1 2 ];
      b = [ 10 20 ];
    };
    expected = [
      { a = 1; b = 10; }
      { a = 1; b = 20; }
      { a = 2; b = 10; }
      { a = 2; b = 20; }
    ];
  };
  testGenAttrs = {
    expr = lib.genAttrs [ "x" "y" ] (name: name + "!");
    expected = {
      x = "x!";
      y = "y!";
    };
  };
  testZipAttrsWithNames = {
    expr = lib.zipAttrsWithNames [ "a" ] (_: values: values) [
      { a = 1; b = 2; }
      { a = 3; }
    ];
    expected.a = [ 1 3 ];
  };
  testMergeAttrsList = {
    expr = lib.mergeAttrsList [
      { a = 1; b = 1; }
      { b = 2; }
      { c = 3; }
    ];
    expected = {
      a = 1;
      b = 2;
      c = 3;
    };
  };
  testRecursiveUpdate = {
    expr = lib.recursiveUpdate {
      a.b = 1;
      a.c = 2;
      l = [ 1 ];
    } {
      a.b.x = 5;
      l = [ 2 ];
    };
    expected = {
      a.b.x = 5;
      a.c = 2;
      l = [ 2 ];
    };
  };
  testRecursiveUpdateUntil = {
    expr = lib.recursiveUpdateUntil (path: _: _: path == [ "a" ]) { a.b = 1; c.d = 1; } { a.x = 2; c.e = 2; };
    expected = {
      a.x = 2;
      c = {
        d = 1;
        e = 2;
      };
    };
  };
  testMatchAttrs = {
    expr = [
      (lib.matchAttrs { cpu.bits = 64; } { cpu = { bits = 64; name = "x"; }; })
      (lib.matchAttrs { cpu.bits = 64; } { cpu = 64; })
    ];
    expected = [ true false ];
  };
  testOverrideExisting = {
    expr = lib.overrideExisting { a = 1; } { a = 2; b = 3; };
    expected.a = 2;
  };
  testGetOutput = {
    expr =
      let
        package = {
          dev = "dev";
          lib = "lib";
          out = "out";
        };
      in
      [
        (lib.getDev package)
        (lib.getBin package)
        (lib.getBin (package // { outputSpecified = true; })).dev
      ];
    expected = [ "dev" "out" "dev" ];
  };
  testShowAttrPath = {
    expr = lib.showAttrPath [ "a" "b c" ];
    expected = "a.\"b c\"";
  };
}
