// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/state_tracker.h"

#include <cstring>

#include "server/base/prng.h"

namespace mmfault::explore {
namespace {

constexpr uint64_t kHighSeed = 0x9e3779b97f4a7c15U;

uint64_t Load(const std::byte* word) {
  uint64_t value = 0;
  std::memcpy(&value, word, sizeof value);
  return value;
}

// Zero words add nothing, so memory that was never used needs no visit.
StateKey TermOf(uint64_t place, uint64_t value) {
  if (value == 0) {
    return {};
  }
  const uint64_t low = base::Mix64(base::Mix64(place) ^ value);
  return {low, base::Mix64(low ^ kHighSeed)};
}

template <typename Field>
bool Inside(const std::byte* word, const Field& field) {
  const auto* begin = reinterpret_cast<const std::byte*>(&field);
  return word >= begin && word < begin + sizeof(Field);
}

}  // namespace

StateTracker::StateTracker(sched::World* world)
    : world_(world),
      root_(world->arena().root()),
      heap_(world->arena().heap()),
      root_shadow_(sizeof(sched::WorldState) / 8, 0) {
  for (size_t i = 0; i < root_shadow_.size(); ++i) {
    Update(root_ + i * 8);
  }
  for (size_t at = 0; at < world->arena().heap_used(); at += 8) {
    Update(heap_ + at);
  }
  for (int task = 0; task < sched::kMaxTasks; ++task) {
    frames_[task] = FramesOf(task);
    AddFrames(task, frames_[task], true);
  }
}

bool StateTracker::Counts(const std::byte* word) const {
  const sched::WorldState& state = world_->state();
  if (!Inside(word, state)) {
    return word >= heap_;
  }
  if (Inside(word, state.step_count) || Inside(word, state.event_hash) ||
      Inside(word, state.violations)) {
    return false;
  }
  if (Inside(word, state.tasks)) {
    const auto slot = static_cast<size_t>(
        (word - reinterpret_cast<const std::byte*>(&state.tasks)) /
        static_cast<ptrdiff_t>(sizeof(sched::TaskRecord)));
    return !Inside(word, state.tasks[slot].step_count);
  }
  return true;
}

uint64_t* StateTracker::ShadowOf(const std::byte* word) {
  if (word < heap_) {
    return &root_shadow_[static_cast<size_t>(word - root_) / 8];
  }
  const auto index = static_cast<size_t>(word - heap_) / 8;
  if (index >= heap_shadow_.size()) {
    heap_shadow_.resize(index + index / 2 + 64, 0);
  }
  return &heap_shadow_[index];
}

void StateTracker::Update(const std::byte* word) {
  if (!Counts(word)) {
    return;
  }
  uint64_t* shadow = ShadowOf(word);
  const uint64_t value = Load(word);
  if (*shadow == value) {
    return;
  }
  const auto place = static_cast<uint64_t>(word - root_);
  const StateKey before = TermOf(place, *shadow);
  const StateKey after = TermOf(place, value);
  sum_.low += after.low - before.low;
  sum_.high += after.high - before.high;
  *shadow = value;
}

StateKey StateTracker::FramesOf(int task) const {
  const uint64_t used = world_->task(task).frame_top;
  const std::byte* frames = world_->arena().frame_window(task);
  auto hash = static_cast<uint64_t>(task);
  for (uint64_t at = 0; at < used; at += 8) {
    hash = base::HashStep(hash, Load(frames + at));
  }
  return TermOf(~static_cast<uint64_t>(task), hash);
}

void StateTracker::AddFrames(int task, const StateKey& sum, bool add) {
  sum_.low += add ? sum.low : -sum.low;
  sum_.high += add ? sum.high : -sum.high;
  if (add) {
    frames_[task] = sum;
  }
}

void StateTracker::Resync(size_t depth) {
  world_->ForEachWriteSince(
      depth, [this](const std::byte* address, size_t size) {
        const auto offset = static_cast<size_t>(address - root_) % 8;
        const std::byte* end = address + size;
        for (const std::byte* word = address - offset; word < end; word += 8) {
          touched_.push_back(word);
          Update(word);
        }
      });
}

void StateTracker::Stepped(int task, size_t depth) {
  levels_.push_back({touched_.size(), task, frames_[task]});
  Resync(depth);
  AddFrames(task, frames_[task], false);
  AddFrames(task, FramesOf(task), true);
}

void StateTracker::Undone() {
  const Level level = levels_.back();
  levels_.pop_back();
  for (size_t i = level.touched; i < touched_.size(); ++i) {
    Update(touched_[i]);
  }
  touched_.resize(level.touched);
  AddFrames(level.task, frames_[level.task], false);
  AddFrames(level.task, level.frames, true);
}

}  // namespace mmfault::explore
