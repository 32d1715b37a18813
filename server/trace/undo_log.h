// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// undo_log.h: old bytes of everything a step overwrites.
//
// All simulated state changes go through Cell (trace/cell.h) or LogRange(), and
// both come here first. While a log is attached to the thread, each write
// appends the eight (or fewer) bytes it replaces; rolling back to a mark
// restores them newest first. So undoing a step costs what the step wrote,
// whatever the size of the world.
//
// Left out: the frames of the stepping task. They are compiler-made and cannot
// log; World saves them whole at the step (sched/world.h).
//
// The log lives outside the arena: it is ours, not the simulated machine's.
// Threads: one world runs on one thread at a time; the attachment is per
// thread.

#ifndef MMFAULT_SERVER_TRACE_UNDO_LOG_H_
#define MMFAULT_SERVER_TRACE_UNDO_LOG_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "server/trace/access_log.h"

namespace mmfault::trace {

class UndoLog {
 public:
  // Appends the old bytes of [addr, addr + size), in pieces of at most eight.
  void Record(void* addr, size_t size) {
    auto* at = static_cast<unsigned char*>(addr);
    while (size > 8) {
      Push(at, 8);
      at += 8;
      size -= 8;
    }
    Push(at, size);
  }

  // The number of entries now; pass it to Rollback() to return to this moment.
  size_t Mark() const { return entries_.size(); }

  // Restores every byte recorded since `mark`, newest first.
  void Rollback(size_t mark);

  // Forgets everything; no memory is touched.
  void Clear() { entries_.clear(); }

  // Calls fn(address, size) for every write since `mark`, oldest first.
  template <typename Fn>
  void ForEachSince(size_t mark, Fn fn) const {
    for (size_t i = mark; i < entries_.size(); ++i) {
      fn(static_cast<const std::byte*>(entries_[i].addr), entries_[i].size);
    }
  }

  // Bytes of old state recorded since `mark`. A measure for tests and benches.
  size_t BytesSince(size_t mark) const;

 private:
  struct Entry {
    void* addr;
    uint64_t old_bytes;
    uint64_t size;
  };

  void Push(void* addr, size_t size) {
    Entry entry{addr, 0, size};
    std::memcpy(&entry.old_bytes, addr, size);
    entries_.push_back(entry);
  }

  std::vector<Entry> entries_;
};

// The log that writes of this thread go to; null when nothing is undone.
inline thread_local UndoLog* thread_undo_log = nullptr;

// Must precede every raw write to simulated memory that is not a Cell.
inline void LogRange(void* addr, size_t size) {
  NoteAccess(addr, size, true);
  if (thread_undo_log != nullptr) [[unlikely]] {
    thread_undo_log->Record(addr, size);
  }
}

}  // namespace mmfault::trace

#endif  // MMFAULT_SERVER_TRACE_UNDO_LOG_H_
