// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// address.h: where the server listens, and whether plaintext is safe there.
//
// Two forms: `HOST:PORT` (an IPv6 host in brackets, port 0 lets the system
// choose) and `unix:/PATH`. Names are not resolved: `localhost` is the only
// name taken for loopback, since any other could point elsewhere tomorrow.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_MAIN_ADDRESS_H_
#define MMFAULT_SERVER_MAIN_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mmfault::server {

// One address to listen on.
struct ListenAddress {
  bool is_unix = false;
  std::string host;  // Without brackets; empty for a unix socket.
  int port = 0;      // In [0, 65535].
  std::string path;  // Absolute; empty unless is_unix.

  // Whether only processes of this machine can reach it.
  bool IsLocal() const;

  // The form that gRPC takes and that clients type.
  std::string ToString() const;
};

// INVALID_ARGUMENT (`LISTEN_ADDRESS_INVALID`): neither form, a port out of
// range, an empty host, or a path too long for a socket (107 bytes).
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_ADDRESS_H_
