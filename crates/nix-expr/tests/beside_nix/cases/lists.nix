# Lists, order, and the builtins that go through them.
with builtins;
let
  lazyList = [ 1 (throw "not needed") 3 ];
in
{
  joined = [ ([ 1 ] ++ [ 2 3 ]) ([ ] ++ [ ]) ([ 1 ] ++ [ ]) (concatLists [ [ 1 ] [ ] [ 2 [ 3 ] ] ]) ];
  lengths = [ (length [ ]) (length lazyList) ];
  picked = [ (elemAt lazyList 0) (head lazyList) (elemAt (tail lazyList) 1) ];
  mapped = map (x: x * 2) [ 1 2 3 ];
  filtered = [ (filter (x: x > 1) [ 1 2 3 ]) (filter (x: false) [ 1 ]) ];
  contains = [ (elem 1 [ 1.0 ]) (elem "a" [ "b" ]) (elem [ 1 ] [ [ 1 ] ]) (elem null [ ]) ];
  quantified = [ (any (x: x > 1) [ 1 2 ]) (all (x: x > 1) [ 1 2 ]) (any (x: x) [ ]) (all (x: x) [ ]) (any (x: x) [ true (throw "no") ]) ];
  folded = [ (foldl' (a: b: a + b) 0 [ 1 2 3 ]) (foldl' (a: b: b) (throw "not needed") [ 1 ]) (foldl' (a: b: a ++ [ b ]) [ ] [ 1 2 ]) ];
  generated = [ (genList (x: x * x) 5) (genList (x: x) 0) (length (genList (x: throw "no") 3)) ];
  concatenated = concatMap (x: [ x (x + 1) ]) [ 1 3 ];
  sorted = [
    (sort lessThan [ 3 1 2 ])
    (sort (a: b: a > b) [ 3 1 2 ])
    (sort (a: b: a.k < b.k) [ { k = 1; v = "a"; } { k = 0; v = "b"; } { k = 1; v = "c"; } { k = 0; v = "d"; } ])
    (sort lessThan [ ])
    (sort lessThan [ "b" "a" "B" "é" "" ])
    (sort lessThan [ 2 1.5 1 ])
    (sort lessThan [ [ 2 ] [ 1 2 ] [ 1 ] [ ] ])
  ];
  partitioned = partition (x: x > 2) [ 1 5 2 3 ];
  order = [
    ([ ] < [ 1 ])
    ([ 1 ] < [ ])
    ([ 1 2 ] < [ 1 3 ])
    ([ 1 ] < [ 1.5 ])
    ([ 1 "a" ] < [ 1 "b" ])
    ([ [ 1 ] 2 ] < [ [ 1 ] 3 ])
    (/a < /b)
  ];
  closure = genericClosure {
    startSet = [ { key = 5; } ];
    operator = item: if item.key <= 0 then [ ] else [ { key = item.key - 2; from = item.key; } { key = item.key - 3; } ];
  };
  closureOfMixedKeys = genericClosure {
    startSet = [ { key = 1; a = 1; } { key = 1.0; a = 2; } { key = 2; } ];
    operator = item: [ ];
  };
  closureOfStrings = map (i: i.key) (genericClosure {
    startSet = [ { key = "a"; } { key = "b"; } ];
    operator = item: if stringLength item.key > 2 then [ ] else [ { key = item.key + "a"; } { key = item.key + "b"; } ];
  });
  equal = [ ([ 1 2 ] == [ 1 2 ]) ([ 1 ] == [ 1 2 ]) ([ 1 ] == [ 1.0 ]) ([ [ ] ] == [ { } ]) ];
}
