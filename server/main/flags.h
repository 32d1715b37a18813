// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// flags.h: the command line of mmfaultd.

#ifndef MMFAULT_SERVER_MAIN_FLAGS_H_
#define MMFAULT_SERVER_MAIN_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "server/host/limits.h"
#include "server/main/credentials.h"
#include "server/main/server.h"

namespace mmfault::server {

struct Flags {
  std::vector<std::string> listen = {"127.0.0.1:50051"};
  std::string port_file;
  bool allow_insecure_public = false;
  TlsFiles tls;
  // Unit: seconds, in [0, 3600]. A container runtime kills after its own grace
  // period (10 s in podman and docker, 30 s in Kubernetes): stay below.
  double drain_seconds = 8;
  host::Limits limits;
  std::string log_level = "info";
  bool log_json = false;
  // Not empty: check that address's health and exit.
  std::string health_check;
};

// Declares the flags; `flags` is filled by app.parse() and must outlive it.
void AddFlags(CLI::App& app, Flags& flags);

// One flag for each of the limits. For programs that embed the server, too.
void AddLimitFlags(CLI::App& app, host::Limits& limits);

// The server's options, services excepted.
Server::Options OptionsFrom(const Flags& flags);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_FLAGS_H_
