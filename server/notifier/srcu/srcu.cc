// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/srcu/srcu.h"

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/srcu/mmu_notifier_mm.h"

namespace mmfault::notifier {
namespace {

using srcu::Rules;

constexpr Rules k3_7 = {.allocates_under_locks = true,
                        .releases_first = true,
                        .unlinks_unseen = true};
constexpr Rules k3_9 = {.allocates_under_locks = false,
                        .releases_first = false,
                        .unlinks_unseen = false};
constexpr Rules k3_10 = {.allocates_under_locks = false,
                         .releases_first = true,
                         .unlinks_unseen = false};

template <const Rules& kRules>
Task<int> Register(mmu_notifier* mn, mm_struct* mm) {
  return srcu::do_mmu_notifier_register(mn, mm, kRules, true);
}
// __mmu_notifier_register().
template <const Rules& kRules>
Task<int> RegisterLocked(mmu_notifier* mn, mm_struct* mm) {
  return srcu::do_mmu_notifier_register(mn, mm, kRules, false);
}
template <const Rules& kRules>
Task<int> Unregister(mmu_notifier* mn, mm_struct* mm) {
  return srcu::mmu_notifier_unregister(mn, mm, kRules);
}
template <const Rules& kRules>
Task<> Release(mm_struct* mm) {
  return srcu::mmu_notifier_release(mm, kRules);
}

// Walkers take the anon_vma's lock for read since 3.8 and i_mmap's only since
// 3.19; the Era has one setting for both, which is the stricter here.
template <const Rules& kRules>
constexpr mm::Era EraOf(const char* name) {
  return {
      .name = name,
      .invalidate_range_start = srcu::mmu_notifier_invalidate_range_start,
      .invalidate_range_end = srcu::mmu_notifier_invalidate_range_end,
      .invalidate_page = srcu::mmu_notifier_invalidate_page,
      .clear_flush_young = srcu::mmu_notifier_clear_flush_young,
      .release = Release<kRules>,
      .mm_init = srcu::mmu_notifier_mm_init,
      .mm_destroy = srcu::mmu_notifier_mm_destroy,
      .mm_has_notifiers = srcu::mm_has_notifiers,
      .change_pte = srcu::mmu_notifier_change_pte,
      .test_young = srcu::mmu_notifier_test_young,
      .page_hook = mm::PageHook::kInvalidatePage,
      .unmap_frees_before_end = false,
      .zap_frees_before_end = false,
      .exit_mmap_locks = false,
      .fork_error_skips_end = false,
      .anon_vma_chains = true,
      .killable = false,
      .rmap_walk_reads = false,
      .mremap_by_stretch = false,
      .cow_by_range = true,
      .zero_page = true,
  };
}
constexpr mm::Era kEra3_7 = EraOf<k3_7>("3.7");
constexpr mm::Era kEra3_9 = EraOf<k3_9>("3.9");
constexpr mm::Era kEra3_10 = EraOf<k3_10>("3.10");

constexpr std::array<int, 2> kRegisterErrors = {-EINTR, -ENOMEM};

constexpr std::array<Tolerance, 1> kTolerated = {{
    {trace::Checker::kReleaseCount, trace::Cause::kReleaseTwice, "P10",
     "exit calls ->release() before it unlinks, so that no invalidation is "
     "lost; an unregistration meanwhile finds the notifier listed and calls it "
     "too. Drivers must bear a second release (d34883d4e35c)."},
}};

template <const Rules& kRules>
constexpr Protocol Member(std::string_view id, std::string_view title,
                          std::string_view source, const mm::Era* era) {
  return {
      .id = id,
      .family = "srcu",
      .title = title,
      .source = source,
      .locking =
          "register: mmap_sem for write, mm_all_locks_mutex, then every i_mmap "
          "and anon_vma root lock of the mm; unregister and release: the "
          "list's spinlock and a grace period of the one SRCU domain; walks: "
          "SRCU",
      .era = era,
      .mmu_notifier_register = Register<kRules>,
      .mmu_notifier_unregister = Unregister<kRules>,
      .register_errors = kRegisterErrors,
      .unregister_errors = {},
      .tests_signals = true,
      .allocates = true,
      .tests_capability = false,
      .unregister_needs_users = false,
      .unregister_releases = true,
      .takes_all_locks = true,
      .release_exactly_once = !kRules.releases_first,
      // Every pass tests at every VMA, and mm_drop_all_locks() is one more.
      .signal_bound_factor = 1,
      .tolerated = kRules.releases_first
                       ? std::span<const Tolerance>(kTolerated)
                       : std::span<const Tolerance>(),
      .mmu_notifier_register_locked = RegisterLocked<kRules>,
  };
}

}  // namespace

constinit const Protocol kV3_7 = Member<k3_7>(
    "3.7", "a list under SRCU, released and then unlinked unseen",
    "mm/mmu_notifier.c (21a92735f660, e0f3c3f78da2), v3.7", &kEra3_7);

constinit const Protocol kV3_9 = Member<k3_9>(
    "3.9", "a list under SRCU, unlinked and then released",
    "mm/mmu_notifier.c (35cfa2b0b491, 751efd8610d3), v3.9", &kEra3_9);

constinit const Protocol kV3_10 = Member<k3_10>(
    "3.10", "a list under SRCU, released and then unlinked if still there",
    "mm/mmu_notifier.c (d34883d4e35c), v3.10", &kEra3_10);

}  // namespace mmfault::notifier
