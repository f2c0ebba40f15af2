# Functions, their arguments, laziness and identity.
with builtins;
let
  f = x: x;
  pair = { a, b ? a + 1 }: [ a b ];
  counted = { a ? b, b ? 1, ... }@args: [ a b (attrNames args) ];
  before = args@{ a ? 1, ... }: args // { inherit a; };
in
{
  curried = (a: b: c: [ a b c ]) 1 2 3;
  formals = [ (pair { a = 1; }) (pair { a = 1; b = 5; }) ];
  named = [ (counted { }) (counted { a = 5; }) (counted { b = 2; z = 3; }) (before { b = 3; }) ];
  defaultsSeeTheOuter = let x = 1; in ({ x ? 2, y ? x }: y) { };
  arguments = [ (functionArgs pair) (functionArgs counted) (functionArgs f) (functionArgs ({ }: 1)) (functionArgs map) ];
  areFunctions = map isFunction [ f map (map f) { __functor = self: f; } 1 ];
  types = map typeOf [ f map (add 1) { __functor = self: f; } ];
  partial = let increment = add 1; twice = foldl' (a: b: a + b); in [ (increment 2) (twice 0 [ 1 2 ]) ];
  identity = [
    (f == f)
    ([ f ] == [ f ])
    ({ inherit f; } == { inherit f; })
    (let a = { g = x: x; }; in a == a)
    (let a = { g = x: x; }; in [ a.g ] == [ a.g ])
    (let a = { g = x: x; }; in { h = a.g; } == { h = a.g; })
    (let id = x: x; in [ (id f) ] == [ (id f) ])
    (elem f [ f ])
    (let l = [ f ]; in l == l)
    (let a = [ f ]; in a ++ a == a ++ a)
    (let aliasA = f; aliasB = aliasA; aliasC = aliasB; in [ f ] == [ aliasC ])
    (let aliasZ = aliasY; aliasY = f; in [ f ] == [ aliasZ ])
    (({ first, second ? first }: [ first ] == [ second ]) { first = f; })
    ((whole@{ given, other ? whole }: [ whole ] == [ other ]) { given = f; })
    (rec { one = f; two = one; same = [ one ] == [ two ]; }.same)
    (map (x: x) [ f ] == map (x: x) [ f ])
  ];
  derivationsAreTheirOutPath = [
    ({ type = "derivation"; outPath = "a"; x = 1; } == { type = "derivation"; outPath = "a"; y = 2; })
    ({ type = "derivation"; outPath = "a"; } == { type = "derivation"; outPath = "b"; })
    ({ type = "derivation"; outPath = "a"; x = 1; } == { type = "other"; outPath = "a"; x = 1; })
  ];
  equality = [
    ({ a = 1; b = { c = [ 1 2 ]; }; } == { b = { c = [ 1 2 ]; }; a = 1; })
    ({ a = 1; } == { a = 1; b = 2; })
    (null == null)
    (true == 1)
    ("a" == /a)
    (/a == /a)
    ({ } == [ ])
    ({ a = 1; } != { a = 2; })
  ];
  scopes = [
    (with { a = 1; }; with { a = 2; }; a)
    (let a = 0; in with { a = 1; }; a)
    (with { a = 1; b = 2; }; let a = 5; in [ a b ])
    (with { x = 1; }; with { y = x; }; y)
    (with { true = 5; }; true)
    (let true = 5; in true)
    ((x: with { x = 2; }; x) 1)
    (with throw "not needed"; 1)
    (with { f = x: with { y = 2; }; x + y; y = 10; }; f y)
  ];
  letsAreLazy = let a = throw "no"; b = 1; in b;
  letsAreRecursive = let even = n: n == 0 || odd (n - 1); odd = n: n != 0 && even (n - 1); in even 10;
  conditions = [
    (if true then 1 else throw "no")
    (true || throw "no")
    (false && throw "no")
    (false -> throw "no")
    (true -> true -> false)
    (!true)
    (!(1 == 2) && true)
  ];
  precedence = [
    (1 + 2 * 3 - 4 / 2)
    ([ 1 ] ++ [ 2 ] == [ 1 2 ])
    (({ a = 1; } // { b = 2; }) ? b)
    (!{ a = 1; } ? b)
    (!false && false || true)
    (-1 + 2)
    (1 < 2 == true)
    (f 1 + 2)
    (-f 1)
    ((x: x.a or 3) { })
  ];
  tries = [
    (tryEval (throw "a"))
    (tryEval (assert false; 1))
    (tryEval 5)
    (tryEval { a = throw "inside"; }).success
    (tryEval (seq (throw "a") 1))
    (tryEval (deepSeq { a = [ (throw "a") ]; } 1))
    (tryEval (tryEval (throw "a")))
    (tryEval <a-path-that-is-nowhere>)
  ];
  thrownTwice = let x = throw "a"; in [ (tryEval x).success (tryEval x).success ];
  sequences = [ (seq 1 2) (seq { a = throw "no"; } 2) (deepSeq [ 1 { a = 2; } ] 3) (let r = { inherit r; }; in deepSeq r 4) ];
  traced = [ (addErrorContext "context" 1) (trace "traced" 2) (unsafeDiscardStringContext "x") ];
  fixedPoint = let fix = g: let x = g x; in x; in (fix (self: { a = 1; b = self.a + 1; })).b;
  deepRecursion = let sum = n: if n == 0 then 0 else n + sum (n - 1); in sum 3000;
  imports = [ (scopedImport { x = 5; true = 6; } ./tree/scoped.nix) (import ./tree/imported.nix 1) ];
}
