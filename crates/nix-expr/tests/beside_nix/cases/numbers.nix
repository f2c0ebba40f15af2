# Integers, floating-point numbers, and comparisons between them.
with builtins;
let
  # Versions of Nix differ in how JSON shows floating-point numbers.
  shown = map (number: [ (typeOf number) (toString number) (toXML number) ]);
in
{
  literals = shown [ 0 1 007 9223372036854775807 1.5 .5 1.e3 1.5e-3 1.0E5 ];
  notAFloat = let e3 = 2; in [ 1e3 ];
  sums = shown [ (1 + 2) (1 + 2.5) (1.5 + 1) (1.0 + 2.0) (0.1 + 0.2) ];
  differences = [ (3 - 5) (-1) (- 1 - 1) (-(-3)) (1.5 - 1) (-1.5) ];
  products = [ (3 * 4) (3 * 1.5) (-2 * 3) (2 + 3 * 4) ];
  quotients = shown [ (7 / 2) ((-7) / 2) (7 / (-2)) (7 / 2.0) (1 / 3.0) (6 / 3 / 2) ];
  same = [ (1 == 1.0) (1.5 == 1.5) (1 == 2) (0.0 == -0.0) (1 == "1") ];
  order = [ (1 < 2) (1 < 1.5) (2.5 < 2) (1 <= 1) (1 >= 1.0) (-1 < 0) (1 > 2) ];
  builtinForms = [ (add 1 2) (sub 1 2) (mul 3 4) (div 9 2) (add 1.5 1) (lessThan 1 2) ];
  bits = [ (bitAnd 12 10) (bitOr 12 10) (bitXor 12 10) (bitAnd (-1) 5) ];
  rounded = [ (ceil 1.5) (floor 1.5) (ceil (-1.5)) (floor (-1.5)) (ceil 2) (floor 2.0) ];
  types = map typeOf [ 1 1.5 (1 + 1.0) (1 / 2) ];
  shadowed = [
    (let __sub = a: b: "sub"; in 3 - 1)
    (let __lessThan = a: b: true; in [ (2 < 1) (2 > 1) (1 <= 2) (1 >= 2) ])
    (let __mul = a: b: "mul"; in 2 * 3)
    (let __div = a: b: "div"; in 2 / 3)
    (let __add = a: b: "add"; in 2 + 3)
    (let __sub = a: b: b; in -5)
  ];
}
