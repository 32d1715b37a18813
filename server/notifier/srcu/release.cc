// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// How a notifier goes: unregistered, or with its mm. Both ways end in
// ->release() and in leaving the list; which comes first went back and forth.

#include "server/kernel/mutant.h"
#include "server/kernel/state.h"
#include "server/mm/fork.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/srcu/mmu_notifier_mm.h"

namespace mmfault::notifier::srcu {
namespace {

using kernel::Kernel;
using kernel::Mutant;

// --- Unlink, then release: 3.9 ---------------------------------------------

// Rule: whoever unlinks a notifier calls its ->release(), so it is called once;
// an unregistration that finds nothing to do waits for the read section. From
// the unlink until ->release() has returned, no walk finds a notifier that
// still maps (P13). Kernel: mm/mmu_notifier.c:__mmu_notifier_release(), v3.9
// (751efd8610d3).
Task<> UnlinkAndReleaseEach(mmu_notifier_mm* nm, mm_struct* mm) {
  constexpr const char* kWhere = "__mmu_notifier_release";
  co_await kernel::srcu_read_lock(&Kernel()->srcu, kWhere);
  co_await kernel::spin_lock(&nm->lock, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
    co_await kernel::spin_unlock(&nm->lock, kWhere);
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    co_await CallRelease(mn, mm);
    co_await kernel::spin_lock(&nm->lock, kWhere);
    mn = co_await hlist_first(&nm->list, kWhere);
  }
  co_await kernel::spin_unlock(&nm->lock, kWhere);
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, kWhere);
}

// Kernel: mm/mmu_notifier.c:mmu_notifier_unregister(), v3.9. Differs:
// hlist_del_rcu() leaves poison in the node; here it is marked unhashed, so
// that a driver may register it again, and a second unregistration drops a pin
// too many (P16) where the original would follow the poison.
Task<> UnlinkAndRelease(mmu_notifier* mn, mm_struct* mm) {
  constexpr const char* kWhere = "mmu_notifier_unregister";
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  // An mm that nobody ever registered on has none (P17).
  co_await kernel::BugOn{nm == nullptr, trace::Checker::kNoUseAfterFree,
                         trace::Cause::kNullDereference, mn->object.key()};
  co_await kernel::spin_lock(&nm->lock, kWhere);
  if (!IsListed(mn->hlist)) {
    co_await kernel::spin_unlock(&nm->lock, kWhere);
    co_return;
  }
  co_await kernel::srcu_read_lock(&Kernel()->srcu, kWhere);
  co_await hlist_del(&mn->hlist, true, "hlist_del_rcu");
  co_await kernel::spin_unlock(&nm->lock, kWhere);
  co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                              kernel::At(mm, mn));
  if (!kernel::Mutated(Mutant::kUnregisterWithoutRelease)) {
    co_await CallRelease(mn, mm);
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, kWhere);
}

// --- Release, then unlink: 3.7 and 3.10 ------------------------------------

// Rule: ->release() of everybody while the list is whole, so that no
// invalidation is lost meanwhile; then they are unlinked.
// Kernel: mm/mmu_notifier.c:__mmu_notifier_release(), v3.7 and v3.10.
Task<> ReleaseAllAndUnlink(mmu_notifier_mm* nm, mm_struct* mm) {
  constexpr const char* kWhere = "__mmu_notifier_release";
  co_await kernel::srcu_read_lock(&Kernel()->srcu, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await CallRelease(mn, mm);
    mn = co_await hlist_next(mn, kWhere);
  }
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, kWhere);
  co_await kernel::spin_lock(&nm->lock, kWhere);
  mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init_rcu");
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    mn = co_await hlist_first(&nm->list, kWhere);
  }
  co_await kernel::spin_unlock(&nm->lock, kWhere);
}

// Rule: exit may have unlinked the notifier since it was found listed, so the
// lock's holder looks again: hlist_del_init_rcu(). Kernel: the end of
// mmu_notifier_unregister(), v3.10; v3.7 had hlist_del_rcu(), which does not
// look and follows a null pointer then (P11).
Task<> UnlinkReleased(mmu_notifier* mn, mm_struct* mm, bool unseen) {
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  co_await kernel::spin_lock(&nm->lock, "mmu_notifier_unregister");
  if (unseen || IsListed(mn->hlist)) {
    co_await hlist_del(&mn->hlist, true,
                       unseen ? "hlist_del_rcu" : "hlist_del_init_rcu");
    co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                                kernel::At(mm, mn));
  }
  co_await kernel::spin_unlock(&nm->lock, "mmu_notifier_unregister");
}

// Rule: whether the notifier is listed is looked up without the lock; an exit
// meanwhile calls ->release() too (P10). Kernel: mm/mmu_notifier.c:
// mmu_notifier_unregister(), v3.7 and v3.10 (d34883d4e35c). Differs: v3.7
// leaves poison in the node, see UnlinkAndRelease().
Task<> ReleaseAndUnlink(mmu_notifier* mn, mm_struct* mm, const Rules& rules) {
  Cell<hlist_node*>* hashed =
      co_await kernel::Load(mn->hlist.pprev, "hlist_unhashed");
  if (hashed == nullptr) {
    co_return;
  }
  if (!kernel::Mutated(Mutant::kUnregisterWithoutRelease)) {
    co_await kernel::srcu_read_lock(&Kernel()->srcu, "mmu_notifier_unregister");
    co_await CallRelease(mn, mm);
    co_await kernel::srcu_read_unlock(&Kernel()->srcu,
                                      "mmu_notifier_unregister");
  }
  co_await UnlinkReleased(mn, mm, rules.unlinks_unseen);
}

}  // namespace

// Rule: legal before and after exit_mmap(), which has unlinked the notifier
// then. Returns only when every walker and every release that may know it has
// left, whoever unlinked it. Kernel: mm/mmu_notifier.c:
// mmu_notifier_unregister(), v3.7, v3.9 and v3.10.
Task<int> mmu_notifier_unregister(mmu_notifier* mn, mm_struct* mm,
                                  const Rules& rules) {
  co_await NoCount(mm);
  if (rules.releases_first) {
    co_await ReleaseAndUnlink(mn, mm, rules);
  } else {
    co_await UnlinkAndRelease(mn, mm);
  }
  if (!kernel::Mutated(Mutant::kUnregisterWithoutGrace)) {
    co_await kernel::synchronize_srcu(&Kernel()->srcu,
                                      "mmu_notifier_unregister");
  }
  co_await NoCount(mm);
  co_await mm::mmdrop(mm);
  co_return 0;
}

// Rule: a ->release() that an unregistration began must have ended before the
// pages go, so exit waits for it. Kernel: include/linux/mmu_notifier.h:
// mmu_notifier_release() and mm/mmu_notifier.c:__mmu_notifier_release(), v3.7,
// v3.9 and v3.10.
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
    co_await kernel::synchronize_srcu(&Kernel()->srcu,
                                      "__mmu_notifier_release");
  }
}

}  // namespace mmfault::notifier::srcu
