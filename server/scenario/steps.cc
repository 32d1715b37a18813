// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/steps.h"

#include "server/kernel/choice.h"
#include "server/kernel/errno.h"
#include "server/kernel/signal.h"
#include "server/mm/fork.h"
#include "server/scenario/machine.h"

namespace mmfault::scenario {
namespace {

bool HasWork(const sched::TaskRecord& task) {
  const auto* program = static_cast<const Program*>(task.program.get());
  return program->next_step != nullptr || program->exiting ||
         kernel::fatal_signal_pending(task);
}

// Waits for steps, without being counted as stuck.
struct Park : kernel::Point {
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    sched::World* world = kernel::ThisWorld();
    world->Publish(op, nullptr, HasWork);
    if (!HasWork(*kernel::Current())) {
      kernel::Current()->state = sched::TaskState::kParked;
    }
  }
};

bool Wanted(const Program* program, const StepSpec* step) {
  if (step->only_label < 0) {
    return true;
  }
  const int32_t rc = program->label_rc[step->only_label];
  return rc != kLabelUnset && step->only_rc.Contains(rc);
}

// The mm that a driver's step is about; null when there is none any more.
const mm::mm_struct* MmOfStep(const StepSpec* step) {
  if (step->mm != nullptr) {
    return MmOf(step->mm);
  }
  return step->dev != nullptr ? step->dev->mn.mm.get() : nullptr;
}

// The mm that a driver's step looks for without a reference to it; null when it
// has one, or when there is none to find.
const mm::mm_struct* MmLookedFor(const Program* program, const StepSpec* step) {
  const mm::mm_struct* mm = MmOfStep(step);
  for (uint32_t i = 0; mm != nullptr && i < program->ref_count; ++i) {
    if (MmOf(program->refs[i]) == mm) {
      return nullptr;
    }
  }
  return mm;
}

void EmitCall(trace::OpKind kind, const StepSpec* step, int rc) {
  trace::Event event;
  event.task = kernel::ThisWorld()->current_slot();
  event.op = {kind, trace::Access::kRead, kernel::Current()->object.key(),
              StepName(step)};
  event.value = rc;
  event.start = step->start;
  event.end = step->end;
  kernel::ThisWorld()->Emit(event);
}

bool AnySignal(const sched::TaskRecord& task) {
  return kernel::signal_pending(task);
}

bool FatalSignal(const sched::TaskRecord& task) {
  return kernel::fatal_signal_pending(task);
}

// A call that sleeps until a signal is pending; send_sig() wakes it.
struct SignalWait : kernel::Point {
  bool fatal;
  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    kernel::ThisWorld()->Publish(op, nullptr, fatal ? FatalSignal : AnySignal);
  }
};

SignalWait AwaitSignal(const StepSpec* step) {
  return {{{trace::OpKind::kWait, trace::Access::kRead,
            kernel::Current()->object.key(1), "await_signal"}},
          step->await_signal == kAwaitFatalSignal};
}

sched::Task<int> RunOnce(Program* program, const StepSpec* step,
                         StepOutcome* outcome) {
  int rc = 0;
  switch (step->kind) {
    case StepKind::kMmap:
    case StepKind::kMunmap:
    case StepKind::kTouch:
    case StepKind::kMprotect:
    case StepKind::kMadvise:
    case StepKind::kFork:
    case StepKind::kTruncate:
    case StepKind::kReclaim:
    case StepKind::kMremap:
    case StepKind::kBrk:
    case StepKind::kPunchHole:
    case StepKind::kWriteback:
    case StepKind::kMsync:
    case StepKind::kMovePages:
    case StepKind::kKsmScan:
    case StepKind::kClearRefs:
    case StepKind::kProcessMrelease:
    case StepKind::kOomReap:
    case StepKind::kAccessRemoteVm:
    case StepKind::kExec:
    case StepKind::kCollapseFile:
      rc = co_await RunMmStep(program, step);
      break;
    case StepKind::kMmget:
    case StepKind::kMmgetNotZero:
    case StepKind::kMmput:
    case StepKind::kMmgrab:
    case StepKind::kMmdrop:
    case StepKind::kForceTeardown:
    case StepKind::kExitForced:
      rc = co_await RunReferenceStep(program, step);
      break;
    case StepKind::kRegister:
    case StepKind::kUnregister:
    case StepKind::kLookUp:
    case StepKind::kEstablish:
    case StepKind::kDeviceAccess:
    case StepKind::kDrop:
    case StepKind::kFree:
    case StepKind::kGet:
    case StepKind::kPut:
    case StepKind::kInsert:
    case StepKind::kRemove:
    case StepKind::kReadBegin:
    case StepKind::kReadRetry:
    case StepKind::kSynchronize:
    case StepKind::kConfigure:
    case StepKind::kHasNotifiers:
      // Whether it is still there is a race: the look is a step of its own, and
      // names the count whose end frees the mm.
      if (const auto* mm = MmLookedFor(program, step); mm != nullptr) {
        co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                                mm->count_key(), StepKindName(step->kind)}};
      }
      rc = co_await RunDriverStep(program, step, outcome);
      break;
    case StepKind::kExit:
    case StepKind::kSignal:
    case StepKind::kSetSignal:
    case StepKind::kSetCapability:
    case StepKind::kYieldCpu:
    case StepKind::kSleep:
    case StepKind::kPost:
    case StepKind::kWaitFor:
    case StepKind::kJoin:
    case StepKind::kMark:
      rc = co_await RunTaskStep(program, step);
      break;
  }
  co_return rc;
}

// Steps that stand for a system call. The others set a task up or order tasks:
// a signal sent meanwhile counts as sent during the next call.
bool IsCall(StepKind kind) {
  switch (kind) {
    case StepKind::kSignal:
    case StepKind::kSetSignal:
    case StepKind::kSetCapability:
    case StepKind::kYieldCpu:
    case StepKind::kPost:
    case StepKind::kWaitFor:
    case StepKind::kJoin:
    case StepKind::kMark:
      return false;
    default:
      return true;
  }
}

sched::Task<> RunStep(Program* program, const StepSpec* step) {
  sched::World* world = kernel::ThisWorld();
  StepOutcome outcome;
  outcome.begin_step = world->state().step_count;
  const uint32_t violations = world->state().violation_count;
  const uint64_t faults = kernel::Current()->faults_fired;
  outcome.skipped = !Wanted(program, step);
  if (!outcome.skipped) {
    kernel::Current()->scope += 1;
    kernel::Current()->operation = OperationOf(step->kind);
    program->now = step;
    EmitCall(trace::OpKind::kCallBegin, step, 0);
    if (step->await_signal != 0) {
      co_await AwaitSignal(step);
    }
    Machine::Of(world)->OnStepBegin(program, step);
    for (uint64_t i = 1;; ++i) {
      outcome.rc = co_await RunOnce(program, step, &outcome);
      if (!step->storm) {
        kernel::Current()->progress += 1;
      }
      const bool more = i < step->repeat;
      if (step->storm ? !co_await kernel::Again(more, StepKindName(step->kind))
                      : !more) {
        break;
      }
    }
    kernel::Current()->progress += 1;
    if (IsCall(step->kind)) {
      co_await kernel::get_signal();
    }
    EmitCall(trace::OpKind::kCallEnd, step, outcome.rc);
    program->last_rc = outcome.rc;
    if (step->label >= 0) {
      program->label_rc[step->label] = outcome.rc;
    }
    if (step->expect_rc.count != 0 && !step->expect_rc.Contains(outcome.rc)) {
      kernel::ReportHere(
          trace::Checker::kErrorsAsSpecified, trace::Cause::kErrorNotSpecified,
          kernel::Current()->object.key(), static_cast<uint64_t>(-outcome.rc));
    }
  }
  program->done += 1;
  outcome.end_step = world->state().step_count;
  outcome.fault_count =
      static_cast<uint32_t>(kernel::Current()->faults_fired - faults);
  outcome.violation_count = world->state().violation_count - violations;
  Machine::Of(world)->OnStepDone(program, step, outcome);
}

void LeaveStep(Program* program) {
  kernel::Current()->operation = 0;
  program->now = nullptr;
}

sched::Task<> PutReferences(Program* program) {
  LeaveStep(program);
  while (program->ref_count != 0) {
    MmRef* ref = program->refs[program->ref_count - 1];
    program->ref_count -= 1;
    co_await mm::mmput(ref->mm);
  }
}

}  // namespace

const mm::mm_struct* MmAtHand(const Program* program) {
  const StepSpec* step = program->now;
  const mm::mm_struct* mm = step == nullptr ? nullptr : MmOfStep(step);
  if (mm == nullptr && program->own != nullptr) {
    mm = MmOf(program->own);
  }
  return mm;
}

sched::Task<> RunProgram(void* arg) {
  auto* program = static_cast<Program*>(arg);
  for (;;) {
    const bool killed = kernel::fatal_signal_pending(*kernel::Current());
    StepSpec* step = program->next_step;
    if (killed || program->exiting || (step == nullptr && !program->stays)) {
      break;
    }
    if (step == nullptr) {
      LeaveStep(program);
      co_await Park{{{trace::OpKind::kWait, trace::Access::kRead,
                      kernel::Current()->object.key(), "wait_for_steps"}}};
      continue;
    }
    program->next_step = step->next;
    co_await RunStep(program, step);
  }
  co_await PutReferences(program);
  Machine::Of(kernel::ThisWorld())->OnTaskEnd(program);
}

void PushRef(Program* program, MmRef* ref) {
  CHECK(program->ref_count < kMaxRefs);
  program->refs[program->ref_count] = ref;
  program->ref_count += 1;
}

bool PopRef(Program* program, const MmRef* ref) {
  for (uint32_t i = program->ref_count; i-- > 0;) {
    if (program->refs[i] != ref) {
      continue;
    }
    for (uint32_t j = i + 1; j < program->ref_count; ++j) {
      program->refs[j - 1] = program->refs[j].get();
    }
    program->ref_count -= 1;
    return true;
  }
  return false;
}

bool HoldsRef(const Program* program, const MmRef* ref) {
  for (uint32_t i = 0; i < program->ref_count; ++i) {
    if (program->refs[i] == ref) {
      return true;
    }
  }
  return false;
}

}  // namespace mmfault::scenario
