#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# proto_lint.sh: buf lint (STANDARD) on protos/, with the pinned buf.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ ! -x node_modules/.bin/buf || package-lock.json -nt node_modules ]]; then
  npm ci --loglevel=error --no-audit --no-fund
  touch node_modules
fi
cd ../../protos
exec ../deploy/ci/node_modules/.bin/buf lint .
