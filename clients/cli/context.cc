// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/context.h"

#include <array>
#include <iostream>
#include <utility>

#include "clients/cli/exit_codes.h"

namespace mmfault::cli {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 17> kHints = {{
    {"PROTOCOL_NOT_FOUND", "mmfault protocol list"},
    {"MUTANT_UNKNOWN", "mmfault protocol describe PROTOCOL"},
    {"FAULT_POINT_NOT_FOUND", "mmfault fault points"},
    {"ACTION_NOT_ALLOWED", "mmfault fault points POINT"},
    {"WORLD_NOT_FOUND", "mmfault world list"},
    {"WORLD_EXISTS", "choose another --id, or mmfault world delete WORLD"},
    {"WRONG_DRIVE_MODE", "mmfault world create --drive-mode lockstep"},
    {"MM_NOT_FOUND", "mmfault mm list WORLD"},
    {"TASK_NOT_FOUND", "mmfault task list WORLD --all"},
    {"NOTIFIER_NOT_FOUND", "mmfault notifier list WORLD"},
    {"FAULT_NOT_FOUND", "mmfault fault list WORLD"},
    {"HOLD_NOT_FOUND", "mmfault fault holds WORLD"},
    {"LEASE_NOT_FOUND", "mmfault fault leases"},
    {"LEASE_EXISTS", "choose another --id"},
    {"SAFETY_LEVER_PULLED", "mmfault fault lever list"},
    {"RUN_NOT_FOUND", "mmfault run list"},
    {"QUOTA_EXCEEDED",
     "delete what is no longer needed, or ask the operator for a larger limit"},
}};

}  // namespace

std::string HintFor(const std::string& reason) {
  for (const auto& [known, hint] : kHints) {
    if (reason == known) return hint;
  }
  return "";
}

int ExitCodeFor(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kExitOk;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
      return kExitUsage;
    default:
      return kExitInfrastructure;
  }
}

client::Session* Context::Connect(bool needs_address) {
  if (session_ != nullptr) return session_.get();
  if (!server.empty()) {
    session_ = client::Session::Connect(server);
    return session_.get();
  }
  std::string error;
  embedded_ = EmbeddedServer::Start(needs_address, &error);
  if (embedded_ == nullptr) {
    FailInfrastructure(error);
    return nullptr;
  }
  session_ = std::make_unique<client::Session>(embedded_->channel());
  return session_.get();
}

client::Session* Context::ConnectToServer(const std::string& what) {
  if (!server.empty()) return Connect();
  FailUsage(what + " lives in a server, and none is named",
            "start one with `mmfaultd --listen 127.0.0.1:50051` and add "
            "--server 127.0.0.1:50051 (or set MMFAULT_SERVER)");
  return nullptr;
}

std::string Context::address() const {
  return embedded_ == nullptr ? server : embedded_->address();
}

bool Context::Fail(const grpc::Status& status) {
  exit_code = ExitCodeFor(status);
  const client::ErrorDetails details = client::DetailsOf(status);
  std::cerr << "mmfault: " << client::Describe(status) << "\n";
  if (!details.field.empty()) std::cerr << "  field: " << details.field << "\n";
  std::string hint = HintFor(details.reason);
  if (hint.empty() && details.reason.empty() && !server.empty() &&
      status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    hint = "is a server listening there? mmfaultd --health-check " + server;
  }
  if (!hint.empty()) std::cerr << "  next: " << hint << "\n";
  return false;
}

bool Context::FailUsage(const std::string& message, const std::string& hint) {
  exit_code = kExitUsage;
  std::cerr << "mmfault: " << message << "\n";
  if (!hint.empty()) std::cerr << "  next: " << hint << "\n";
  return false;
}

bool Context::FailInfrastructure(const std::string& message) {
  exit_code = kExitInfrastructure;
  std::cerr << "mmfault: " << message << "\n";
  return false;
}

}  // namespace mmfault::cli
