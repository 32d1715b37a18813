// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration, and the object that it leaves on the mm.

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/kernel/slab.h"
#include "server/mm/fork.h"
#include "server/notifier/list.h"
#include "server/notifier/rcu/mmu_notifier_mm.h"

namespace mmfault::notifier::rcu {
namespace {

using kernel::allocation;
using kernel::Mutant;

// BUG_ON(atomic_read(&mm->mm_users) <= 0).
Task<> NoUsers(const mm_struct* mm) {
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          mm->users_key(), "mmu_notifier_register"}};
  co_await kernel::BugOn{mm->mm_users.counter <= 0, trace::Checker::kCountsSane,
                         trace::Cause::kMmUsersZero, mm->object.key()};
}

allocation* BlockOf(mmu_notifier_mm* nm) {
  return reinterpret_cast<allocation*>(nm) - 1;
}

// INIT_HLIST_HEAD(), spin_lock_init(), and mm->mmu_notifier_mm = it: a plain
// store, since every reader holds one of the locks that the caller holds.
Task<> Install(mm_struct* mm, allocation* block) {
  auto* nm = static_cast<mmu_notifier_mm*>(block->data());
  kernel::ThisWorld()->InitObject(&nm->object, trace::ObjType::kSubscriptions);
  kernel::spin_lock_init(&nm->lock, kernel::LockClass::kNotifier);
  co_await kernel::Store(mm->subscriptions, nm, "do_mmu_notifier_register");
  kernel::DisownAllocation(block);
}

// Rule: all locks keep walkers out, who hold one; the spinlock keeps out an
// unregistration, which holds none. Kernel: mm/mmu_notifier.c:
// do_mmu_notifier_register(), v2.6.27.
Task<> Link(mmu_notifier* mn, mm_struct* mm) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  const bool locks = !kernel::Mutated(Mutant::kLinkWithoutListLock);
  if (locks) {
    co_await kernel::spin_lock(&nm->lock, "do_mmu_notifier_register");
  }
  co_await hlist_add_head(&mn->hlist, &nm->list, "hlist_add_head");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                              kernel::At(mm, mn));
  if (locks) {
    co_await kernel::spin_unlock(&nm->lock, "do_mmu_notifier_register");
  }
}

// With mmap_sem held for write. Takes what it uses of *block.
Task<int> LinkUnderAllLocks(mmu_notifier* mn, mm_struct* mm, const Rules& rules,
                            allocation** block) {
  const int rc = co_await mm_take_all_locks(mm, rules.all_locks);
  if (rc != 0) {
    co_return rc;
  }
  if (!mm_has_notifiers(mm)) {
    co_await Install(mm, *block);
    *block = nullptr;
  }
  if (!kernel::Mutated(Mutant::kRegisterWithoutPin)) {
    co_await mm::mmgrab(mm);
  }
  co_await Link(mn, mm);
  co_await mm_drop_all_locks(mm);
  co_return 0;
}

}  // namespace

// Rule: the object is allocated before any lock is taken, whether or not the mm
// has one already, and freed again if it has or if the locks could not be had.
// Kernel: mm/mmu_notifier.c:do_mmu_notifier_register(), v2.6.27 and v3.6.
Task<int> do_mmu_notifier_register(mmu_notifier* mn, mm_struct* mm,
                                   const Rules& rules, bool take_mmap_sem) {
  co_await NoUsers(mm);
  allocation* block = co_await kernel::kmalloc(
      sizeof(mmu_notifier_mm), kernel::GFP_KERNEL, "do_mmu_notifier_register");
  int rc = -ENOMEM;
  if (block != nullptr) {
    if (take_mmap_sem) {
      co_await kernel::down_write(&mm->mmap_sem, "do_mmu_notifier_register");
    }
    rc = co_await LinkUnderAllLocks(mn, mm, rules, &block);
    if (take_mmap_sem) {
      co_await kernel::up_write(&mm->mmap_sem, "do_mmu_notifier_register");
    }
    kernel::kfree(block);
  }
  co_await NoUsers(mm);
  co_return rc;
}

bool mm_has_notifiers(const mm_struct* mm) {
  return mm->subscriptions != nullptr;
}

void mmu_notifier_mm_init(mm_struct* mm) { mm->subscriptions = nullptr; }

// Kernel: mm/mmu_notifier.c:__mmu_notifier_mm_destroy(), v2.6.27.
Task<> mmu_notifier_mm_destroy(mm_struct* mm) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  if (nm == nullptr) {
    co_return;
  }
  co_await kernel::BugOn{nm->list.first != nullptr, trace::Checker::kCountsSane,
                         trace::Cause::kSubscriptionsLeft, mm->object.key()};
  kernel::lock_destroy(&nm->lock);
  nm->object.life = sched::Life::kFreed;
  kernel::kfree(BlockOf(nm));
}

}  // namespace mmfault::notifier::rcu
