#!/usr/bin/env bash
# Copyright 2026 The mmfault Authors
# SPDX-License-Identifier: Apache-2.0
#
# install.sh GROUP...: installs the Debian packages of these groups that are
# missing. Groups: clang gcc build test lint proto bench container. ./dev, CI
# and the container's build stage use the same lists. Quick and silent when
# nothing is missing.
set -euo pipefail

packages_of() {
  case $1 in
    clang) echo clang-19 lld-19 libclang-rt-19-dev ;;
    gcc) echo g++ ;;
    build)
      # gRPC's CMake config also wants the dev packages of the last line.
      echo cmake ninja-build ccache pkg-config python3 \
        libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc \
        grpc-proto libabsl-dev libspdlog-dev libcli11-dev \
        libgtest-dev libgmock-dev libbenchmark-dev \
        zlib1g-dev libssl-dev libc-ares-dev libre2-dev
      ;;
    test) echo git openssl python3-grpcio python3-protobuf libxml2-utils ;;
    lint) echo git clang-format-19 clang-tidy-19 clang-tools-19 ;;
    proto) echo npm ;;
    bench) echo spin libfiu-dev ;;
    container)
      # iptables publishes ports; the last line makes a base image and checks.
      echo podman runc netavark aardvark-dns iptables slirp4netns uidmap \
        podman-compose python3-yaml mmdebstrap
      ;;
    *) echo "install.sh: unknown group: $1" >&2; exit 64 ;;
  esac
}

is_installed() {
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Node and python often come from elsewhere; a working command is enough.
is_present() {
  case $1 in
    npm | git | cmake | ccache) command -v "$1" >/dev/null || is_installed "$1" ;;
    ninja-build) command -v ninja >/dev/null || is_installed "$1" ;;
    *) is_installed "$1" ;;
  esac
}

missing_of() {
  local group package
  for group in "$@"; do
    for package in $(packages_of "$group"); do
      is_present "$package" || echo "$package"
    done
  done
}

apt() {
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
      echo "install.sh: not root and no sudo; as root run: apt-get $*"
      return 125
    fi
    as_root=(sudo)
  fi
  # ${a[@]+...}: an empty array is "unset" for set -u in older bash.
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}

# The package lists know every one of these.
are_known() {
  local package
  for package in "$@"; do
    [[ -n $(apt-cache show --no-all-versions "$package" 2>/dev/null) ]] || return 1
  done
}

# A second try with fresh lists: old ones name versions that are gone.
install_all() {
  are_known "$@" || apt update
  apt install -y --no-install-recommends "$@" ||
    { apt update && apt install -y --no-install-recommends "$@"; }
}

main() {
  local missing group
  # Here, not in a subshell, so that an unknown group ends the script.
  for group in "$@"; do packages_of "$group" >/dev/null; done
  mapfile -t missing < <(missing_of "$@")
  [[ ${#missing[@]} -eq 0 ]] && return
  if ! command -v apt-get >/dev/null; then
    echo "install.sh: no apt-get here; needed: ${missing[*]}" >&2
    exit 125
  fi
  echo "installing: ${missing[*]}" >&2
  local log
  log=$(mktemp)
  if ! install_all "${missing[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    exit 125
  fi
  rm -f "$log"
}

main "$@"
