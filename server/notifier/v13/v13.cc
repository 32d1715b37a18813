// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v13/v13.h"

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/v13/mmu_notifier_mm.h"

namespace mmfault::notifier {
namespace {

using v13::Rules;

constexpr Rules k13 = {.srcu = false, .anon_first = false};
constexpr Rules k14 = {.srcu = true, .anon_first = true};

template <const Rules& kRules>
Task<int> Register(mmu_notifier* mn, mm_struct* mm) {
  return v13::mmu_notifier_register(mn, mm, kRules, true);
}
// __mmu_notifier_register().
template <const Rules& kRules>
Task<int> RegisterLocked(mmu_notifier* mn, mm_struct* mm) {
  return v13::mmu_notifier_register(mn, mm, kRules, false);
}
template <const Rules& kRules>
Task<int> Unregister(mmu_notifier* mn, mm_struct* mm) {
  return v13::mmu_notifier_unregister(mn, mm, kRules);
}
template <const Rules& kRules>
Task<int> RangeStart(mmu_notifier_range* range) {
  return v13::mmu_notifier_invalidate_range_start(range, kRules);
}
template <const Rules& kRules>
Task<> RangeEnd(mmu_notifier_range* range) {
  return v13::mmu_notifier_invalidate_range_end(range, kRules);
}
template <const Rules& kRules>
Task<> Page(mm_struct* mm, uint64_t address) {
  return v13::mmu_notifier_invalidate_page(mm, address, kRules);
}
template <const Rules& kRules>
Task<int> Young(mm_struct* mm, uint64_t start, uint64_t end) {
  return v13::mmu_notifier_clear_flush_young(mm, start, end, kRules);
}
template <const Rules& kRules>
Task<> Release(mm_struct* mm) {
  return v13::mmu_notifier_release(mm, kRules);
}
template <const Rules& kRules>
void Init(mm_struct* mm) {
  v13::mmu_notifier_mm_init(mm, kRules);
}
template <const Rules& kRules>
Task<> Destroy(mm_struct* mm) {
  return v13::mmu_notifier_mm_destroy(mm, kRules);
}

// #v11's sites. Since #v14 copy_page_range() ends what it has begun on -ENOMEM
// too.
template <const Rules& kRules>
constexpr mm::Era EraOf(const char* name) {
  return {
      .name = name,
      .invalidate_range_start = RangeStart<kRules>,
      .invalidate_range_end = RangeEnd<kRules>,
      .invalidate_page = Page<kRules>,
      .clear_flush_young = Young<kRules>,
      .release = Release<kRules>,
      .mm_init = Init<kRules>,
      .mm_destroy = Destroy<kRules>,
      .mm_has_notifiers = v13::mm_has_notifiers,
      .page_hook = mm::PageHook::kInvalidatePage,
      .unmap_frees_before_end = true,
      .zap_frees_before_end = false,
      .exit_mmap_locks = false,
      .fork_error_skips_end = !kRules.srcu,
      .list_needs_mm_lock = !kRules.srcu,
      .anon_vma_chains = false,
      .killable = false,
      .rmap_walk_reads = false,
  };
}

constexpr mm::Era kEra13 = EraOf<k13>("2.6.25 with #v13");
constexpr mm::Era kEra14 = EraOf<k14>("2.6.25 with #v14 to #v16");

constexpr std::array<int, 1> kMemoryOnly = {-ENOMEM};

constexpr std::string_view kPlainLocking =
    "mmap_sem for write and every i_mmap and anon_vma lock of the mm, against "
    "walks that hold one of them; nothing at exit";
constexpr std::string_view kSrcuLocking =
    "register: mmap_sem for write and every anon_vma and i_mmap lock of the "
    "mm; unregister and release: the list's spinlock and a grace period of the "
    "mm's own SRCU domain; walks: SRCU";

// What the family has in common. None looks for signals, so none promises a
// bound.
template <const Rules& kRules>
constexpr Protocol Member(std::string_view id, std::string_view title,
                          std::string_view source, const mm::Era* era) {
  return {
      .id = id,
      .family = "v13-v16",
      .title = title,
      .source = source,
      .locking = kRules.srcu ? kSrcuLocking : kPlainLocking,
      .era = era,
      .mmu_notifier_register = Register<kRules>,
      .mmu_notifier_unregister = Unregister<kRules>,
      .register_errors = kMemoryOnly,
      .unregister_errors =
          kRules.srcu ? std::span<const int>() : std::span(kMemoryOnly),
      .tests_signals = false,
      .allocates = true,
      .tests_capability = false,
      .unregister_needs_users = !kRules.srcu,
      .unregister_releases = kRules.srcu,
      .takes_all_locks = true,
      .release_exactly_once = kRules.srcu,
      .signal_bound_factor = 0,
      .tolerated = {},
  };
}

constexpr Protocol V16() {
  Protocol protocol = Member<k14>(
      "v16", "#v16: #v15, and a form for callers that hold mmap_sem",
      "linux-kernel, 6 May 2008, mmu notifier #v16", &kEra14);
  protocol.mmu_notifier_register_locked = RegisterLocked<k14>;
  return protocol;
}

}  // namespace

constinit const Protocol kV13 = Member<k13>(
    "v13", "#v13: mm_lock sorts the locks in vmalloc'd arrays",
    "linux-kernel, 22 Apr 2008, [PATCH 00 of 12] mmu notifier #v13", &kEra13);

constinit const Protocol kV14 = Member<k14>(
    "v14", "#v14: SRCU per mm; an unregister that cannot fail",
    "linux-kernel, mmu notifier #v14-test1, without its two mistakes", &kEra14);

constinit const Protocol kV15 =
    Member<k14>("v15", "#v15: #v14 with its mistakes mended",
                "linux-kernel, 2 May 2008, mmu notifier #v15", &kEra14);

constinit const Protocol kV16 = V16();

}  // namespace mmfault::notifier
