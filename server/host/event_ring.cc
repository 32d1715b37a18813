// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/event_ring.h"

#include <algorithm>

namespace mmfault::host {

void EventRing::Clear() {
  chunks_.clear();
  clients_.clear();
  pushed_ = 0;
}

void EventRing::PushClient(uint64_t step, uint64_t time_ns,
                           ClientEvent client) {
  trace::Event event;
  event.step = step;
  event.time_ns = time_ns;
  clients_.emplace_back(pushed_, std::move(client));
  Push(event, 0, kOfClient);
  while (clients_.front().first < first()) {
    clients_.pop_front();
  }
}

EventRing::Entry EventRing::at(uint64_t number) const {
  const Packed& packed = PackedAt(number);
  Entry entry;
  entry.event.step = packed.step;
  entry.event.time_ns = packed.time_ns;
  entry.event.task = packed.task;
  entry.event.op = {packed.kind, packed.access, trace::ObjKey(packed.obj),
                    packed.where};
  entry.event.value = packed.value;
  entry.event.start = packed.start;
  entry.event.end = packed.end;
  entry.event.detail = packed.detail;
  entry.task_id = packed.task_id;
  if (packed.violation == kOfClient) {
    const auto known = std::lower_bound(
        clients_.begin(), clients_.end(), number,
        [](const auto& entry, uint64_t n) { return entry.first < n; });
    entry.client = &known->second;
  } else {
    entry.violation = packed.violation;
  }
  return entry;
}

uint64_t EventRing::FirstOfStep(uint64_t step) const {
  uint64_t low = first();
  uint64_t high = end();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (PackedAt(middle).step < step) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

uint64_t EventRing::first_step() const {
  if (first() == 0) {
    return 0;
  }
  // The oldest step may have lost some of its events.
  return PackedAt(first()).step + 1;
}

}  // namespace mmfault::host
