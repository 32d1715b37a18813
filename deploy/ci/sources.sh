# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the lint scripts: which C++ files to look at.

# Every C++ file of ours, tracked or about to be.
all_sources() {
  git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' |
    while read -r file; do [[ -f $file ]] && echo "$file"; done
}

# Those that differ from the branch this one will be merged into, else from the
# last commit. MMFAULT_BASE overrides.
changed_sources() {
  local base=${MMFAULT_BASE:-}
  if [[ -z $base ]]; then
    base=$(git merge-base HEAD origin/main 2>/dev/null) || base=HEAD
    [[ $base == "$(git rev-parse HEAD)" ]] && base=HEAD~1
  fi
  git rev-parse -q --verify "$base^{commit}" >/dev/null || { all_sources; return; }
  {
    git diff --name-only --diff-filter=d "$base" -- '*.cc' '*.h'
    git ls-files --others --exclude-standard -- '*.cc' '*.h'
  } | sort -u
}
