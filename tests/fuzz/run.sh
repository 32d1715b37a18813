#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# Usage: run.sh [SECONDS] [NAME...]: builds the fuzzers and runs each of them
# (or those named, like `trigger`) for SECONDS, 60 unless said.
set -euo pipefail

seconds=60
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi

cd "$(dirname "$0")/../.."
build=build/fuzz
mkdir -p build
cmake -S . -B "$build" -G Ninja \
  -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMMFAULT_FUZZ=ON \
  -DMMFAULT_SANITIZE=address,undefined,fuzzer-no-link >"$build.log" 2>&1 ||
  { cat "$build.log" >&2; exit 1; }
ninja -C "$build" mmfault_fuzzers

names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  for source in tests/fuzz/*_fuzz.cc; do
    source=${source##*/}
    names+=("${source%_fuzz.cc}")
  done
fi

for name in "${names[@]}"; do
  corpus=$build/corpus/$name
  mkdir -p "$corpus"
  dict=()
  if [[ -f tests/fuzz/$name.dict ]]; then
    dict=("-dict=tests/fuzz/$name.dict")
  fi
  echo "fuzz: $name for $seconds s"
  "$build/tests/fuzz/${name}_fuzz" "${dict[@]}" -max_total_time="$seconds" \
    -max_len=2048 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$build/$name-" "$corpus"
done
