// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// with_services.h: a server's options, its services included. What mmfaultd
// serves and what the command line embeds are the same.

#ifndef MMFAULT_SERVER_MAIN_WITH_SERVICES_H_
#define MMFAULT_SERVER_MAIN_WITH_SERVICES_H_

#include "server/main/server.h"

namespace mmfault::server {

// Adds every service, bounded by options.limits, and their part of a drain.
Server::Options WithServices(Server::Options options);

}  // namespace mmfault::server

#endif  // MMFAULT_SERVER_MAIN_WITH_SERVICES_H_
