// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/event_ring.h"

namespace mmfault::host {

void EventRing::Clear() {
  entries_.clear();
  pushed_ = 0;
}

uint64_t EventRing::FirstOfStep(uint64_t step) const {
  uint64_t low = first();
  uint64_t high = end();
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (at(middle).event.step < step) {
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
  return at(first()).event.step + 1;
}

}  // namespace mmfault::host
