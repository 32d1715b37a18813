// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/with_services.h"

#include <utility>

#include "server/api/services.h"

namespace mmfault::server {

Server::Options WithServices(Server::Options options) {
  api::Services made = api::MakeServices(options.limits);
  options.services = std::move(made.services);
  options.on_drain = std::move(made.on_drain);
  return options;
}

}  // namespace mmfault::server
