// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// event_ring.h: the newest events of a world, for readers that come and go.
//
// Grows with what happens, up to a bound; then the oldest go. Taking one in
// costs a copy; text is made when somebody reads.
//
// Threads: the world's runner only.

#ifndef MMFAULT_SERVER_HOST_EVENT_RING_H_
#define MMFAULT_SERVER_HOST_EVENT_RING_H_

#include <cstdint>
#include <vector>

#include "server/trace/event.h"

namespace mmfault::host {

class EventRing {
 public:
  struct Entry {
    trace::Event event;
    uint32_t task_id = 0;    // of the task; slots are used again
    int32_t violation = -1;  // an index into the world's violations
  };

  void SetCapacity(size_t capacity) { capacity_ = capacity; }
  void Clear();

  void Push(const trace::Event& event, uint32_t task_id,
            int32_t violation = -1) {
    if (entries_.size() < capacity_) {
      entries_.push_back({event, task_id, violation});
    } else {
      entries_[pushed_ % capacity_] = {event, task_id, violation};
    }
    ++pushed_;
  }

  // Entries are numbered from 0 as they come; [first(), end()) are there.
  uint64_t first() const { return pushed_ - entries_.size(); }
  uint64_t end() const { return pushed_; }
  const Entry& at(uint64_t number) const {
    return entries_[number % capacity_];
  }

  // The first entry there of that step or a later one.
  uint64_t FirstOfStep(uint64_t step) const;
  // The step from which everything is there.
  uint64_t first_step() const;

 private:
  size_t capacity_ = 1;
  uint64_t pushed_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_EVENT_RING_H_
