# Attribute sets.
{ lib }:
let
  inherit (builtins)
    attrNames
    attrValues
    concatMap
    elemAt
    foldl'
    head
    isAttrs
    length
    listToAttrs
    mapAttrs
    removeAttrs
    ;
  inherit (lib.strings) concatMapStringsSep concatStringsSep sanitizeDerivationName;
in
rec {
  inherit (builtins)
    attrNames
    attrValues
    catAttrs
    getAttr
    hasAttr
    intersectAttrs
    isAttrs
    listToAttrs
    mapAttrs
    removeAttrs
    ;

  # attrByPath :: [string] -> a -> set -> a
  # The attribute at a path, or the default: `attrByPath [ "a" "b" ] 0 { a.b = 1; }` is 1.
  attrByPath =
    path: default: set:
    let
      depth = length path;
      go =
        n: value:
        if n == depth then
          value
        else
          let
            name = elemAt path n;
          in
          if value ? ${name} then go (n + 1) value.${name} else default;
    in
    go 0 set;

  # hasAttrByPath :: [string] -> set -> bool
  hasAttrByPath =
    path: set:
    let
      depth = length path;
      go =
        n: value:
        n == depth
        || (
          let
            name = elemAt path n;
          in
          value ? ${name} && go (n + 1) value.${name}
        );
    in
    go 0 set;

  # longestValidPathPrefix :: [string] -> set -> [string]
  longestValidPathPrefix =
    path: set:
    let
      depth = length path;
      go =
        n: value:
        if n == depth then
          path
        else
          let
            name = elemAt path n;
          in
          if value ? ${name} then go (n + 1) value.${name} else lib.take n path;
    in
    go 0 set;

  # setAttrByPath :: [string] -> a -> set
  setAttrByPath =
    path: value:
    let
      depth = length path;
      go = n: if n == depth then value else { ${elemAt path n} = go (n + 1); };
    in
    go 0;

  # getAttrFromPath :: [string] -> set -> a
  # As `attrByPath`, but a missing attribute is an error that names the path.
  getAttrFromPath =
    path: set:
    attrByPath path (abort ("cannot find attribute '" + concatStringsSep "." path + "'")) set;

  # concatMapAttrs :: (string -> a -> set) -> set -> set
  concatMapAttrs = f: set: mergeAttrsList (attrValues (mapAttrs f set));

  # updateManyAttrsByPath :: [{ path; update; }] -> set -> set
  # Applies each `update` to the value at its `path`, in the order given.
  updateManyAttrsByPath =
    let
      # `value` is a list of none or one value, as there may be nothing at a path yet.
      go =
        prefixLength: value: updates:
        let
          split = lib.partition (u: length u.path == prefixLength) updates;
          grouped = lib.groupBy (u: elemAt u.path prefixLength) split.wrong;
          nested =
            if split.wrong == [ ] then
              value
            else if value != [ ] && !isAttrs (head value) then
              let
                u = head split.wrong;
              in
              throw "updateManyAttrsByPath: path ${concatStringsSep "." (lib.take prefixLength u.path)} is not an attribute set, so ${concatStringsSep "." u.path} cannot be updated"
            else
              let
                set = if value == [ ] then { } else head value;
                updated = mapAttrs (
                  name: us: go (prefixLength + 1) (if set ? ${name} then [ set.${name} ] else [ ]) us
                ) grouped;
              in
              [ (set // mapAttrs (_: head) updated) ];
          atRoot =
            current: u:
            if current == [ ] then
              [
                (u.update (throw "updateManyAttrsByPath: there is no value at ${concatStringsSep "." u.path}"))
              ]
            else
              [ (u.update (head current)) ];
        in
        foldl' atRoot nested split.right;
    in
    updates: value: head (go 0 [ value ] updates);

  # attrVals :: [string] -> set -> [a]
  attrVals = names: set: map (name: set.${name}) names;

  # getAttrs :: [string] -> set -> set
  # Only these attributes; a missing one is an error.
  getAttrs = names: set: genAttrs names (name: set.${name});

  # filterAttrs :: (string -> a -> bool) -> set -> set
  filterAttrs =
    predicate: set:
    removeAttrs set (builtins.filter (name: !predicate name set.${name}) (attrNames set));

  # filterAttrsRecursive :: (string -> a -> bool) -> set -> set
  filterAttrsRecursive =
    predicate: set:
    mapAttrs (_: value: if isAttrs value then filterAttrsRecursive predicate value else value) (
      filterAttrs predicate set
    );

  # foldlAttrs :: (acc -> string -> a -> acc) -> acc -> set -> acc
  foldlAttrs =
    f: init: set:
    foldl' (acc: name: f acc name set.${name}) init (attrNames set);

  # foldAttrs :: (a -> acc -> acc) -> acc -> [set] -> set
  # Folds the values of equal names from the right.
  foldAttrs =
    op: nul: sets:
    builtins.zipAttrsWith (_: values: lib.foldr op nul values) sets;

  # collect :: (any -> bool) -> set -> [any]
  # Every value for which the predicate holds, not looking inside those.
  collect =
    predicate: value:
    if predicate value then
      [ value ]
    else if isAttrs value then
      concatMap (collect predicate) (attrValues value)
    else
      [ ];

  # cartesianProduct :: { name = [value]; } -> [set]
  cartesianProduct =
    sets:
    foldl' (
      product: name: concatMap (partial: map (value: partial // { ${name} = value; }) sets.${name}) product
    ) [ { } ] (attrNames sets);

  # mapCartesianProduct :: (set -> a) -> { name = [value]; } -> [a]
  mapCartesianProduct = f: sets: map f (cartesianProduct sets);

  # nameValuePair :: string -> a -> { name; value; }
  nameValuePair = name: value: { inherit name value; };

  # mapAttrs' :: (string -> a -> { name; value; }) -> set -> set
  mapAttrs' = f: set: listToAttrs (mapAttrsToList f set);

  # mapAttrsToList :: (string -> a -> b) -> set -> [b]
  mapAttrsToList = f: set: attrValues (mapAttrs f set);

  # attrsToList :: set -> [{ name; value; }]
  attrsToList = mapAttrsToList nameValuePair;

  # mapAttrsRecursive :: ([string] -> a -> b) -> set -> set
  mapAttrsRecursive = mapAttrsRecursiveCond (_: true);

  # mapAttrsRecursiveCond :: (set -> bool) -> ([string] -> a -> b) -> set -> set
  # Goes into those sets for which the condition holds.
  mapAttrsRecursiveCond =
    condition: f: set:
    let
      go =
        path:
        mapAttrs (
          name: value:
          let
            here = path ++ [ name ];
          in
          if isAttrs value && condition value then go here value else f here value
        );
    in
    go [ ] set;

  # mapAttrsToListRecursive :: ([string] -> a -> b) -> set -> [b]
  mapAttrsToListRecursive = mapAttrsToListRecursiveCond (_: _: true);

  # mapAttrsToListRecursiveCond :: ([string] -> set -> bool) -> ([string] -> a -> b) -> set -> [b]
  mapAttrsToListRecursiveCond =
    condition: f: set:
    let
      go =
        path: value:
        if isAttrs value && condition path value then
          builtins.concatLists (mapAttrsToList (name: go (path ++ [ name ])) value)
        else
          [ (f path value) ];
    in
    go [ ] set;

  # genAttrs :: [string] -> (string -> a) -> set
  genAttrs =
    names: f:
    listToAttrs (
      map (name: {
        inherit name;
        value = f name;
      }) names
    );

  # genAttrs' :: [a] -> (a -> { name; value; }) -> set
  genAttrs' = items: f: listToAttrs (map f items);

  # isDerivation :: any -> bool
  isDerivation = value: value.type or null == "derivation";

  # toDerivation :: path -> derivation
  # Dresses a store path up as a derivation.
  toDerivation =
    path:
    let
      storePath = builtins.storePath path;
      result = {
        type = "derivation";
        name = sanitizeDerivationName (builtins.substring 33 (-1) (baseNameOf storePath));
        outPath = storePath;
        outputs = [ "out" ];
        out = result;
        outputName = "out";
      };
    in
    result;

  # optionalAttrs :: bool -> set -> set
  optionalAttrs = condition: set: if condition then set else { };

  # zipAttrsWithNames :: [string] -> (string -> [a] -> b) -> [set] -> set
  zipAttrsWithNames =
    names: f: sets:
    genAttrs names (name: f name (builtins.catAttrs name sets));

  # zipAttrsWith :: (string -> [a] -> b) -> [set] -> set
  zipAttrsWith = builtins.zipAttrsWith;

  # zipAttrs :: [set] -> { name = [a]; }
  zipAttrs = builtins.zipAttrsWith (_: values: values);

  # mergeAttrsList :: [set] -> set
  # Joins the sets, later ones winning, by halves: far cheaper than a chain of `//`.
  mergeAttrsList =
    sets:
    let
      go =
        start: end:
        if end - start >= 2 then
          let
            middle = start + (end - start) / 2;
          in
          go start middle // go middle end
        else
          elemAt sets start;
      count = length sets;
    in
    if count == 0 then { } else go 0 count;

  # recursiveUpdateUntil :: ([string] -> set -> set -> bool) -> set -> set -> set
  # Joins two sets deeply; where the predicate holds, the second one's value is taken whole.
  recursiveUpdateUntil =
    predicate: lhs: rhs:
    let
      go =
        path: a: b:
        a
        // mapAttrs (
          name: value:
          if a ? ${name} then
            let
              here = path ++ [ name ];
            in
            if predicate here a.${name} value then value else go here a.${name} value
          else
            value
        ) b;
    in
    go [ ] lhs rhs;

  # recursiveUpdate :: set -> set -> set
  recursiveUpdate =
    let
      go =
        a: b:
        a
        // mapAttrs (
          name: value:
          if a ? ${name} then
            let
              old = a.${name};
            in
            if isAttrs old && isAttrs value then go old value else value
          else
            value
        ) b;
    in
    go;

  # matchAttrs :: set -> set -> bool
  # Whether every attribute of the pattern has the same value in the set, deeply.
  matchAttrs =
    pattern: set:
    assert isAttrs pattern;
    isAttrs set
    && lib.all (
      name:
      set ? ${name}
      && (
        let
          expected = pattern.${name};
          actual = set.${name};
        in
        if isAttrs expected then isAttrs actual && matchAttrs expected actual else expected == actual
      )
    ) (attrNames pattern);

  # overrideExisting :: set -> set -> set
  # Takes from `new` only the names that `old` has.
  overrideExisting = old: new: old // builtins.intersectAttrs old new;

  # showAttrPath :: [string] -> string
  showAttrPath =
    path:
    if path == [ ] then
      "<root attribute path>"
    else
      concatMapStringsSep "." lib.strings.escapeNixIdentifier path;

  # getOutput :: string -> derivation -> derivation
  getOutput =
    output: pkg:
    if !pkg ? outputSpecified || !pkg.outputSpecified then pkg.${output} or pkg.out or pkg else pkg;

  # getFirstOutput :: [string] -> derivation -> derivation
  getFirstOutput =
    candidates: pkg:
    let
      outputs = builtins.filter (name: pkg ? ${name}) candidates;
    in
    if pkg.outputSpecified or false || outputs == [ ] then pkg else pkg.${head outputs};

  getBin = getOutput "bin";
  getLib = getOutput "lib";
  getStatic = getFirstOutput [
    "static"
    "lib"
    "out"
  ];
  getDev = getOutput "dev";
  getInclude = getFirstOutput [
    "include"
    "dev"
    "out"
  ];
  getMan = getOutput "man";
  chooseDevOutputs = map getDev;

  # recurseIntoAttrs, dontRecurseIntoAttrs :: set -> set
  # Marks for tools that walk package sets.
  recurseIntoAttrs = set: set // { recurseForDerivations = true; };
  dontRecurseIntoAttrs = set: set // { recurseForDerivations = false; };

  # unionOfDisjoint :: set -> set -> set
  # As `//`, but using a name that both have is an error.
  unionOfDisjoint =
    x: y:
    let
      collisions = builtins.intersectAttrs x y;
    in
    x // y // mapAttrs (name: _: throw "unionOfDisjoint: collision on ${name}; complete list: ${concatStringsSep " " (attrNames collisions)}") collisions;

  # mergeAttrsWithFunc :: (a -> a -> a) -> set -> set -> set
  mergeAttrsWithFunc =
    f: set1: set2:
    set1
    // set2
    // mapAttrs (name: v: f set1.${name} v) (builtins.intersectAttrs set1 set2);

  # cartesianProductOfSets :: old name of `cartesianProduct`
  cartesianProductOfSets = cartesianProduct;

  # zipWithNames, zip :: old names of `zipAttrsWithNames` and `zipAttrsWith`
  zipWithNames = zipAttrsWithNames;
  zip = zipAttrsWith;
}
