#!/bin/sh
# Runs the modules' tests with the evaluator that NIX_INSTANTIATE names (default: nix-instantiate).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
failed=0

for file in options cases; do
  found=$("${NIX_INSTANTIATE:-nix-instantiate}" --eval --strict "$here/$file.nix")
  if [ "$found" != "[ ]" ]; then
    echo "$file.nix: $found"
    failed=1
  fi
done
exit $failed
