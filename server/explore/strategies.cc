// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/explore/strategies.h"

#include <algorithm>
#include <bit>

namespace mmfault::explore {
namespace {

// Priorities above this belong to tasks that never dropped.
constexpr uint64_t kHigh = uint64_t{1} << 32;

}  // namespace

PctStrategy::PctStrategy(uint64_t seed, int depth, uint64_t length)
    : prng_(seed), lowest_(kHigh) {
  for (int i = 1; i < depth; ++i) {
    changes_.push_back(prng_.Next() % std::max<uint64_t>(1, length));
  }
  std::sort(changes_.begin(), changes_.end());
}

int PctStrategy::Pick(const sched::World& world, uint64_t runnable) {
  int best = -1;
  for (uint64_t rest = runnable; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (priority_[task] == 0) {
      priority_[task] = kHigh + 1 + (prng_.Next() >> 32);
    }
    if (best < 0 || priority_[task] > priority_[best]) {
      best = task;
    }
  }
  const uint64_t step = world.state().step_count;
  if (next_change_ < changes_.size() && step >= changes_[next_change_]) {
    ++next_change_;
    priority_[best] = --lowest_;
    return Pick(world, runnable);
  }
  return best;
}

int PosStrategy::Pick(const sched::World& world, uint64_t runnable) {
  int best = -1;
  for (uint64_t rest = runnable; rest != 0; rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    Drawn& drawn = drawn_[task];
    const uint64_t count = world.task(task).step_count;
    if (drawn.step_count != count) {
      drawn = {count, prng_.Next()};
    }
    if (best < 0 || drawn.priority > drawn_[best].priority) {
      best = task;
    }
  }
  const Footprint chosen = FootprintOf(world, best);
  for (uint64_t rest = runnable & ~(uint64_t{1} << best); rest != 0;
       rest &= rest - 1) {
    const int task = std::countr_zero(rest);
    if (Dependent(chosen, FootprintOf(world, task), false)) {
      drawn_[task].priority = prng_.Next();
    }
  }
  return best;
}

uint8_t PctStrategy::Answer(const sched::World& /*world*/, int /*slot*/,
                            int count) {
  return sched::DrawAnswer(prng_, count);
}

uint8_t PosStrategy::Answer(const sched::World& /*world*/, int /*slot*/,
                            int count) {
  return sched::DrawAnswer(prng_, count);
}

bool IsRandomStrategy(std::string_view name) {
  return name.empty() || name == "random" || name == "pct" || name == "pos";
}

std::unique_ptr<sched::Strategy> MakeStrategy(std::string_view name,
                                              uint64_t seed, int depth,
                                              uint64_t length) {
  if (name.empty() || name == "random") {
    return std::make_unique<sched::UniformStrategy>(seed);
  }
  if (name == "pct") {
    return std::make_unique<PctStrategy>(seed, depth, length);
  }
  if (name == "pos") {
    return std::make_unique<PosStrategy>(seed);
  }
  return nullptr;
}

}  // namespace mmfault::explore
