// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Registration, #v13's unregistration, and the object that they work on.

#include "server/base/check.h"
#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/fork.h"
#include "server/notifier/list.h"
#include "server/notifier/v13/mm_lock.h"
#include "server/notifier/v13/mmu_notifier_mm.h"

namespace mmfault::notifier::v13 {
namespace {

using kernel::allocation;
using kernel::Mutant;

// BUG_ON(atomic_read(&mm->mm_users) <= 0): a look, as in the original not
// enough by itself.
Task<> BugOnNoUsers(mm_struct* mm, const char* where) {
  co_await kernel::Point{
      {trace::OpKind::kRead, trace::Access::kRead, mm->users_key(), where}};
  co_await kernel::BugOn{mm->mm_users.counter <= 0, trace::Checker::kCountsSane,
                         trace::Cause::kMmUsersZero, mm->object.key()};
}

// --- #v13: a plain list ----------------------------------------------------

Task<> EditList(mmu_notifier* mn, mm_struct* mm, bool link) {
  if (link) {
    co_await hlist_add_head(&mn->hlist, &NotifierMmOf(mm)->list,
                            "mmu_notifier_register");
    co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                                kernel::At(mm, mn));
  } else {
    co_await hlist_del(&mn->hlist, true, "mmu_notifier_unregister");
    co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                                kernel::At(mm, mn));
  }
}

// With mmap_sem held for write.
Task<int> EditUnderMmLock(mmu_notifier* mn, mm_struct* mm, const Rules& rules,
                          bool link) {
  allocation* cookie = co_await kernel::kmalloc(sizeof(mm_lock_data),
                                                kernel::GFP_KERNEL, "mm_lock");
  if (cookie == nullptr) {
    co_return -ENOMEM;
  }
  auto* data = static_cast<mm_lock_data*>(cookie->data());
  Poison(data);
  const int rc = co_await mm_lock(mm, data, rules.anon_first);
  if (rc == 0) {
    co_await EditList(mn, mm, link);
    co_await mm_unlock(mm, data);
  }
  kernel::kfree(cookie);
  co_return rc;
}

// Kernel: linux-kernel, 22 Apr 2008, "[PATCH 00 of 12] mmu notifier #v13",
// mm/mmu_notifier.c:mmu_notifier_register(), mmu_notifier_unregister().
// Differs: hlist_del() leaves poison in the node; here it is marked unhashed,
// so that a notifier may be registered again and a second deletion is seen.
Task<int> EditPlain(mmu_notifier* mn, mm_struct* mm, const Rules& rules,
                    bool link) {
  co_await kernel::down_write(&mm->mmap_sem, "mm_lock");
  const int rc = co_await EditUnderMmLock(mn, mm, rules, link);
  co_await kernel::up_write(&mm->mmap_sem, "mm_unlock");
  co_return rc;
}

// --- #v14 and later --------------------------------------------------------

allocation* BlockOf(mmu_notifier_mm* nm) {
  return reinterpret_cast<allocation*>(nm) - 1;
}

mmu_notifier_mm* In(allocation* block) {
  return static_cast<mmu_notifier_mm*>(block->data());
}

// The object with its SRCU domain, or null with nothing allocated. Both
// allocations may sleep.
Task<allocation*> Allocate() {
  allocation* block = co_await kernel::kmalloc(
      sizeof(mmu_notifier_mm), kernel::GFP_KERNEL, "mmu_notifier_register");
  if (block == nullptr) {
    co_return nullptr;
  }
  allocation* per_cpu = co_await kernel::kmalloc(
      sizeof(uint64_t), kernel::GFP_KERNEL, "init_srcu_struct");
  if (per_cpu == nullptr) {
    kernel::kfree(block);
    co_return nullptr;
  }
  In(block)->per_cpu_ref = per_cpu;
  co_return block;
}

void Free(allocation* block) {
  if (block != nullptr) {
    kernel::kfree(In(block)->per_cpu_ref);
    kernel::kfree(block);
  }
}

// A plain store: every reader holds one of the locks that the caller holds.
Task<> Install(mm_struct* mm, allocation* block) {
  mmu_notifier_mm* nm = In(block);
  kernel::ThisWorld()->InitObject(&nm->object, trace::ObjType::kSubscriptions);
  kernel::spin_lock_init(&nm->lock, kernel::LockClass::kNotifier);
  kernel::InitDomain(&nm->srcu, true);
  co_await kernel::Store(mm->subscriptions, nm, "mmu_notifier_register");
  kernel::DisownAllocation(nm->per_cpu_ref);
  kernel::DisownAllocation(block);
}

// Rule: every lock of the mm keeps out a walk that would see an end without its
// start; the spinlock keeps out an unregistration, which takes no other.
Task<> Link(mmu_notifier* mn, mm_struct* mm) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  if (!kernel::Mutated(Mutant::kRegisterWithoutPin)) {
    co_await mm::mmgrab(mm);
  }
  co_await kernel::spin_lock(&nm->lock, "mmu_notifier_register");
  co_await hlist_add_head(&mn->hlist, &nm->list, "mmu_notifier_register");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                              kernel::At(mm, mn));
  co_await kernel::spin_unlock(&nm->lock, "mmu_notifier_register");
}

// With mmap_sem held for write. Takes what it uses of *block.
Task<int> LinkUnderMmLock(mmu_notifier* mn, mm_struct* mm, const Rules& rules,
                          allocation** block) {
  mm_lock_data data;
  Poison(&data);
  int rc = co_await mm_lock(mm, &data, rules.anon_first);
  if (rc != 0) {
    co_return rc;
  }
  if (kernel::Mutated(Mutant::kMmLockAllocatesInside)) {
    *block = co_await Allocate();
    rc = *block == nullptr ? -ENOMEM : 0;
  }
  if (rc == 0) {
    if (NotifierMmOf(mm) == nullptr) {
      co_await Install(mm, *block);
      *block = nullptr;
    }
    co_await Link(mn, mm);
  }
  co_await mm_unlock(mm, &data);
  co_return rc;
}

// Rule: the object is allocated before any lock is taken, whether or not the mm
// has one already, and freed again if it has. #v14-test1 allocated it with all
// locks held, where nobody may sleep: the mutant.
// Kernel: linux-kernel, "mmu-notifier-core" of #v14, #v15 (2 May 2008) and #v16
// (6 May 2008), mm/mmu_notifier.c:mmu_notifier_register(); in #v16
// do_mmu_notifier_register(), of which __mmu_notifier_register() is the form
// for callers that hold mmap_sem.
Task<int> RegisterPinned(mmu_notifier* mn, mm_struct* mm, const Rules& rules,
                         bool takes_mmap_sem) {
  co_await BugOnNoUsers(mm, "mmu_notifier_register");
  allocation* block = nullptr;
  if (!kernel::Mutated(Mutant::kMmLockAllocatesInside)) {
    block = co_await Allocate();
    if (block == nullptr) {
      co_return -ENOMEM;
    }
  }
  if (takes_mmap_sem) {
    co_await kernel::down_write(&mm->mmap_sem, "mmu_notifier_register");
  }
  const int rc = co_await LinkUnderMmLock(mn, mm, rules, &block);
  if (takes_mmap_sem) {
    co_await kernel::up_write(&mm->mmap_sem, "mmu_notifier_register");
  }
  Free(block);
  co_await BugOnNoUsers(mm, "mmu_notifier_register");
  co_return rc;
}

// Rule: legal before and after exit_mmap(), which has unlinked the notifier
// then. Returns only when every walk and every ->release() that may know it is
// over, whoever unlinked it.
// Kernel: the same mails: mmu_notifier_unregister().
Task<> UnregisterPinned(mmu_notifier* mn, mm_struct* mm) {
  co_await NoCount(mm);
  co_await UnlinkAndRelease(mn, mm);
  if (!kernel::Mutated(Mutant::kUnregisterWithoutGrace)) {
    co_await kernel::synchronize_srcu(&NotifierMmOf(mm)->srcu,
                                      "mmu_notifier_unregister");
  }
  co_await NoCount(mm);
  co_await mm::mmdrop(mm);
}

}  // namespace

// Kernel: mmu notifiers #v13 to #v16,
// mm/mmu_notifier.c:mmu_notifier_register(), linux-mm, 22 Apr to May 2008.
Task<int> mmu_notifier_register(mmu_notifier* mn, mm_struct* mm,
                                const Rules& rules, bool takes_mmap_sem) {
  if (rules.srcu) {
    return RegisterPinned(mn, mm, rules, takes_mmap_sem);
  }
  return EditPlain(mn, mm, rules, true);
}

// Rule: #v13 may not be called once mm_users is 0: its mm_lock() would walk
// VMAs that exit_mmap() frees (P18). It calls no ->release().
// Kernel: mmu notifiers #v13 to #v16,
// mm/mmu_notifier.c:mmu_notifier_unregister(), linux-mm, 22 Apr to May 2008.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm,
                                  const Rules& rules) {
  if (rules.srcu) {
    co_await UnregisterPinned(mn, mm);
    co_return 0;
  }
  co_await BugOnNoUsers(mm, "mmu_notifier_unregister");
  const int rc = co_await EditPlain(mn, mm, rules, false);
  co_return rc;
}

// #v13's list is part of the mm: an object of its own here, made with it.
void mmu_notifier_mm_init(mm_struct* mm, const Rules& rules) {
  mm->subscriptions = nullptr;
  if (!rules.srcu) {
    auto* nm = kernel::ThisWorld()->New<mmu_notifier_mm>(
        trace::ObjType::kSubscriptions);
    CHECK(nm != nullptr);
    mm->subscriptions = nm;
  }
}

// Rule: whoever is still listed points into a struct that goes away now.
// Kernel: #v14, mm/mmu_notifier.c:__mmu_notifier_mm_destroy(), called by
// __mmdrop(): BUG_ON(!hlist_empty()). #v13 does not look.
Task<> mmu_notifier_mm_destroy(mm_struct* mm, const Rules& rules) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  if (nm == nullptr) {
    co_return;
  }
  co_await kernel::BugOn{nm->list.first != nullptr, trace::Checker::kCountsSane,
                         trace::Cause::kSubscriptionsLeft, mm->object.key()};
  if (!rules.srcu) {
    kernel::ThisWorld()->Delete(nm);
    co_return;
  }
  kernel::lock_destroy(&nm->lock);
  nm->object.life = sched::Life::kFreed;
  Free(BlockOf(nm));
}

bool mm_has_notifiers(const mm_struct* mm) {
  const mmu_notifier_mm* nm = NotifierMmOf(mm);
  return nm != nullptr && kernel::Here(nm->list.first) != nullptr;
}

}  // namespace mmfault::notifier::v13
