// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// error.h: an absl::Status that also says, for machines, why.
//
// Every error a caller can cause carries a stable reason (`MM_NOT_FOUND`) and
// the facts of its message as metadata. Clients branch on the reason, never on
// the text. server/api turns it into google.rpc details; this header knows
// nothing of protobuf: the facts travel as a payload of the status, in plain
// text.
//
// A reason is UPPER_SNAKE_CASE, at most 63 characters, and once released it
// never changes its meaning. A metadata key is lower_snake_case.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_BASE_ERROR_H_
#define MMFAULT_SERVER_BASE_ERROR_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace mmfault::base {

// The facts of a message, in the order in which they should be shown.
using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

// What an error says beyond its code and message.
struct ErrorFacts {
  // Empty when the status was not made by this header.
  std::string reason;
  ErrorMetadata metadata;
  // INVALID_ARGUMENT: the request field, as a path (`step.munmap.range.end`).
  std::string field;
  // FAILED_PRECONDITION and RESOURCE_EXHAUSTED: the resource it is about.
  std::string subject;
  // UNAVAILABLE and RESOURCE_EXHAUSTED: when trying again makes sense; 0 means
  // that it is not known.
  std::chrono::milliseconds retry_after{0};
};

// An error with a reason. Requires: `code` is not OK.
absl::Status MakeError(absl::StatusCode code, std::string_view reason,
                       std::string_view message, ErrorMetadata metadata = {});

// The general form, for what the shorter ones below do not cover.
absl::Status MakeErrorWithFacts(absl::StatusCode code, std::string_view message,
                                const ErrorFacts& facts);

// INVALID_ARGUMENT; names the field, in the metadata too (`field`).
absl::Status InvalidFieldError(std::string_view field, std::string_view reason,
                               std::string_view message,
                               ErrorMetadata metadata = {});

// NOT_FOUND; `name` is the resource name asked for (`resource_name`).
absl::Status MissingResourceError(std::string_view name,
                                  std::string_view reason,
                                  std::string_view message,
                                  ErrorMetadata metadata = {});

// FAILED_PRECONDITION; `subject` is the resource in the wrong state
// (`subject`).
absl::Status WrongStateError(std::string_view subject, std::string_view reason,
                             std::string_view message,
                             ErrorMetadata metadata = {});

// RESOURCE_EXHAUSTED; `subject` is what holds the quota (a world, the server),
// `limit_name` the flag that sets it, `limit` its value.
absl::Status QuotaError(std::string_view subject, std::string_view reason,
                        std::string_view limit_name, int64_t limit,
                        std::string_view message);

// The facts of a status; all empty when it carries none.
ErrorFacts FactsOf(const absl::Status& status);

// FactsOf(status).reason.
std::string ReasonOf(const absl::Status& status);

}  // namespace mmfault::base

#endif  // MMFAULT_SERVER_BASE_ERROR_H_
