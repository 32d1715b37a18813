// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/search_stack.h"

#include <bit>

namespace mmfault::explore {

Clock SearchStack::ClockOf(int task) const {
  Clock clock;
  const int32_t last = last_of_task_[task];
  if (last >= 0) {
    clock = nodes_[last].clock;
  }
  if (parent_[task] > last) {  // a slot may have had a task before
    clock.Join(nodes_[parent_[task]].clock);
  }
  if (!barriers_.empty() && barriers_.back().index > last) {
    clock.Join(barriers_.back().clock);
  }
  return clock;
}

int SearchStack::LastOn(trace::ObjKey key) const {
  const auto it = last_on_.find(key.bits);
  return it == last_on_.end() ? -1 : it->second;
}

void SearchStack::SetEvent(const Footprint& event, const Clock& clock) {
  Node& node = top();
  const int index = top_index();
  const int task = event.task;
  node.event = event;
  node.clock = clock;
  const int32_t last = last_of_task_[task];
  node.number =
      static_cast<uint16_t>((last >= 0 ? nodes_[last].number : 0) + 1);
  node.clock.at[task] = node.number;
  node.previous_of_task = last;
  node.spawned = 0;
  last_of_task_[task] = index;
  node.previous_on_object = LastOn(event.obj);
  last_on_[event.obj.bits] = index;
  if (event.looks_at_signals) {
    node.previous_on_signals = LastOn(event.signals);
    last_on_[event.signals.bits] = index;
  }
}

void SearchStack::NoteSpawned(uint64_t spawned) {
  top().spawned = spawned;
  for (; spawned != 0; spawned &= spawned - 1) {
    const int task = std::countr_zero(spawned);
    if (task < kMaxSearchTasks) {
      parent_[task] = top_index();
    }
  }
}

void SearchStack::NoteTimePassed() {
  Barrier barrier{top_index(), {}};
  for (int task = 0; task < kMaxSearchTasks; ++task) {
    barrier.clock.Join(ClockOf(task));
  }
  barriers_.push_back(barrier);
}

void SearchStack::ClearEvent() {
  Node& node = top();
  const Footprint& event = node.event;
  while (!barriers_.empty() && barriers_.back().index > top_index()) {
    barriers_.pop_back();
  }
  if (event.looks_at_signals) {
    last_on_[event.signals.bits] = node.previous_on_signals;
  }
  last_on_[event.obj.bits] = node.previous_on_object;
  last_of_task_[event.task] = node.previous_of_task;
  for (uint64_t rest = node.spawned; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (task < kMaxSearchTasks) {
      parent_[task] = -1;
    }
  }
}

}  // namespace mmfault::explore
