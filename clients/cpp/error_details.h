// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// error_details.h: why a call failed, for programs.
//
// The server puts google.rpc details into every failed call. These read them
// back. Branch on Reason(), never on the text of the message; the reasons of an
// RPC are listed at the RPC in protos/mmfault/v1.
//
// A status that did not come from an mmfault server (a broken connection, a
// proxy) has no details: Reason() is then empty.
//
// Threads: pure functions.

#ifndef MMFAULT_CLIENTS_CPP_ERROR_DETAILS_H_
#define MMFAULT_CLIENTS_CPP_ERROR_DETAILS_H_

#include <grpcpp/support/status.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace mmfault::client {

// What the details of a failed call say.
struct ErrorDetails {
  std::string reason;  // `MM_NOT_FOUND`; empty when there are no details.
  std::map<std::string, std::string> metadata;
  std::string field;    // The request field at fault, as a path.
  std::string subject;  // The resource in the wrong state or over its quota.
  // When trying again makes sense, if the server knows.
  std::optional<std::chrono::milliseconds> retry_after;
};

// Decodes the details; all empty for an OK status, for one without details, and
// for details of another domain.
ErrorDetails DetailsOf(const grpc::Status& status);

// DetailsOf(status).reason.
std::string Reason(const grpc::Status& status);

// The metadata's value for `key`; empty when there is none.
std::string MetadataValue(const grpc::Status& status, const std::string& key);

// One line for a person: `NOT_FOUND (MM_NOT_FOUND): no mm "m7" in worlds/w`.
std::string Describe(const grpc::Status& status);

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_ERROR_DETAILS_H_
