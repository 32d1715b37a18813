#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# format.sh [--check] [FILE...]: clang-format on the given C++ files, or on all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/ci/sources.sh

mode=(-i)
if [[ ${1:-} == --check ]]; then
  mode=(--dry-run -Werror)
  shift
fi
if [[ $# -gt 0 ]]; then files=("$@"); else mapfile -t files < <(all_sources); fi
[[ ${#files[@]} -eq 0 ]] && exit 0
clang-format-19 "${mode[@]}" --style=file "${files[@]}"
