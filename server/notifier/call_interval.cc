// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Methods of interval subscriptions.

#include "server/notifier/call_point.h"
#include "server/notifier/message.h"

namespace mmfault::notifier {
namespace {

trace::MethodCall Observed(const mmu_interval_notifier* sub,
                           const mmu_notifier_range* range, uint64_t cur_seq) {
  trace::MethodCall call =
      OfRange(MethodName(Method::kIntervalInvalidate), sub->object(), *range);
  call.cur_seq = cur_seq;
  return call;
}

uint64_t TellEntered(const mmu_interval_notifier* sub,
                     const mmu_notifier_range* range, uint64_t cur_seq) {
  if (MethodsObserved()) [[unlikely]] {
    TellEntry(Observed(sub, range, cur_seq));
  }
  return GoInside(sub->mn, Method::kIntervalInvalidate);
}

void TellReturned(uint64_t outer, const mmu_interval_notifier* sub,
                  const mmu_notifier_range* range, uint64_t cur_seq,
                  bool done) {
  GoInside(outer);
  if (MethodsObserved()) [[unlikely]] {
    TellReturn(Observed(sub, range, cur_seq), done ? 1 : 0);
  }
}

Task<> EnterInvalidate(mmu_interval_notifier* sub,
                       const mmu_notifier_range* range) {
  mmu_notifier* mn = sub->mn;
  co_await kernel::FaultPoint(faults::Point::kInvalidateStart,
                              Place(mn, Method::kIntervalInvalidate, range->mm,
                                    range->start, range->end));
  co_await Enter(mn, Method::kIntervalInvalidate, range->start, range->end);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kIntervalInvalidate);
}

}  // namespace

Task<bool> CallIntervalInvalidate(mmu_interval_notifier* sub,
                                  const mmu_notifier_range* range,
                                  uint64_t cur_seq) {
  co_await EnterInvalidate(sub, range);
  if (MayBeDisturbed(sub->mn)) [[unlikely]] {
    const int told = co_await SendInterval(sub, *range, cur_seq);
    co_return told >= 0;
  }
  const uint64_t outer = TellEntered(sub, range, cur_seq);
  const bool done = co_await sub->ops->invalidate(sub, range, cur_seq);
  TellReturned(outer, sub, range, cur_seq, done);
  co_return done;
}

Task<bool> CallIntervalInvalidateStart(mmu_interval_notifier* sub,
                                       const mmu_notifier_range* range,
                                       uint64_t cur_seq,
                                       mmu_interval_notifier_finish** finish) {
  *finish = nullptr;
  if (sub->ops->invalidate_start == nullptr) {
    const bool done = co_await CallIntervalInvalidate(sub, range, cur_seq);
    co_return done;
  }
  co_await EnterInvalidate(sub, range);
  if (MayBeDisturbed(sub->mn)) [[unlikely]] {
    const int told = co_await SendInterval(sub, *range, cur_seq, finish);
    co_return told >= 0;
  }
  const uint64_t outer = TellEntered(sub, range, cur_seq);
  const bool done =
      co_await sub->ops->invalidate_start(sub, range, cur_seq, finish);
  TellReturned(outer, sub, range, cur_seq, done);
  co_return done;
}

Task<> CallIntervalFinish(mmu_interval_notifier_finish* finish, mm_struct* mm) {
  mmu_interval_notifier* sub = finish->notifier;
  mmu_notifier* mn = sub->mn;
  co_await Enter(mn, Method::kIntervalFinish, 0, 0);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, Method::kIntervalFinish);
  if (MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendFinish(finish, mm);
    co_return;
  }
  const uint64_t outer = Entered(Method::kIntervalFinish, mn, mm, 0, 0);
  co_await sub->ops->invalidate_finish(finish);
  Returned(outer, Method::kIntervalFinish, mn, mm, 0, 0, std::nullopt);
}

}  // namespace mmfault::notifier
