// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// How a notifier goes: with its mm, or unregistered. It leaves the list first
// and is released then, in all four versions.

#include "server/kernel/mutant.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/v13/mmu_notifier_mm.h"

namespace mmfault::notifier::v13 {
namespace {

using kernel::Mutant;

// Rule: no lock, on the ground that nobody else can use the list any more. A
// truncate of a shared file can (P12, P13), as #v15 says of #v14's comment.
// Kernel: linux-kernel, 22 Apr 2008, "[PATCH 00 of 12] mmu notifier #v13",
// mm/mmu_notifier.c:__mmu_notifier_release(). Differs: the node is marked
// unhashed, see EditPlain().
Task<> ReleaseUnlocked(mmu_notifier_mm* nm, mm_struct* mm) {
  constexpr const char* kWhere = "__mmu_notifier_release";
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, kWhere);
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    co_await CallRelease(mn, mm);
    mn = co_await hlist_first(&nm->list, kWhere);
  }
}

// Rule: whoever unlinks a notifier calls its ->release(): exactly once. From
// the unlink until that has returned, no walk finds a notifier that still maps:
// what is invalidated then is lost (P13).
// Kernel: linux-kernel, #v14, #v15 (2 May 2008) and #v16 (6 May 2008),
// mm/mmu_notifier.c:__mmu_notifier_release().
Task<> ReleaseEach(mmu_notifier_mm* nm, mm_struct* mm) {
  constexpr const char* kWhere = "__mmu_notifier_release";
  co_await kernel::srcu_read_lock(&nm->srcu, kWhere);
  co_await kernel::spin_lock(&nm->lock, kWhere);
  mmu_notifier* mn = co_await hlist_first(&nm->list, kWhere);
  while (mn != nullptr) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_init");
    co_await kernel::spin_unlock(&nm->lock, kWhere);
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    co_await CallRelease(mn, mm);
    co_await kernel::spin_lock(&nm->lock, kWhere);
    mn = co_await hlist_first(&nm->list, kWhere);
  }
  co_await kernel::spin_unlock(&nm->lock, kWhere);
  co_await kernel::srcu_read_unlock(&nm->srcu, kWhere);
}

}  // namespace

// Rule: a ->release() that an unregistration began must have ended before the
// pages go, so exit waits for it. The domain cannot go away meanwhile: exit
// holds a reference on mm_count.
// Kernel: as ReleaseEach(): synchronize_srcu() at the end of it.
Task<> mmu_notifier_release(mm_struct* mm, const Rules& rules) {
  auto* nm = static_cast<mmu_notifier_mm*>(
      co_await kernel::Load(mm->subscriptions, "mm_has_notifiers"));
  if (nm == nullptr) {
    co_return;
  }
  if (!rules.srcu) {
    co_await ReleaseUnlocked(nm, mm);
    co_return;
  }
  co_await ReleaseEach(nm, mm);
  if (!kernel::Mutated(Mutant::kExitWithoutGrace)) {
    co_await kernel::synchronize_srcu(&nm->srcu, "__mmu_notifier_release");
  }
}

// Rule: the read section is entered before the unlink, so that an exit that
// finds the list empty waits for this ->release().
// Kernel: the same mails: mmu_notifier_unregister(), its first half. Differs:
// hlist_del_rcu() leaves poison in the node; here it is marked unhashed, so
// that a driver may register it again, and a second unregistration drops a pin
// too many (P16) where the original would follow the poison.
Task<> UnlinkAndRelease(mmu_notifier* mn, mm_struct* mm) {
  constexpr const char* kWhere = "mmu_notifier_unregister";
  mmu_notifier_mm* nm = NotifierMmOf(mm);
  // An mm that nobody ever registered on has none (P17).
  co_await kernel::BugOn{nm == nullptr, trace::Checker::kNoUseAfterFree,
                         trace::Cause::kNullDereference, mn->object.key()};
  co_await kernel::srcu_read_lock(&nm->srcu, kWhere);
  co_await kernel::spin_lock(&nm->lock, kWhere);
  const bool listed = !hlist_unhashed(mn->hlist);
  if (listed) {
    co_await hlist_del(&mn->hlist, true, "hlist_del_rcu");
  }
  co_await kernel::spin_unlock(&nm->lock, kWhere);
  if (listed) {
    co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                                kernel::At(mm, mn));
    if (!kernel::Mutated(Mutant::kUnregisterWithoutRelease)) {
      co_await CallRelease(mn, mm);
    }
  }
  co_await kernel::srcu_read_unlock(&nm->srcu, kWhere);
}

}  // namespace mmfault::notifier::v13
