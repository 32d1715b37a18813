// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// steps.h: running a program, one operation after the other.

#ifndef MMFAULT_SERVER_SCENARIO_STEPS_H_
#define MMFAULT_SERVER_SCENARIO_STEPS_H_

#include "server/scenario/program.h"
#include "server/sched/task.h"

namespace mmfault::scenario {

// The entry of a task; `program` is a Program*. Runs its steps, then puts its
// references, newest first, and ends; a task that stays waits for more steps.
// A fatal signal ends it after the step in progress, as on the way back to user
// space.
sched::Task<> RunProgram(void* program);

// One operation, by group. `outcome` takes what is more than a return code.
sched::Task<int> RunMmStep(Program* program, const StepSpec* step);
// Those of RunMmStep() that name a file instead of an mm.
bool IsFileStep(StepKind kind);
sched::Task<int> RunFileStep(const StepSpec* step);
// Those of RunMmStep() that the system does, in steps_system.cc.
bool IsSystemStep(StepKind kind);
sched::Task<int> RunSystemStep(const StepSpec* step);
sched::Task<int> RunReferenceStep(Program* program, const StepSpec* step);
sched::Task<int> RunDriverStep(Program* program, const StepSpec* step,
                               StepOutcome* outcome);
sched::Task<int> RunSubscriptionStep(Program* program, const StepSpec* step,
                                     StepOutcome* outcome);
sched::Task<int> RunTaskStep(Program* program, const StepSpec* step);

// The second half of a ForceTeardown(FORCE), after Machine::RevokeUsers().
sched::Task<> ExitForced(mm::mm_struct* mm);

// What stories call a step: its title, or its kind.
inline const char* StepName(const StepSpec* step) {
  return step->title != nullptr ? step->title : StepKindName(step->kind);
}

// Whether steps do what the device's driver would: a modelled one's always.
bool IsScripted(const device::device* dev);

// The mm of the step that a program is in, else the one that it is a process
// of; null for none. It may be freed.
const mm::mm_struct* MmAtHand(const Program* program);

// References a program holds.
void PushRef(Program* program, MmRef* ref);
// Removes its newest reference on the mm; false when it holds none.
bool PopRef(Program* program, const MmRef* ref);
bool HoldsRef(const Program* program, const MmRef* ref);

}  // namespace mmfault::scenario

#endif  // MMFAULT_SERVER_SCENARIO_STEPS_H_
