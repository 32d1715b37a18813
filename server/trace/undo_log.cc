// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/trace/undo_log.h"

#include "server/base/check.h"

namespace mmfault::trace {

void UndoLog::Rollback(size_t mark) {
  CHECK(mark <= entries_.size());
  while (entries_.size() > mark) {
    const Entry& entry = entries_.back();
    std::memcpy(entry.addr, &entry.old_bytes, entry.size);
    entries_.pop_back();
  }
}

size_t UndoLog::BytesSince(size_t mark) const {
  size_t bytes = 0;
  for (size_t i = mark; i < entries_.size(); ++i) {
    bytes += entries_[i].size;
  }
  return bytes;
}

}  // namespace mmfault::trace
