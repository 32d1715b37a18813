// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/message.h"

#include "server/base/check.h"
#include "server/kernel/errno.h"
#include "server/kernel/wait.h"
#include "server/notifier/call_point.h"

namespace mmfault::notifier {
namespace {

using faults::ActionKind;
using trace::Cause;

// For how long the last of a series waits to be overtaken.
constexpr uint64_t kWindowNs = 1'000'000;

struct message {
  mmu_notifier* mn;
  Method method;
  mmu_notifier_range range;              // of methods without: mm and addresses
  mm::page* target = nullptr;            // change_pte
  mmu_interval_notifier* sub = nullptr;  // interval methods
  uint64_t cur_seq = 0;                  // as that
  mmu_interval_notifier_finish** finish = nullptr;    // its first pass of two
  mmu_interval_notifier_finish* finishing = nullptr;  // and its second
};

// A callback that its walker has not waited for. Lives in the arena.
struct late_message {
  sched::Object object;
  message sent;
  int walker;
  uint64_t turn;  // `delivered`, from which on it is its turn
  disturbance* of;
};

faults::PointPlace PlaceOf(const message& sent) {
  return Place(sent.mn, sent.method, sent.range.mm, sent.range.start,
               sent.range.end);
}

// --- Calling the driver ------------------------------------------------------

void Before(const message& sent, int walker) {
  switch (sent.method) {
    case Method::kInvalidateRangeStart:
      CountStart(sent.mn, walker);
      break;
    case Method::kInvalidateRangeEnd:
      if (sent.mn->ops->invalidate_range_start != nullptr) {
        CountEnd(sent.mn, walker);
      }
      break;
    case Method::kRelease:
      CountRelease(sent.mn);
      break;
    default:
      break;
  }
}

void After(const message& sent, int walker, int rc) {
  if (sent.method == Method::kInvalidateRangeStart && rc != 0) {
    CountEnd(sent.mn, walker);  // a start that failed has no end
  }
}

Task<int> CallInterval(const message& sent) {
  mmu_interval_notifier* sub = sent.sub;
  if (sent.method == Method::kIntervalFinish) {
    co_await sub->ops->invalidate_finish(sent.finishing);
    co_return 0;
  }
  bool done = false;
  if (sent.finish != nullptr) {
    done = co_await sub->ops->invalidate_start(sub, &sent.range, sent.cur_seq,
                                               sent.finish);
  } else {
    done = co_await sub->ops->invalidate(sub, &sent.range, sent.cur_seq);
  }
  co_return done ? 0 : -EAGAIN;
}

Task<int> CallYoung(const message& sent) {
  const mmu_notifier_range& range = sent.range;
  const mmu_notifier_ops* ops = sent.mn->ops;
  int young = 0;
  if (sent.method == Method::kTestYoung) {
    young = co_await ops->test_young(sent.mn, range.mm, range.start);
  } else {
    const auto method = sent.method == Method::kClearYoung
                            ? ops->clear_young
                            : ops->clear_flush_young;
    young = co_await method(sent.mn, range.mm, range.start, range.end);
  }
  co_return young;
}

Task<int> CallMethod(const message& sent) {
  mmu_notifier* mn = sent.mn;
  const mmu_notifier_ops* ops = mn->ops;
  const mmu_notifier_range& range = sent.range;
  int rc = 0;
  switch (sent.method) {
    case Method::kInvalidateRangeStart:
      rc = co_await ops->invalidate_range_start(mn, &range);
      break;
    case Method::kInvalidateRangeEnd:
      co_await ops->invalidate_range_end(mn, &range);
      break;
    case Method::kInvalidatePage:
      co_await ops->invalidate_page(mn, range.mm, range.start);
      break;
    case Method::kInvalidateRange:
      co_await ops->invalidate_range(mn, range.mm, range.start, range.end);
      break;
    case Method::kChangePte:
      co_await ops->change_pte(mn, range.mm, range.start, sent.target);
      break;
    case Method::kRelease:
      co_await ops->release(mn, range.mm);
      break;
    case Method::kEmmStop:
      co_await ops->emm_stop(mn, range.mm);
      break;
    case Method::kEmmStart:
      co_await ops->emm_start(mn, range.mm);
      break;
    case Method::kIntervalInvalidate:
    case Method::kIntervalFinish:
      rc = co_await CallInterval(sent);
      break;
    case Method::kClearFlushYoung:
    case Method::kClearYoung:
    case Method::kTestYoung:
      rc = co_await CallYoung(sent);
      break;
    case Method::kFreeNotifier:
    case Method::kAllocNotifier:
      CHECK(false);  // no messages
  }
  co_return rc;
}

trace::MethodCall Observed(const message& sent) {
  trace::MethodCall call =
      OfRange(MethodName(sent.method), sent.mn->object, sent.range);
  call.cur_seq = sent.cur_seq;
  return call;
}

bool HasAnswer(Method method) {
  return method == Method::kInvalidateRangeStart ||
         method == Method::kIntervalInvalidate ||
         method == Method::kClearFlushYoung || method == Method::kClearYoung ||
         method == Method::kTestYoung;
}

// The driver is called, once.
Task<int> Deliver(const message& sent, int walker) {
  disturbance* of = sent.mn->disturbed;
  if (of != nullptr) {
    of->delivered += 1;
    kernel::ThisWorld()->Reevaluate(of->waiters);
  }
  Before(sent, walker);
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(Observed(sent));
  }
  const uint64_t outer = GoInside(sent.mn, sent.method);
  const int rc = co_await CallMethod(sent);
  GoInside(outer);
  if (MethodsObserved()) [[unlikely]] {
    std::optional<int64_t> told;
    if (HasAnswer(sent.method)) {
      told = sent.method == Method::kIntervalInvalidate ? int64_t{rc == 0} : rc;
    }
    TellReturn(Observed(sent), told);
  }
  After(sent, walker, rc);
  co_return rc;
}

// --- Later than it should ----------------------------------------------------

// Null where the world has no room for it.
disturbance* Disturb(mmu_notifier* mn) {
  if (mn->disturbed == nullptr) {
    mn->disturbed =
        kernel::ThisWorld()->New<disturbance>(trace::ObjType::kNone);
  }
  return mn->disturbed;
}

bool DeliveredTo(const sched::TaskRecord& task) {
  const auto* of = static_cast<const disturbance*>(task.op_target.get());
  return of->delivered >= task.op_arg || kernel::TimeReached(task);
}

bool AnsweredTo(const sched::TaskRecord& task) {
  const auto* of = static_cast<const disturbance*>(task.op_target.get());
  return of->answered >= task.op_arg || kernel::TimeReached(task);
}

// Waits until a count has got somewhere, or nothing comes any more.
struct AwaitTurn : kernel::Point {
  disturbance* of;
  sched::ReadyFn ready;
  uint64_t turn;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    sched::World* world = kernel::ThisWorld();
    kernel::Current()->wake_time_ns = world->state().time_ns + kWindowNs;
    world->Publish(op, &of->waiters, ready, of, turn);
  }
};

AwaitTurn Turn(const mmu_notifier* mn, disturbance* of, sched::ReadyFn ready,
               uint64_t turn) {
  return {{{trace::OpKind::kSleep, trace::Access::kRead, mn->object.key(),
            "callback_overtaken"}},
          of,
          ready,
          turn};
}

// What a driver's worker does with a callback that it was left.
Task<> DeliverLate(void* arg) {
  auto* late = static_cast<late_message*>(arg);
  mmu_notifier* mn = late->sent.mn;
  co_await Turn(mn, late->of, DeliveredTo, late->turn);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  co_await Enter(mn, late->sent.method, late->sent.range.start,
                 late->sent.range.end);
  co_await kernel::CheckLive(mn->object, Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, late->sent.method, false);
  co_await Deliver(late->sent, late->walker);
  kernel::ThisWorld()->Delete(late);
}

// False where the world has no room for it: then it comes in time.
bool SendLate(const message& sent, uint64_t overtaken_by) {
  sched::World* world = kernel::ThisWorld();
  disturbance* of = Disturb(sent.mn);
  auto* late =
      of == nullptr ? nullptr : world->New<late_message>(trace::ObjType::kNone);
  if (late == nullptr) {
    return false;
  }
  trace::LogRange(late, sizeof *late);
  late->sent = sent;
  late->sent.finish = nullptr;  // the walker's, which has gone on
  late->walker = world->current_slot();
  late->turn = of->delivered + overtaken_by;
  late->of = of;
  sched::TaskRecord* worker = world->Spawn(DeliverLate, late);
  if (worker == nullptr) {
    world->Delete(late);
    return false;
  }
  worker->detached = true;
  world->SetName(worker->object.id, "late-callback");
  return true;
}

// --- The way back ------------------------------------------------------------

void MissAnswer(const mmu_notifier* mn) {
  kernel::ReportHere(trace::Checker::kNoDeadlock, Cause::kAnswerLost,
                     mn->object.key());
}

Task<int> Answer(const message& sent, int rc) {
  mmu_notifier* mn = sent.mn;
  const faults::Action action =
      co_await kernel::MessagePoint(faults::Point::kCallbackAck, PlaceOf(sent));
  if (action.kind == ActionKind::kDrop) {
    MissAnswer(mn);
    co_return 0;
  }
  if (action.kind == ActionKind::kCorrupt && HasAnswer(sent.method)) {
    rc = static_cast<int>(action.arg);
  }
  if (mn->object.freed()) {
    co_return rc;  // by its driver, in release
  }
  const bool disturbs = action.kind == ActionKind::kDuplicate ||
                        action.kind == ActionKind::kReorder;
  disturbance* of = disturbs ? Disturb(mn) : mn->disturbed.get();
  if (of == nullptr) {
    co_return rc;  // undisturbed, or the world has no room for it
  }
  if (action.kind == ActionKind::kDuplicate) {
    of->stray_answers += 1;
    of->stray_rc = rc;
  } else if (action.kind == ActionKind::kReorder) {
    co_await Turn(mn, of, AnsweredTo,
                  of->answered + static_cast<uint64_t>(action.arg));
  }
  of->answered += 1;
  kernel::ThisWorld()->Reevaluate(of->waiters);
  co_return rc;
}

Task<int> Send(message sent) {
  const int walker = kernel::ThisWorld()->current_slot();
  disturbance* of = sent.mn->disturbed;
  if (of != nullptr && of->stray_answers != 0) {
    of->stray_answers -= 1;
    const int told = of->stray_rc;
    if (SendLate(sent, 0)) {
      co_return told;
    }
  }
  const faults::Action action = co_await kernel::MessagePoint(
      faults::Point::kCallbackDeliver, PlaceOf(sent));
  co_await kernel::CheckLive(sent.mn->object, Cause::kFreedNotifierUsed);
  if (action.kind == ActionKind::kDrop ||
      (action.kind == ActionKind::kReorder &&
       SendLate(sent, static_cast<uint64_t>(action.arg)))) {
    co_return 0;
  }
  int rc = co_await Deliver(sent, walker);
  if (action.kind == ActionKind::kDuplicate && !sent.mn->object.freed()) {
    co_await Deliver(sent, walker);
  }
  rc = co_await Answer(sent, rc);
  co_return rc;
}

}  // namespace

Task<int> SendRange(mmu_notifier* mn, Method method,
                    const mmu_notifier_range& range) {
  return Send({.mn = mn, .method = method, .range = range});
}

Task<int> SendPages(mmu_notifier* mn, Method method, mm_struct* mm,
                    uint64_t start, uint64_t end, mm::page* target) {
  return Send({.mn = mn,
               .method = method,
               .range = {mm, start, end, mm::Event::kUnmap, true},
               .target = target});
}

Task<int> SendInterval(mmu_interval_notifier* sub,
                       const mmu_notifier_range& range, uint64_t cur_seq,
                       mmu_interval_notifier_finish** finish) {
  return Send({.mn = sub->mn,
               .method = Method::kIntervalInvalidate,
               .range = range,
               .sub = sub,
               .cur_seq = cur_seq,
               .finish = finish});
}

Task<int> SendFinish(mmu_interval_notifier_finish* finish, mm_struct* mm) {
  return Send({.mn = finish->notifier->mn,
               .method = Method::kIntervalFinish,
               .range = {mm, 0, 0, mm::Event::kUnmap, true},
               .sub = finish->notifier,
               .finishing = finish});
}

void CountStart(mmu_notifier* mn, int walker) {
  mn->open[static_cast<size_t>(walker)] += 1;
  mn->open_total += 1;
}

void CountEnd(mmu_notifier* mn, int walker) {
  Cell<uint8_t>& open = mn->open[static_cast<size_t>(walker)];
  if (open == 0) {
    kernel::ThisWorld()->Report(
        {.checker = trace::Checker::kStartEndPaired,
         .cause = Cause::kEndWithoutStart,
         .task = static_cast<int8_t>(kernel::ThisWorld()->current_slot()),
         .other_step = mn->registered_step,
         .obj = mn->object.key()});
    return;
  }
  open -= 1;
  mn->open_total -= 1;
}

void CountRelease(mmu_notifier* mn) {
  mn->release_count += 1;
  if (mn->release_count > 1) {
    kernel::ReportHere(trace::Checker::kReleaseCount, Cause::kReleaseTwice,
                       mn->object.key(), mn->release_count);
  }
}

}  // namespace mmfault::notifier
