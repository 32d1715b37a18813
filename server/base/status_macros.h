// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// status_macros.h: early return on an absl::Status, which the packaged abseil
// does not ship.

#ifndef MMFAULT_SERVER_BASE_STATUS_MACROS_H_
#define MMFAULT_SERVER_BASE_STATUS_MACROS_H_

#include <utility>

#define MMFAULT_CONCAT_INNER(a, b) a##b
#define MMFAULT_CONCAT(a, b) MMFAULT_CONCAT_INNER(a, b)

// Returns the status from the enclosing function unless it is OK.
#define RETURN_IF_ERROR(expr)     \
  do {                            \
    auto mmfault_status = (expr); \
    if (!mmfault_status.ok()) {   \
      return mmfault_status;      \
    }                             \
  } while (false)

// Assigns the value of a StatusOr, or returns its status.
#define ASSIGN_OR_RETURN(lhs, expr) \
  MMFAULT_ASSIGN_OR_RETURN(MMFAULT_CONCAT(mmfault_result_, __LINE__), lhs, expr)
#define MMFAULT_ASSIGN_OR_RETURN(result, lhs, expr) \
  auto result = (expr);                             \
  if (!result.ok()) {                               \
    return result.status();                         \
  }                                                 \
  lhs = std::move(result).value()

#endif  // MMFAULT_SERVER_BASE_STATUS_MACROS_H_
