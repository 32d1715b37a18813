// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// generated_models.h: small programs over every primitive, from a seed.
//
// A model is two to four tasks of a few operations each on a handful of shared
// objects: cells, a mutex, a semaphore, a counter, an rcu domain, signals. Its
// terminal state is what an observer can tell: the cells, what each task read,
// who is stuck, which rules were broken. Engines that prune must reach the same
// terminal states as the one that does not.

#ifndef MMFAULT_TESTS_LITMUS_GENERATED_MODELS_H_
#define MMFAULT_TESTS_LITMUS_GENERATED_MODELS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/engine_world.h"

namespace mmfault::litmus {

enum class Instruction : uint8_t {
  kStore,
  kLoad,
  kLock,  // pairs with the kUnlock that ends the block
  kUnlock,
  kLockInterruptible,  // on -EINTR the block is skipped
  kReadLock,
  kReadUnlock,
  kWriteLock,
  kWriteUnlock,
  kGet,
  kGetNotZero,
  kPut,
  kDec,
  kRcuLock,
  kRcuUnlock,
  kSynchronize,
  kSignal,
  kTestSignal,
  kTryLock,  // and unlocks at once, if it was free
};

struct Line {
  Instruction instruction;
  int8_t operand = 0;
};

struct Model {
  std::vector<std::vector<Line>> tasks;
  int initial_count = 1;

  std::string ToString() const;
};

// Models are different for different seeds and the same for the same.
Model GenerateModel(uint64_t seed);

// A world that is about to run the model. At most four tasks.
std::unique_ptr<testing_support::EngineWorld> MakeWorld(const Model& model);

// The terminal state, as text.
std::string Observe(sched::World* world);

}  // namespace mmfault::litmus

#endif  // MMFAULT_TESTS_LITMUS_GENERATED_MODELS_H_
