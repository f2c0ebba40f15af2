# Functions so small that every other file leans on them.
{ lib }:
rec {
  # id :: a -> a
  id = x: x;

  # const :: a -> b -> a
  const = x: _: x;

  # pipe :: a -> [function] -> b
  # The value through the functions from left to right.
  pipe = builtins.foldl' (x: f: f x);

  # concat :: [a] -> [a] -> [a]
  concat = x: y: x ++ y;

  or = x: y: x || y;
  and = x: y: x && y;
  xor = x: y: (!x) != (!y);

  # Bits of non-negative integers.
  bitAnd = builtins.bitAnd;
  bitOr = builtins.bitOr;
  bitXor = builtins.bitXor;
  bitNot = builtins.sub (-1);

  # boolToString :: bool -> string
  boolToString = b: if b then "true" else "false";

  # boolToYesNo :: bool -> string
  boolToYesNo = b: if b then "yes" else "no";

  # mergeAttrs :: set -> set -> set
  mergeAttrs = x: y: x // y;

  # flip :: (a -> b -> c) -> b -> a -> c
  flip =
    f: a: b:
    f b a;

  # defaultTo :: a -> (a | null) -> a
  defaultTo = default: maybe: if maybe != null then maybe else default;

  # mapNullable :: (a -> b) -> (a | null) -> (b | null)
  mapNullable = f: a: if a == null then null else f a;

  min = x: y: if x < y then x else y;
  max = x: y: if x > y then x else y;

  # mod :: int -> int -> int
  mod = base: divisor: base - divisor * (builtins.div base divisor);

  # compare :: a -> a -> int
  compare =
    a: b:
    if a < b then
      -1
    else if a > b then
      1
    else
      0;

  # splitByAndCompare :: (a -> bool) -> compare -> compare -> compare
  # Orders what satisfies the predicate first.
  splitByAndCompare =
    predicate: compareYes: compareNo: a: b:
    if predicate a then
      if predicate b then compareYes a b else -1
    else if predicate b then
      1
    else
      compareNo a b;

  # importJSON, importTOML :: path -> value
  importJSON = path: builtins.fromJSON (builtins.readFile path);
  importTOML = path: builtins.fromTOML (builtins.readFile path);

  # warn :: string -> a -> a
  # Prints the message when the value is forced; NIX_ABORT_ON_WARN makes it an error.
  warn =
    message:
    if
      builtins.elem (builtins.getEnv "NIX_ABORT_ON_WARN") [
        "1"
        "true"
        "yes"
      ]
    then
      builtins.trace "evaluation warning: ${message}" (abort "NIX_ABORT_ON_WARN=true; warnings are treated as unrecoverable errors.")
    else
      (builtins.warn or (text: builtins.trace "evaluation warning: ${text}")) message;

  # warnIf, warnIfNot :: bool -> string -> a -> a
  warnIf = condition: message: if condition then warn message else id;
  warnIfNot = condition: message: if condition then id else warn message;

  # throwIf, throwIfNot :: bool -> string -> a -> a
  throwIf = condition: message: throwIfNot (!condition) message;
  throwIfNot = condition: message: if condition then id else throw message;

  # checkListOfEnum :: string -> [a] -> [a] -> b -> b
  checkListOfEnum =
    message: valid: given:
    let
      unexpected = lib.subtractLists valid given;
    in
    throwIfNot (unexpected == [ ])
      "${message}: ${lib.concatStringsSep ", " (map toString unexpected)} unexpected; valid ones: ${lib.concatStringsSep ", " (map toString valid)}";

  info = message: builtins.trace "INFO: ${message}";
  showWarnings = warnings: result: lib.foldr (message: warn message) result warnings;

  # setFunctionArgs :: function -> { argument = hasDefault; } -> functor
  # A function that reports the given named arguments.
  setFunctionArgs = f: args: {
    __functor = _: f;
    __functionArgs = args;
  };

  # functionArgs :: (function | functor) -> { argument = hasDefault; }
  functionArgs =
    f:
    if f ? __functor then
      f.__functionArgs or (lib.functionArgs (f.__functor f))
    else
      builtins.functionArgs f;

  # isFunction :: any -> bool
  # True for functors as well.
  isFunction = f: builtins.isFunction f || (f ? __functor && isFunction (f.__functor f));

  # mirrorFunctionArgs :: function -> function -> function
  mirrorFunctionArgs =
    f:
    let
      args = lib.functionArgs f;
    in
    g: if args == { } then g else setFunctionArgs g args;

  # toFunction :: any -> function
  toFunction = v: if lib.isFunction v then v else _: v;

  # fromHexString :: string -> int
  fromHexString =
    value:
    let
      matched = builtins.match "(0x)?([0-9A-Fa-f]+)" value;
    in
    if matched == null then
      throw "fromHexString: '${value}' is not a hexadecimal number"
    else
      (builtins.fromTOML "v=0x${builtins.elemAt matched 1}").v;

  # toHexString :: int -> string
  toHexString =
    i:
    lib.concatMapStrings (d: builtins.substring d 1 "0123456789ABCDEF") (toBaseDigits 16 i);

  # toBaseDigits :: int -> int -> [int]
  # Digits of a non-negative integer, most significant first.
  toBaseDigits =
    base: i:
    assert base >= 2;
    assert i >= 0;
    let
      go = n: if n < base then [ n ] else go (n / base) ++ [ (mod n base) ];
    in
    go i;

  # inPureEvalMode :: bool
  inPureEvalMode = !builtins ? currentSystem;

  # isInOldestRelease :: int -> bool
  # Whether code that must serve every supported release may rely on `release`.
  oldestSupportedRelease = 2505;
  isInOldestRelease = release: release <= oldestSupportedRelease;
  oldestSupportedReleaseIsAtLeast = isInOldestRelease;

  # The version of nixpkgs whose interfaces this library follows.
  release = "25.11";
  version = release + versionSuffix;
  versionSuffix = "";
  nixpkgsVersion = version;
  codeName = "Xantusia";
  revisionWithDefault = default: default;

  # inNixShell :: bool
  inNixShell = builtins.getEnv "IN_NIX_SHELL" != "";

  inherit (builtins)
    pathExists
    readFile
    isBool
    isInt
    isFloat
    add
    sub
    lessThan
    seq
    deepSeq
    genericClosure
    ;
}
