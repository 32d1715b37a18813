#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# clang_tidy.sh BUILD_DIR [--all | FILE...]: clang-tidy on changed sources, on all,
# or on the given ones. BUILD_DIR holds compile_commands.json and generated protos.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/ci/sources.sh

build_dir=$1
shift

# A changed header is checked through the unit of the same name.
units_of() {
  local file
  while read -r file; do
    case $file in
      *.cc) echo "$file" ;;
      *.h) [[ -f ${file%.h}.cc ]] && echo "${file%.h}.cc" ;;
    esac
  done | sort -u
}

# Only units that some target compiles have flags to be checked with.
compiled() {
  local file
  while read -r file; do
    if grep -qF "\"file\": \"$PWD/$file\"" "$build_dir/compile_commands.json"; then
      echo "$file"
    fi
  done
}

case ${1:-} in
  --all) mapfile -t files < <(all_sources | units_of | compiled) ;;
  "") mapfile -t files < <(changed_sources | units_of | compiled) ;;
  *) mapfile -t files < <(printf '%s\n' "$@" | units_of | compiled) ;;
esac
echo "clang-tidy: ${#files[@]} units" >&2
[[ ${#files[@]} -eq 0 ]] && exit 0
patterns=()
for file in "${files[@]}"; do patterns+=("^$PWD/${file//./\\.}\$"); done
exec run-clang-tidy-19 -quiet -p "$build_dir" -j "${MMFAULT_JOBS:-$(nproc)}" \
  "${patterns[@]}"
