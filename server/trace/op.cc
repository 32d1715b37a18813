// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/trace/op.h"

#include <array>
#include <cstddef>

namespace mmfault::trace {

const char* OpKindName(OpKind kind) {
  static constexpr std::array kNames = {
      "start",     "read",        "write",           "rmw",
      "lock",      "unlock",      "read_lock",       "read_unlock",
      "downgrade", "trylock",     "read_section",    "read_section_end",
      "gp_begin",  "gp_end",      "ref_get",         "ref_get_not_zero",
      "ref_put",   "signal_send", "signal_test",     "alloc",
      "free",      "callback",    "callback_return", "wait",
      "wake",      "sleep",       "yield",           "hold",
      "call",      "return",      "store_visible",   "barrier",
      "choice",    "ref_dec",
  };
  const auto index = static_cast<std::size_t>(kind);
  return index < kNames.size() ? kNames[index] : "unknown";
}

const char* ObjTypeName(ObjType type) {
  static constexpr std::array kNames = {
      "",           "task",           "mm",       "vma",           "anon_vma",
      "mapping",    "page",           "notifier", "subscriptions", "lock",
      "domain",     "memory",         "pte",      "device",        "allocation",
      "wait_queue", "anon_vma_chain", "cookie",
  };
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace mmfault::trace
