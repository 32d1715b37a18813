// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// How a notifier goes: unregistered, or with its mm. Both ways end in
// ->release() and in leaving the list; which comes first is the family's
// history.

#include "server/kernel/mutant.h"
#include "server/kernel/rcu.h"
#include "server/mm/fork.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/rcu/mmu_notifier_mm.h"

namespace mmfault::notifier::rcu {
namespace {

using kernel::Mutant;

Task<> ReleaseOne(mmu_notifier* mn, mm_struct* mm) {
  co_await kernel::rcu_read_lock("->release");
  co_await CallRelease(mn, mm);
  co_await kernel::rcu_read_unlock("->release");
}

// --- Unlink, then release: until 3.5 ---------------------------------------

// Rule: whoever unlinks a notifier calls its ->release(): exactly once. The
// read section is entered before the lock is dropped, so that an unregistration
// that finds nothing to do waits for it. From the unlink until ->release() has
// returned, no walk finds a notifier that still maps: what is invalidated then
// is lost (P13). Kernel: mm/mmu_notifier.c:__mmu_notifier_release(), v2.6.27.
Task<> UnlinkAndReleaseEach(mmu_notifier_mm* nm, mm_struct* mm) {
  co_await kernel::spin_lock(&nm->lock, "__mmu_notifier_release");
  mmu_notifier* mn = co_await hlist_first(&nm->list, "__mmu_notifier_release");
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
    co_await kernel::rcu_read_lock("__mmu_notifier_release");
    co_await kernel::spin_unlock(&nm->lock, "__mmu_notifier_release");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    co_await CallRelease(mn, mm);
    co_await kernel::rcu_read_unlock("__mmu_notifier_release");
    co_await kernel::spin_lock(&nm->lock, "__mmu_notifier_release");
    mn = co_await hlist_first(&nm->list, "__mmu_notifier_release");
  }
  co_await kernel::spin_unlock(&nm->lock, "__mmu_notifier_release");
}

// Kernel: mm/mmu_notifier.c:mmu_notifier_unregister(), v2.6.27. Differs:
// hlist_del_rcu() leaves poison in the node; here it is marked unhashed, so
// that a driver may register it again, and a second unregistration drops a pin
// too many (P16) where the original would follow the poison.
Task<> UnlinkAndRelease(mmu_notifier* mn, mm_struct* mm) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  // An mm that nobody ever registered on has none (P17).
  co_await kernel::BugOn{nm == nullptr, trace::Checker::kNoUseAfterFree,
                         trace::Cause::kNullDereference, mn->object.key()};
  co_await kernel::spin_lock(&nm->lock, "mmu_notifier_unregister");
  if (!IsListed(mn->hlist)) {
    co_await kernel::spin_unlock(&nm->lock, "mmu_notifier_unregister");
    co_return;
  }
  co_await hlist_del(&mn->hlist, true, "hlist_del_rcu");
  co_await kernel::rcu_read_lock("mmu_notifier_unregister");
  co_await kernel::spin_unlock(&nm->lock, "mmu_notifier_unregister");
  co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                              kernel::At(mm, mn));
  if (!kernel::Mutated(Mutant::kUnregisterWithoutRelease)) {
    co_await CallRelease(mn, mm);
  }
  co_await kernel::rcu_read_unlock("mmu_notifier_unregister");
}

// --- Release, then unlink: 3.6 ---------------------------------------------

// Rule: ->release() of everybody while the list is whole, so that no
// invalidation is lost meanwhile; then they are unlinked.
// Kernel: mm/mmu_notifier.c:__mmu_notifier_release(), v3.6 (3ad3d901bbcf).
Task<> ReleaseAllAndUnlink(mmu_notifier_mm* nm, mm_struct* mm) {
  co_await kernel::rcu_read_lock("__mmu_notifier_release");
  mmu_notifier* mn = co_await hlist_first(&nm->list, "__mmu_notifier_release");
  while (mn != nullptr) {
    co_await CallRelease(mn, mm);
    mn = co_await hlist_next(mn, "__mmu_notifier_release");
  }
  co_await kernel::rcu_read_unlock("__mmu_notifier_release");
  co_await kernel::spin_lock(&nm->lock, "__mmu_notifier_release");
  mn = co_await hlist_first(&nm->list, "__mmu_notifier_release");
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    mn = co_await hlist_first(&nm->list, "__mmu_notifier_release");
  }
  co_await kernel::spin_unlock(&nm->lock, "__mmu_notifier_release");
}

// Rule: whether the notifier is listed is looked up without the lock, and not
// again: an exit meanwhile has released it too (P10) and may have unlinked it,
// and then hlist_del_rcu() follows a null pointer (P11).
// Kernel: mm/mmu_notifier.c:mmu_notifier_unregister(), v3.6. Differs: the node
// is marked unhashed, see UnlinkAndRelease().
Task<> ReleaseAndUnlink(mmu_notifier* mn, mm_struct* mm) {
  Cell<hlist_node*>* hashed =
      co_await kernel::Load(mn->hlist.pprev, "hlist_unhashed");
  if (hashed == nullptr) {
    co_return;
  }
  if (!kernel::Mutated(Mutant::kUnregisterWithoutRelease)) {
    co_await ReleaseOne(mn, mm);
  }
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  co_await kernel::spin_lock(&nm->lock, "mmu_notifier_unregister");
  co_await hlist_del(&mn->hlist, true, "hlist_del_rcu");
  co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                              kernel::At(mm, mn));
  co_await kernel::spin_unlock(&nm->lock, "mmu_notifier_unregister");
}

}  // namespace

// Rule: legal before and after exit_mmap(), which has unlinked the notifier
// then. Returns only when every walker and every release that may know it has
// left, whoever unlinked it. Kernel: mm/mmu_notifier.c:
// mmu_notifier_unregister(), v2.6.27 and v3.6.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm,
                                  const Rules& rules) {
  co_await NoCount(mm);
  if (rules.releases_first) {
    co_await ReleaseAndUnlink(mn, mm);
  } else {
    co_await UnlinkAndRelease(mn, mm);
  }
  if (!kernel::Mutated(Mutant::kUnregisterWithoutGrace)) {
    co_await kernel::synchronize_rcu("mmu_notifier_unregister");
  }
  co_await NoCount(mm);
  co_await mm::mmdrop(mm);
  co_return 0;
}

// Rule: a ->release() that an unregistration began must have ended before the
// pages go, so exit waits for it. Kernel: include/linux/mmu_notifier.h:
// mmu_notifier_release() and mm/mmu_notifier.c:__mmu_notifier_release(),
// v2.6.27 and v3.6.
Task<> mmu_notifier_release(mm_struct* mm, const Rules& rules) {
  auto* nm = static_cast<mmu_notifier_mm*>(
      co_await kernel::Load(mm->subscriptions, "mm_has_notifiers"));
  if (nm == nullptr) {
    co_return;
  }
  if (rules.releases_first) {
    co_await ReleaseAllAndUnlink(nm, mm);
  } else {
    co_await UnlinkAndReleaseEach(nm, mm);
  }
  if (!kernel::Mutated(Mutant::kExitWithoutGrace)) {
    co_await kernel::synchronize_rcu("__mmu_notifier_release");
  }
}

}  // namespace mmfault::notifier::rcu
