#!/bin/sh
# Prints docs/options-of-fleets.md, with the evaluator that NIX_INSTANTIATE names (default: nix-instantiate).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cat <<'TEXT'
# Options of fleets

What three fleets set, and what it comes to on the Debian base: a headless card, a cluster on a board, runners of FPGA boards. Each
line is a test of `base/tests/nixos/fleets.nix`, which sets the option to a value as the fleet has it and looks at the system's
configuration; this page is made by `base/tests/nixos/options-of-fleets.sh`. What cannot be carried out is an error that says what
to do instead. The examples `sd-card`, `turing-pi` and `fpga-runners` have these options together, and are booted by the tests of
`crates/hostwright/tests/program`.

| option | fleets | what shows it |
|---|---|---|
TEXT
"${NIX_INSTANTIATE:-nix-instantiate}" --eval --json "$here/fleets.nix" -A table |
  sed -e 's/^"//' -e 's/"$//' -e 's/\\n/\n/g' -e 's/\\"/"/g' -e 's/\\\\/\\/g' -e 's/\\u003c/</g' | sed '$d'
