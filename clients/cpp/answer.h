// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// answer.h: what a call gave: a status, and a value when the status is OK.
//
// The status is gRPC's own, so that error_details.h can read its reason.

#ifndef MMFAULT_CLIENTS_CPP_ANSWER_H_
#define MMFAULT_CLIENTS_CPP_ANSWER_H_

#include <grpcpp/support/status.h>

namespace mmfault::client {

template <typename T>
struct Answer {
  grpc::Status status;
  T value{};

  bool ok() const { return status.ok(); }
};

}  // namespace mmfault::client

#endif  // MMFAULT_CLIENTS_CPP_ANSWER_H_
