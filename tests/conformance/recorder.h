// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// recorder.h: watches a machine as the recording module watched the kernel.
//
// Rows come from a driver's steps (under the kernel's names), from steps with a
// title, from marks, and from every method of a notifier. Names: a task `p` or
// `c3` is the actor `P` or `C`, and a mark `actor M` renames the task that
// makes it; a notifier `a-2` is `A`, `i0-2` is `i0`; one that `get` allocates
// is `G0`, `G1` and so on, counted over the scenario.
//
// A mark `window 0x1000` says where the pages begin that the scenario owns, and
// its value how many there are; callbacks about other
// memory make no row.
//
// Two counts that the recordings show and that the simulator does not have are
// added to mm_count, see Pins(): the module's own, and an exiting task's.
//
// Threads: as the machine.

#ifndef MMFAULT_TESTS_CONFORMANCE_RECORDER_H_
#define MMFAULT_TESTS_CONFORMANCE_RECORDER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/scenario/machine.h"
#include "tests/conformance/row.h"

namespace mmfault::conformance {

class Recorder : public scenario::MachineListener {
 public:
  explicit Recorder(scenario::Machine* machine) : machine_(machine) {}

  // Forgets what was recorded.
  void Reset();
  const std::vector<Row>& rows() const { return rows_; }

 private:
  // What a task is inside of.
  struct Actor {
    std::string name;
    const scenario::StepSpec* step = nullptr;  // null: in none
    const scenario::MmRef* own = nullptr;
    mm::mm_struct* mm = nullptr;  // that its rows are about; null: none
    int64_t mm_id = -1;
    std::vector<size_t> callbacks;  // rows of methods that have not returned
    const scenario::Program* joined = nullptr;
  };

  void OnStepBegin(const scenario::Program& program,
                   const scenario::StepSpec& step) override;
  void OnStepDone(const scenario::Program& program,
                  const scenario::StepSpec& step,
                  const scenario::StepOutcome& outcome) override;
  void OnTaskEnd(const scenario::Program& program) override;
  void OnMethod(const trace::MethodCall& call) override;

  Actor& ActorOf(const scenario::Program& program);
  void OnEntry(const trace::MethodCall& call, Actor* actor);
  void OnReturn(const trace::MethodCall& call, Actor* actor);
  void OnMark(const scenario::StepSpec& step, Actor* actor);
  mm::mm_struct* MmOfStep(const scenario::Program& program,
                          const scenario::StepSpec& step) const;
  // A row of the actor; `mm` may be freed or null.
  Row NewRow(const Actor& actor, const char* kind, std::string call,
             const mm::mm_struct* mm);
  void NoteSleep(const Actor& actor);
  void NoteSeen(const mm::mm_struct* mm, Row* row);
  std::string NotifierName(uint32_t object_id) const;
  int64_t PageOf(uint64_t address) const;
  void SetStepRange(const scenario::StepSpec& step, Row* row) const;
  static int64_t Pins(const Actor& actor);

  scenario::Machine* machine_;
  std::vector<Row> rows_;
  std::map<uint32_t, Actor> actors_;  // by the program's or task's number
  // The last signal sent to a task, unless it ended without a fatal one.
  std::map<const scenario::Program*, int> killed_by_;
  std::map<uint32_t, const mm::mm_struct*> seen_;  // by number; may be freed
  std::set<uint32_t> loose_;  // mms whose mm_count is not exact any more
  std::map<uint32_t, int> allocated_;  // G number, by notifier
  int allocation_count_ = 0;
  uint64_t window_ = 0;
  int64_t window_pages_ = 0;
};

}  // namespace mmfault::conformance

#endif  // MMFAULT_TESTS_CONFORMANCE_RECORDER_H_
