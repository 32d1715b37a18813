// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The end of an mm.

#include "server/kernel/slab.h"
#include "server/kernel/state.h"
#include "server/notifier/call.h"
#include "server/notifier/list.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::allocation;
using kernel::Kernel;

allocation* BlockOf(mmu_notifier_subscriptions* subscriptions) {
  return reinterpret_cast<allocation*>(subscriptions) - 1;
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
    co_await kernel::FaultPoint(faults::Point::kReleaseUnlinked,
                                kernel::At(mm, mn));
    mn = co_await hlist_first(&subscriptions->list, "mn_hlist_release");
  }
  co_await kernel::spin_unlock(&subscriptions->lock, "mn_hlist_release");
  co_await kernel::srcu_read_unlock(&Kernel()->srcu, "mn_hlist_release");
  // A release that mmu_notifier_unregister() began must have ended before the
  // pages go.
  co_await kernel::synchronize_srcu(&Kernel()->srcu, "mn_hlist_release");
}

}  // namespace

// Kernel: include/linux/mmu_notifier.h:mmu_notifier_release() and
// mm/mmu_notifier.c:__mmu_notifier_release(), v6.1.
Task<> mmu_notifier_release(mm_struct* mm) {
  auto* subscriptions =
      static_cast<mmu_notifier_subscriptions*>(co_await LoadSubscriptions(mm));
  if (subscriptions == nullptr) {
    co_return;
  }
  if (subscriptions->has_itree) {
    co_await mn_itree_release(subscriptions, mm);
  }
  const hlist_node* first =
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
