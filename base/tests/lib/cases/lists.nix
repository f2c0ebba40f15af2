{ lib }:
{
  testFolds = {
    expr = [
      (lib.foldr (x: acc: x + acc) "z" [ "a" "b" ])
      (lib.foldl (acc: x: acc + x) "z" [ "a" "b" ])
      (lib.foldl' (acc: x: acc + x) "z" [ "a" "b" ])
    ];
    expected = [ "abz" "zab" "zab" ];
  };
  testImap = {
    expr = [
      (lib.imap0 (i: x: "${toString i}${x}") [ "a" "b" ])
      (lib.imap1 (i: x: "${toString i}${x}") [ "a" "b" ])
    ];
    expected = [
      [ "0a" "1b" ]
      [ "1a" "2b" ]
    ];
  };
  testFlatten = {
    expr = lib.flatten [ 1 [ 2 [ 3 ] ] [ ] ];
    expected = [ 1 2 3 ];
  };
  testFind = {
    expr = [
      (lib.findFirst (x: x > 1) null [ 1 2 3 ])
      (lib.findFirst (x: x > 5) null [ 1 2 3 ])
      (lib.findSingle (x: x > 1) "none" "many" [ 1 2 3 ])
      (lib.findSingle (x: x > 2) "none" "many" [ 1 2 3 ])
      (lib.lists.findFirstIndex (x: x == 3) null [ 1 2 3 ])
    ];
    expected = [ 2 null "many" 3 2 ];
  };
  testFindFirstStops = {
    expr = lib.findFirst (x: x == 1) null [ 1 (throw "must not be looked at") ];
    expected = 1;
  };
  testFindFirstLong = {
    expr = lib.findFirst (x: x == 100000) null (lib.range 1 100000);
    expected = 100000;
  };
  testParts = {
    expr = [
      (lib.take 2 [ 1 2 3 ])
      (lib.drop 2 [ 1 2 3 ])
      (lib.take 9 [ 1 ])
      (lib.drop 9 [ 1 ])
      (lib.sublist 1 1 [ 1 2 3 ])
      (lib.takeEnd 2 [ 1 2 3 ])
      (lib.dropEnd 2 [ 1 2 3 ])
      (lib.init [ 1 2 ])
    ];
    expected = [
      [ 1 2 ]
      [ 3 ]
      [ 1 ]
      [ ]
      [ 2 ]
      [ 2 3 ]
      [ 1 ]
      [ 1 ]
    ];
  };
  testPrefixes = {
    expr = [
      (lib.lists.hasPrefix [ 1 ] [ 1 2 ])
      (lib.lists.hasPrefix [ 2 ] [ 1 2 ])
      (lib.lists.removePrefix [ 1 ] [ 1 2 ])
      (lib.lists.commonPrefix [ 1 2 3 ] [ 1 2 4 ])
    ];
    expected = [ true false [ 2 ] [ 1 2 ] ];
  };
  testRange = {
    expr = [ (lib.range 2 4) (lib.range 3 2) (lib.replicate 2 "x") ];
    expected = [ [ 2 3 4 ] [ ] [ "x" "x" ] ];
  };
  testUnique = {
    expr = [ (lib.unique [ 3 1 3 2 1 ]) (lib.allUnique [ 1 1 ]) (lib.allUnique [ 1 2 ]) ];
    expected = [ [ 3 1 2 ] false true ];
  };
  testSets = {
    expr = [
      (lib.intersectLists [ 1 2 3 ] [ 6 3 2 ])
      (lib.subtractLists [ 3 2 ] [ 1 2 3 4 ])
      (lib.mutuallyExclusive [ 1 ] [ 2 ])
    ];
    expected = [ [ 3 2 ] [ 1 4 ] true ];
  };
  testZip = {
    expr = lib.zipListsWith (a: b: a + b) [ 1 2 3 ] [ 10 20 ];
    expected = [ 11 22 ];
  };
  testGroupBy = {
    expr = lib.groupBy' (n: _: n + 1) 0 (x: if x > 2 then "big" else "small") [ 1 2 3 4 5 ];
    expected = {
      big = 3;
      small = 2;
    };
  };
  testToposort = {
    expr = (lib.toposort (a: b: lib.hasPrefix a b) [ "ab/c" "ab" "x" "a" ]).result;
    expected = [ "a" "ab" "ab/c" "x" ];
  };
  testToposortCycle = {
    expr = (lib.toposort (a: b: a != b) [ "a" "b" ]) ? cycle;
    expected = true;
  };
  testSorting = {
    expr = [
      (lib.sortOn (x: -x) [ 1 3 2 ])
      (lib.naturalSort [ "disk11" "disk8" "disk100" "a" ])
      (lib.sort (a: b: a < b) [ 2 1 ])
      (lib.compareLists lib.compare [ 1 2 ] [ 1 3 ])
    ];
    expected = [
      [ 3 2 1 ]
      [ "a" "disk8" "disk11" "disk100" ]
      [ 1 2 ]
      (-1)
    ];
  };
  testOptional = {
    expr = [ (lib.optional true 1) (lib.optional false 1) (lib.optionals true [ 1 2 ]) (lib.toList 1) ];
    expected = [ [ 1 ] [ ] [ 1 2 ] [ 1 ] ];
  };
  testCrossLists = {
    expr = lib.crossLists (a: b: a + b) [ [ 1 2 ] [ 10 20 ] ];
    expected = [ 11 21 12 22 ];
  };
  testCount = {
    expr = lib.count (x: x > 1) [ 1 2 3 ];
    expected = 2;
  };
}
