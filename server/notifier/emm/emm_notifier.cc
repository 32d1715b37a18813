// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration, and the walks of __emm_notify().

#include "server/notifier/emm/emm_notifier.h"

#include "server/kernel/barrier.h"
#include "server/kernel/mutant.h"
#include "server/notifier/call.h"
#include "server/notifier/emm/list.h"
#include "server/notifier/mm_lock_unlock.h"

namespace mmfault::notifier::emm {
namespace {

// BUG_ON(atomic_read(&mm->mm_users) != 1): a look, not a lock. Somebody may
// come right after it, and a reclaim needs no user at all (P06).
Task<> BugOnOthers(mm_struct* mm, const char* where) {
  co_await kernel::Point{
      {trace::OpKind::kRead, trace::Access::kRead, mm->users_key(), where}};
  co_await kernel::BugOn{mm->mm_users.counter != 1, trace::Checker::kCountsSane,
                         trace::Cause::kBugOn, mm->object.key()};
}

// Rule: everybody who is listed is told to stop, or to go on; the newcomer is
// told to go on only, and nobody learns of a section under way (P07).
// Kernel: linux-kernel, 2 Apr 2008, EMM with emm_stop and emm_start, mm/rmap.c:
// emm_notifier_register(), emm_notifier_unregister().
Task<> NotifyStopped(mm_struct* mm, bool stopped, const Rules& rules) {
  mmu_notifier* e = co_await FirstEntry(mm, rules.publication);
  while (e != nullptr) {
    if (stopped) {
      co_await CallEmmStop(e, mm);
    } else {
      co_await CallEmmStart(e, mm);
    }
    e = co_await NextEntry(e, rules.publication);
  }
}

// What __emm_notify() returns so far, with one answer more.
int Combine(int result, int answer, OnAnswer on_answer) {
  if (on_answer == OnAnswer::kStop || result < 0) {
    return result < 0 ? result : answer;
  }
  return answer < 0 ? answer : result + answer;
}

bool GoesOn(int result, OnAnswer on_answer) {
  return result == 0 || (on_answer == OnAnswer::kContinue &&
                         !kernel::Mutated(kernel::Mutant::kEmmAnswerEndsWalk));
}

}  // namespace

// Rule: see Guard for what is done about sections under way; only mm_lock()
// keeps them out.
// Kernel: linux-kernel, mm/rmap.c:emm_notifier_register(): EMM Notifier of 3
// Mar 2008, V2 and its two alternatives of 2 Apr 2008, V3 of 4 Apr 2008.
// Differs: V2 and V3 ask their caller to hold mmap_sem for write. Nobody here
// obeys: under V3, whose mm_lock() takes it, that would be a deadlock.
Task<int> emm_notifier_register(mmu_notifier* e, mm_struct* mm,
                                const Rules& rules) {
  switch (rules.guard) {
    case Guard::kNone:
      co_await Link(e, mm, rules.publication);
      break;
    case Guard::kSingleTask:
      co_await BugOnOthers(mm, "emm_notifier_register");
      co_await Link(e, mm, rules.publication);
      break;
    case Guard::kStopStart:
      co_await NotifyStopped(mm, true, rules);
      co_await Link(e, mm, rules.publication);
      co_await NotifyStopped(mm, false, rules);
      break;
    case Guard::kMmLock:
      co_await mm_lock(mm);
      co_await Link(e, mm, rules.publication);
      co_await mm_unlock(mm);
      break;
  }
  co_return 0;
}

// Rule: off the list, then released. The form with stop and start writes
// e->next once more after that, as registration does: a walk that stands at e
// begins anew, and those that it comes by twice have a start too many.
// Kernel: linux-kernel, 2 Apr 2008, the two alternatives to EMM V2, mm/rmap.c:
// emm_notifier_unregister(), and its callback (release, 0, TASK_SIZE).
Task<int> emm_notifier_unregister(mmu_notifier* e, mm_struct* mm,
                                  const Rules& rules) {
  constexpr const char* kWhere = "emm_notifier_unregister";
  if (rules.guard == Guard::kSingleTask) {
    co_await BugOnOthers(mm, kWhere);
    co_await Unlink(e, mm);
  } else {
    co_await NotifyStopped(mm, true, rules);
    co_await Unlink(e, mm);
    hlist_node* first = co_await kernel::Load(ListOf(mm)->first, kWhere);
    co_await kernel::StorePlain(e->hlist.next, first, kWhere);
    co_await NotifyStopped(mm, false, rules);
  }
  co_await CallRelease(e, mm);
  co_return 0;
}

// Kernel: linux-kernel, mm/rmap.c:__emm_notify(): 3 Mar 2008, and the fix-up of
// 2 Apr 2008.
Task<int> emm_invalidate_start(mmu_notifier_range* range, const Rules& rules) {
  int result = 0;
  mmu_notifier* e = co_await FirstEntry(range->mm, rules.publication);
  while (e != nullptr && GoesOn(result, rules.on_answer)) {
    const int answer = co_await CallInvalidateRangeStart(e, range);
    result = Combine(result, answer, rules.on_answer);
    e = co_await NextEntry(e, rules.publication);
  }
  co_return result;
}

// Kernel: as emm_invalidate_start(). Differs: what it answers goes nowhere.
Task<> emm_invalidate_end(mmu_notifier_range* range, const Rules& rules) {
  mmu_notifier* e = co_await FirstEntry(range->mm, rules.publication);
  while (e != nullptr) {
    co_await CallInvalidateRangeEnd(e, range);
    e = co_await NextEntry(e, rules.publication);
  }
}

// Kernel: as emm_invalidate_start().
Task<int> emm_referenced(mm_struct* mm, uint64_t start, uint64_t end,
                         const Rules& rules) {
  int result = 0;
  mmu_notifier* e = co_await FirstEntry(mm, rules.publication);
  while (e != nullptr && GoesOn(result, rules.on_answer)) {
    const int answer = co_await CallClearFlushYoung(e, mm, start, end);
    result = Combine(result, answer, rules.on_answer);
    e = co_await NextEntry(e, rules.publication);
  }
  co_return result;
}

}  // namespace mmfault::notifier::emm
