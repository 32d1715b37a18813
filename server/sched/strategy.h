// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// strategy.h: who chooses the next task.

#ifndef MMFAULT_SERVER_SCHED_STRATEGY_H_
#define MMFAULT_SERVER_SCHED_STRATEGY_H_

#include <array>
#include <bit>
#include <cstdint>

#include "server/base/prng.h"

namespace mmfault::sched {

class World;

// Chooses among runnable tasks, and among the alternatives of a step. Asked
// only when there are two or more; each answer is one decision of the run.
// State of a strategy is not simulated state: it is outside the arena and is
// not undone.
class Strategy {
 public:
  virtual ~Strategy() = default;

  // Returns the slot of one of the tasks in `runnable`, a non-empty mask.
  virtual int Pick(const World& world, uint64_t runnable) = 0;

  // Returns an alternative below `count` of the task's next step; 0 is what
  // happens when nothing goes wrong.
  virtual uint8_t Answer(const World& /*world*/, int /*slot*/, int /*count*/) {
    return 0;
  }
};

// One of `count` alternatives, all equally likely.
inline uint8_t DrawAnswer(base::Prng& prng, int count) {
  return static_cast<uint8_t>(prng.Below(static_cast<uint32_t>(count)));
}

// Where the set bits of a byte are.
struct BitTable {
  std::array<uint8_t, 256> count = {};
  std::array<std::array<uint8_t, 8>, 256> nth = {};

  constexpr BitTable() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      for (uint8_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit & 1) != 0) {
          nth[byte][count[byte]++] = bit;
        }
      }
    }
  }
};
inline constexpr BitTable kBits;

// The n-th set bit of a mask, from 0. Requires n < popcount(mask).
inline int NthBit(uint64_t mask, int n) {
  while (n-- > 0) {
    mask &= mask - 1;
  }
  return std::countr_zero(mask);
}

// Uniform choice, from a seed.
class UniformStrategy : public Strategy {
 public:
  explicit UniformStrategy(uint64_t seed) : prng_(seed) {}
  int Pick(const World& /*world*/, uint64_t runnable) override {
    // Few tasks, as a rule: a loop of random length would be mispredicted.
    if (runnable < kBits.count.size()) [[likely]] {
      return kBits.nth[runnable][prng_.Below(kBits.count[runnable])];
    }
    const auto count = static_cast<uint32_t>(std::popcount(runnable));
    return NthBit(runnable, static_cast<int>(prng_.Below(count)));
  }
  uint8_t Answer(const World& /*world*/, int /*slot*/, int count) override {
    return DrawAnswer(prng_, count);
  }

 private:
  base::Prng prng_;
};

// Runs each task as long as it can, lowest slot first: a fixed order for tests
// and for worlds with one active task.
class FirstStrategy : public Strategy {
 public:
  int Pick(const World& /*world*/, uint64_t runnable) override {
    return std::countr_zero(runnable);
  }
};

}  // namespace mmfault::sched

#endif  // MMFAULT_SERVER_SCHED_STRATEGY_H_
