#!/usr/bin/env bash
# Looks for bytes that a target does not stand, with coverage as the guide.
#
#   fuzz/run.sh TARGET RUNS [OPTION OF LIBFUZZER…]     one target; `all` for all of them, one after the other
#
# Targets are the files in fuzz_targets/. What is found is written to fuzz/artifacts/TARGET/. It needs a C++ compiler, and
# no nightly Rust: the flags are those that cargo-fuzz gives, which the stable compiler takes, without the address sanitizer,
# which it does not, and which code without `unsafe` does not need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if (($# < 2)); then
  sed -n '2,5s/^# \{0,1\}//p' "$(basename "${BASH_SOURCE[0]}")" >&2
  exit 2
fi
target=$1 runs=$2
shift 2

triple=$(rustc -vV | sed -n 's/^host: //p')
flags=(
  -Cpasses=sancov-module
  -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
  -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares
  -Ccodegen-units=1
)
# With a target, only what runs is built with these flags, not what builds.
RUSTFLAGS="${flags[*]}" cargo build --release --quiet --target "$triple"

if [[ $target == all ]]; then
  mapfile -t targets < <(cd fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//')
else
  targets=("$target")
fi
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target" "artifacts/$target"
  "target/$triple/release/$target" -runs="$runs" -max_len=2048 -timeout=25 -rss_limit_mb=4096 \
    -artifact_prefix="artifacts/$target/" -print_final_stats=1 "$@" "corpus/$target"
done
