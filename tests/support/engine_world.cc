// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/engine_world.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/check.h"
#include "server/kernel/state.h"

namespace mmfault::testing_support {
namespace {

constexpr mm::Era HooklessEra(const char* name, bool modern) {
  mm::Era era{};
  era.name = name;
  era.page_hook =
      modern ? mm::PageHook::kStartEnd : mm::PageHook::kInvalidatePage;
  era.zap_frees_before_end = modern;
  era.exit_mmap_locks = modern;
  era.anon_vma_chains = modern;
  era.killable = modern;
  era.rmap_walk_reads = modern;
  era.zero_page = modern;
  era.munmap_downgrades = modern;
  era.mremap_by_stretch = !modern;
  era.fault_around_pages = modern ? 16 : 0;
  era.anon_exclusive = modern;
  era.per_vma_locks = modern;
  era.madvise_vma_lock = modern;
  era.huge_pages = modern;
  era.huge_protect_upgrades = modern;
  era.huge_zero_page_cow = modern;
  era.splits_in_rmap_section = modern;
  era.retracts_without_mmap_lock = modern;
  era.reaps_backwards = modern;
  if (modern) {
    era.mprotect = mm::Era::Protect::kPud;
  }
  return era;
}

void Search(EngineWorld* world, const Litmus& litmus, Outcomes* outcomes) {
  const uint64_t ready = (*world)->runnable();
  if (ready == 0) {
    outcomes->count[litmus.observe(world)] += 1;
    outcomes->executions += 1;
    return;
  }
  const size_t depth = (*world)->undo_depth();
  const uint64_t before = (*world)->StateHash();
  for (uint64_t rest = ready; rest != 0; rest &= rest - 1) {
    (*world)->Step(std::countr_zero(rest));
    Search(world, litmus, outcomes);
    (*world)->UndoTo(depth);
    ASSERT_EQ(before, (*world)->StateHash());
  }
}

// One choice of a schedule: which of the runnable tasks, of how many.
struct Choice {
  int index;
  int count;
};

// Follows the choices, then always takes the first; appends what it took.
int64_t RunSchedule(const Litmus& litmus, std::vector<Choice>* schedule) {
  const std::unique_ptr<EngineWorld> world = litmus.make();
  size_t step = 0;
  for (uint64_t ready = (*world)->runnable(); ready != 0;
       ready = (*world)->runnable()) {
    if (step == schedule->size()) {
      schedule->push_back({0, std::popcount(ready)});
    }
    const Choice& choice = (*schedule)[step++];
    EXPECT_EQ(choice.count, std::popcount(ready));
    (*world)->Step(sched::NthBit(ready, choice.index));
  }
  return litmus.observe(world.get());
}

}  // namespace

constinit const mm::Era kModernEra = HooklessEra("modern", true);
constinit const mm::Era kOldEra = HooklessEra("old", false);

EngineWorld::EngineWorld(const sched::WorldOptions& options, const mm::Era* era)
    : world_(options), scope_(&world_) {
  kernel::InitKernel(&world_);
  mm::InitMm(&world_, era);
}

sched::TaskRecord* EngineWorld::Spawn(sched::TaskEntry entry, void* arg) {
  sched::TaskRecord* task = world_.Spawn(entry, arg);
  CHECK(task != nullptr);
  return task;
}

sched::RunStop EngineWorld::Run(uint64_t seed, uint64_t max_steps) {
  sched::UniformStrategy strategy(seed);
  return world_.Run(&strategy, max_steps);
}

sched::RunStop EngineWorld::Do(sched::TaskEntry entry, void* arg) {
  sched::TaskRecord* task = Spawn(entry, arg);
  const sched::RunStop stop = Run();
  if (task->state == sched::TaskState::kExited) {
    world_.Reap(task);
  }
  return stop;
}

void EngineWorld::Step(const sched::TaskRecord* task, int count) {
  for (int i = 0; i < count; ++i) {
    world_.Step(task->slot);
  }
}

bool EngineWorld::Runnable(const sched::TaskRecord* task) const {
  return (world_.runnable() >> static_cast<int>(task->slot) & 1) != 0;
}

int EngineWorld::violation_count() const {
  return static_cast<int>(world_.state().violation_count);
}

bool EngineWorld::Violated(trace::Checker checker, trace::Cause cause) const {
  const int count = std::min(violation_count(), sched::kMaxViolations);
  for (int i = 0; i < count; ++i) {
    const trace::Violation& violation = world_.state().violations[i];
    if (violation.checker == checker && violation.cause == cause) {
      return true;
    }
  }
  return false;
}

std::string EngineWorld::Violations() const {
  std::string text;
  const int count = std::min(violation_count(), sched::kMaxViolations);
  for (int i = 0; i < count; ++i) {
    const trace::Violation& violation = world_.state().violations[i];
    text += std::string(trace::CheckerName(violation.checker)) + "/cause " +
            std::to_string(static_cast<int>(violation.cause)) + " at step " +
            std::to_string(violation.step) + " by " +
            std::to_string(violation.task) + " on " +
            world_.NameOf(violation.obj) + "; ";
  }
  return text;
}

Outcomes ExploreWithUndo(const Litmus& litmus) {
  Outcomes outcomes;
  const std::unique_ptr<EngineWorld> world = litmus.make();
  (*world)->SetUndo(true);
  Search(world.get(), litmus, &outcomes);
  return outcomes;
}

Outcomes ExploreFromScratch(const Litmus& litmus) {
  Outcomes outcomes;
  std::vector<Choice> schedule;
  do {
    outcomes.count[RunSchedule(litmus, &schedule)] += 1;
    outcomes.executions += 1;
    while (!schedule.empty() &&
           schedule.back().index + 1 == schedule.back().count) {
      schedule.pop_back();
    }
    if (!schedule.empty()) {
      schedule.back().index += 1;
    }
  } while (!schedule.empty());
  return outcomes;
}

}  // namespace mmfault::testing_support
