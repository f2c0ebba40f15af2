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

found=$("${NIX_INSTANTIATE:-nix-instantiate}" --eval --strict "$here/fleets.nix" -A failures)
if [ "$found" != "[ ]" ]; then
  echo "fleets.nix: $found"
  failed=1
fi
if ! "$here/options-of-fleets.sh" | cmp -s - "$here/../../../docs/options-of-fleets.md"; then
  echo "docs/options-of-fleets.md is another one than options-of-fleets.sh prints"
  failed=1
fi
exit $failed
