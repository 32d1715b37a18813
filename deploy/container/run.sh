#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# run.sh: builds the image and checks it, for real, with podman. What
# `./dev container` runs. Needs root, or podman set up for the user.
#
#   1. the image is built from Containerfile;
#   2. a server runs with every restriction on, and they are in force;
#   3. it is healthy, and the scenarios pass through its published port;
#   4. SIGTERM drains it: exit code 0;
#   5. the same for the two containers of deploy/compose.
#
# Exit codes: 0 all of it holds, 1 something does not, 125 no podman or no image.
# Environment: MMFAULT_IMAGE, the name to build under (localhost/mmfault:latest);
# MMFAULT_JOBS, processes that compile at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

BASE=docker.io/library/debian:bookworm-slim
IMAGE=${MMFAULT_IMAGE:-localhost/mmfault:latest}
RUN_ID=mmfault-check-$$
SCENARIOS=/usr/share/mmfault/scenarios
# The server says "listening on" within a second; a busy machine takes longer.
START_SECONDS=60
STOP_SECONDS=30

say() { printf 'container: %s\n' "$*" >&2; }
fail() { say "FAILED: $*"; exit 1; }
broken() { say "$*"; exit 125; }

# podman's timer for health checks is systemd's, and it logs an error when there is
# none; the checks here are run by hand.
podman() { command podman "$@" 2> >(grep -v 'systemd connection' >&2); }

# podman-compose leaves its networks behind.
compose_down() {
  compose down --volumes --timeout 1 >/dev/null 2>&1 || true
  podman network rm "${RUN_ID}_default" "${RUN_ID}_nowhere" \
    >/dev/null 2>&1 || true
}

WORK=$(mktemp -d)
clean_up() {
  podman rm --force --time 0 "$RUN_ID" >/dev/null 2>&1 || true
  compose_down
  rm -rf "$WORK"
}
trap clean_up EXIT

# podman's own configuration, where it would ask for what this place refuses:
# limits above ours, and a systemd that is not there.
configure_podman() {
  local files processes limits
  files=$(ulimit -Hn) processes=$(ulimit -Hu)
  [[ $files =~ ^[0-9]+$ && $files -lt 16384 ]] || files=16384
  [[ $processes =~ ^[0-9]+$ && $processes -lt 4096 ]] || processes=4096
  limits="\"nofile=1024:$files\", \"nproc=$processes:$processes\""
  {
    echo '[containers]'
    echo "default_ulimits = [$limits]"
    echo '[engine]'
    echo 'runtime = "runc"'
    if [[ ! -d /run/systemd/system ]]; then
      echo 'cgroup_manager = "cgroupfs"'
      echo 'events_logger = "file"'
    fi
  } >"$WORK/containers.conf"
  export CONTAINERS_CONF=$WORK/containers.conf
}

# apt's settings of this machine, for those made by an apt that is not asked to
# read /etc/apt: where to fetch from is the sources' part.
fetch_options() {
  apt-config dump | grep -E '^Acquire::(Check|http|https|Retries)' || true
}

# Without a registry, a base of the same packages under the name that
# `debian:bookworm-slim` resolves to.
bootstrap_base() {
  local sources=()
  say "no registry; making $BASE with mmdebstrap"
  fetch_options >"$WORK/fetch.conf"
  if is_bookworm; then
    mapfile -t sources < <(ls /etc/apt/sources.list \
      /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null)
  fi
  # The hook's $1 is mmdebstrap's.
  # shellcheck disable=SC2016
  mmdebstrap --quiet --variant=minbase --aptopt="$WORK/fetch.conf" \
    --customize-hook='rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"' \
    bookworm "$WORK/base.tar" ${sources[@]+"${sources[@]}"} ||
    broken "mmdebstrap failed"
  podman import --quiet "$WORK/base.tar" "$BASE" >/dev/null
  rm -f "$WORK/base.tar"
}

ensure_base() {
  podman image exists "$BASE" && return
  timeout 300 podman pull --quiet "$BASE" >/dev/null 2>&1 || bootstrap_base
}

is_bookworm() { grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; }

# Prints the mounts with which apt in the build fetches from where this machine's
# apt does. They are there during the build only; nothing of them stays in the
# image.
apt_mounts() {
  is_bookworm || return 0
  printf '%s\n' --volume=/etc/apt:/etc/apt:ro \
    --volume=/usr/share/keyrings:/usr/share/keyrings:ro
  if grep -rqs 'https://' /etc/apt/sources.list /etc/apt/sources.list.d; then
    echo --volume=/etc/ssl/certs:/etc/ssl/certs:ro
  fi
}

build_image() {
  local mounts start=$SECONDS
  mapfile -t mounts < <(apt_mounts)
  podman build --format docker --isolation chroot --network host \
    ${mounts[@]+"${mounts[@]}"} --build-arg "JOBS=${MMFAULT_JOBS:-}" \
    --file deploy/container/Containerfile \
    --ignorefile deploy/container/Containerfile.dockerignore \
    --tag "$IMAGE" . >"$WORK/build.log" 2>&1 ||
    { tail -n 60 "$WORK/build.log" >&2; broken "the image does not build"; }
  say "built $IMAGE in $((SECONDS - start)) s," \
    "$(podman image inspect --format '{{.Size}}' "$IMAGE" | numfmt --to=iec)B"
}

# The restrictions under which the image is meant to run.
RESTRICTIONS=(--read-only --cap-drop all --security-opt no-new-privileges
  --memory 2g --pids-limit 256)

# wait_for_server NAME: until it has said that it listens.
wait_for_server() {
  local line follow=(podman logs --follow "$1")
  while read -r line; do
    if [[ $line == 'listening on '* ]]; then return; fi
  done < <(timeout "$START_SECONDS" "${follow[@]}" 2>/dev/null)
  podman logs "$1" >&2
  fail "$1 does not listen"
}

# check_restrictions NAME: as the kernel shows them for the container's process.
check_restrictions() {
  local status key value found
  status=$(podman exec "$1" cat /proc/1/status)
  while read -r key value; do
    found=$(awk -v key="$key:" '$1 == key { print $2 }' <<<"$status")
    [[ $found == "$value" ]] || fail "$1: $key is $found, not $value"
  done <<'END'
Uid 65532
CapEff 0000000000000000
CapBnd 0000000000000000
NoNewPrivs 1
Seccomp 2
END
  if podman exec "$1" touch /usr/bin/written 2>/dev/null; then
    fail "$1: the root file system can be written"
  fi
}

check_stopped() {
  local code
  code=$(podman inspect --format '{{.State.ExitCode}}' "$1")
  [[ $code -eq 0 ]] ||
    { podman logs "$1" >&2; fail "$1 stopped with exit code $code"; }
  podman logs "$1" 2>&1 | grep -q 'drained' || fail "$1 did not drain"
}

check_server() {
  local address
  podman run --detach --name "$RUN_ID" "${RESTRICTIONS[@]}" \
    --publish 127.0.0.1::50051 "$IMAGE" >/dev/null
  wait_for_server "$RUN_ID"
  check_restrictions "$RUN_ID"
  say "restrictions are in force: uid 65532, read-only root, no capability"
  podman healthcheck run "$RUN_ID" >/dev/null || fail "not healthy"
  say "healthy"
  address=$(podman port "$RUN_ID" 50051/tcp)
  podman run --rm "${RESTRICTIONS[@]}" --network host --entrypoint mmfault \
    "$IMAGE" --server "$address" run "$SCENARIOS" ||
    fail "the scenarios through the published port: exit code $?"
  say "the scenarios pass through the published port $address"
  podman stop --time "$STOP_SECONDS" "$RUN_ID" >/dev/null
  check_stopped "$RUN_ID"
  say "SIGTERM drains it, exit code 0"
  podman rm "$RUN_ID" >/dev/null
}

# podman-compose takes no port 0. Somebody else may take this one meanwhile; then
# the server does not start, and says why.
PORT=
free_port() {
  /usr/bin/python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

compose() {
  MMFAULT_IMAGE=$IMAGE MMFAULT_PORT=${PORT:-50051} podman-compose \
    --project-name "$RUN_ID" --file deploy/compose/compose.yaml "$@"
}

# compose_start SERVICE: podman-compose succeeds whatever became of it.
compose_start() {
  compose up --detach "$1" >"$WORK/compose.log" 2>&1 || true
  podman container exists "${RUN_ID}_$1_1" ||
    { cat "$WORK/compose.log" >&2; fail "compose: $1 does not start"; }
}

# podman-compose 1.0 knows no `condition: service_healthy`: the job is started
# once the server listens.
check_compose() {
  local server=${RUN_ID}_server_1 job=${RUN_ID}_job_1
  PORT=$(free_port)
  compose_start server
  wait_for_server "$server"
  check_restrictions "$server"
  podman healthcheck run "$server" >/dev/null || fail "compose: not healthy"
  podman run --rm "${RESTRICTIONS[@]}" --network host "$IMAGE" \
    --health-check "127.0.0.1:$PORT" >/dev/null ||
    fail "compose: nobody answers at the published port"
  compose_start job
  podman logs --follow "$job"
  [[ $(podman wait "$job") -eq 0 ]] || fail "compose: the job failed"
  compose stop --timeout "$STOP_SECONDS" server >/dev/null 2>&1
  check_stopped "$server"
  compose_down
  say "compose: the job's scenarios pass over the shared socket; clean stop"
}

main() {
  deploy/ci/install.sh container
  configure_podman
  podman info >/dev/null || broken "podman does not work here"
  ensure_base
  build_image
  check_server
  check_compose
  say "all checks hold after $SECONDS s"
}

main "$@"
