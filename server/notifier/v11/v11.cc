// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v11/v11.h"

#include "server/notifier/v11/mmu_notifier.h"

namespace mmfault::notifier {
namespace {

constexpr mm::Era kEra = {
    .name = "2.6.25 with #v11",
    .invalidate_range_start = v11::mmu_notifier_invalidate_range_start,
    .invalidate_range_end = v11::mmu_notifier_invalidate_range_end,
    .invalidate_page = v11::mmu_notifier_invalidate_page,
    .clear_flush_young = v11::mmu_notifier_clear_flush_young,
    .release = v11::mmu_notifier_release,
    .mm_init = v11::mmu_notifier_mm_init,
    .mm_destroy = v11::mmu_notifier_mm_destroy,
    .mm_has_notifiers = v11::mm_has_notifiers,
    .page_hook = mm::PageHook::kInvalidatePage,
    .unmap_frees_before_end = true,  // unmap_region() of the patch
    .zap_frees_before_end = false,   // its zap_page_range()
    .exit_mmap_locks = false,
    .fork_error_skips_end = true,  // its copy_page_range() returns -ENOMEM
    .list_needs_mm_lock = true,
    .anon_vma_chains = false,
    .killable = false,
    .rmap_walk_reads = false,
};

}  // namespace

constinit const Protocol kV11 = {
    .id = "v11",
    .family = "v11",
    .title = "#v11: a plain list, registered under every lock of the mm",
    .source = "linux-kernel, 4 Apr 2008, [PATCH] mmu notifier #v11",
    .locking =
        "register: mmap_sem for write and every i_mmap and anon_vma lock of "
        "the mm, by ascending address, against walks that hold one of them; "
        "nothing at exit",
    .era = &kEra,
    .mmu_notifier_register = v11::mmu_notifier_register,
    .mmu_notifier_unregister = nullptr,
    .register_errors = {},
    .unregister_errors = {},
    .tests_signals = false,
    .allocates = false,
    .tests_capability = false,
    .unregister_needs_users = false,
    .unregister_releases = false,
    .takes_all_locks = true,
    .release_exactly_once = true,
    .signal_bound_factor = 0,
    .tolerated = {},
};

}  // namespace mmfault::notifier
