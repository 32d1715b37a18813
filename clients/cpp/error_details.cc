// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/error_details.h"

#include "absl/status/status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace mmfault::client {
namespace {

constexpr char kDomain[] = "mmfault";

// The first detail of this type, if it is there and well formed.
template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& status) {
  for (const google::protobuf::Any& any : status.details()) {
    Detail detail;
    if (any.Is<Detail>() && any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

void ReadSubject(const google::rpc::Status& status, ErrorDetails& details) {
  const auto failure = Find<google::rpc::PreconditionFailure>(status);
  if (failure && failure->violations_size() > 0) {
    details.subject = failure->violations(0).subject();
  }
  const auto quota = Find<google::rpc::QuotaFailure>(status);
  if (quota && quota->violations_size() > 0) {
    details.subject = quota->violations(0).subject();
  }
}

}  // namespace

ErrorDetails DetailsOf(const grpc::Status& status) {
  ErrorDetails details;
  google::rpc::Status rpc_status;
  if (status.ok() || !rpc_status.ParseFromString(status.error_details())) {
    return details;
  }
  const auto info = Find<google::rpc::ErrorInfo>(rpc_status);
  if (!info || info->domain() != kDomain) return details;
  details.reason = info->reason();
  details.metadata.insert(info->metadata().begin(), info->metadata().end());

  const auto bad_request = Find<google::rpc::BadRequest>(rpc_status);
  if (bad_request && bad_request->field_violations_size() > 0) {
    details.field = bad_request->field_violations(0).field();
  }
  ReadSubject(rpc_status, details);
  const auto retry = Find<google::rpc::RetryInfo>(rpc_status);
  if (retry) {
    details.retry_after =
        std::chrono::seconds(retry->retry_delay().seconds()) +
        std::chrono::milliseconds(retry->retry_delay().nanos() / 1'000'000);
  }
  return details;
}

std::string Reason(const grpc::Status& status) {
  return DetailsOf(status).reason;
}

std::string MetadataValue(const grpc::Status& status, const std::string& key) {
  const ErrorDetails details = DetailsOf(status);
  const auto found = details.metadata.find(key);
  return found == details.metadata.end() ? std::string() : found->second;
}

std::string Describe(const grpc::Status& status) {
  // The enums have equal values; grpc has no public name function.
  std::string line = absl::StatusCodeToString(
      static_cast<absl::StatusCode>(status.error_code()));
  const std::string reason = Reason(status);
  if (!reason.empty()) line += " (" + reason + ")";
  if (!status.error_message().empty()) line += ": " + status.error_message();
  return line;
}

}  // namespace mmfault::client
