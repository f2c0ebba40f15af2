# Attribute sets: how they are written, merged and asked.
with builtins;
let
  deep = { a.b.c = 1; a.b.d = 2; a.e = 3; };
in
{
  nested = deep;
  mergedBefore = { a.b = 1; a = { c = 2; }; };
  mergedAfter = { a = { c = 2; }; a.b = 1; };
  recursive = rec { a = 1; b = a + 1; c = { inherit a b; }; };
  recursiveLost = let x = 5; in { a.b = x; a = rec { x = 7; y = 1; }; };
  recursiveKept = let x = 5; in { a = rec { x = 7; y = x; }; a.z = 1; };
  dynamic = let n = "x"; in { ${n} = 1; ${null} = 2; "${n}y" = 3; a.${n}.b = 4; };
  dynamicRecursive = rec { ${"a"} = 1; ${"b" + ""} = a; };
  dynamicSelection = let n = "b"; in [ deep.a.${n}.c deep."a".e (deep.${"x"} or "none") ];
  overrides = rec { a = 1; b = a; __overrides = { a = 5; c = 6; }; };
  inherited = let a = 1; s = { b = 2; c = 3; }; in { inherit a; inherit (s) b c; inherit; inherit (s); };
  inheritedLets = let s = { x = 1; }; inherit (s) x; y = x; in [ x y ];
  defaults = [
    (deep.a.x or 1)
    (deep.x.y.z or 2)
    (deep.a.e.f or 3)
    ({ a = null; }.a.b or 4)
    (deep.a.e or (throw "not needed"))
  ];
  has = [
    (deep ? a)
    (deep ? a.b.c)
    (deep ? a.b.x)
    (deep ? a.e.f)
    (deep ? x.y)
    (deep ? "a")
    (deep ? ${"a"}.b)
    (1 ? a)
    (null ? a.b)
  ];
  updates = [
    ({ a = 1; b = 2; } // { b = 3; c = 4; })
    ({ } // { a = 1; })
    ({ a = 1; } // { })
    ({ a.b = 1; } // { a.c = 2; })
    ({ a = 1; } // { a = 2; } // { a = 3; })
  ];
  names = attrNames { c = 1; a = 2; b = 3; B = 4; "a.b" = 5; };
  values = attrValues { c = 1; a = 2; b = 3; B = 4; };
  fromLists = [
    (listToAttrs [ ])
    (listToAttrs [ { name = "a"; value = 1; } { name = "a"; value = 2; } { name = "b"; value = 3; x = 1; } ])
  ];
  mapped = mapAttrs (n: v: n + toString v) { a = 1; b = 2; };
  removed = [ (removeAttrs { a = 1; b = 2; c = 3; } [ "a" "x" "c" ]) (removeAttrs { a = 1; } [ ]) ];
  intersections = [
    (intersectAttrs { a = 1; b = 2; } { b = 3; c = 4; })
    (intersectAttrs { } { a = 1; })
    (intersectAttrs { a = 1; c = 3; d = 4; } { d = "d"; c = "c"; b = "b"; })
  ];
  cat = catAttrs "a" [ { a = 1; } { b = 0; } { a = 2; } ];
  got = [ (getAttr "a" { a = 1; }) (hasAttr "a" { a = 1; }) (hasAttr "b" { a = 1; }) ];
  zipped = zipAttrsWith (name: values: { inherit name values; }) [ { a = 1; } { a = 2; b = 3; } { c = throw "lazy"; } { c = 4; } ]
    // { c = length (zipAttrsWith (_: v: v) [ { c = throw "lazy"; } { c = 4; } ]).c; };
  grouped = groupBy (n: if n < 2 then "small" else "large") [ 1 2 3 0 ];
  functor = { __functor = self: x: x + self.y; y = 2; } 3;
  functorTwice = { __functor = self: { __functor = inner: x: [ self.y inner.z x ]; z = 1; }; y = 2; } 3;
  laziness = [ ({ a = throw "no"; b = 1; }.b) (attrNames { a = throw "no"; }) (hasAttr "a" { a = throw "no"; }) ];
  oldLet = let { x = 1; y = x + 1; body = [ x y ]; };
  orIsAName = let or = 1; in [ ((x: x) or) { or = 2; } ];
  positions = let p = unsafeGetAttrPos "b" { a = 1; b = 2; }; in [ p.line p.column (baseNameOf p.file) ];
  positionsKept = map (set: (unsafeGetAttrPos "a" set).line or null) [
    (mapAttrs (_: v: v) { a = 1; })
    (removeAttrs { a = 1; b = 2; } [ "b" ])
    (intersectAttrs { a = 1; } { a = 2; })
    (intersectAttrs { a = 1; b = 2; c = 3; } { a = 2; })
    (listToAttrs [ { name = "a"; value = 1; } ])
    (functionArgs ({ a }: a))
    ({ b = 1; } // { a = 2; })
    (zipAttrsWith (_: v: v) [ { a = 1; } ])
    (groupBy (v: v) [ "a" ])
    (partition (v: true) [ ] // { a = 1; })
    rec { a = 1; }
    (let x = { a = 1; }; in { inherit (x) a; })
    (let a = 1; in { inherit a; })
    { ${"a" + ""} = 1; }
    (fromJSON "{\"a\":1}")
    { a.b = 1; }
    (let { body = { a = 1; }; })
  ];
  positionHere = [ __curPos.line __curPos.column ];
  namesThatEvaluatingTheSetMakesKnown = [
    (hasAttr ("only_known_" + "when_read") (import ./tree/late.nix))
    (hasAttr ("only_known_" + "when_parsed") (fromJSON "{\"only_known_when_parsed\":1}"))
    (isNull (unsafeGetAttrPos ("only_known_" + "when_listed") (
      listToAttrs [ { name = "only_known_when_" + "listed"; value = 1; } ]
    )))
    (import ./tree/late.nix ? ${"only_known_" + "when_read"})
  ];
}
