// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Walks over list notifiers that are about a page: age, flushes, replaced ptes.
// Intervals know none of this.

#include "server/kernel/state.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::Kernel;

// What a walk asks of each notifier.
enum class Ask : uint8_t {
  kInvalidateRange,
  kChangePte,
  kClearFlushYoung,
  kClearYoung,
  kTestYoung,
};

struct Question {
  Ask ask;
  mm_struct* mm;
  uint64_t start;
  uint64_t end;
  mm::page* target;
  const char* where;
};

Task<int> AskOne(mmu_notifier* mn, const Question* q) {
  int answer = 0;
  switch (q->ask) {
    case Ask::kInvalidateRange:
      co_await CallInvalidateRange(mn, q->mm, q->start, q->end);
      break;
    case Ask::kChangePte:
      co_await CallChangePte(mn, q->mm, q->start, q->target);
      break;
    case Ask::kClearFlushYoung:
      answer = co_await CallClearFlushYoung(mn, q->mm, q->start, q->end);
      break;
    case Ask::kClearYoung:
      answer = co_await CallClearYoung(mn, q->mm, q->start, q->end);
      break;
    case Ask::kTestYoung:
      answer = co_await CallTestYoung(mn, q->mm, q->start);
      break;
  }
  co_return answer;
}

// Or of the answers; test_young stops at the first that says yes.
Task<int> AskAll(const Question* q) {
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(
      co_await LoadSubscriptions(q->mm));
  if (subscriptions == nullptr) {
    co_return 0;
  }
  int answer = 0;
  co_await kernel::srcu_read_lock(&Kernel()->srcu, q->where);
  mmu_notifier* mn = co_await hlist_first(&subscriptions->list, q->where);
  while (mn != nullptr) {
    const int one = co_await AskOne(mn, q);
    answer |= one;
    if (one != 0 && q->ask == Ask::kTestYoung) {
      break;
    }
    mn = co_await hlist_next(mn, q->where);
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, q->where);
  co_return answer;
}

}  // namespace

// Rule: may be called under the page table lock, so without mmap_lock or rmap
// locks: only the read section keeps the list. Kernel: mm/mmu_notifier.c:
// __mmu_notifier_invalidate_range(), v6.1, and
// __mmu_notifier_arch_invalidate_secondary_tlbs(), v6.12.
Task<> mmu_notifier_invalidate_range(mm_struct* mm, uint64_t start,
                                     uint64_t end) {
  const Question q{Ask::kInvalidateRange,
                   mm,
                   start,
                   end,
                   nullptr,
                   "__mmu_notifier_invalidate_range"};
  co_await AskAll(&q);
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_change_pte(), v6.1; gone in 6.10.
Task<> mmu_notifier_change_pte(mm_struct* mm, uint64_t address,
                               mm::page* target) {
  const Question q{Ask::kChangePte, mm,
                   address,         address + mm::kPageSize,
                   target,          "__mmu_notifier_change_pte"};
  co_await AskAll(&q);
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_clear_flush_young(), v6.1.
Task<int> mmu_notifier_clear_flush_young(mm_struct* mm, uint64_t start,
                                         uint64_t end) {
  const Question q{Ask::kClearFlushYoung,
                   mm,
                   start,
                   end,
                   nullptr,
                   "__mmu_notifier_clear_flush_young"};
  const int young = co_await AskAll(&q);
  co_return young;
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_clear_young(), v6.1.
Task<int> mmu_notifier_clear_young(mm_struct* mm, uint64_t start,
                                   uint64_t end) {
  const Question q{
      Ask::kClearYoung, mm, start, end, nullptr, "__mmu_notifier_clear_young"};
  const int young = co_await AskAll(&q);
  co_return young;
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_test_young(), v6.1.
Task<int> mmu_notifier_test_young(mm_struct* mm, uint64_t address) {
  const Question q{Ask::kTestYoung, mm,
                   address,         address + mm::kPageSize,
                   nullptr,         "__mmu_notifier_test_young"};
  const int young = co_await AskAll(&q);
  co_return young;
}

}  // namespace mmfault::notifier::subscriptions
