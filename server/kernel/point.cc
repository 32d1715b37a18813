// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/point.h"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "server/kernel/signal.h"
#include "server/kernel/wait.h"

namespace mmfault::kernel {
namespace {

// A held task's op_arg says where it is and why.
constexpr uint64_t kPointMask = 0xffff;
constexpr int kRuleShift = 16;
uint64_t HoldArg(const HeldAt& held) {
  return (static_cast<uint64_t>(held.point) + 1) | uint64_t{held.rule}
                                                       << kRuleShift;
}

// It waits for it to be cleared from outside, or for its time.
bool HoldOver(const sched::TaskRecord& task) {
  return task.op_arg == 0 || (task.wake_time_ns != 0 && TimeReached(task));
}

void SetWakeTime(int64_t duration_ns) {
  const uint64_t wake_time =
      duration_ns == 0
          ? 0
          : ThisWorld()->state().time_ns + static_cast<uint64_t>(duration_ns);
  if (Current()->wake_time_ns != wake_time) {
    Current()->wake_time_ns = wake_time;
  }
}

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

using faults::ActionKind;

trace::Op OpAt(faults::Point point, trace::OpKind kind) {
  return {kind, trace::Access::kRead, Current()->object.key(),
          // A literal. NOLINTNEXTLINE(bugprone-*)
          faults::InfoOf(point).name.data()};
}

// As though it had been killed; rules that say so are refused before they are
// armed unless the server may.
void Crash() {
  if (ThisWorld()->options().may_crash) {
    std::fputs("mmfault: a fault rule ends the server here\n", stderr);
    std::abort();
  }
}

// What an action does to the running task without stopping it.
int Apply(const faults::Action& action, uint32_t mm, uint32_t notifier) {
  sched::World* world = ThisWorld();
  switch (action.kind) {
    case ActionKind::kError:
      return static_cast<int>(action.arg);
    case ActionKind::kSignal:
      send_sig(static_cast<int>(action.arg), Current());
      return 0;
    case ActionKind::kDropCapability:
      Current()->no_capability = true;
      return 0;
    case ActionKind::kTeardownKill:
    case ActionKind::kTeardownForce:
      world->RequestTeardown(mm, action.kind == ActionKind::kTeardownForce);
      return 0;
    case ActionKind::kDisconnect:
      world->RequestDisconnect(notifier);
      return 0;
    case ActionKind::kCrash:
      Crash();
      return 0;
    default:
      return 0;  // the task stops, or its callback is at stake
  }
}

}  // namespace

int InjectHere(faults::Point point, const faults::PointPlace& place) {
  if (!ThisWorld()->faults().armed(point) || ThisWorld()->PassQuietly(point))
      [[likely]] {
    return 0;
  }
  uint32_t rule = 0;
  return Apply(ThisWorld()->EvaluatePoint(point, place, &rule), place.mm,
               place.notifier);
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
  std::construct_at(&action_, action);
  ready_ = action.kind != ActionKind::kHold &&
           action.kind != ActionKind::kYield &&
           action.kind != ActionKind::kDelay;
  error_ = ready_ ? Apply(action, mm, notifier) : 0;
  if (action.kind == ActionKind::kHold) {
    ThisWorld()->RequestStop();
  }
}

void FaultPoint::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  switch (action_.kind) {
    case ActionKind::kHold:
      return Hold();
    case ActionKind::kDelay:
      return Delay();
    default:
      ThisWorld()->Publish(OpAt(point_, trace::OpKind::kYield));
      Current()->yields_left = static_cast<uint32_t>(action_.arg) - 1;
  }
}

// With free timers its time is up as soon as others wish.
void FaultPoint::Hold() const {
  const bool timed = action_.arg != 0;
  if (timed && ThisWorld()->options().free_timers) {
    return Delay();
  }
  SetWakeTime(action_.arg);
  ThisWorld()->Publish(OpAt(point_, trace::OpKind::kHold), nullptr, HoldOver,
                       nullptr, HoldArg({.point = point_, .rule = rule_}));
}

// Not might_sleep(): an atomic context keeps its CPU, as in mdelay().
void FaultPoint::Delay() const {
  trace::Op op = OpAt(point_, trace::OpKind::kSleep);
  op.obj = Current()->object.key(2);
  if (ThisWorld()->options().free_timers) {
    ThisWorld()->Publish(op);
    return;
  }
  SetWakeTime(action_.arg);
  ThisWorld()->Publish(op, nullptr, TimeReached);
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
