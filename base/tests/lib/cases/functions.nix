{ lib }:
{
  testFix = {
    expr = lib.fix (self: { a = 1; b = self.a + 1; });
    expected = {
      a = 1;
      b = 2;
    };
  };
  testOverlays = {
    expr =
      let
        base = lib.makeExtensible (self: { a = 1; b = self.a * 10; });
        extended = base.extend (
          lib.composeManyExtensions [
            (_: _: { a = 2; })
            (_: prev: { c = prev.a + 1; })
          ]
        );
      in
      { inherit (extended) a b c; };
    expected = {
      a = 2;
      b = 20;
      c = 3;
    };
  };
  testConverge = {
    expr = lib.converge (x: x / 2) 16;
    expected = 0;
  };
  testPipe = {
    expr = lib.pipe 2 [ (x: x + 2) (x: x * 2) ];
    expected = 8;
  };
  testBits = {
    expr = [ (lib.bitAnd 6 3) (lib.bitOr 6 3) (lib.bitXor 6 3) (lib.mod 11 10) (lib.toBaseDigits 2 6) ];
    expected = [ 2 7 5 1 [ 1 1 0 ] ];
  };
  testFunctionArgs = {
    expr = [
      (lib.functionArgs ({ a, b ? 1 }: a))
      (lib.functionArgs (lib.setFunctionArgs (x: x) { q = true; }))
      (lib.isFunction { __functor = _: x: x; })
      (lib.isFunction { })
    ];
    expected = [ { a = false; b = true; } { q = true; } true false ];
  };
  testMakeOverridable = {
    expr =
      let
        f = lib.makeOverridable ({ a, b ? 2 }: { sum = a + b; });
        first = f { a = 1; };
        second = first.override { b = 10; };
        third = second.override (old: { a = old.b; });
      in
      [ first.sum second.sum third.sum (lib.functionArgs f) ];
    expected = [ 3 11 20 { a = false; b = true; } ];
  };
  testCallPackage = {
    expr =
      let
        callPackage = lib.callPackageWith { x = 1; y = 2; };
        result = callPackage ({ x, y, z ? 0 }: { total = x + y + z; }) { y = 10; };
      in
      [ result.total (result.override { z = 100; }).total ];
    expected = [ 11 111 ];
  };
  testMakeScope = {
    expr =
      let
        scope = lib.makeScope (extra: lib.callPackageWith ({ base = 1; } // extra)) (self: {
          a = self.callPackage ({ base }: { value = base; }) { };
          b = self.callPackage ({ a }: { value = a.value + 1; }) { };
        });
      in
      [
        scope.b.value
        (scope.overrideScope (_: _: { a.value = 41; })).b.value
      ];
    expected = [ 2 42 ];
  };
  testRunTestsReports = {
    expr = lib.runTests {
      testGood = {
        expr = 1;
        expected = 1;
      };
      testBad = {
        expr = 1;
        expected = 2;
      };
      helper = throw "not a test";
    };
    expected = [
      {
        name = "testBad";
        expected = 2;
        result = 1;
      }
    ];
  };
  testTextClosure = {
    expr = lib.textClosureMap lib.id {
      a = lib.noDepEntry "A";
      b = lib.stringAfter [ "a" ] "B";
      c = lib.fullDepEntry "C" [ "b" "a" ];
    } [ "c" "a" ];
    expected = "A\nB\nC";
  };
  testExtendLib = {
    expr = (lib.extend (_: prev: { twice = prev.flip prev.pipe [ (x: x * 2) ]; })).twice 4;
    expected = 8;
  };
}
