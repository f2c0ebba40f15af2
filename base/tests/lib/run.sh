#!/bin/sh
# Runs the library's tests with the evaluator that NIX_INSTANTIATE names (default: nix-instantiate).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
evaluate() { "${NIX_INSTANTIATE:-nix-instantiate}" --eval --strict "$@"; }
failed=0

failures=$(evaluate "$here/cases.nix")
if [ "$failures" != "[ ]" ]; then
  echo "cases.nix: $failures"
  failed=1
fi

for file in "$here"/errors/*.nix; do
  expected=$(sed -n '1s/^# error: //p' "$file")
  if [ -z "$expected" ]; then
    echo "$file: the first line must be '# error: REGEX'"
    failed=1
  elif message=$(evaluate "$file" 2>&1); then
    echo "$file: evaluates, but must fail with: $expected"
    failed=1
  # The message may be wrapped and indented by the evaluator; the expression sees it as one line.
  elif ! printf '%s' "$message" | tr -s ' \n' ' ' | grep -Eq -- "$expected"; then
    printf '%s: expected\n  %s\nbut got\n%s\n' "$file" "$expected" "$message"
    failed=1
  fi
done
exit $failed
