// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// access_check: looks for steps that touch more than they name.
//
// Runs scenarios under random schedules and keeps, for every word of simulated
// memory, who touched it last. Two steps of different tasks that touch a word,
// one of them writing, must be ordered by what their ops say; else an engine
// that prunes by ops may never try the other order.
//
//   access_check [--schedules N] SCENARIO|DIRECTORY...
//
// MMFAULT_ACCESS_BREAK: aborts at the first finding whose line has this in it,
// for a debugger.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/explore/footprint.h"
#include "server/explore/search_stack.h"
#include "server/kernel/state.h"
#include "server/notifier/protocols.h"
#include "server/scenario/compile.h"
#include "server/scenario/machine.h"
#include "server/scenario/runner.h"
#include "server/trace/access_log.h"

namespace mmfault {
namespace {

using explore::Clock;
using explore::Footprint;

struct Step {
  Footprint print;
  Clock clock;
  uint16_t number;
  const char* where;
};

struct Word {
  int writer = -1;  // index of the step
  std::array<int, explore::kMaxSearchTasks> readers;
  Word() { readers.fill(-1); }
};

class AccessCheck {
 public:
  AccessCheck(scenario::Machine* machine, std::set<std::string>* found)
      : world_(machine->world()), found_(found) {}

  void RunOnce(uint64_t seed);

 private:
  void TakeStep(int task);
  Clock ClockOf(const Footprint& print) const;
  bool Bookkeeping(const std::byte* at) const;
  void Check(int index, const trace::Touch& touch);
  void Conflict(int older, int newer, const std::byte* at, const char* how);

  sched::World& world_;
  std::set<std::string>* found_;
  std::vector<Step> steps_;
  std::array<int, explore::kMaxSearchTasks> last_ = {};
  std::array<int, explore::kMaxSearchTasks> parent_ = {};
  std::unordered_map<const void*, Word> words_;
  std::map<const void*, std::string> objects_;
};

// The whole order that ops give: every earlier step that does not commute.
Clock AccessCheck::ClockOf(const Footprint& print) const {
  Clock clock;
  if (last_[print.task] >= 0) {
    clock = steps_[last_[print.task]].clock;
  } else if (parent_[print.task] >= 0) {
    clock = steps_[parent_[print.task]].clock;
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

// What no task's code sees: the root's counters and masks, lockdep's table, and
// wait sets.
bool AccessCheck::Bookkeeping(const std::byte* at) const {
  if (at < world_.arena().heap()) {
    return true;
  }
  const auto* kernel = kernel::Kernel();
  const auto* order = reinterpret_cast<const std::byte*>(&kernel->order);
  return at >= order && at < order + sizeof kernel->order;
}

void AccessCheck::Conflict(int older, int newer, const std::byte* at,
                           const char* how) {
  const Step& a = steps_[static_cast<size_t>(older)];
  const Step& b = steps_[static_cast<size_t>(newer)];
  char text[400];
  std::snprintf(text, sizeof text, "%-6s %s(%s) | %s(%s) heap+%s", how, a.where,
                trace::OpKindName(a.print.kind), b.where,
                trace::OpKindName(b.print.kind), "");
  if (found_->insert(text).second) {
    std::printf("%s%zx  on %s, on %s\n", text,
                static_cast<size_t>(at - world_.arena().heap()),
                world_.NameOf(a.print.obj).c_str(),
                world_.NameOf(b.print.obj).c_str());
    if (std::getenv("MMFAULT_ACCESS_BREAK") != nullptr &&
        std::strstr(text, std::getenv("MMFAULT_ACCESS_BREAK")) != nullptr) {
      std::abort();
    }
  }
}

void AccessCheck::Check(int index, const trace::Touch& touch) {
  const auto* begin = static_cast<const std::byte*>(touch.address);
  const Step& step = steps_[static_cast<size_t>(index)];
  const auto ordered = [this, &step](int other) {
    const Step& before = steps_[static_cast<size_t>(other)];
    return before.print.task == step.print.task ||
           before.number <= step.clock.at[before.print.task];
  };
  for (size_t i = 0; i < touch.size; i += 8) {
    const std::byte* at = begin + i;
    if (Bookkeeping(at)) {
      continue;
    }
    Word& word = words_[at];
    if (word.writer >= 0 && !ordered(word.writer)) {
      Conflict(word.writer, index, at, touch.write ? "w-w" : "w-r");
    }
    if (touch.write) {
      for (const int reader : word.readers) {
        if (reader >= 0 && !ordered(reader)) {
          Conflict(reader, index, at, "r-w");
        }
      }
      word.writer = index;
      word.readers.fill(-1);
    } else {
      word.readers[step.print.task] = index;
    }
  }
}

void AccessCheck::TakeStep(int task) {
  Step step;
  step.print = explore::FootprintOf(world_, task);
  step.where = world_.task(task).op_where;
  step.clock = ClockOf(step.print);
  step.number = static_cast<uint16_t>(
      last_[task] >= 0 ? steps_[last_[task]].number + 1 : 1);
  step.clock.at[task] = step.number;
  const int index = static_cast<int>(steps_.size());
  steps_.push_back(step);
  last_[task] = index;
  trace::AccessLog log;
  const uint64_t alive = world_.state().alive;
  trace::thread_access_log = &log;
  world_.Step(task);
  trace::thread_access_log = nullptr;
  const uint64_t spawned = world_.state().alive & ~alive;
  for (int i = 0; i < explore::kMaxSearchTasks; ++i) {
    if ((spawned >> i & 1) != 0) {
      parent_[static_cast<size_t>(i)] = index;
    }
  }
  for (const trace::Touch& touch : log.touches) {
    Check(index, touch);
  }
}

void AccessCheck::RunOnce(uint64_t seed) {
  const sched::World::Scope scope(&world_);
  sched::UniformStrategy strategy(seed);
  steps_.clear();
  words_.clear();
  last_.fill(-1);
  parent_.fill(-1);
  while (world_.state().dead_tasks == 0 && steps_.size() < 3000) {
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

bool CheckFile(const std::string& file, int schedules,
               std::set<std::string>* found) {
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
    const sched::World::Snapshot start = machine.world().Save();
    AccessCheck check(&machine, found);
    for (int i = 0; i < schedules; ++i) {
      machine.world().Restore(start);
      check.RunOnce(static_cast<uint64_t>(i) + 1);
    }
  }
  return true;
}

}  // namespace
}  // namespace mmfault

int main(int argc, char** argv) {
  std::set<std::string> found;
  std::vector<std::string> files;
  int schedules = 100;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--schedules") == 0 && i + 1 < argc) {
      schedules = std::atoi(argv[++i]);
    } else if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
    } else {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (entry.path().extension() == ".textproto") {
          files.push_back(entry.path());
        }
      }
    }
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) {
    if (!mmfault::CheckFile(file, schedules, &found)) {
      return 64;
    }
  }
  std::printf("access_check: %zu pairs of steps touch what they do not name\n",
              found.size());
  return found.empty() ? 0 : 1;
}
