// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Subscriptions that are shared and counted, and freed after a grace period.

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/kernel/state.h"
#include "server/mm/fork.h"
#include "server/mm/vma_lock.h"
#include "server/notifier/call.h"
#include "server/notifier/ledger.h"
#include "server/notifier/list.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::Kernel;
using kernel::Mutant;
using kernel::Mutated;

// The mm's subscription with these ops, with a user more; *result null when
// there is none. Kernel: mm/mmu_notifier.c:find_get_mmu_notifier(), v6.1.
Task<int> find_get_mmu_notifier(const mmu_notifier_ops* ops,
                                mmu_notifier_subscriptions* subscriptions,
                                mmu_notifier** result) {
  int rc = 0;
  co_await kernel::spin_lock(&subscriptions->lock, "find_get_mmu_notifier");
  mmu_notifier* mn =
      co_await hlist_first(&subscriptions->list, "find_get_mmu_notifier");
  while (mn != nullptr && mn->ops != ops) {
    mn = co_await hlist_next(mn, "find_get_mmu_notifier");
  }
  if (mn != nullptr && mn->users == UINT32_MAX) {
    rc = -EOVERFLOW;
  } else if (mn != nullptr) {
    mn->users += 1;
    *result = mn;
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "find_get_mmu_notifier");
  co_return rc;
}

// Rule: what alloc_notifier() made is freed at once when it cannot be
// registered: nobody has seen it. Kernel: mm/mmu_notifier.c:
// mmu_notifier_get_locked(), v6.1.
Task<int> mmu_notifier_get_locked(const mmu_notifier_ops* ops, mm_struct* mm,
                                  mmu_notifier** result) {
  if (mm->subscriptions != nullptr) {
    const int rc =
        co_await find_get_mmu_notifier(ops, SubscriptionsOf(mm), result);
    if (rc != 0 || *result != nullptr) {
      co_return rc;
    }
  }
  int rc = co_await CallAllocNotifier(ops, mm, result);
  if (rc != 0) {
    co_return rc;
  }
  rc = co_await __mmu_notifier_register(*result, mm);
  if (rc != 0) {
    co_await CallFreeNotifier(*result, mm);
    *result = nullptr;
  }
  co_return rc;
}

// Kernel: mm/mmu_notifier.c:mmu_notifier_free_rcu(), v6.1.
Task<> mmu_notifier_free_rcu(void* arg) {
  auto* mn = static_cast<mmu_notifier*>(arg);
  mm_struct* mm = mn->mm;
  co_await CallFreeNotifier(mn, mm);
  co_await mm::mmdrop(mm);
}

}  // namespace

// Kernel: include/linux/mmu_notifier.h:mmu_notifier_get(), v6.1.
Task<int> mmu_notifier_get(const mmu_notifier_ops* ops, mm_struct* mm,
                           mmu_notifier** result) {
  *result = nullptr;
  co_await kernel::down_write(&mm->mmap_sem, "mmu_notifier_get");
  mm::vma_start_write_all_again(mm);
  const int rc = co_await mmu_notifier_get_locked(ops, mm, result);
  co_await kernel::up_write(&mm->mmap_sem, "mmu_notifier_get");
  co_return rc;
}

// Rule: the last user unlinks, and whoever walks the list goes on with it until
// the grace period is over; only then is it freed. Nothing is waited for, so it
// may be called in ->release(). ->release() is not called. Kernel:
// mm/mmu_notifier.c:mmu_notifier_put(), v6.1.
Task<> mmu_notifier_put(mmu_notifier* mn) {
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(mn->mm);
  co_await kernel::spin_lock(&subscriptions->lock, "mmu_notifier_put");
  const bool unbalanced = mn->users == 0;
  if (unbalanced) {
    kernel::ReportHere(trace::Checker::kCountsSane,
                       trace::Cause::kRefcountBelowZero, mn->object.key());
  } else {
    mn->users -= 1;
  }
  if (unbalanced || mn->users != 0) {
    co_await kernel::spin_unlock(&subscriptions->lock, "mmu_notifier_put");
    co_return;
  }
  if (!hlist_unhashed(mn->hlist)) {  // exit was faster
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "mmu_notifier_put");
  co_await BooksStep(mn, "mmu_notifier_put");
  mn->registration = Registration::kPut;
  if (Mutated(Mutant::kPutFreesAtOnce)) {
    co_await mmu_notifier_free_rcu(mn);
    co_return;
  }
  co_await kernel::call_srcu(&Kernel()->srcu_work, mmu_notifier_free_rcu, mn);
}

// Rule: afterwards no method of a subscription that was put is running or will
// be called: a module may go. Kernel: mm/mmu_notifier.c:
// mmu_notifier_synchronize(), v6.1, which waits for a grace period and relies
// on callbacks queued earlier having run by its end; here they are waited for.
Task<> mmu_notifier_synchronize() {
  co_await kernel::synchronize_srcu(&Kernel()->srcu,
                                    "mmu_notifier_synchronize");
  co_await kernel::srcu_barrier(&Kernel()->srcu_work,
                                "mmu_notifier_synchronize");
}

}  // namespace mmfault::notifier::subscriptions
