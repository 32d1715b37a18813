#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# main_job.sh BUILD_DIR [PATH...]: the main job. Starts mmfaultd on a loopback
# port that the system chooses, runs the seed mail's cases through it twice, with
# modelled notifiers and with notifiers that another process answers over gRPC,
# prints both tables, and stops the server by its own pid. Exits with 0 when
# every expectation is met, 1 when one is not, 2 when inconclusive.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_dir=${1:?usage: main_job.sh BUILD_DIR [PATH...]}
shift
paths=("$@")
[[ ${#paths[@]} -gt 0 ]] || paths=(tests/scenarios/fast)
server=$build_dir/server/main/mmfaultd
client=$build_dir/clients/cli/mmfault
out=$build_dir/main_job
mkdir -p "$out"

work=$(mktemp -d)
"$server" --listen 127.0.0.1:0 --port-file "$work/address" \
  --log-level warning >"$work/server.log" 2>&1 &
pid=$!
stop() {
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT

# The port file appears once the server listens; a server that died says why.
while [[ ! -s $work/address ]]; do
  if ! kill -0 "$pid" 2>/dev/null; then
    cat "$work/server.log" >&2
    exit 125
  fi
  read -r -t 0.05 _ <> <(:) || true
done
address=$(head -n 1 "$work/address")

start=$SECONDS
worst=0
run() {
  local rc=0
  "$client" --server "$address" run "$@" || rc=$?
  if [[ $rc -gt 2 ]]; then exit "$rc"; fi
  # A missed expectation outweighs an inconclusive one.
  if [[ $rc -eq 1 || ($rc -eq 2 && $worst -ne 1) ]]; then worst=$rc; fi
}

echo "== Modelled notifiers, in the server =="
run "${paths[@]}" --junit "$out/modelled.xml"
echo
echo "== Remote notifiers, answered by another process over gRPC =="
run "${paths[@]}" --remote --schedules "${MMFAULT_REMOTE_SCHEDULES:-1000}" \
  --junit "$out/remote.xml"
echo
echo "main job: $((SECONDS - start)) s, exit code $worst; JUnit in $out/"
exit "$worst"
