// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v12/registration.h"

#include "server/kernel/point.h"
#include "server/notifier/list.h"
#include "server/notifier/v12/walk.h"

namespace mmfault::notifier::v12 {

Task<> BugOnNoUsers(mm_struct* mm) {
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          mm->users_key(), "mmu_notifier_unregister"}};
  co_await kernel::BugOn{mm->mm_users.counter == 0, trace::Checker::kCountsSane,
                         trace::Cause::kMmUsersZero, mm->object.key()};
}

Task<> LinkNotifier(mmu_notifier* mn, mm_struct* mm) {
  co_await hlist_add_head(&mn->hlist, ListOf(mm), "mmu_notifier_register");
  co_await kernel::FaultPoint(faults::Point::kRegisterLinked,
                              kernel::At(mm, mn));
}

// Differs: hlist_del() leaves poison in the node; here it is marked unhashed,
// so that a notifier may be registered again and a second deletion is seen.
Task<> UnlinkNotifier(mmu_notifier* mn, mm_struct* mm) {
  co_await hlist_del(&mn->hlist, true, "mmu_notifier_unregister");
  co_await kernel::FaultPoint(faults::Point::kUnregisterUnlinked,
                              kernel::At(mm, mn));
}

}  // namespace mmfault::notifier::v12
