// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// strategies.h: random schedules that are better than uniform ones at finding
// rare orders. Each is a sched::Strategy: a schedule follows from its seed.
//
// Threads: as the world that asks.

#ifndef MMFAULT_SERVER_EXPLORE_STRATEGIES_H_
#define MMFAULT_SERVER_EXPLORE_STRATEGIES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "server/base/prng.h"
#include "server/explore/footprint.h"
#include "server/sched/strategy.h"
#include "server/sched/world.h"

namespace mmfault::explore {

// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi,
// Nagarakatte, ASPLOS 2010): tasks have random priorities, the highest runs,
// and at d - 1 random steps the running one drops below all others. Finds a bug
// of depth d with a chance of at least 1 / (n * k^(d-1)) for n tasks and k
// steps.
class PctStrategy : public sched::Strategy {
 public:
  // `length`: the steps of an execution, as measured in earlier ones; >= 1.
  PctStrategy(uint64_t seed, int depth, uint64_t length);
  int Pick(const sched::World& world, uint64_t runnable) override;
  uint8_t Answer(const sched::World& world, int slot, int count) override;

 private:
  base::Prng prng_;
  std::array<uint64_t, sched::kMaxTasks> priority_ = {};  // 0: not drawn yet
  std::vector<uint64_t> changes_;  // steps at which the top drops, ascending
  size_t next_change_ = 0;
  uint64_t lowest_;
};

// Partial order sampling (Yuan, Yang, Gu, CAV 2018): each pending step has a
// random priority, the highest runs, and those that conflict with it draw
// again. Samples the orders of conflicting steps more evenly than a walk does.
class PosStrategy : public sched::Strategy {
 public:
  explicit PosStrategy(uint64_t seed) : prng_(seed) {}
  int Pick(const sched::World& world, uint64_t runnable) override;
  uint8_t Answer(const sched::World& world, int slot, int count) override;

 private:
  struct Drawn {
    uint64_t step_count = UINT64_MAX;  // of its task, when it was drawn
    uint64_t priority = 0;
  };

  base::Prng prng_;
  std::array<Drawn, sched::kMaxTasks> drawn_;
};

// `random`, `pct` or `pos`; null for any other name.
std::unique_ptr<sched::Strategy> MakeStrategy(std::string_view name,
                                              uint64_t seed, int depth,
                                              uint64_t length);
bool IsRandomStrategy(std::string_view name);

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_STRATEGIES_H_
