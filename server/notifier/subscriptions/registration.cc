// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration and unregistration of list notifiers.

#include "server/kernel/barrier.h"
#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/kernel/slab.h"
#include "server/kernel/state.h"
#include "server/mm/fork.h"
#include "server/mm/vma_lock.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/mm_take_all_locks.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::allocation;
using kernel::Kernel;
using kernel::Mutant;
using kernel::Mutated;

// BUG_ON(atomic_read(&mm->mm_users) <= 0).
Task<> NoUsers(const mm_struct* mm) {
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          mm->users_key(), "mmu_notifier_register"}};
  co_await kernel::BugOn{mm->mm_users.counter <= 0, trace::Checker::kCountsSane,
                         trace::Cause::kMmUsersZero, mm->object.key()};
}

// Kernel: the WARN_ON_ONCE() of mm/mmu_notifier.c:__mmu_notifier_register(),
// v6.12: the TLB flush and the range would tell the same device twice.
bool HasBothForms(const mmu_notifier* mn) {
  return mn != nullptr && CurrentVersion().refuses_both_forms &&
         mn->ops->invalidate_range != nullptr &&
         (mn->ops->invalidate_range_start != nullptr ||
          mn->ops->invalidate_range_end != nullptr);
}

void InitSubscriptions(allocation* block) {
  auto* subscriptions = static_cast<mmu_notifier_subscriptions*>(block->data());
  kernel::ThisWorld()->InitObject(&subscriptions->object,
                                  trace::ObjType::kSubscriptions);
  kernel::spin_lock_init(&subscriptions->lock, kernel::LockClass::kNotifier);
  kernel::init_waitqueue_head(&subscriptions->wq);
  subscriptions->invalidate_seq = 2;
}

// Every lock of the mm is held. Null: the mm's first interval is coming.
// Kernel: the middle of __mmu_notifier_register(), v6.1.
Task<> Link(mmu_notifier* mn, mm_struct* mm, allocation* block) {
  if (block != nullptr) {
    co_await kernel::StoreRelease(mm->subscriptions, block->data(),
                                  "__mmu_notifier_register");
    kernel::DisownAllocation(block);
  }
  mmu_notifier_subscriptions* subscriptions = SubscriptionsOf(mm);
  if (mn == nullptr) {
    subscriptions->has_itree = true;
    co_return;
  }
  if (!Mutated(Mutant::kRegisterWithoutGrab)) {
    co_await mm::mmgrab(mm);
  }
  mn->mm = mm;
  mn->users = 1;
  co_await kernel::spin_lock(&subscriptions->lock, "__mmu_notifier_register");
  co_await hlist_add_head_rcu(&mn->hlist, &subscriptions->list,
                              "hlist_add_head_rcu");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                              kernel::At(mm, mn));
  co_await kernel::spin_unlock(&subscriptions->lock, "__mmu_notifier_register");
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
                                kernel::At(mm, mn));
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "mmu_notifier_unregister");
}

}  // namespace

// Rule: the subscriptions object is allocated before the locks are taken,
// because nothing may be allocated under them, and freed again when they
// cannot be had. Kernel: mm/mmu_notifier.c:__mmu_notifier_register(), v6.1 and
// v6.12.
Task<int> __mmu_notifier_register(mmu_notifier* mn, mm_struct* mm) {
  co_await NoUsers(mm);
  if (HasBothForms(mn)) {
    co_return -EINVAL;
  }
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
  const int rc = co_await mm_take_all_locks(mm, CurrentVersion().all_locks);
  if (rc != 0) {
    kernel::kfree(block);
    co_return rc;
  }
  co_await Link(mn, mm, block);
  co_await mm_drop_all_locks(mm);
  co_await NoUsers(mm);
  co_return 0;
}

// Kernel: mm/mmu_notifier.c:mmu_notifier_register(), v6.1.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm) {
  co_await kernel::down_write(&mm->mmap_sem, "mmu_notifier_register");
  mm::vma_start_write_all_again(mm);
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
  if (!Mutated(Mutant::kNoGraceInUnregister)) {
    co_await kernel::synchronize_srcu(&Kernel()->srcu,
                                      "mmu_notifier_unregister");
  }
  co_await NoCount(mm);
  co_await mm::mmdrop(mm);
  co_return 0;
}

}  // namespace mmfault::notifier::subscriptions
