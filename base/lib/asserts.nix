# Assertions with words.
{ lib }:
rec {
  # assertMsg :: bool -> string -> bool
  # For `assert assertMsg condition "why"; ...`.
  assertMsg = condition: message: condition || throw message;

  # assertOneOf :: string -> a -> [a] -> bool
  assertOneOf =
    name: value: allowed:
    assertMsg (builtins.elem value allowed) "${name} must be one of ${
      lib.generators.toPretty { } allowed
    }, but is: ${lib.generators.toPretty { } value}";

  # assertEachOneOf :: string -> [a] -> [a] -> bool
  assertEachOneOf =
    name: values: allowed:
    assertMsg (builtins.all (value: builtins.elem value allowed) values) "each element in ${name} must be one of ${
      lib.generators.toPretty { } allowed
    }, but is: ${lib.generators.toPretty { } values}";

  # checkAssertWarn :: [{ assertion; message; }] -> [string] -> a -> a
  # Fails with the messages of all that do not hold; prints the warnings.
  checkAssertWarn =
    assertions: warnings: value:
    let
      failed = builtins.filter (a: !a.assertion) assertions;
    in
    if failed != [ ] then
      throw "\nFailed assertions:\n${lib.concatStringsSep "\n" (map (a: "- ${a.message}") failed)}"
    else
      lib.showWarnings warnings value;
}
