// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/emm/emm.h"

#include "server/notifier/emm/emm_notifier.h"

namespace mmfault::notifier {
namespace {

using emm::Guard;
using emm::OnAnswer;
using emm::Publication;
using emm::Rules;

constexpr Rules kRulesV1 = {.publication = Publication::kPlain,
                            .guard = Guard::kNone,
                            .on_answer = OnAnswer::kStop};
constexpr Rules kRulesV1Barriers = {.publication = Publication::kBarriers,
                                    .guard = Guard::kNone,
                                    .on_answer = OnAnswer::kStop};
constexpr Rules kRulesV2 = {.publication = Publication::kAssign,
                            .guard = Guard::kNone,
                            .on_answer = OnAnswer::kStop};
constexpr Rules kRulesV2Fixed = {.publication = Publication::kAssign,
                                 .guard = Guard::kNone,
                                 .on_answer = OnAnswer::kContinue};
constexpr Rules kRulesSingle = {.publication = Publication::kPlain,
                                .guard = Guard::kSingleTask,
                                .on_answer = OnAnswer::kStop};
constexpr Rules kRulesStopStart = {.publication = Publication::kPlain,
                                   .guard = Guard::kStopStart,
                                   .on_answer = OnAnswer::kStop};
constexpr Rules kRulesV3 = {.publication = Publication::kAssign,
                            .guard = Guard::kMmLock,
                            .on_answer = OnAnswer::kContinue};

template <const Rules& kRules>
Task<int> Register(mmu_notifier* e, mm_struct* mm) {
  return emm::emm_notifier_register(e, mm, kRules);
}
template <const Rules& kRules>
Task<int> Unregister(mmu_notifier* e, mm_struct* mm) {
  return emm::emm_notifier_unregister(e, mm, kRules);
}
template <const Rules& kRules>
Task<int> InvalidateStart(mmu_notifier_range* range) {
  return emm::emm_invalidate_start(range, kRules);
}
template <const Rules& kRules>
Task<> InvalidateEnd(mmu_notifier_range* range) {
  return emm::emm_invalidate_end(range, kRules);
}
template <const Rules& kRules>
Task<int> Referenced(mm_struct* mm, uint64_t start, uint64_t end) {
  return emm::emm_referenced(mm, start, end, kRules);
}

// EMM brackets the whole of unmap_region() and zap_page_range(), the freeing
// included. That copy_page_range() returns -ENOMEM without invalidate_end was
// repaired in V3.
template <const Rules& kRules>
constexpr mm::Era EraOf(const char* name) {
  return {
      .name = name,
      .invalidate_range_start = InvalidateStart<kRules>,
      .invalidate_range_end = InvalidateEnd<kRules>,
      .invalidate_page = nullptr,
      .clear_flush_young = Referenced<kRules>,
      .release = emm::emm_notifier_release,
      .mm_init = emm::emm_notifier_mm_init,
      .mm_destroy = emm::emm_notifier_mm_destroy,
      .mm_has_notifiers = emm::mm_has_notifiers,
      .page_hook = mm::PageHook::kStartEnd,
      .unmap_frees_before_end = true,
      .zap_frees_before_end = true,
      .exit_mmap_locks = false,
      .fork_error_skips_end = kRules.guard != Guard::kMmLock,
      .anon_vma_chains = false,
      .killable = false,
      .rmap_walk_reads = false,
  };
}

constexpr mm::Era kEraV1 = EraOf<kRulesV1>("2.6.25 with EMM V1");
constexpr mm::Era kEraV1Barriers =
    EraOf<kRulesV1Barriers>("2.6.25 with EMM V1 and barriers");
constexpr mm::Era kEraV2 = EraOf<kRulesV2>("2.6.25 with EMM V2");
constexpr mm::Era kEraV2Fixed =
    EraOf<kRulesV2Fixed>("2.6.25 with EMM V2 and its fix-up");
constexpr mm::Era kEraSingle =
    EraOf<kRulesSingle>("2.6.25 with EMM for single tasks");
constexpr mm::Era kEraStopStart =
    EraOf<kRulesStopStart>("2.6.25 with EMM stop and start");
constexpr mm::Era kEraV3 = EraOf<kRulesV3>("2.6.25 with EMM V3");

constexpr std::string_view kNoLocking =
    "none: publication order only, and in emm_v1 not even that";
constexpr std::string_view kPublicationOnly =
    "none: publication order only; a comment asks callers of register for "
    "mmap_sem";

// What the family has in common.
template <const Rules& kRules>
constexpr Protocol Member(std::string_view id, std::string_view title,
                          std::string_view source, std::string_view locking,
                          const mm::Era* era) {
  constexpr bool unregisters =
      kRules.guard == Guard::kSingleTask || kRules.guard == Guard::kStopStart;
  return {
      .id = id,
      .family = "emm",
      .title = title,
      .source = source,
      .locking = locking,
      .era = era,
      .mmu_notifier_register = Register<kRules>,
      .mmu_notifier_unregister = unregisters ? Unregister<kRules> : nullptr,
      .register_errors = {},
      .unregister_errors = {},
      .tests_signals = false,
      .allocates = false,
      .tests_capability = false,
      .unregister_needs_users = kRules.guard == Guard::kSingleTask,
      .unregister_releases = unregisters,
      .takes_all_locks = kRules.guard == Guard::kMmLock,
      .release_exactly_once = true,
      .signal_bound_factor = 0,
      .tolerated = {},
  };
}

}  // namespace

constinit const Protocol kEmmV1 = Member<kRulesV1>(
    "emm_v1", "EMM V1: one callback, linked with two plain stores",
    "linux-kernel, 3 Mar 2008, EMM Notifier", kNoLocking, &kEraV1);

constinit const Protocol kEmmV1Barriers = Member<kRulesV1Barriers>(
    "emm_v1_barriers", "EMM V1 with smp_wmb() and smp_rmb()",
    "linux-kernel, 2 Apr 2008, the barriers that EMM V1 lacked", kNoLocking,
    &kEraV1Barriers);

constinit const Protocol kEmmV2 = Member<kRulesV2>(
    "emm_v2", "EMM V2: one callback, linked with rcu_assign_pointer()",
    "linux-kernel, 2 Apr 2008, EMM Notifier V2, as posted", kPublicationOnly,
    &kEraV2);

constinit const Protocol kEmmV2Fixed = Member<kRulesV2Fixed>(
    "emm_v2_fixed", "EMM V2 whose walks go on after a non-zero answer",
    "linux-kernel, 2 Apr 2008, the fix-up of EMM Notifier V2's return values",
    kPublicationOnly, &kEraV2Fixed);

constinit const Protocol kEmmSingle = Member<kRulesSingle>(
    "emm_single", "EMM for a process of one task: BUG_ON(mm_users != 1)",
    "linux-kernel, 2 Apr 2008, alternative to EMM V2",
    "none: who registers must be the only user of the mm; a reclaim is no user",
    &kEraSingle);

constinit const Protocol kEmmStopStart = Member<kRulesStopStart>(
    "emm_stop_start", "EMM whose notifiers are stopped while the list changes",
    "linux-kernel, 2 Apr 2008, alternative to EMM V2: emm_stop and emm_start",
    "none: what is registered already maps nothing while the list changes",
    &kEraStopStart);

constinit const Protocol kEmmV3 = Member<kRulesV3>(
    "emm_v3", "EMM V3: one callback, registered under mm_lock()",
    "linux-kernel, 4 Apr 2008, EMM Notifier V3",
    "register: mmap_sem for write and every i_mmap and anon_vma lock of the "
    "mm, against walks that hold one of them; nothing at exit",
    &kEraV3);

}  // namespace mmfault::notifier
