// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// interval.h: a subscription to a range of addresses, since 5.5.
//
// Models struct mmu_interval_notifier and its ops (include/linux/
// mmu_notifier.h). A driver reads translations between read_begin and
// read_retry, under a lock of its own that its invalidate() takes too, and
// starts again when an invalidation came in between.
//
// Differs: the tree is a list in the order of the tree's walk. The memory's
// header and what the checkers keep are those of an mmu_notifier, which the
// driver's object has in any case (`mn`).
//
// Locks: what links it belongs to mmu_notifier_subscriptions->lock;
// invalidate_seq to the driver's lock, read under either.

#ifndef MMFAULT_SERVER_NOTIFIER_INTERVAL_H_
#define MMFAULT_SERVER_NOTIFIER_INTERVAL_H_

#include "server/notifier/subscription.h"

namespace mmfault::notifier {

struct mmu_interval_notifier;

// struct mmu_interval_notifier_finish, 7.x: what is left to do after every
// subscription was started. Owned by the driver until it is called.
struct mmu_interval_notifier_finish {
  Cell<mmu_interval_notifier_finish*> link;
  Cell<mmu_interval_notifier*> notifier;
};

struct mmu_interval_notifier_ops {
  // True when the device has let go of the range. May answer false only where
  // the range is not blockable. Must set the sequence to `cur_seq`, always.
  Task<bool> (*invalidate)(mmu_interval_notifier* sub,
                           const mmu_notifier_range* range, uint64_t cur_seq);
  // Both or none; asked for by 7.x only. As invalidate(), and may leave a token
  // for the second pass, which cannot fail.
  Task<bool> (*invalidate_start)(mmu_interval_notifier* sub,
                                 const mmu_notifier_range* range,
                                 uint64_t cur_seq,
                                 mmu_interval_notifier_finish** finish);
  Task<> (*invalidate_finish)(mmu_interval_notifier_finish* finish);
};

struct mmu_interval_notifier {
  // interval_tree.
  Cell<mmu_interval_notifier*> tree_next;
  Cell<bool> in_tree;  // !RB_EMPTY_NODE()
  Cell<uint64_t> start;
  Cell<uint64_t> last;                         // inclusive
  Cell<mmu_interval_notifier*> deferred_next;  // deferred_item
  const mmu_interval_notifier_ops* ops;
  Cell<mm_struct*> mm;
  Cell<uint64_t> invalidate_seq;  // always odd
  mmu_notifier* mn;               // constant; see above

  const sched::Object& object() const { return mn->object; }
};

// mmu_interval_set_seq(): under the driver's lock, from invalidate() only.
inline kernel::StorePoint<uint64_t> mmu_interval_set_seq(
    mmu_interval_notifier* sub, uint64_t cur_seq) {
  return kernel::Store(sub->invalidate_seq, cur_seq, "mmu_interval_set_seq");
}

// mmu_interval_read_retry(): true when what was read must not be used. Under
// the driver's lock; read without it, the answer is old (P51).
inline bool mmu_interval_read_retry(const mmu_interval_notifier* sub,
                                    uint64_t seq) {
  return sub->invalidate_seq != seq;
}
// mmu_interval_check_retry(): an early hint, under no lock.
inline kernel::LoadPoint<uint64_t> mmu_interval_seq(
    const mmu_interval_notifier* sub) {
  return kernel::Load(sub->invalidate_seq, "mmu_interval_check_retry");
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_INTERVAL_H_
