// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// engine_world.h: a world with a kernel and an mm, and no notifiers at all.
//
// For tests of the engine itself. Tasks are plain functions whose argument is
// an arena object (New) or a constant. Everything that a task writes must lie
// in the arena, or undo could not take it back.
//
// Threads: entered by the thread that makes it, until it dies.

#ifndef MMFAULT_TESTS_SUPPORT_ENGINE_WORLD_H_
#define MMFAULT_TESTS_SUPPORT_ENGINE_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "server/mm/era.h"
#include "server/sched/world.h"

namespace mmfault::testing_support {

// Eras without hooks: today's structure, and that of 2.6.25.
extern const mm::Era kModernEra;
extern const mm::Era kOldEra;

class EngineWorld {
 public:
  explicit EngineWorld(const sched::WorldOptions& options = {},
                       const mm::Era* era = &kModernEra);

  sched::World* get() { return &world_; }
  sched::World* operator->() { return &world_; }

  // A zeroed arena object for the tasks to share; its first member is Object.
  template <typename T>
  T* New() {
    return world_.New<T>(trace::ObjType::kNone);
  }

  // Creates a task; never null.
  sched::TaskRecord* Spawn(sched::TaskEntry entry, void* arg = nullptr);
  // Runs under the uniform strategy until nothing moves.
  sched::RunStop Run(uint64_t seed = 1, uint64_t max_steps = 10000000);
  // Runs one task alone and frees its slot if it came to its end.
  sched::RunStop Do(sched::TaskEntry entry, void* arg = nullptr);

  // Steps a task `count` times.
  void Step(const sched::TaskRecord* task, int count = 1);
  bool Runnable(const sched::TaskRecord* task) const;

  int violation_count() const;
  bool Violated(trace::Checker checker, trace::Cause cause) const;
  // For failure messages.
  std::string Violations() const;

 private:
  sched::World world_;
  sched::World::Scope scope_;
};

// What a set of interleavings ended in: outcome to number of executions.
struct Outcomes {
  std::map<int64_t, uint64_t> count;
  uint64_t executions = 0;

  bool Has(int64_t outcome) const { return count.count(outcome) != 0; }
  bool operator==(const Outcomes&) const = default;
};

// A litmus test: builds a world with its tasks, and reads an outcome.
struct Litmus {
  std::function<std::unique_ptr<EngineWorld>()> make;
  std::function<int64_t(EngineWorld*)> observe;
};

// All interleavings, by depth-first search with undo. Every node's state hash
// is compared before and after its subtree; a difference is a test failure.
Outcomes ExploreWithUndo(const Litmus& litmus);
// The same, running each schedule from a new world.
Outcomes ExploreFromScratch(const Litmus& litmus);

}  // namespace mmfault::testing_support

#endif  // MMFAULT_TESTS_SUPPORT_ENGINE_WORLD_H_
