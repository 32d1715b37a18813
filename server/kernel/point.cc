// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/point.h"

#include <algorithm>
#include <bit>

#include "server/kernel/signal.h"

namespace mmfault::kernel {
namespace {

// A held task's op_arg says where it is and why.
constexpr uint64_t kPointMask = 0xffff;
constexpr int kRuleShift = 16;
uint64_t HoldArg(const HeldAt& held) {
  return (static_cast<uint64_t>(held.point) + 1) | uint64_t{held.rule}
                                                       << kRuleShift;
}

// It waits for it to be cleared from outside.
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
               static_cast<uint64_t>(task.preempt_count) +
                   static_cast<uint64_t>(task.rcu_depth));
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
  if (!ThisWorld()->faults().armed(point) || ThisWorld()->PassQuietly(point))
      [[likely]] {
    return 0;
  }
  uint32_t rule = 0;
  return Apply(ThisWorld()->EvaluatePoint(point, {.mm = mm}, &rule), mm);
}

void FaultPoint::Evaluate(faults::Point point, uint32_t mm, uint32_t notifier,
                          uint32_t event, uint64_t start, uint64_t end) {
  const faults::Action action =
      ThisWorld()->EvaluatePoint(point,
                                 {.mm = mm,
                                  .notifier = notifier,
                                  .event = event,
                                  .start = start,
                                  .end = end},
                                 &rule_);
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
                     // A literal. NOLINTNEXTLINE(bugprone-*)
                     faults::InfoOf(point_).name.data()};
  if (hold_) {
    ThisWorld()->Publish(op, nullptr, HoldOver, nullptr,
                         HoldArg({.point = point_, .rule = rule_}));
  } else {
    ThisWorld()->Publish(op);
    Current()->yields_left = yields_ - 1;
  }
}

std::optional<HeldAt> HeldAtOf(const sched::TaskRecord& task) {
  if (task.op_kind != trace::OpKind::kHold || task.op_arg == 0) {
    return std::nullopt;
  }
  const uint64_t arg = task.op_arg;
  return HeldAt{.point = static_cast<faults::Point>((arg & kPointMask) - 1),
                .rule = static_cast<uint32_t>(arg >> kRuleShift)};
}

namespace {

template <typename Wanted>
int ResumeThose(sched::World* world, Wanted wanted) {
  int resumed = 0;
  for (uint64_t rest = world->state().alive; rest != 0; rest &= rest - 1) {
    sched::TaskRecord& task = world->task(std::countr_zero(rest));
    const std::optional<HeldAt> held = HeldAtOf(task);
    if (held.has_value() && wanted(task, *held)) {
      task.op_arg = 0;
      world->ReevaluateTask(task.slot);
      ++resumed;
    }
  }
  return resumed;
}

}  // namespace

int ResumeHeld(sched::World* world, faults::Point point, int slot) {
  return ResumeThose(
      world, [point, slot](const sched::TaskRecord& task, const HeldAt& held) {
        return held.point == point && (slot < 0 || slot == task.slot);
      });
}

int ResumeHeldBy(sched::World* world, uint32_t rule) {
  return ResumeThose(world,
                     [rule](const sched::TaskRecord&, const HeldAt& held) {
                       return held.rule == rule;
                     });
}

}  // namespace mmfault::kernel
