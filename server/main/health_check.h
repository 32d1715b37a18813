// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// health_check.h: the client half of a container's HEALTHCHECK.

#ifndef MMFAULT_SERVER_MAIN_HEALTH_CHECK_H_
#define MMFAULT_SERVER_MAIN_HEALTH_CHECK_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"

namespace mmfault::server {

// Asks grpc.health.v1.Health at `address` for the whole server's state.
//
// Plaintext: for a TLS server, have it listen on a unix socket as well and
// check that. OK when it says SERVING.
//
// Errors:
//   UNAVAILABLE `NOT_SERVING`: it answers, and is draining.
//   `HEALTH_CHECK_FAILED`, with the RPC's code: it does not answer, or not so.
absl::Status CheckHealth(const std::string& address,
                         std::chrono::milliseconds timeout);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_HEALTH_CHECK_H_
