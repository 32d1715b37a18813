// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/trace/violation.h"

#include <array>

namespace mmfault::trace {
namespace {

constexpr std::array<const char*, kCheckerCount> kNames = {
    "no_stale_secondary_mapping",
    "start_end_paired",
    "no_callback_after_unregister",
    "no_use_after_free",
    "locks_balanced",
    "lock_order",
    "no_self_deadlock",
    "lock_flags_clear",
    "no_allocation_leak",
    "counts_sane",
    "release_count",
    "no_sleep_in_atomic",
    "pte_changes_announced",
    "no_deadlock",
    "no_livelock",
    "no_lost_wakeup",
    "errors_as_specified",
    "error_leaves_state",
    "signal_latency",
    "walk_under_lock",
};

}  // namespace

const char* CheckerName(Checker checker) {
  return kNames[static_cast<size_t>(checker)];
}

std::optional<Checker> CheckerByName(std::string_view name) {
  for (int i = 0; i < kCheckerCount; ++i) {
    if (name == kNames[i]) {
      return static_cast<Checker>(i);
    }
  }
  return std::nullopt;
}

}  // namespace mmfault::trace
