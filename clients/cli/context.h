// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// context.h: what every command shares: the server, the output form, errors.
//
// Threads: the main thread only.

#ifndef MMFAULT_CLIENTS_CLI_CONTEXT_H_
#define MMFAULT_CLIENTS_CLI_CONTEXT_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "clients/cli/embedded.h"
#include "clients/cpp/session.h"

namespace mmfault::cli {

struct Context {
  // --server; empty means an embedded one.
  std::string server;
  // --output: `table` or `json`.
  std::string output = "table";
  // What the process ends with.
  int exit_code = 0;

  bool is_json() const { return output == "json"; }

  // The server of --server, or one inside this process. Null, with the error
  // printed and the exit code set, when it cannot be had. An embedded server
  // also listens on a socket of its own when another process has to reach it.
  client::Session* Connect(bool needs_address = false);

  // The same for commands about things that outlive them: --server is needed.
  client::Session* ConnectToServer(const std::string& what);

  // Where the server of Connect() listens.
  std::string address() const;

  // Prints the status and a hint, and sets the exit code; false, for callers
  // that return what it says.
  bool Fail(const grpc::Status& status);

  // The same for what is no RPC's fault.
  bool FailUsage(const std::string& message, const std::string& hint = "");
  bool FailInfrastructure(const std::string& message);

 private:
  std::unique_ptr<EmbeddedServer> embedded_;
  std::unique_ptr<client::Session> session_;
};

// What to type next after an error of this reason; empty when nothing helps.
std::string HintFor(const std::string& reason);

// 64 when the request was at fault, 125 when it was the server or the network.
int ExitCodeFor(const grpc::Status& status);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_CONTEXT_H_
