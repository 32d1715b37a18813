// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/embedded.h"

#include <stdlib.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "server/main/with_services.h"

namespace mmfault::cli {
namespace {

// A directory that only this user can enter; empty when none can be made.
std::string MakeDirectory() {
  std::error_code code;
  std::string name =
      (std::filesystem::temp_directory_path(code) / "mmfault-XXXXXX").string();
  if (code || mkdtemp(name.data()) == nullptr) return "";
  return name;
}

}  // namespace

std::unique_ptr<EmbeddedServer> EmbeddedServer::Start(bool listens,
                                                      std::string* error) {
  auto embedded = std::make_unique<EmbeddedServer>();
  server::Server::Options options;
  if (listens) {
    embedded->directory_ = MakeDirectory();
    if (embedded->directory_.empty()) {
      *error = "no directory for a socket can be made (is TMPDIR writable?)";
      return nullptr;
    }
    options.listen = {"unix:" + embedded->directory_ + "/mmfaultd.sock"};
  }
  auto server = server::Server::Start(server::WithServices(std::move(options)));
  if (!server.ok()) {
    *error = std::string(server.status().message());
    return nullptr;
  }
  embedded->server_ = *std::move(server);
  return embedded;
}

EmbeddedServer::~EmbeddedServer() {
  server_.reset();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::shared_ptr<grpc::Channel> EmbeddedServer::channel() {
  return server_->InProcessChannel();
}

std::string EmbeddedServer::address() const {
  return server_->addresses().empty() ? "" : server_->addresses().front();
}

}  // namespace mmfault::cli
