// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What EMM's callback has beside the methods that mmu_notifier has too.

#include "server/notifier/call_point.h"
#include "server/notifier/message.h"

namespace mmfault::notifier {
namespace {

using EmmMethod = Task<> (*)(mmu_notifier* mn, mm_struct* mm);

Task<> CallEmm(mmu_notifier* mn, mm_struct* mm, Method method,
               EmmMethod function) {
  co_await Enter(mn, method, 0, mm::kTaskSize);
  co_await kernel::CheckLive(mn->object, trace::Cause::kFreedNotifierUsed);
  CheckMayBeCalled(mn, method);
  if (function != nullptr && MayBeDisturbed(mn)) [[unlikely]] {
    co_await SendPages(mn, method, mm, 0, mm::kTaskSize);
    co_return;
  }
  if (function != nullptr) {
    const uint64_t outer = Entered(method, mn, mm, 0, mm::kTaskSize);
    co_await function(mn, mm);
    Returned(outer, method, mn, mm, 0, mm::kTaskSize, std::nullopt);
  }
}

}  // namespace

Task<> CallEmmStop(mmu_notifier* mn, mm_struct* mm) {
  return CallEmm(mn, mm, Method::kEmmStop, mn->ops->emm_stop);
}

Task<> CallEmmStart(mmu_notifier* mn, mm_struct* mm) {
  return CallEmm(mn, mm, Method::kEmmStart, mn->ops->emm_start);
}

}  // namespace mmfault::notifier
