// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/rcu/rcu.h"

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/rcu/mmu_notifier_mm.h"

namespace mmfault::notifier {
namespace {

using rcu::Rules;

constexpr Rules k2_6_27Rc1 = {.all_locks = {.vma_by_vma = true},
                              .releases_first = false};
constexpr Rules k2_6_27 = {.all_locks = {}, .releases_first = false};
constexpr Rules k3_6 = {.all_locks = {}, .releases_first = true};

template <const Rules& kRules>
Task<int> Register(mmu_notifier* mn, mm_struct* mm) {
  return rcu::do_mmu_notifier_register(mn, mm, kRules, true);
}
// __mmu_notifier_register().
template <const Rules& kRules>
Task<int> RegisterLocked(mmu_notifier* mn, mm_struct* mm) {
  return rcu::do_mmu_notifier_register(mn, mm, kRules, false);
}
template <const Rules& kRules>
Task<int> Unregister(mmu_notifier* mn, mm_struct* mm) {
  return rcu::mmu_notifier_unregister(mn, mm, kRules);
}
template <const Rules& kRules>
Task<> Release(mm_struct* mm) {
  return rcu::mmu_notifier_release(mm, kRules);
}

// Hooks as merged. unmap_vmas() sends the range, so exit_mmap() sends one too,
// to a list that is empty by then and that nobody may add to: left out.
constexpr mm::Era kEra2_6_27 = {
    .name = "2.6.27",
    .invalidate_range_start = rcu::mmu_notifier_invalidate_range_start,
    .invalidate_range_end = rcu::mmu_notifier_invalidate_range_end,
    .invalidate_page = rcu::mmu_notifier_invalidate_page,
    .clear_flush_young = rcu::mmu_notifier_clear_flush_young,
    .release = Release<k2_6_27>,
    .mm_init = rcu::mmu_notifier_mm_init,
    .mm_destroy = rcu::mmu_notifier_mm_destroy,
    .mm_has_notifiers = rcu::mm_has_notifiers,
    .page_hook = mm::PageHook::kInvalidatePage,
    .unmap_frees_before_end = false,  // tlb_finish_mmu() after unmap_vmas()
    .zap_frees_before_end = false,
    .exit_mmap_locks = false,
    .fork_error_skips_end = false,
    .anon_vma_chains = false,
    .killable = false,
    .rmap_walk_reads = false,
};

constexpr mm::Era Era3_6() {
  mm::Era era = kEra2_6_27;
  era.name = "3.6";
  era.release = Release<k3_6>;
  era.change_pte = rcu::mmu_notifier_change_pte;  // 2.6.32
  era.test_young = rcu::mmu_notifier_test_young;  // 2.6.38
  era.anon_vma_chains = true;                     // 2.6.34
  era.zero_page = true;                           // 2.6.32
  era.mremap_by_stretch = false;                  // 3.2
  return era;
}
constexpr mm::Era kEra3_6 = Era3_6();

constexpr std::array<int, 2> kRegisterErrors = {-EINTR, -ENOMEM};

constexpr std::array<Tolerance, 1> kTolerated = {{
    {trace::Checker::kReleaseCount, trace::Cause::kReleaseTwice, "P10",
     "exit calls ->release() before it unlinks, so that no invalidation is "
     "lost (3ad3d901bbcf); an unregistration meanwhile finds the notifier "
     "listed and calls it too. Drivers must bear a second release."},
}};

constexpr Protocol Member(std::string_view id, std::string_view title,
                          std::string_view source) {
  return {
      .id = id,
      .family = "rcu",
      .title = title,
      .source = source,
      .locking =
          "register: mmap_sem for write, mm_all_locks_mutex, then every i_mmap "
          "and anon_vma lock of the mm; unregister and release: the list's "
          "spinlock and an RCU grace period; walks: RCU, so no method sleeps",
      .era = &kEra2_6_27,
      .mmu_notifier_register = nullptr,
      .mmu_notifier_unregister = nullptr,
      .register_errors = kRegisterErrors,
      .unregister_errors = {},
      .tests_signals = true,
      .allocates = true,
      .tests_capability = false,
      .unregister_needs_users = false,
      .unregister_releases = true,
      .takes_all_locks = true,
      .release_exactly_once = true,
      // Every pass tests at every VMA, and mm_drop_all_locks() is one more.
      .signal_bound_factor = 1,
      .tolerated = {},
  };
}

template <const Rules& kRules>
constexpr Protocol With(Protocol protocol) {
  protocol.mmu_notifier_register = Register<kRules>;
  protocol.mmu_notifier_unregister = Unregister<kRules>;
  protocol.mmu_notifier_register_locked = RegisterLocked<kRules>;
  return protocol;
}

constexpr Protocol MayReleaseTwice(Protocol protocol) {
  protocol.era = &kEra3_6;
  protocol.release_exactly_once = false;
  protocol.tolerated = kTolerated;
  return protocol;
}

}  // namespace

constinit const Protocol kV2_6_27Rc1 = With<k2_6_27Rc1>(
    Member("2.6.27-rc1", "as merged: a list under RCU, locks taken VMA by VMA",
           "mm/mmu_notifier.c (cddb8a5c14aa) and mm/mmap.c:mm_take_all_locks() "
           "(7906d00cd1f6), v2.6.27-rc1"));

constinit const Protocol kV2_6_27 = With<k2_6_27>(Member(
    "2.6.27", "a list under RCU, unlinked and then released",
    "mm/mmu_notifier.c and mm/mmap.c:mm_take_all_locks() (7cd5a02f54f4), "
    "v2.6.27"));

constinit const Protocol kV3_6 = MayReleaseTwice(
    With<k3_6>(Member("3.6", "a list under RCU, released and then unlinked",
                      "mm/mmu_notifier.c (3ad3d901bbcf), v3.6")));

}  // namespace mmfault::notifier
