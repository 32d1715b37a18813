// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// subscription.h: a notifier, whatever the protocol that carries it.
//
// Models struct mmu_notifier and its ops (include/linux/mmu_notifier.h); EMM's
// single callback is served through the same ops. Beside the kernel's fields a
// notifier carries what the checkers need to know: whether it is registered,
// which starts are open, how often it was released.
//
// Threads: as the world.

#ifndef MMFAULT_SERVER_NOTIFIER_SUBSCRIPTION_H_
#define MMFAULT_SERVER_NOTIFIER_SUBSCRIPTION_H_

#include <array>
#include <cstdint>

#include "server/kernel/point.h"
#include "server/mm/era.h"
#include "server/mm/mm_types.h"
#include "server/sched/task.h"

namespace mmfault::notifier {

using mm::mm_struct;
using mm::mmu_notifier_range;
using sched::Object;
using sched::Task;
using trace::Cell;

struct mmu_notifier;
struct disturbance;

// The forms of subscription, as bits of Protocol::kinds.
enum class Kind : uint8_t {
  kList = 1,      // mmu_notifier_register(), mmu_notifier_unregister()
  kGetPut = 2,    // mmu_notifier_get(), mmu_notifier_put()
  kInterval = 4,  // mmu_interval_notifier_insert(), _remove()
};
constexpr uint8_t KindBit(Kind kind) { return static_cast<uint8_t>(kind); }

// A driver's methods; null where it has none. All may be called concurrently,
// and with whatever locks the operation holds (semantics of each in the Era).
struct mmu_notifier_ops {
  Task<> (*release)(mmu_notifier* mn, mm_struct* mm);
  Task<int> (*clear_flush_young)(mmu_notifier* mn, mm_struct* mm,
                                 uint64_t start, uint64_t end);
  // 2.6.27 to 4.13; the pte is already cleared, the page not yet freed.
  Task<> (*invalidate_page)(mmu_notifier* mn, mm_struct* mm, uint64_t address);
  // Returns 0; -EAGAIN only when the range is not blockable.
  Task<int> (*invalidate_range_start)(mmu_notifier* mn,
                                      const mmu_notifier_range* range);
  Task<> (*invalidate_range_end)(mmu_notifier* mn,
                                 const mmu_notifier_range* range);

  // 3.19 and later: the primary TLB was flushed; a device that shares the page
  // tables flushes its own. arch_invalidate_secondary_tlbs() since 6.6. May be
  // called under the page table lock.
  Task<> (*invalidate_range)(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                             uint64_t end);
  // Until 6.9: the pte at the address is about to map `target`. Atomic.
  Task<> (*change_pte)(mmu_notifier* mn, mm_struct* mm, uint64_t address,
                       mm::page* target);
  // Was the range used? Clears without a flush, or only asks. Atomic.
  Task<int> (*clear_young)(mmu_notifier* mn, mm_struct* mm, uint64_t start,
                           uint64_t end);
  Task<int> (*test_young)(mmu_notifier* mn, mm_struct* mm, uint64_t address);

  // 5.4 and later, for mmu_notifier_get(). The table stands for the driver's
  // module, so its address says whose subscription it is.
  // 0 with a notifier that is in no list, or a negative errno. mmap_lock is
  // held for write. Differs: gets the table.
  Task<int> (*alloc_notifier)(const mmu_notifier_ops* ops, mm_struct* mm,
                              mmu_notifier** result);
  // Atomic: from an SRCU callback, or where registering failed.
  Task<> (*free_notifier)(mmu_notifier* mn);

  // EMM's alternative of 2 Apr 2008: from stop to start the driver maps nothing
  // of the whole address space. They nest as invalidations do, and with them.
  Task<> (*emm_stop)(mmu_notifier* mn, mm_struct* mm);
  Task<> (*emm_start)(mmu_notifier* mn, mm_struct* mm);
};

// include/linux/list.h. A node that is in no list has pprev null.
struct hlist_node {
  Cell<hlist_node*> next;
  Cell<Cell<hlist_node*>*> pprev;
};
struct hlist_head {
  Cell<hlist_node*> first;
};

enum class Registration : uint8_t {
  kNever = 0,
  kRegistered = 1,    // register was called and has not failed
  kUnregistered = 2,  // unregister has returned success
  kPut = 3,           // put for the last time; may be called until it is freed
};

struct mmu_notifier {
  Object object;
  hlist_node hlist;
  const mmu_notifier_ops* ops;
  Cell<mm_struct*> mm;
  Cell<uint32_t> users;  // get/put
  void* driver;          // the device that embeds it (device/)

  // --- For the checkers ----------------------------------------------------
  Cell<Registration> registration;
  Cell<uint64_t> registered_step;
  Cell<int8_t> unregister_task;
  Cell<uint64_t> unregister_step;
  Cell<uint32_t> release_count;
  // The driver's module is gone: its methods must not be called (P27).
  Cell<bool> unloaded;
  // Memory order PSO: what a CPU finds in `ops` is junk, until it sees the
  // driver's initialisation. Of hlist.next JunkNode() says the same.
  Cell<bool> ops_junk;
  // kfree() is a step at each place where the memory can be met: the notifier
  // itself, whose life object.life is, hlist.next or deferred_next, and
  // tree_next. Whoever follows a link asks for that one.
  Cell<bool> next_freed;
  Cell<bool> tree_next_freed;
  // Starts without an end yet, by task slot.
  std::array<Cell<uint8_t>, sched::kMaxTasks> open;
  Cell<uint32_t> open_total;
  // What a fault rule has left on its way (message.h); null: nothing ever.
  Cell<disturbance*> disturbed;

  sched::Object* as_object() { return &object; }
};

// The notifier that contains a list node.
inline mmu_notifier* NotifierOf(hlist_node* node) {
  return reinterpret_cast<mmu_notifier*>(reinterpret_cast<std::byte*>(node) -
                                         offsetof(mmu_notifier, hlist));
}
inline bool hlist_unhashed(const hlist_node& node) {
  return kernel::Here(node.pprev) == nullptr;
}

// The same for holders of the lock that the own links change under: neighbours
// that come or go change where pprev points to, not whether it does.
inline bool IsListed(const hlist_node& node) {
  const trace::AccessPause pause;
  return !hlist_unhashed(node);
}

// A link of the notifier was followed: in the same step.
inline kernel::BugOn CheckLink(const mmu_notifier* mn,
                               const Cell<bool>& freed) {
  return {freed, trace::Checker::kNoUseAfterFree,
          trace::Cause::kFreedNotifierUsed, mn->object.key()};
}

// BUG_ON(atomic_read(&mm->mm_count) <= 0), around an unregister since #v13.
// Against zero only, from which the registration's own reference keeps it; one
// that is lost is met by the put that names the count.
inline kernel::BugOn NoCount(const mm_struct* mm) {
  const trace::AccessPause pause;
  return {mm->mm_count.counter <= 0, trace::Checker::kCountsSane,
          trace::Cause::kMmCountBelowZero, mm->object.key()};
}

// What the allocator left in the link of a notifier that was never linked.
inline hlist_node* JunkNode() {
  constexpr uintptr_t kSlabPoison = 0x6b6b6b6b6b6b6b68;
  return reinterpret_cast<hlist_node*>(kSlabPoison);  // NOLINT
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_SUBSCRIPTION_H_
