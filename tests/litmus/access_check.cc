// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/litmus/access_check.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "server/kernel/state.h"
#include "server/notifier/protocols.h"
#include "server/scenario/compile.h"
#include "server/scenario/machine.h"
#include "server/scenario/runner.h"

extern "C" char __executable_start;  // NOLINT: the linker's name

namespace mmfault::litmus {
namespace {

using explore::Clock;
using explore::Footprint;

constexpr size_t kMostSteps = 3000;

size_t CodeOffset(const void* code) {
  return static_cast<size_t>(static_cast<const char*>(code) -
                             &__executable_start) -
         1;  // the call, not what follows
}

}  // namespace

// The whole order that ops give: every earlier step that does not commute.
Clock AccessCheck::ClockOf(const Footprint& print) const {
  Clock clock;
  const auto join = [this, &clock](int step) {
    if (step >= 0) {
      clock.Join(steps_[static_cast<size_t>(step)].clock);
    }
  };
  join(last_[print.task]);
  join(parent_[print.task]);
  if (print.kind == trace::OpKind::kWait) {
    join(enabled_by_[print.task]);
  }
  for (const Step& step : steps_) {
    Footprint newer = print;
    newer.readers = ~uint64_t{0};
    const bool reader_left =
        newer.kind == trace::OpKind::kGracePeriodEnd &&
        step.print.kind == trace::OpKind::kReadSectionEnd &&
        newer.obj == step.print.obj;
    if (reader_left || LinkOf(step.print, newer) != explore::Link::kNone) {
      clock.Join(step.clock);
    }
  }
  return clock;
}

// What no task's code sees: the root's counters and masks, and lockdep's table.
bool AccessCheck::Bookkeeping(const std::byte* at) const {
  if (at < world_.arena().heap()) {
    return true;
  }
  const auto* kernel = kernel::Kernel();
  if (kernel == nullptr) {
    return false;
  }
  const auto* order = reinterpret_cast<const std::byte*>(&kernel->order);
  return at >= order && at < order + sizeof kernel->order;
}

bool AccessCheck::Ordered(int older, int newer) const {
  const Step& before = steps_[static_cast<size_t>(older)];
  const Step& step = steps_[static_cast<size_t>(newer)];
  return before.print.task == step.print.task ||
         before.number <= step.clock.at[before.print.task];
}

void AccessCheck::Conflict(const Access& older, const Access& newer,
                           const std::byte* at, const char* how) {
  if (older.step < 0 || Ordered(older.step, newer.step)) {
    return;
  }
  const Step& a = steps_[static_cast<size_t>(older.step)];
  const Step& b = steps_[static_cast<size_t>(newer.step)];
  char text[400];
  std::snprintf(text, sizeof text, "%s %s(%s) | %s(%s)", how, a.where,
                trace::OpKindName(a.print.kind), b.where,
                trace::OpKindName(b.print.kind));
  char first[200];
  std::snprintf(first, sizeof first, "on %s, on %s; heap+%zx; code %#zx, %#zx",
                world_.NameOf(a.print.obj).c_str(),
                world_.NameOf(b.print.obj).c_str(),
                static_cast<size_t>(at - world_.arena().heap()),
                CodeOffset(older.code), CodeOffset(newer.code));
  found_->emplace(text, first);
}

void AccessCheck::CheckByte(int index, const trace::Touch& touch,
                            const std::byte* at) {
  Byte& byte = bytes_[at];
  const Access now{index, touch.code};
  Conflict(byte.writer, now, at, touch.write ? "w-w" : "w-r");
  if (!touch.write) {
    byte.readers[steps_[static_cast<size_t>(index)].print.task] = now;
    return;
  }
  for (Access& reader : byte.readers) {
    Conflict(reader, now, at, "r-w");
    reader = {};
  }
  byte.writer = now;
}

void AccessCheck::Check(int index, const trace::Touch& touch) {
  const auto* begin = static_cast<const std::byte*>(touch.address);
  for (size_t i = 0; i < touch.size; ++i) {
    if (!Bookkeeping(begin + i)) {
      CheckByte(index, touch, begin + i);
    }
  }
}

// Who makes a task, or lets a waiter go, comes before it in any order.
void AccessCheck::NoteLetGo(int index, uint64_t enabled, uint64_t alive) {
  const uint64_t let_go = world_.state().enabled & ~enabled;
  const uint64_t made = world_.state().alive & ~alive;
  for (size_t i = 0; i < explore::kMaxSearchTasks; ++i) {
    if ((let_go >> i & 1) != 0) {
      enabled_by_[i] = index;
    }
    if ((made >> i & 1) != 0) {
      parent_[i] = index;
    }
  }
}

void AccessCheck::TakeStep(int task) {
  Step step;
  step.print = explore::FootprintOf(world_, task);
  step.where = world_.task(task).op_where;
  step.clock = ClockOf(step.print);
  step.number = static_cast<uint16_t>(
      last_[task] >= 0 ? steps_[static_cast<size_t>(last_[task])].number + 1
                       : 1);
  step.clock.at[task] = step.number;
  const int index = static_cast<int>(steps_.size());
  steps_.push_back(step);
  last_[task] = index;
  const uint64_t enabled = world_.state().enabled;
  const uint64_t alive = world_.state().alive;
  trace::AccessLog log;
  trace::thread_access_log = &log;
  world_.Step(task);
  trace::thread_access_log = nullptr;
  NoteLetGo(index, enabled, alive);
  for (const trace::Touch& touch : log.touches) {
    Check(index, touch);
  }
}

void AccessCheck::RunOnce(uint64_t seed) {
  sched::UniformStrategy strategy(seed);
  steps_.clear();
  bytes_.clear();
  last_.fill(-1);
  parent_.fill(-1);
  enabled_by_.fill(-1);
  while (world_.state().dead_tasks == 0 && steps_.size() < kMostSteps) {
    const uint64_t runnable = world_.runnable();
    if (runnable == 0) {
      if (explore::ClassifyEnd(&world_) != explore::End::kCut) {
        break;
      }
      return;  // time orders what follows; nothing is said about that
    }
    if ((runnable >> explore::kMaxSearchTasks) != 0) {
      return;
    }
    TakeStep(strategy.Pick(world_, runnable));
  }
}

bool CheckScenario(const std::string& file, int schedules, Findings* found) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  const auto scenario = scenario::ParseScenario(text.str(), file);
  if (!scenario.ok()) {
    std::fprintf(stderr, "%s\n",
                 std::string(scenario.status().message()).c_str());
    return false;
  }
  const auto protocols = scenario::ProtocolsOf(*scenario, {});
  const auto settings = scenario::CompileSettings(scenario->world());
  if (!protocols.ok() || !settings.ok()) {
    return false;
  }
  for (const notifier::Protocol* protocol : *protocols) {
    sched::WorldOptions options = *settings;
    scenario::SetMutants(*scenario, &options);
    scenario::Machine machine(*protocol, options);
    if (!scenario::SetUp(&machine, *scenario, {}, false).ok()) {
      continue;
    }
    const sched::World::Scope scope(&machine.world());
    const sched::World::Snapshot start = machine.world().Save();
    AccessCheck check(&machine.world(), found);
    for (int i = 0; i < schedules; ++i) {
      machine.world().Restore(start);
      check.RunOnce(static_cast<uint64_t>(i) + 1);
    }
  }
  return true;
}

}  // namespace mmfault::litmus
