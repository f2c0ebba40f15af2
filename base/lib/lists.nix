# Lists.
{ lib }:
let
  inherit (builtins)
    any
    concatLists
    concatMap
    elem
    elemAt
    filter
    foldl'
    genList
    head
    isList
    length
    sort
    tail
    ;
in
rec {
  inherit (builtins)
    all
    any
    concatLists
    concatMap
    elem
    elemAt
    filter
    genList
    groupBy
    head
    isList
    length
    map
    partition
    sort
    tail
    ;

  # singleton :: a -> [a]
  singleton = x: [ x ];

  # forEach :: [a] -> (a -> b) -> [b]
  forEach = xs: f: map f xs;

  # foldr :: (a -> acc -> acc) -> acc -> [a] -> acc
  # From the right: `foldr f nul [ x y ]` is `f x (f y nul)`.
  foldr =
    op: nul: list:
    let
      count = length list;
      go = n: if n == count then nul else op (elemAt list n) (go (n + 1));
    in
    go 0;

  # fold :: old name of `foldr`
  fold = foldr;

  # foldl :: (acc -> a -> acc) -> acc -> [a] -> acc
  # From the left, lazily.
  foldl =
    op: nul: list:
    let
      go = n: if n == -1 then nul else op (go (n - 1)) (elemAt list n);
    in
    go (length list - 1);

  # foldl' :: (acc -> a -> acc) -> acc -> [a] -> acc
  # From the left, forcing the accumulator at each step.
  foldl' =
    op: acc: list:
    builtins.foldl' op acc list;

  # imap0, imap1 :: (int -> a -> b) -> [a] -> [b]
  imap0 = f: list: genList (n: f n (elemAt list n)) (length list);
  imap1 = f: list: genList (n: f (n + 1) (elemAt list n)) (length list);

  # ifilter0 :: (int -> a -> bool) -> [a] -> [a]
  ifilter0 =
    predicate: list:
    map (elemAt list) (filter (i: predicate i (elemAt list i)) (genList (i: i) (length list)));

  # flatten :: (a | [a]) -> [a]
  flatten = x: if isList x then concatMap flatten x else [ x ];

  # remove :: a -> [a] -> [a]
  remove = e: filter (x: x != e);

  # findSingle :: (a -> bool) -> a -> a -> [a] -> a
  # The only match, or `default` when there is none, or `multiple` when there are several.
  findSingle =
    predicate: default: multiple: list:
    let
      found = filter predicate list;
      count = length found;
    in
    if count == 0 then
      default
    else if count != 1 then
      multiple
    else
      head found;

  # findFirstIndex :: (a -> bool) -> b -> [a] -> (int | b)
  findFirstIndex =
    predicate: default: list:
    let
      # A strict fold: a loop by recursion would exhaust the stack on long lists.
      index = foldl' (
        found: x:
        if found >= 0 then
          found
        else if predicate x then
          -found - 1
        else
          found - 1
      ) (-1) list;
    in
    if index < 0 then default else index;

  # findFirst :: (a -> bool) -> b -> [a] -> (a | b)
  findFirst =
    predicate: default: list:
    let
      index = findFirstIndex predicate null list;
    in
    if index == null then default else elemAt list index;

  # count :: (a -> bool) -> [a] -> int
  count = predicate: foldl' (n: x: if predicate x then n + 1 else n) 0;

  # optional :: bool -> a -> [a]
  optional = condition: element: if condition then [ element ] else [ ];

  # optionals :: bool -> [a] -> [a]
  optionals = condition: elements: if condition then elements else [ ];

  # toList :: (a | [a]) -> [a]
  toList = x: if isList x then x else [ x ];

  # range :: int -> int -> [int]
  # Both ends included.
  range = first: last: if first > last then [ ] else genList (n: first + n) (last - first + 1);

  # replicate :: int -> a -> [a]
  replicate = n: element: genList (_: element) n;

  # groupBy' :: (acc -> a -> acc) -> acc -> (a -> string) -> [a] -> { name = acc; }
  groupBy' =
    op: nul: predicate: list:
    builtins.mapAttrs (_: foldl op nul) (builtins.groupBy predicate list);

  # zipListsWith :: (a -> b -> c) -> [a] -> [b] -> [c]
  # As long as the shorter of both.
  zipListsWith =
    f: xs: ys:
    genList (n: f (elemAt xs n) (elemAt ys n)) (lib.min (length xs) (length ys));

  # zipLists :: [a] -> [b] -> [{ fst; snd; }]
  zipLists = zipListsWith (fst: snd: { inherit fst snd; });

  # reverseList :: [a] -> [a]
  reverseList =
    list:
    let
      count = length list;
    in
    genList (n: elemAt list (count - n - 1)) count;

  # listDfs :: bool -> (a -> a -> bool) -> [a] -> { result; visited; rest; } | { cycle; loops; ... }
  # Depth first from the head; `before a b` says that a comes before b. Finds a cycle where there is one.
  listDfs =
    stopOnCycles: before: list:
    let
      go =
        element: visited: rest:
        let
          cyclic = filter (x: before x element) visited;
          split = builtins.partition (x: before x element) rest;
        in
        if stopOnCycles && cyclic != [ ] then
          {
            cycle = element;
            loops = cyclic;
            inherit visited rest;
          }
        else if split.right == [ ] then
          {
            minimal = element;
            inherit visited rest;
          }
        else
          go (head split.right) ([ element ] ++ visited) (tail split.right ++ split.wrong);
    in
    go (head list) [ ] (tail list);

  # toposort :: (a -> a -> bool) -> [a] -> { result; } | { cycle; loops; }
  toposort =
    before: list:
    let
      step = listDfs true before list;
      later = toposort before (step.visited ++ step.rest);
    in
    if length list < 2 then
      { result = list; }
    else if step ? cycle then
      {
        cycle = reverseList ([ step.cycle ] ++ step.visited);
        inherit (step) loops;
      }
    else if later ? cycle then
      later
    else
      { result = [ step.minimal ] ++ later.result; };

  # sortOn :: (a -> b) -> [a] -> [a]
  # Sorts by a key that is computed once an element.
  sortOn =
    f: list:
    map (pair: elemAt pair 1) (
      sort (a: b: head a < head b) (
        map (x: [
          (f x)
          x
        ]) list
      )
    );

  # compareLists :: (a -> a -> int) -> [a] -> [a] -> int
  compareLists =
    compare: xs: ys:
    let
      xCount = length xs;
      yCount = length ys;
      go =
        n:
        if n == xCount then
          (if n == yCount then 0 else -1)
        else if n == yCount then
          1
        else
          let
            order = compare (elemAt xs n) (elemAt ys n);
          in
          if order == 0 then go (n + 1) else order;
    in
    go 0;

  # naturalSort :: [string] -> [string]
  # Runs of digits count as numbers: "a9" comes before "a10".
  naturalSort =
    list:
    let
      key =
        text:
        map (part: if isList part then lib.toIntBase10 (head part) else part) (
          builtins.split "(0|[1-9][0-9]*)" text
        );
      # A list of keys alternates text and number at the same places, so like compares with like.
      less = a: b: compareLists lib.compare (head a) (head b) < 0;
    in
    map (pair: elemAt pair 1) (
      sort less (
        map (text: [
          (key text)
          text
        ]) list
      )
    );

  # take, drop :: int -> [a] -> [a]
  take = count: sublist 0 count;
  drop = count: list: sublist count (length list) list;

  # takeEnd, dropEnd :: int -> [a] -> [a]
  takeEnd = n: list: drop (lib.max 0 (length list - n)) list;
  dropEnd = n: list: take (lib.max 0 (length list - n)) list;

  # sublist :: int -> int -> [a] -> [a]
  # At most `count` elements from `start` on.
  sublist =
    start: count: list:
    let
      available = length list - start;
      taken =
        if available <= 0 then
          0
        else if count > available then
          available
        else
          count;
    in
    genList (n: elemAt list (n + start)) taken;

  # hasPrefix :: [a] -> [a] -> bool
  hasPrefix = prefix: list: take (length prefix) list == prefix;

  # removePrefix :: [a] -> [a] -> [a]
  removePrefix =
    prefix: list:
    if hasPrefix prefix list then
      drop (length prefix) list
    else
      throw "lists.removePrefix: the second list does not begin with the first";

  # commonPrefix :: [a] -> [a] -> [a]
  commonPrefix =
    xs: ys:
    let
      shorter = lib.min (length xs) (length ys);
      different = findFirst (i: elemAt xs i != elemAt ys i) shorter (genList (i: i) shorter);
    in
    take different xs;

  # last, init :: [a] -> a, [a] -> [a]
  last =
    list:
    assert lib.assertMsg (list != [ ]) "lists.last: list must not be empty!";
    elemAt list (length list - 1);
  init =
    list:
    assert lib.assertMsg (list != [ ]) "lists.init: list must not be empty!";
    genList (elemAt list) (length list - 1);

  # uniqueStrings :: [string] -> [string]
  # Each string once, sorted; linear where `unique` is quadratic.
  uniqueStrings =
    list:
    builtins.attrNames (
      builtins.listToAttrs (
        map (name: {
          name = toString name;
          value = null;
        }) list
      )
    );

  # crossLists :: (a -> b -> ... -> c) -> [[...]] -> [c]
  crossLists = f: foldl (fs: args: concatMap (g: map g args) fs) [ f ];

  # unique :: [a] -> [a]
  # The first occurrence of each, in order.
  unique = foldl' (acc: e: if elem e acc then acc else acc ++ [ e ]) [ ];

  # allUnique :: [a] -> bool
  allUnique = list: length (unique list) == length list;

  # intersectLists :: [a] -> [a] -> [a]
  # Those of the second list that are in the first.
  intersectLists = e: filter (x: elem x e);

  # subtractLists :: [a] -> [a] -> [a]
  # Those of the second list that are not in the first.
  subtractLists = e: filter (x: !(elem x e));

  # mutuallyExclusive :: [a] -> [a] -> bool
  mutuallyExclusive = a: b: length a == 0 || !(any (x: elem x a) b);

  # replaceElemAt :: [a] -> int -> a -> [a]
  replaceElemAt =
    list: index: element:
    if index < 0 || index >= length list then
      throw "lists.replaceElemAt: index ${toString index} is outside of a list of ${toString (length list)}"
    else
      imap0 (i: x: if i == index then element else x) list;

  # concatAttrValues :: { name = [a]; } -> [a]
  concatAttrValues = set: concatLists (builtins.attrValues set);
}
