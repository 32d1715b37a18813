#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs every bench program of a build and merges the results.
#
#   tests/bench/run.sh BUILD_DIR [PROGRAM...]
#
# With programs (rpc_bench) only these; the others' last results are kept. Writes
# build/bench.json and exits with 1 when a value misses its bar, 125 when a
# program failed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:?usage: tests/bench/run.sh BUILD_DIR [PROGRAM...]}
shift
programs=("$@")
if ((${#programs[@]} == 0)); then
  while IFS= read -r path; do
    programs+=("$(basename "$path")")
  done < <(find "$build/tests/bench" -maxdepth 1 -name '*_bench' -type f \
             -executable | sort)
fi
if ((${#programs[@]} == 0)); then
  echo "no bench program in $build/tests/bench; build mmfault_benches" >&2
  exit 125
fi

results=$build/bench-results
mkdir -p "$results" "$root/build"
for program in "${programs[@]}"; do
  echo "== $program"
  # A failed program must not leave an old result that looks like a new one.
  rm -f "$results/$program.json"
  if ! "$build/tests/bench/$program" --json "$results/$program.json"; then
    echo "$program failed" >&2
    exit 125
  fi
done
exec python3 "$root/tests/bench/merge.py" --output "$root/build/bench.json" \
  "$results"/*.json
