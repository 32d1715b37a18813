// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/event_ring.h"

namespace mmfault::host {

void EventRing::Clear() {
  chunks_.clear();
  pushed_ = 0;
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
  entry.violation = packed.violation;
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
