// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration, and the object that it leaves on the mm.

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/kernel/slab.h"
#include "server/mm/fork.h"
#include "server/notifier/list.h"
#include "server/notifier/mm_take_all_locks.h"
#include "server/notifier/srcu/mmu_notifier_mm.h"

namespace mmfault::notifier::srcu {
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
// do_mmu_notifier_register(), v3.7.
Task<> Link(mmu_notifier* mn, mm_struct* mm) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  const bool locks = !kernel::Mutated(Mutant::kLinkWithoutListLock);
  if (!kernel::Mutated(Mutant::kRegisterWithoutPin)) {
    co_await mm::mmgrab(mm);
  }
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

// Rule: nothing that sleeps is allocated under the rmap locks, which may be
// spinlocks and which reclaim takes; so the allocation is one that may fail for
// no better reason than the moment. Kernel: mm/mmu_notifier.c:
// do_mmu_notifier_register() of e0f3c3f78da2, merged for v3.7.
Task<int> InstallUnderLocks(mm_struct* mm) {
  const kernel::Gfp gfp = kernel::Mutated(Mutant::kSleepingAllocUnderLocks)
                              ? kernel::GFP_KERNEL
                              : kernel::GFP_ATOMIC;
  allocation* block = co_await kernel::kmalloc(sizeof(mmu_notifier_mm), gfp,
                                               "do_mmu_notifier_register");
  if (block == nullptr) {
    co_return -ENOMEM;
  }
  co_await Install(mm, block);
  co_return 0;
}

// Kernel: mm/mmu_notifier.c:do_mmu_notifier_register() of e0f3c3f78da2. Only
// the first registration of an mm allocates.
Task<int> RegisterAllocatingUnderLocks(mmu_notifier* mn, mm_struct* mm,
                                       bool take_mmap_sem) {
  if (take_mmap_sem) {
    co_await kernel::down_write(&mm->mmap_sem, "do_mmu_notifier_register");
  }
  int rc = co_await mm_take_all_locks(mm);
  if (rc == 0) {
    if (!mm_has_notifiers(mm)) {
      rc = co_await InstallUnderLocks(mm);
    }
    if (rc == 0) {
      co_await Link(mn, mm);
    }
    co_await mm_drop_all_locks(mm);
  }
  if (take_mmap_sem) {
    co_await kernel::up_write(&mm->mmap_sem, "do_mmu_notifier_register");
  }
  co_return rc;
}

// Rule: the object is allocated before any lock is taken, whether or not the mm
// has one already, and freed again if it has or if the locks could not be had.
// Kernel: mm/mmu_notifier.c:do_mmu_notifier_register(), v3.9 (35cfa2b0b491).
Task<int> RegisterAllocatingFirst(mmu_notifier* mn, mm_struct* mm,
                                  bool take_mmap_sem) {
  allocation* block = co_await kernel::kmalloc(
      sizeof(mmu_notifier_mm), kernel::GFP_KERNEL, "do_mmu_notifier_register");
  if (block == nullptr) {
    co_return -ENOMEM;
  }
  if (take_mmap_sem) {
    co_await kernel::down_write(&mm->mmap_sem, "do_mmu_notifier_register");
  }
  const int rc = co_await mm_take_all_locks(mm);
  if (rc == 0) {
    if (!mm_has_notifiers(mm)) {
      co_await Install(mm, block);
      block = nullptr;
    }
    co_await Link(mn, mm);
    co_await mm_drop_all_locks(mm);
  }
  if (take_mmap_sem) {
    co_await kernel::up_write(&mm->mmap_sem, "do_mmu_notifier_register");
  }
  kernel::kfree(block);
  co_return rc;
}

}  // namespace

// Kernel: mm/mmu_notifier.c:do_mmu_notifier_register(), v3.7 to v3.10.
Task<int> do_mmu_notifier_register(mmu_notifier* mn, mm_struct* mm,
                                   const Rules& rules, bool take_mmap_sem) {
  int rc = 0;
  co_await NoUsers(mm);
  if (rules.allocates_under_locks) {
    rc = co_await RegisterAllocatingUnderLocks(mn, mm, take_mmap_sem);
  } else {
    rc = co_await RegisterAllocatingFirst(mn, mm, take_mmap_sem);
  }
  co_await NoUsers(mm);
  co_return rc;
}

bool mm_has_notifiers(const mm_struct* mm) {
  return mm->subscriptions != nullptr;
}

void mmu_notifier_mm_init(mm_struct* mm) { mm->subscriptions = nullptr; }

// Kernel: mm/mmu_notifier.c:__mmu_notifier_mm_destroy(), v3.7.
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

}  // namespace mmfault::notifier::srcu
