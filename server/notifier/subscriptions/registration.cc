// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration, unregistration and the end of an mm.

#include "server/kernel/errno.h"
#include "server/kernel/slab.h"
#include "server/kernel/state.h"
#include "server/mm/fork.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/mm_take_all_locks.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::allocation;
using kernel::Kernel;

// BUG_ON(atomic_read(&mm->mm_users) <= 0).
kernel::BugOn NoUsers(const mm_struct* mm) {
  return {mm->mm_users.counter <= 0, trace::Checker::kCountsSane,
          trace::Cause::kMmUsersZero, mm->object.key()};
}

// BUG_ON(atomic_read(&mm->mm_count) <= 0).
kernel::BugOn NoCount(const mm_struct* mm) {
  return {mm->mm_count.counter <= 0, trace::Checker::kCountsSane,
          trace::Cause::kMmCountBelowZero, mm->object.key()};
}

void InitSubscriptions(allocation* block) {
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(block->data());
  kernel::ThisWorld()->InitObject(&subscriptions->object,
                                  trace::ObjType::kSubscriptions);
  kernel::spin_lock_init(&subscriptions->lock, kernel::LockClass::kNotifier);
}

allocation* BlockOf(mmu_notifier_subscriptions* subscriptions) {
  return reinterpret_cast<allocation*>(subscriptions) - 1;
}

// Every lock of the mm is held. Kernel: the middle of __mmu_notifier_register.
Task<> Link(mmu_notifier* mn, mm_struct* mm, allocation* block) {
  if (block != nullptr) {
    co_await kernel::Store(mm->subscriptions, block->data(),
                           "smp_store_release");
    kernel::DisownAllocation(block);
  }
  co_await mm::mmgrab(mm);
  mn->mm = mm;
  mn->users = 1;
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(mm);
  co_await kernel::spin_lock(&subscriptions->lock, "__mmu_notifier_register");
  co_await hlist_add_head(&mn->hlist, &subscriptions->list,
                          "hlist_add_head_rcu");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked, mm->object.id);
  co_await kernel::spin_unlock(&subscriptions->lock, "__mmu_notifier_register");
}

// Rule: the subscriptions object is allocated before the locks are taken,
// because nothing may be allocated under them, and freed again when they
// cannot be had. Kernel: mm/mmu_notifier.c:__mmu_notifier_register(), v6.1.
Task<int> __mmu_notifier_register(mmu_notifier* mn, mm_struct* mm) {
  co_await NoUsers(mm);
  allocation* block = nullptr;
  if (mm->subscriptions == nullptr) {
    block =
        co_await kernel::kmalloc(sizeof(mmu_notifier_subscriptions),
                                 kernel::GFP_KERNEL, "__mmu_notifier_register");
    if (block == nullptr) {
      co_return -ENOMEM;
    }
    InitSubscriptions(block);
  }
  const int rc = co_await mm_take_all_locks(mm);
  if (rc != 0) {
    kernel::kfree(block);
    co_return rc;
  }
  co_await Link(mn, mm, block);
  co_await mm_drop_all_locks(mm);
  co_await NoUsers(mm);
  co_return 0;
}

// Rule: ->release() of everybody first, while the list is whole, so that no
// invalidation is lost meanwhile; then they are unlinked. A walker in progress
// goes on: the links stay readable until the grace period ends.
// Kernel: mm/mmu_notifier.c:mn_hlist_release(), v6.1.
Task<> mn_hlist_release(mmu_notifier_subscriptions* subscriptions,
                        mm_struct* mm) {
  co_await kernel::srcu_read_lock(&Kernel()->srcu, "mn_hlist_release");
  mmu_notifier* mn =
      co_await hlist_first(&subscriptions->list, "mn_hlist_release");
  while (mn != nullptr) {
    co_await CallRelease(mn, mm);
    mn = co_await hlist_next(mn, "mn_hlist_release");
  }
  co_await kernel::spin_lock(&subscriptions->lock, "mn_hlist_release");
  mn = co_await hlist_first(&subscriptions->list, "mn_hlist_release");
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked, mm->object.id);
    mn = co_await hlist_first(&subscriptions->list, "mn_hlist_release");
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "mn_hlist_release");
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, "mn_hlist_release");
  // A release that mmu_notifier_unregister() began must have ended before the
  // pages go.
  co_await kernel::synchronize_srcu(&Kernel()->srcu, "mn_hlist_release");
}

// The driver's release, then off the list, unless exit was faster: the test
// outside the lock may be old by then, and hlist_del_init_rcu() looks again.
Task<> ReleaseAndUnlink(mmu_notifier* mn, mm_struct* mm) {
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(mm);
  co_await kernel::srcu_read_lock(&Kernel()->srcu, "mmu_notifier_unregister");
  co_await CallRelease(mn, mm);
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, "mmu_notifier_unregister");
  co_await kernel::spin_lock(&subscriptions->lock, "mmu_notifier_unregister");
  if (!hlist_unhashed(mn->hlist)) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
    co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                                mm->object.id);
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "mmu_notifier_unregister");
}

}  // namespace

// Kernel: mm/mmu_notifier.c:mmu_notifier_register(), v6.1.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm) {
  co_await kernel::down_write(&mm->mmap_sem, "mmu_notifier_register");
  const int rc = co_await __mmu_notifier_register(mn, mm);
  co_await kernel::up_write(&mm->mmap_sem, "mmu_notifier_register");
  co_return rc;
}

// Rule: returns only after every walker and every release that may know the
// notifier has left, whoever unlinked it; legal before and after exit_mmap().
// Kernel: mm/mmu_notifier.c:mmu_notifier_unregister(), v6.1.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm) {
  co_await NoCount(mm);
  Cell<hlist_node*>* hashed =
      co_await kernel::Load(mn->hlist.pprev, "mmu_notifier_unregister");
  if (hashed != nullptr) {
    co_await ReleaseAndUnlink(mn, mm);
  }
  co_await kernel::synchronize_srcu(&Kernel()->srcu, "mmu_notifier_unregister");
  co_await NoCount(mm);
  co_await mm::mmdrop(mm);
  co_return 0;
}

// Kernel: include/linux/mmu_notifier.h:mmu_notifier_release() and
// mm/mmu_notifier.c:__mmu_notifier_release(), v6.1. Differs: no intervals.
Task<> mmu_notifier_release(mm_struct* mm) {
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(
      co_await kernel::Load(mm->subscriptions, "mm_has_notifiers"));
  if (subscriptions == nullptr) {
    co_return;
  }
  hlist_node* first =
      co_await kernel::Load(subscriptions->list.first, "hlist_empty");
  if (first != nullptr) {
    co_await mn_hlist_release(subscriptions, mm);
  }
}

void mmu_notifier_subscriptions_init(mm_struct* mm) {
  mm->subscriptions = nullptr;
}

// Kernel: mm/mmu_notifier.c:__mmu_notifier_subscriptions_destroy(), v6.1.
Task<> mmu_notifier_subscriptions_destroy(mm_struct* mm) {
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(mm);
  if (subscriptions == nullptr) {
    co_return;
  }
  co_await kernel::BugOn{subscriptions->list.first != nullptr,
                         trace::Checker::kCountsSane,
                         trace::Cause::kSubscriptionsLeft, mm->object.key()};
  kernel::lock_destroy(&subscriptions->lock);
  subscriptions->object.life = sched::Life::kFreed;
  kernel::kfree(BlockOf(subscriptions));
}

}  // namespace mmfault::notifier::subscriptions
