// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/world_fixture.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/device/remote.h"
#include "server/kernel/state.h"

namespace mmfault::testing_support {
namespace {

std::string KeyText(const Exploration::Key& key) {
  return std::string(trace::CheckerName(key.first)) + "/cause " +
         std::to_string(static_cast<int>(key.second));
}

uint32_t Recorded(const sched::World& world) {
  return std::min<uint32_t>(world.state().violation_count,
                            sched::kMaxViolations);
}

}  // namespace

int Exploration::Runs(trace::Checker checker) const {
  int most = 0;
  for (const auto& [key, count] : runs) {
    most = key.first == checker ? std::max(most, count) : most;
  }
  return most;
}

std::string Exploration::Text() const {
  std::string text = std::to_string(run_count) + " runs";
  for (const auto& [key, count] : runs) {
    text += "; " + KeyText(key) + " in " + std::to_string(count) +
            ", first seed " + std::to_string(first_seed.at(key));
  }
  for (const auto& [stop, count] : stops) {
    text += "; stop " + std::to_string(static_cast<int>(stop)) + " x" +
            std::to_string(count);
  }
  return text;
}

TestWorld::TestWorld(const notifier::Protocol& protocol,
                     const sched::WorldOptions& options)
    : protocol_(&protocol), world_(options), scope_(&world_) {
  kernel::InitKernel(&world_);
  mm::InitMm(&world_, protocol.era);
  device::InitDevices(&world_, &protocol);
}

void TestWorld::Do(sched::TaskEntry entry, void* arg) {
  const sched::RunStop stop = Try(entry, arg);
  CHECK(stop == sched::RunStop::kFinished);
}

sched::RunStop TestWorld::Try(sched::TaskEntry entry, void* arg) {
  sched::TaskRecord* task = Spawn("setup", entry, arg);
  sched::FirstStrategy strategy;
  const sched::RunStop stop = world_.Run(&strategy, UINT64_MAX);
  if (task->state == sched::TaskState::kExited) {
    world_.Reap(task);
  }
  return stop;
}

sched::TaskRecord* TestWorld::Spawn(const char* name, sched::TaskEntry entry,
                                    void* arg) {
  sched::TaskRecord* task = world_.Spawn(entry, arg);
  CHECK(task != nullptr);
  world_.SetName(task->object.id, name);
  return task;
}

sched::RunStop TestWorld::Run(uint64_t seed, uint64_t max_steps) {
  sched::UniformStrategy strategy(seed);
  return world_.Run(&strategy, max_steps);
}

void TestWorld::Collect(uint64_t seed, sched::RunStop stop,
                        Exploration* seen) const {
  std::map<Exploration::Key, bool> found;
  for (uint32_t i = 0; i < Recorded(world_); ++i) {
    const trace::Violation& violation = world_.state().violations[i];
    found[{violation.checker, violation.cause}] = true;
  }
  for (const auto& [key, unused] : found) {
    seen->runs[key] += 1;
    seen->first_seed.emplace(key, seed);
  }
  seen->stops[stop] += 1;
  seen->run_count += 1;
}

Exploration TestWorld::Explore(int run_count,
                               const std::function<void()>& after) {
  Exploration seen;
  const sched::World::Snapshot start = world_.Save();
  for (int i = 0; i < run_count; ++i) {
    const uint64_t seed = static_cast<uint64_t>(i) + 1;
    const sched::RunStop stop = Run(seed);
    Collect(seed, stop, &seen);
    if (after) {
      after();
    }
    world_.Restore(start);
  }
  return seen;
}

uint32_t TestWorld::Arm(faults::Point point, faults::ActionKind action,
                        int64_t arg, uint64_t first) {
  faults::Rule rule;
  rule.point = point;
  faults::Term term;
  term.when.first = first;
  term.times = 1;
  term.action = {action, arg};
  rule.terms = {term};
  return world_.faults().Arm(rule);
}

bool TestWorld::Violated(trace::Checker checker) const {
  return (world_.state().violated >> static_cast<int>(checker) & 1) != 0;
}

bool TestWorld::Violated(trace::Checker checker, trace::Cause cause) const {
  for (uint32_t i = 0; i < Recorded(world_); ++i) {
    const trace::Violation& violation = world_.state().violations[i];
    if (violation.checker == checker && violation.cause == cause) {
      return true;
    }
  }
  return false;
}

std::string TestWorld::Violations() const {
  std::string text;
  for (uint32_t i = 0; i < Recorded(world_); ++i) {
    const trace::Violation& violation = world_.state().violations[i];
    text += KeyText({violation.checker, violation.cause}) + " at step " +
            std::to_string(violation.step) + "; ";
  }
  return text;
}

}  // namespace mmfault::testing_support
