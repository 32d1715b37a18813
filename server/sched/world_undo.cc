// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Undo, snapshots and the state hash of a world; and the counters of its fault
// rules, which are simulated state because a rule's next hit depends on them.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "server/base/check.h"
#include "server/sched/world.h"

namespace mmfault::sched {
namespace {

std::vector<std::byte> Copy(const std::byte* from, size_t size) {
  return {from, from + size};
}

// memcpy() may not be given null, which an empty vector's data() is.
void PutBack(std::byte* to, const std::byte* from, size_t size) {
  if (size != 0) {
    std::memcpy(to, from, size);
  }
}

uint64_t HashBytes(uint64_t hash, const std::byte* at, size_t size) {
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at + i, 8);
    hash = base::HashStep(hash, word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, at + i, size - i);
  return base::HashStep(hash, tail);
}

}  // namespace

void World::SetUndo(bool on) {
  undo_ = on;
  undo_log_.Clear();
  undo_steps_.clear();
  undo_frames_.clear();
  if (thread_world == this) {
    trace::thread_undo_log = on ? &undo_log_ : nullptr;
  }
}

void World::SaveFrames(int slot) {
  const uint64_t bytes = state_->tasks[slot].frame_top;
  const size_t offset = undo_frames_.size();
  const std::byte* frames = arena_.frame_window(slot);
  undo_frames_.insert(undo_frames_.end(), frames, frames + bytes);
  undo_steps_.push_back({undo_log_.Mark(), slot, bytes, offset});
}

void World::UndoStep() {
  CHECK(!undo_steps_.empty());
  const UndoRecord record = undo_steps_.back();
  undo_steps_.pop_back();
  undo_log_.Rollback(record.mark);
  PutBack(arena_.frame_window(record.slot),
          undo_frames_.data() + record.frame_offset, record.frame_bytes);
  undo_frames_.resize(record.frame_offset);
  ForgetNewNames();
}

// Numbers are given again after going back, to other things.
void World::ForgetNewNames() {
  names_.erase(names_.lower_bound(state_->next_id), names_.end());
}

void World::UndoTo(size_t depth) {
  while (undo_steps_.size() > depth) {
    UndoStep();
  }
}

World::Snapshot World::Save() const {
  Snapshot snapshot;
  snapshot.root =
      Copy(arena_.root(),
           static_cast<size_t>(arena_.frame_window(0) - arena_.root()));
  for (int slot = 0; slot < kMaxTasks; ++slot) {
    snapshot.frames.push_back(
        Copy(arena_.frame_window(slot), state_->tasks[slot].frame_top));
  }
  snapshot.heap = Copy(arena_.heap(), arena_.heap_used());
  snapshot.own_used = arena_.own_used();
  snapshot.counter_count = counter_count_;
  return snapshot;
}

void World::Restore(const Snapshot& snapshot) {
  CHECK(undo_steps_.empty());
  counter_count_ = snapshot.counter_count;
  counters_.resize((counter_count_ + kCountersInChunk - 1) / kCountersInChunk);
  std::erase_if(free_counters_,
                [this](faults::CounterId id) { return id > counter_count_; });
  // Of the root block only what this state or the saved one has written: the
  // rest is zero in both, and most of the block, while schedules are short.
  const size_t own_used = std::max(arena_.own_used(), snapshot.own_used);
  const auto own_offset = static_cast<size_t>(arena_.own() - arena_.root());
  std::memcpy(arena_.root(), snapshot.root.data(),
              offsetof(WorldState, tasks) +
                  static_cast<size_t>(task_slots_used_) * sizeof(TaskRecord));
  std::memcpy(arena_.own(), snapshot.root.data() + own_offset, own_used);
  for (int slot = 0; slot < task_slots_used_; ++slot) {
    const std::vector<std::byte>& frames = snapshot.frames[slot];
    std::copy(frames.begin(), frames.end(), arena_.frame_window(slot));
  }
  PutBack(arena_.heap(), snapshot.heap.data(), snapshot.heap.size());
  ForgetNewNames();
}

uint64_t World::StateHash() const {
  uint64_t hash =
      HashBytes(0, arena_.root(),
                static_cast<size_t>(arena_.frame_window(0) - arena_.root()));
  for (int slot = 0; slot < kMaxTasks; ++slot) {
    hash = HashBytes(hash, arena_.frame_window(slot),
                     state_->tasks[slot].frame_top);
  }
  return HashBytes(hash, arena_.heap(), arena_.heap_used());
}

faults::CounterId World::NewCounter(faults::Point point) {
  faults::CounterId id = 0;
  if (!free_counters_.empty()) {
    id = free_counters_.back();
    free_counters_.pop_back();
  } else {
    if (counter_count_ == counters_.size() * kCountersInChunk) {
      void* chunk = arena_.Allocate(kCountersInChunk * sizeof(RuleCounter));
      if (chunk == nullptr) {
        return 0;
      }
      counters_.push_back(static_cast<RuleCounter*>(chunk));
    }
    id = ++counter_count_;
  }
  RuleCounter& counter = CounterOf(id);
  counter.hits = 0;
  counter.fires = 0;
  counter.last_step = 0;
  counter.point = point;
  return id;
}

void World::FreeCounter(faults::CounterId counter) {
  free_counters_.push_back(counter);
}

void World::SettleQuiet(faults::Point point) {
  QuietGate& gate = state_->quiet[static_cast<size_t>(point)];
  const uint64_t passed = gate.quota - gate.left;
  if (passed == 0) {
    return;
  }
  gate.quota = gate.left;
  for (const faults::Rule* rule : faults_.RulesAt(point)) {
    CounterOf(rule->counter).hits += passed;
    for (const faults::CounterId term : rule->term_counters) {
      CounterOf(term).hits += passed;
    }
  }
}

void World::BeforeChange(faults::Point point) {
  SettleQuiet(point);
  QuietGate& gate = state_->quiet[static_cast<size_t>(point)];
  gate.left = 0;
  gate.quota = 0;
}

void World::WatchPoints() {
  const Scope scope(this);
  for (const faults::PointInfo& info : faults::AllPoints()) {
    BeforeChange(info.point);
  }
  faults_.Watch();
}

uint64_t World::CountHit(faults::CounterId counter) {
  RuleCounter& c = CounterOf(counter);
  c.hits += 1;
  return c.hits;
}

void World::CountFire(faults::CounterId counter) {
  RuleCounter& c = CounterOf(counter);
  c.fires += 1;
  c.last_step = static_cast<uint64_t>(state_->step_count);
}

uint64_t World::Hits(faults::CounterId counter) const {
  const RuleCounter& c = CounterOf(counter);
  const QuietGate& gate = state_->quiet[static_cast<size_t>(c.point.get())];
  return c.hits + gate.quota - gate.left;
}

uint64_t World::Fires(faults::CounterId counter) const {
  return CounterOf(counter).fires;
}

uint64_t World::LastFireStep(faults::CounterId counter) const {
  return CounterOf(counter).last_step;
}

uint64_t World::Draw(uint64_t point, uint64_t scope, uint64_t hit) const {
  uint64_t hash = base::HashStep(options_.seed, point);
  hash = base::HashStep(hash, scope);
  return base::HashStep(hash, hit);
}

}  // namespace mmfault::sched
