// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/main/health_check.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/base/error.h"

namespace mmfault::server {

absl::Status CheckHealth(const std::string& address,
                         std::chrono::milliseconds timeout) {
  namespace health = grpc::health::v1;
  const auto stub = health::Health::NewStub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  health::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, {}, &response);
  if (!status.ok()) {
    return base::MakeError(static_cast<absl::StatusCode>(status.error_code()),
                           "HEALTH_CHECK_FAILED",
                           address + ": " + status.error_message(),
                           {{"address", address}});
  }
  if (response.status() != health::HealthCheckResponse::SERVING) {
    return base::MakeError(absl::StatusCode::kUnavailable, "NOT_SERVING",
                           address + " is draining", {{"address", address}});
  }
  return absl::OkStatus();
}

}  // namespace mmfault::server
