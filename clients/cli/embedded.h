// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// embedded.h: a server inside this process, for commands that need no other.
//
// The same services as mmfaultd's, over an in-process channel, so that
// everything goes through the API. When another process has to reach it, it
// also listens on a unix socket in a directory of its own, which is removed at
// the end.

#ifndef MMFAULT_CLIENTS_CLI_EMBEDDED_H_
#define MMFAULT_CLIENTS_CLI_EMBEDDED_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "server/main/server.h"

namespace mmfault::cli {

class EmbeddedServer {
 public:
  // Null, with `error` set, when it cannot start.
  static std::unique_ptr<EmbeddedServer> Start(bool listens,
                                               std::string* error);
  ~EmbeddedServer();

  std::shared_ptr<grpc::Channel> channel();
  // Empty unless it listens.
  std::string address() const;

 private:
  std::string directory_;
  std::unique_ptr<server::Server> server_;
};

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_EMBEDDED_H_
