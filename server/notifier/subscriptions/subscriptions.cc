// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/subscriptions/subscriptions.h"

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier {
namespace {

constexpr mm::Era kEra = {
    .name = "6.1",
    .invalidate_range_start =
        subscriptions::mmu_notifier_invalidate_range_start,
    .invalidate_range_end = subscriptions::mmu_notifier_invalidate_range_end,
    .invalidate_page = nullptr,  // gone since 4.14
    .clear_flush_young = subscriptions::mmu_notifier_clear_flush_young,
    .release = subscriptions::mmu_notifier_release,
    .mm_init = subscriptions::mmu_notifier_subscriptions_init,
    .mm_destroy = subscriptions::mmu_notifier_subscriptions_destroy,
    .mm_has_notifiers = subscriptions::mm_has_notifiers,
    .page_hook = mm::PageHook::kStartEnd,
    .unmap_frees_before_end = false,
    .zap_frees_before_end = false,
    .exit_mmap_locks = true,
    .fork_error_skips_end = false,
    .anon_vma_chains = true,
    .killable = true,
    .rmap_walk_reads = true,
};

constexpr std::array<int, 2> kRegisterErrors = {-EINTR, -ENOMEM};

constexpr std::array<Tolerance, 1> kTolerated = {{
    {trace::Checker::kReleaseCount, trace::Cause::kReleaseTwice, "P10",
     "exit calls ->release() before it unlinks, so that no invalidation is "
     "lost; an unregistration meanwhile finds the notifier listed and calls it "
     "too. Drivers must bear a second release (d34883d4e35c)."},
}};

}  // namespace

constinit const Protocol kV6_1 = {
    .id = "6.1",
    .family = "subscriptions",
    .title = "list notifiers under SRCU, registered under mm_take_all_locks",
    .source = "mm/mmu_notifier.c and mm/mmap.c:mm_take_all_locks(), v6.1",
    .locking =
        "register: mmap_lock for write, mm_all_locks_mutex, then every i_mmap "
        "and anon_vma root lock of the mm; unregister and release: the "
        "subscriptions' spinlock and an SRCU grace period; walks: SRCU",
    .era = &kEra,
    .mmu_notifier_register = subscriptions::mmu_notifier_register,
    .mmu_notifier_unregister = subscriptions::mmu_notifier_unregister,
    .register_errors = kRegisterErrors,
    .unregister_errors = {},
    .tests_signals = true,
    .allocates = true,
    .tests_capability = false,
    .unregister_needs_users = false,
    .unregister_releases = true,
    .takes_all_locks = true,
    .release_exactly_once = false,
    // Every pass tests at every VMA, and mm_drop_all_locks() is one more.
    .signal_bound_factor = 1,
    .tolerated = kTolerated,
};

}  // namespace mmfault::notifier
