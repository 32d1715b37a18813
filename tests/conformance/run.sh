#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD_DIR [FILTER]: compares the simulator with recordings of real
# kernels; 0 when every row of every scenario agrees.
set -euo pipefail
build=$(cd "$1" && pwd)
shift
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec "$build/tests/conformance/conformance" "$@"
