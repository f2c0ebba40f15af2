# Looking at values while they are evaluated, and testing functions.
{ lib }:
let
  inherit (builtins) attrNames isAttrs trace deepSeq;
  pretty = lib.generators.toPretty { };
in
rec {
  # traceIf :: bool -> string -> a -> a
  traceIf = condition: message: x: if condition then trace message x else x;

  # traceValFn, traceVal :: prints the value and gives it on
  traceValFn = f: x: trace (f x) x;
  traceVal = traceValFn (x: x);

  # traceSeq :: a -> b -> b
  # Prints the whole first value.
  traceSeq = x: y: trace (deepSeq x x) y;

  # traceSeqN :: int -> a -> b -> b
  # Prints the first value down to a depth.
  traceSeqN =
    depth: x: y:
    let
      cut =
        n: value:
        if n == 0 then
          if builtins.isList value then
            [ "…" ]
          else if isAttrs value then
            "{…}"
          else
            value
        else if builtins.isList value then
          map (cut (n - 1)) value
        else if isAttrs value then
          builtins.mapAttrs (_: cut (n - 1)) value
        else
          value;
    in
    trace (pretty (cut depth x)) y;

  traceValSeqFn = f: x: traceValFn f (deepSeq x x);
  traceValSeq = traceValSeqFn (x: x);
  traceValSeqNFn =
    f: depth: x:
    traceSeqN depth (f x) x;
  traceValSeqN = traceValSeqNFn (x: x);

  # traceFnSeqN :: int -> string -> (a -> b) -> a -> b
  # Prints what goes into a function and what comes out.
  traceFnSeqN =
    depth: name: f: x:
    let
      result = f x;
    in
    traceSeqN depth {
      fn = name;
      from = x;
      to = result;
    } result;

  # runTests :: { testNAME = { expr; expected; }; } -> [{ name; expected; result; }]
  # The failures. Only attributes that begin with "test" are run, or those in `tests` if it is there.
  runTests =
    tests:
    let
      wanted = name: if tests ? tests then builtins.elem name tests.tests else lib.hasPrefix "test" name && name != "tests";
    in
    builtins.concatMap (
      name:
      let
        test = tests.${name};
      in
      if test.expr == test.expected then
        [ ]
      else
        [
          {
            inherit name;
            inherit (test) expected;
            result = test.expr;
          }
        ]
    ) (builtins.filter wanted (attrNames tests));

  # testAllTrue :: [bool] -> test
  testAllTrue = expr: {
    inherit expr;
    expected = map (_: true) expr;
  };

  # throwTestFailures :: { failures; description; } -> null
  throwTestFailures =
    {
      failures,
      description ? "tests",
      ...
    }:
    if failures == [ ] then
      null
    else
      throw (
        "${toString (builtins.length failures)} ${description} failed:\n"
        + lib.concatMapStringsSep "\n" (
          failure:
          "- ${failure.name}: expected ${pretty failure.expected}, but got ${pretty failure.result}"
        ) failures
      );
}
