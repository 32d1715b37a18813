// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/event_ring.h"

#include <algorithm>
#include <iterator>

namespace mmfault::host {

void EventRing::Clear() {
  chunks_.clear();
  more_.clear();
  clients_.clear();
  at_ = nullptr;
  room_ = 0;
  pushed_ = 0;
  time_ns_ = 0;
}

void EventRing::NextChunk() {
  const uint64_t place = pushed_ % capacity_;
  if (place / kChunk == chunks_.size()) {
    chunks_.push_back(std::make_unique_for_overwrite<Packed[]>(kChunk));
  }
  at_ = &chunks_[place / kChunk][place % kChunk];
  room_ = std::min<size_t>(kChunk - place % kChunk, capacity_ - place);
}

void EventRing::PushMore(const trace::Event& event, int32_t violation) {
  time_ns_ = event.time_ns;
  more_.push_back({pushed_, event.time_ns, event.start, event.end,
                   static_cast<int32_t>(event.value), violation,
                   static_cast<uint8_t>(event.detail)});
  // The last one before first() says what the time was there.
  while (more_.size() > 1 && more_[1].number <= first()) {
    more_.pop_front();
  }
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
  entry.event.task = packed.task_and_one - 1;
  entry.event.op = {packed.kind, packed.access, trace::ObjKey(packed.obj),
                    packed.where};
  entry.task_id = packed.task_id;
  const auto after = std::upper_bound(
      more_.begin(), more_.end(), number,
      [](uint64_t n, const More& more) { return n < more.number; });
  if (after == more_.begin()) {
    return entry;
  }
  const More& more = *std::prev(after);
  entry.event.time_ns = more.time_ns;
  if (!packed.has_more) {
    return entry;
  }
  entry.event.value = more.value;
  entry.event.start = more.start;
  entry.event.end = more.end;
  entry.event.detail = more.detail;
  if (more.violation != kOfClient) {
    entry.violation = more.violation;
    return entry;
  }
  const auto known = std::lower_bound(
      clients_.begin(), clients_.end(), number,
      [](const auto& one, uint64_t n) { return one.first < n; });
  entry.client = &known->second;
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
