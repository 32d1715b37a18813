// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// world_fixture.h: a world of one protocol for tests that drive it directly.
//
// A TestWorld sets up an mm alone, one call at a time (Do), then is given the
// tasks whose interleavings matter (Spawn) and explores them over many seeds,
// each from the same beginning (Explore). Tasks are plain functions:
//
//   TestWorld world(notifier::kV6_1);
//   Scene scene{&world};
//   world.Do(MapAndTouch, &scene);
//   world.Spawn("unmapper", Unmap, &scene);
//   const Exploration seen = world.Explore(2000);
//   EXPECT_FALSE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
//
// An argument of a task is constant while the world runs, or lies in the arena.
// Schedules are uniform: with two tasks of n steps each, a given order of one
// pair of steps has a chance of about one half; one of a window of k steps in a
// given place has about k/n.
//
// Threads: a TestWorld is entered by the thread that makes it, until it dies.

#ifndef MMFAULT_TESTS_SUPPORT_WORLD_FIXTURE_H_
#define MMFAULT_TESTS_SUPPORT_WORLD_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "faults/registry.h"
#include "server/mm/fork.h"
#include "server/mm/mm_types.h"
#include "server/notifier/protocol.h"
#include "server/sched/world.h"

namespace mmfault::testing_support {

// What a number of runs showed.
struct Exploration {
  using Key = std::pair<trace::Checker, trace::Cause>;

  int run_count = 0;
  std::map<Key, int> runs;             // in how many runs it was reported
  std::map<Key, uint64_t> first_seed;  // the seed that showed it first
  std::map<sched::RunStop, int> stops;

  int Runs(trace::Checker checker) const;
  bool Found(trace::Checker checker) const { return Runs(checker) != 0; }
  bool Found(trace::Checker checker, trace::Cause cause) const {
    return runs.count({checker, cause}) != 0;
  }
  bool Clean() const { return runs.empty(); }
  // Every finding with its count and first seed, for failure messages.
  std::string Text() const;
};

class TestWorld {
 public:
  explicit TestWorld(const notifier::Protocol& protocol,
                     const sched::WorldOptions& options = {});

  sched::World* get() { return &world_; }
  sched::World* operator->() { return &world_; }
  const notifier::Protocol& protocol() const { return *protocol_; }

  // An mm with one user.
  mm::mm_struct* NewMm() { return mm::mm_alloc(); }

  // Runs entry(arg) to its end, alone. Requires that no other task is there.
  // Violations stay recorded; CHECKs that the task came to its end.
  void Do(sched::TaskEntry entry, void* arg);
  // As Do, for a task that may die of a BUG or wait for ever; what became of
  // it. Its slot stays taken unless it finished.
  sched::RunStop Try(sched::TaskEntry entry, void* arg);

  // A task for Run() or Explore(). Never null.
  sched::TaskRecord* Spawn(const char* name, sched::TaskEntry entry, void* arg);

  // One run under the uniform strategy.
  sched::RunStop Run(uint64_t seed, uint64_t max_steps = kStepBudget);

  // `run_count` runs with seeds from 1, each from the present state, which is
  // restored at the end. `after` sees the world as each run left it.
  Exploration Explore(int run_count,
                      const std::function<void()>& after = nullptr);

  // Arms a rule: `action` at the `first`-th hit of the point, once.
  uint32_t Arm(faults::Point point, faults::ActionKind action, int64_t arg = 0,
               uint64_t first = 1);

  // Whether a violation is recorded, and all of them as text.
  bool Violated(trace::Checker checker) const;
  bool Violated(trace::Checker checker, trace::Cause cause) const;
  std::string Violations() const;

  static constexpr uint64_t kStepBudget = 1000000;

 private:
  void Collect(uint64_t seed, sched::RunStop stop, Exploration* seen) const;

  const notifier::Protocol* protocol_;
  sched::World world_;
  sched::World::Scope scope_;
};

// Calls a coroutine function alone in a world and returns its value:
//
//   int rc = Call<int>(&world, [&] { return mm::do_munmap(m, 0x1000, 0x2000);
//   });
//
// The lambda is no coroutine; it makes one, and may capture.
template <typename T, typename Make>
T Call(TestWorld* world, Make make) {
  struct Frame {
    Make make;
    T value;
    static sched::Task<> Entry(void* arg) {
      auto* frame = static_cast<Frame*>(arg);
      frame->value = co_await frame->make();
    }
  };
  Frame frame{std::move(make), T()};
  world->Do(Frame::Entry, &frame);
  return frame.value;
}
template <typename Make>
void Call(TestWorld* world, Make make) {
  struct Frame {
    Make make;
    static sched::Task<> Entry(void* arg) {
      co_await static_cast<Frame*>(arg)->make();
    }
  };
  Frame frame{std::move(make)};
  world->Do(Frame::Entry, &frame);
}

}  // namespace mmfault::testing_support

#endif  // MMFAULT_TESTS_SUPPORT_WORLD_FIXTURE_H_
