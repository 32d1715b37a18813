// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// access_check.h: looks for steps that touch more than they name.
//
// Runs a world under random schedules and keeps, for every byte of simulated
// memory, who touched it last. Two steps of different tasks that touch a byte,
// one of them writing, must be ordered by what their ops say; else an engine
// that prunes by ops may never try the other order. Exemptions are made where
// the code is, with trace::AccessPause and a reason.
//
// Needs a build with MMFAULT_TRACE_ACCESS (server/trace/access_log.h).
//
// Threads: as the world.

#ifndef MMFAULT_TESTS_LITMUS_ACCESS_CHECK_H_
#define MMFAULT_TESTS_LITMUS_ACCESS_CHECK_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/explore/footprint.h"
#include "server/explore/search_stack.h"
#include "server/sched/world.h"
#include "server/trace/access_log.h"

namespace mmfault::litmus {

// Two steps that no op orders: `how` says which of them writes, "w-r" the older
// one. By what they are, for a reader; the value is where it was seen first,
// the code as addresses in the program, for llvm-symbolizer.
using Findings = std::map<std::string, std::string>;

class AccessCheck {
 public:
  // Both must outlive this.
  AccessCheck(sched::World* world, Findings* found)
      : world_(*world), found_(found) {}

  // One schedule from where the world stands, inside of a Scope; it ends at the
  // latest after some thousand steps, or where only time could go on.
  void RunOnce(uint64_t seed);

 private:
  struct Step {
    explore::Footprint print;
    explore::Clock clock;
    uint16_t number;
    const char* where;
  };
  struct Access {
    int step = -1;
    const void* code = nullptr;
  };
  struct Byte {
    Access writer;
    std::array<Access, explore::kMaxSearchTasks> readers;
  };

  void TakeStep(int task);
  void NoteLetGo(int index, uint64_t enabled, uint64_t alive);
  explore::Clock ClockOf(const explore::Footprint& print) const;
  bool Bookkeeping(const std::byte* at) const;
  void Check(int index, const trace::Touch& touch);
  void CheckByte(int index, const trace::Touch& touch, const std::byte* at);
  bool Ordered(int older, int newer) const;
  void Conflict(const Access& older, const Access& newer, const std::byte* at,
                const char* how);

  sched::World& world_;
  Findings* found_;
  std::vector<Step> steps_;
  std::array<int, explore::kMaxSearchTasks> last_ = {};
  // The step that made the task, and that let its wait go.
  std::array<int, explore::kMaxSearchTasks> parent_ = {};
  std::array<int, explore::kMaxSearchTasks> enabled_by_ = {};
  std::unordered_map<const void*, Byte> bytes_;
};

// All protocols of a scenario file. False when it is none.
bool CheckScenario(const std::string& file, int schedules, Findings* found);

}  // namespace mmfault::litmus

#endif  // MMFAULT_TESTS_LITMUS_ACCESS_CHECK_H_
