// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/point.h"

#include <algorithm>

#include "server/kernel/signal.h"

namespace mmfault::kernel {
namespace {

// A held task waits for its op_arg to be cleared from outside.
bool HoldOver(const sched::TaskRecord& task) { return task.op_arg == 0; }

}  // namespace

void PublishReleasing(const trace::Op& op) {
  if (Current()->stores_pending == 0) [[likely]] {
    ThisWorld()->Publish(op);
  } else {
    ThisWorld()->Publish(op, nullptr, sched::StoresVisible);
  }
}

void ReportHere(trace::Checker checker, trace::Cause cause, ObjKey obj,
                uint64_t a, uint64_t b) {
  ThisWorld()->Report({.checker = checker,
                       .cause = cause,
                       .task = static_cast<int8_t>(ThisWorld()->current_slot()),
                       .obj = obj,
                       .a = a,
                       .b = b});
}

void might_sleep() {
  const sched::TaskRecord& task = *Current();
  if (task.preempt_count != 0 || task.rcu_depth != 0) {
    ReportHere(trace::Checker::kNoSleepInAtomic,
               trace::Cause::kSleptWhileAtomic, task.object.key(),
               static_cast<uint64_t>(task.preempt_count + task.rcu_depth));
  } else if (task.non_block_count != 0) {
    ReportHere(trace::Checker::kNoSleepInAtomic, trace::Cause::kSleptInNonBlock,
               task.object.key());
  }
}

namespace {

// What an action does to the running task without stopping it.
int Apply(const faults::Action& action, uint32_t mm) {
  sched::World* world = ThisWorld();
  switch (action.kind) {
    case faults::ActionKind::kError:
      return static_cast<int>(action.arg);
    case faults::ActionKind::kSignal:
      send_sig(static_cast<int>(action.arg), Current());
      return 0;
    case faults::ActionKind::kDropCapability:
      Current()->no_capability = true;
      return 0;
    case faults::ActionKind::kTeardownKill:
    case faults::ActionKind::kTeardownForce:
      world->RequestTeardown(mm,
                             action.kind == faults::ActionKind::kTeardownForce);
      return 0;
    case faults::ActionKind::kNone:
    case faults::ActionKind::kHold:
    case faults::ActionKind::kYield:
      return 0;
  }
  return 0;
}

}  // namespace

int InjectHere(faults::Point point, uint32_t mm) {
  if (!ThisWorld()->faults().armed(point)) [[likely]] {
    return 0;
  }
  return Apply(ThisWorld()->EvaluatePoint(point, mm), mm);
}

void FaultPoint::Evaluate(faults::Point point, uint32_t mm) {
  const faults::Action action = ThisWorld()->EvaluatePoint(point, mm);
  point_ = point;
  hold_ = action.kind == faults::ActionKind::kHold;
  ready_ = !hold_ && action.kind != faults::ActionKind::kYield;
  yields_ = static_cast<uint32_t>(std::max<int64_t>(action.arg, 1));
  error_ = ready_ ? Apply(action, mm) : 0;
  if (hold_) {
    ThisWorld()->RequestStop();
  }
}

void FaultPoint::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  const trace::Op op{hold_ ? trace::OpKind::kHold : trace::OpKind::kYield,
                     trace::Access::kRead, Current()->object.key(),
                     faults::InfoOf(point_).name.data()};
  if (hold_) {
    ThisWorld()->Publish(op, nullptr, HoldOver, nullptr,
                         static_cast<uint64_t>(point_) + 1);
  } else {
    ThisWorld()->Publish(op);
    Current()->yields_left = yields_ - 1;
  }
}

int ResumeHeld(sched::World* world, faults::Point point, int slot) {
  int resumed = 0;
  for (uint64_t rest = world->state().alive; rest != 0; rest &= rest - 1) {
    sched::TaskRecord& task = world->task(std::countr_zero(rest));
    if (task.op_kind == trace::OpKind::kHold &&
        task.op_arg == static_cast<uint64_t>(point) + 1 &&
        (slot < 0 || slot == task.slot)) {
      task.op_arg = 0;
      world->ReevaluateTask(task.slot);
      ++resumed;
    }
  }
  return resumed;
}

}  // namespace mmfault::kernel
