// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// services.h: every service of the server, over one set of tables.
//
// Threads: Make and Drain from any thread.

#ifndef MMFAULT_SERVER_API_SERVICES_H_
#define MMFAULT_SERVER_API_SERVICES_H_

#include <grpcpp/impl/service_type.h>

#include <functional>
#include <memory>
#include <vector>

#include "server/host/limits.h"

namespace mmfault::api {

struct Services {
  std::vector<std::unique_ptr<grpc::Service>> services;
  // Ends what waits and what streams, when the server begins to drain.
  std::function<void()> on_drain;
};

Services MakeServices(const host::Limits& limits);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_SERVICES_H_
