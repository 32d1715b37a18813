// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// prng.h: the project's own random numbers.
//
// std:: engines and distributions differ between libraries, so a seed would
// not mean the same run everywhere. These are SplitMix64 (Steele, Lea, Flood:
// "Fast splittable pseudorandom number generators", 2014) and Lemire's bounded
// draw ("Fast random integer generation in an interval", 2019), written from
// the papers.
//
// Threads: a Prng belongs to one world or strategy.

#ifndef MMFAULT_SERVER_BASE_PRNG_H_
#define MMFAULT_SERVER_BASE_PRNG_H_

#include <cstdint>

namespace mmfault::base {

// One round of the SplitMix64 finalizer: a bijection on 64 bits.
constexpr uint64_t Mix64(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  x ^= x >> 31;
  return x;
}

// Folds `value` into `hash`; order matters. Used for event and state hashes.
constexpr uint64_t HashStep(uint64_t hash, uint64_t value) {
  return Mix64(hash ^ (value + 0x9e3779b97f4a7c15U));
}

// A stream of draws that depends on the seed alone.
class Prng {
 public:
  explicit constexpr Prng(uint64_t seed) : state_(seed) {}

  constexpr uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15U;
    return Mix64(state_);
  }

  // A draw in [0, bound), without modulo bias for the bounds used here (below
  // 2^32: bias under 2^-32). Requires bound > 0.
  constexpr uint32_t Below(uint32_t bound) {
    return static_cast<uint32_t>(((Next() >> 32) * bound) >> 32);
  }

 private:
  uint64_t state_;
};

}  // namespace mmfault::base

#endif  // MMFAULT_SERVER_BASE_PRNG_H_
