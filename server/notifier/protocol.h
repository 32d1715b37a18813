// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// protocol.h: what a design of MMU notifiers is, to the rest of mmfault.
//
// A protocol is a table of functions that read like the original, and facts
// about it: what it promises, which errors it may return, what it costs. It
// owns the Era that mm/ calls through. Families live in folders of their own
// and share nothing sideways; members of a family differ by settings.
//
// Locks: register and unregister take what they need themselves; the caller
// holds no lock of the mm. Both sleep.

#ifndef MMFAULT_SERVER_NOTIFIER_PROTOCOL_H_
#define MMFAULT_SERVER_NOTIFIER_PROTOCOL_H_

#include <span>
#include <string_view>

#include "server/notifier/interval.h"
#include "server/notifier/subscription.h"

namespace mmfault::notifier {

// How a broken promise is judged where a design knowingly lives with it.
struct Tolerance {
  trace::Checker checker;
  trace::Cause cause;
  const char* catalogue;  // "P10"
  const char* why;
};

struct Protocol {
  std::string_view id;       // "v12"
  std::string_view family;   // "v12"
  std::string_view title;    // one line
  std::string_view source;   // the mail, or the kernel's file and version
  std::string_view locking;  // what serialises registration against walks

  const mm::Era* era;

  // Returns 0 or a negative errno out of register_errors. EMM and v11 return
  // void in the original; here they return 0.
  Task<int> (*mmu_notifier_register)(mmu_notifier* mn, mm_struct* mm);
  // Null where the design has none. Void designs return 0.
  Task<int> (*mmu_notifier_unregister)(mmu_notifier* mn, mm_struct* mm);

  // Negative errnos that §2.6 allows; empty: cannot fail.
  std::span<const int> register_errors;
  std::span<const int> unregister_errors;

  bool tests_signals;           // -EINTR is possible
  bool allocates;               // -ENOMEM is possible
  bool tests_capability;        // -EPERM is possible
  bool unregister_needs_users;  // illegal once mm_users is 0
  bool unregister_releases;     // calls ->release() if exit has not
  bool takes_all_locks;         // mm_lock or mm_take_all_locks
  bool release_exactly_once;    // promised

  // Most VMA steps that may pass without a signal test, for N VMAs: the O(N)
  // that the seed asks for is a factor of 1. 0: no promise.
  int signal_bound_factor;

  std::span<const Tolerance> tolerated;

  // --- What later designs have, null or absent elsewhere -------------------

  // Forms of subscription, by KindBit().
  uint8_t kinds = KindBit(Kind::kList);

  // As mmu_notifier_register, for a caller that holds mmap_sem for write.
  Task<int> (*mmu_notifier_register_locked)(mmu_notifier* mn,
                                            mm_struct* mm) = nullptr;

  // Counts up the mm's subscription with these ops, or has one allocated and
  // registers it. 0 and the subscription, or what register or alloc_notifier
  // may return, or -EOVERFLOW. Takes mmap_sem for write; sleeps.
  Task<int> (*mmu_notifier_get)(const mmu_notifier_ops* ops, mm_struct* mm,
                                mmu_notifier** result) = nullptr;
  // Counts down; the last one unlinks, and frees later. Never sleeps, never
  // calls ->release(), may be called in any method.
  Task<> (*mmu_notifier_put)(mmu_notifier* mn) = nullptr;
  // Waits for methods under way and for every free that is pending. Sleeps.
  Task<> (*mmu_notifier_synchronize)() = nullptr;

  // Subscribes to [start, start + length). 0, -EOVERFLOW (no length, or past
  // the end of the address space), -EINVAL (mm_users is 0), and what the first
  // subscription of the mm may return. Sleeps.
  Task<int> (*mmu_interval_notifier_insert)(mmu_interval_notifier* sub,
                                            mm_struct* mm, uint64_t start,
                                            uint64_t length) = nullptr;
  // Waits for an invalidation under way; not from inside invalidate(). Sleeps.
  Task<> (*mmu_interval_notifier_remove)(mmu_interval_notifier* sub) = nullptr;
  // The sequence to give to read_retry. Waits while the range is being
  // invalidated. Sleeps.
  Task<uint64_t> (*mmu_interval_read_begin)(mmu_interval_notifier* sub) =
      nullptr;
};

inline bool Has(const Protocol& protocol, Kind kind) {
  return (protocol.kinds & KindBit(kind)) != 0;
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_SERVER_NOTIFIER_PROTOCOL_H_
