// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// error_status.h: the one place where an absl::Status becomes a grpc::Status.
//
// The result carries google.rpc.Status in the trailing metadata
// `grpc-status-details-bin`, the form that clients of every language decode:
//   ErrorInfo            always: reason, domain "mmfault", metadata
//   BadRequest           when the facts name a field
//   PreconditionFailure  FAILED_PRECONDITION with a subject
//   QuotaFailure         RESOURCE_EXHAUSTED with a subject
//   RetryInfo            when the facts say after how long
// A status without facts (a bug of ours, or one from a library) gets its code's
// name as reason, so that a client may always branch on the reason.
//
// gRPC peers refuse more than 8 KiB of metadata, and would then report
// RESOURCE_EXHAUSTED instead of what happened: texts are cut to fit, and what
// is not UTF-8 is replaced.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_API_ERROR_STATUS_H_
#define MMFAULT_SERVER_API_ERROR_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace mmfault::api {

// The domain of every ErrorInfo that the server sends.
inline constexpr char kErrorDomain[] = "mmfault";

// OK becomes OK; the code's value is kept.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_ERROR_STATUS_H_
