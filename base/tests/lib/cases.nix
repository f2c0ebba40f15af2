# The library's cases: evaluates to [ ] when all hold, else to those that do not.
#
#   nix-instantiate --eval --strict base/tests/lib/cases.nix
#
# Files in errors/ are the other half: each must fail with a message that its first line tells.
let
  lib = import ../../lib;
  families = [
    "attrsets"
    "lists"
    "strings"
    "functions"
    "packages"
    "formats"
    "files"
    "systems"
    "types"
    "modules"
    "options"
    "names"
  ];
in
builtins.concatMap (
  family:
  map (failure: failure // { name = "${family}: ${failure.name}"; }) (
    lib.runTests (import (./cases + "/${family}.nix") { inherit lib; })
  )
) families
