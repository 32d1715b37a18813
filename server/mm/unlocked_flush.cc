// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/unlocked_flush.h"

#include "server/mm/era.h"

namespace mmfault::mm {

sched::Task<> FlushWithoutLock(mm_struct* mm, uint64_t start, uint64_t end) {
  if (era().invalidate_page == nullptr) {
    co_return;
  }
  for (uint64_t address = start; address < end; address += kPageSize) {
    co_await era().invalidate_page(mm, address);
  }
}

}  // namespace mmfault::mm
