// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/era.h"

namespace mmfault::mm {

const char* EventName(Event event) {
  static constexpr const char* kNames[] = {
      "UNMAP",      "CLEAR",   "PROTECTION_VMA", "PROTECTION_PAGE",
      "SOFT_DIRTY", "RELEASE", "MIGRATE",        "EXCLUSIVE"};
  return kNames[static_cast<int>(event)];
}

}  // namespace mmfault::mm
