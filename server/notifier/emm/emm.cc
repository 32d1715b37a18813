// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/emm/emm.h"

#include "server/notifier/emm/emm_notifier.h"

namespace mmfault::notifier {
namespace {

using emm::OnAnswer;

// EMM brackets the whole of unmap_region() and zap_page_range(), the freeing
// included. That copy_page_range() returns -ENOMEM without invalidate_end was
// repaired in V3.
template <OnAnswer on_answer>
constexpr mm::Era EraOf(const char* name, bool fork_error_skips_end) {
  return {
      .name = name,
      .invalidate_range_start = emm::emm_invalidate_start<on_answer>,
      .invalidate_range_end = emm::emm_invalidate_end,
      .invalidate_page = nullptr,
      .clear_flush_young = emm::emm_referenced<on_answer>,
      .release = emm::emm_notifier_release,
      .mm_init = emm::emm_notifier_mm_init,
      .mm_destroy = emm::emm_notifier_mm_destroy,
      .mm_has_notifiers = emm::mm_has_notifiers,
      .page_hook = mm::PageHook::kStartEnd,
      .unmap_frees_before_end = true,
      .zap_frees_before_end = true,
      .exit_mmap_locks = false,
      .fork_error_skips_end = fork_error_skips_end,
      .anon_vma_chains = false,
      .killable = false,
      .rmap_walk_reads = false,
  };
}

constexpr mm::Era kEraV2 = EraOf<OnAnswer::kStop>("2.6.25 with EMM V2", true);
constexpr mm::Era kEraV3 =
    EraOf<OnAnswer::kContinue>("2.6.25 with EMM V3", false);

// What the family has in common.
constexpr Protocol Member(std::string_view id, const mm::Era* era) {
  return {
      .id = id,
      .family = "emm",
      .title = {},
      .source = {},
      .locking = {},
      .era = era,
      .mmu_notifier_register = nullptr,
      .mmu_notifier_unregister = nullptr,
      .register_errors = {},
      .unregister_errors = {},
      .tests_signals = false,
      .allocates = false,
      .tests_capability = false,
      .unregister_needs_users = false,
      .unregister_releases = false,
      .takes_all_locks = false,
      .release_exactly_once = true,
      .signal_bound_factor = 0,
      .tolerated = {},
  };
}

constexpr Protocol EmmV2() {
  Protocol protocol = Member("emm_v2", &kEraV2);
  protocol.title = "EMM V2: one callback, linked with rcu_assign_pointer()";
  protocol.source = "linux-kernel, 2 Apr 2008, EMM Notifier V2, as posted";
  protocol.locking =
      "none: publication order only; a comment asks callers of register for "
      "mmap_sem";
  protocol.mmu_notifier_register = emm::emm_notifier_register_v2;
  return protocol;
}

constexpr Protocol EmmV3() {
  Protocol protocol = Member("emm_v3", &kEraV3);
  protocol.title = "EMM V3: one callback, registered under mm_lock()";
  protocol.source = "linux-kernel, 4 Apr 2008, EMM Notifier V3";
  protocol.locking =
      "register: mmap_sem for write and every i_mmap and anon_vma lock of the "
      "mm, against walks that hold one of them; nothing at exit";
  protocol.mmu_notifier_register = emm::emm_notifier_register_v3;
  protocol.takes_all_locks = true;
  return protocol;
}

}  // namespace

constinit const Protocol kEmmV2 = EmmV2();
constinit const Protocol kEmmV3 = EmmV3();

}  // namespace mmfault::notifier
