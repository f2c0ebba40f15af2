#!/bin/sh
# Runs the inputs' tests with the evaluator that NIX_INSTANTIATE names (default: nix-instantiate).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
found=$("${NIX_INSTANTIATE:-nix-instantiate}" --eval --strict "$here/cases.nix")
if [ "$found" != "[ ]" ]; then
  echo "cases.nix: $found"
  exit 1
fi
