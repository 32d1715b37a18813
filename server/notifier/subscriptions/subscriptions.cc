// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/subscriptions/subscriptions.h"

#include <array>
#include <type_traits>

#include "server/kernel/errno.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"

namespace mmfault::notifier {
namespace {

using subscriptions::Version;

constexpr mm::Era CommonEra(const char* name) {
  return {
      .name = name,
      .invalidate_range_start =
          subscriptions::mmu_notifier_invalidate_range_start,
      .invalidate_range_end = subscriptions::mmu_notifier_invalidate_range_end,
      .invalidate_page = nullptr,  // gone since 4.14
      .clear_flush_young = subscriptions::mmu_notifier_clear_flush_young,
      .release = subscriptions::mmu_notifier_release,
      .mm_init = subscriptions::mmu_notifier_subscriptions_init,
      .mm_destroy = subscriptions::mmu_notifier_subscriptions_destroy,
      .mm_has_notifiers = subscriptions::mm_has_notifiers,
      .invalidate_range_only_end =
          subscriptions::mmu_notifier_invalidate_range_only_end,
      .clear_young = subscriptions::mmu_notifier_clear_young,
      .test_young = subscriptions::mmu_notifier_test_young,
      .page_hook = mm::PageHook::kStartEnd,
      .unmap_frees_before_end = false,
      .zap_frees_before_end = false,
      .exit_mmap_locks = true,
      .fork_error_skips_end = false,
      .anon_vma_chains = true,
      .killable = true,
      .rmap_walk_reads = true,
      .munmap_downgrades = true,
      .mprotect = mm::Era::Protect::kPmd,
      .mremap_by_stretch = false,
      .zero_page = true,
      .fault_around_pages = 16,
      .anon_exclusive = true,
      .huge_pages = true,
  };
}

constexpr Version Version6_1() {
  Version version = {CommonEra("6.1"), {}, true, false, false};
  version.all_locks.hugetlb_first = true;
  version.era.invalidate_range = subscriptions::mmu_notifier_invalidate_range;
  version.era.change_pte = subscriptions::mmu_notifier_change_pte;
  version.era.range_names_vma = true;
  version.era.pageout_asks_young = true;
  version.era.flushes_dirty_early = true;
  version.era.collapse_needs_writable = true;
  return version;
}

constexpr Version Version6_12() {
  Version version = {CommonEra("6.12"), {}, false, true, false};
  version.era.secondary_tlb_flush =
      subscriptions::mmu_notifier_invalidate_range;
  version.all_locks.hugetlb_first = true;
  version.all_locks.marks_vmas = true;
  version.era.mprotect = mm::Era::Protect::kPud;
  version.era.per_vma_locks = true;
  version.era.huge_protect_upgrades = true;
  version.era.collapse_needs_writable = true;
  version.era.retracts_without_mmap_lock = true;
  return version;
}

constexpr Version Version7_3() {
  Version version = Version6_12();
  version.era.name = "7.3";
  version.two_passes = true;
  version.era.madvise_vma_lock = true;
  version.era.refuses_foll_force = true;
  version.era.collapse_needs_writable = false;
  version.era.huge_zero_page_cow = true;
  version.era.splits_in_rmap_section = true;
  version.era.reaps_backwards = true;
  return version;
}

constexpr Version kVersion6_1 = Version6_1();
constexpr Version kVersion6_12 = Version6_12();
constexpr Version kVersion7_3 = Version7_3();
// CurrentVersion() relies on it.
static_assert(std::is_standard_layout_v<Version>);

constexpr std::array<int, 2> kRegisterErrors = {-EINTR, -ENOMEM};
constexpr std::array<int, 3> kLaterRegisterErrors = {-EINTR, -ENOMEM, -EINVAL};

constexpr std::array<Tolerance, 1> kTolerated = {{
    {trace::Checker::kReleaseCount, trace::Cause::kReleaseTwice, "P10",
     "exit calls ->release() before it unlinks, so that no invalidation is "
     "lost; an unregistration meanwhile finds the notifier listed and calls it "
     "too. Drivers must bear a second release (d34883d4e35c)."},
}};

constexpr uint8_t kAllKinds =
    KindBit(Kind::kList) | KindBit(Kind::kGetPut) | KindBit(Kind::kInterval);

constexpr Protocol ProtocolOf(const Version& version, std::string_view id) {
  return {
      .id = id,
      .family = "subscriptions",
      .title = "",
      .source = "",
      .locking =
          "register, and the first interval of an mm: mmap_lock for write, "
          "mm_all_locks_mutex, then every i_mmap and anon_vma root lock of the "
          "mm; unregister and release: the subscriptions' spinlock and an SRCU "
          "grace period; walks: SRCU; intervals: a sequence that is odd while "
          "any is being invalidated, and the tree stands still meanwhile",
      .era = &version.era,
      .mmu_notifier_register = subscriptions::mmu_notifier_register,
      .mmu_notifier_unregister = subscriptions::mmu_notifier_unregister,
      .register_errors = kLaterRegisterErrors,
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
      .kinds = kAllKinds,
      .mmu_notifier_register_locked = subscriptions::__mmu_notifier_register,
      .mmu_notifier_get = subscriptions::mmu_notifier_get,
      .mmu_notifier_put = subscriptions::mmu_notifier_put,
      .mmu_notifier_synchronize = subscriptions::mmu_notifier_synchronize,
      .mmu_interval_notifier_insert =
          subscriptions::mmu_interval_notifier_insert,
      .mmu_interval_notifier_remove =
          subscriptions::mmu_interval_notifier_remove,
      .mmu_interval_read_begin = subscriptions::mmu_interval_read_begin,
  };
}

constexpr Protocol Protocol6_1() {
  Protocol protocol = ProtocolOf(kVersion6_1, "6.1");
  protocol.title =
      "lists under SRCU, get and put, intervals; invalidate_range at range_end";
  protocol.source = "mm/mmu_notifier.c and mm/mmap.c:mm_take_all_locks(), v6.1";
  protocol.register_errors = kRegisterErrors;
  return protocol;
}

constexpr Protocol Protocol6_12() {
  Protocol protocol = ProtocolOf(kVersion6_12, "6.12");
  protocol.title =
      "as 6.1; secondary TLBs are flushed with the primary one, and every VMA "
      "is marked before the locks are taken";
  protocol.source =
      "mm/mmu_notifier.c and mm/mmap.c:mm_take_all_locks(), v6.12";
  return protocol;
}

constexpr Protocol Protocol7_3() {
  Protocol protocol = ProtocolOf(kVersion7_3, "7.3");
  protocol.title =
      "as 6.12; an interval may be invalidated in two passes, all starts "
      "before "
      "all finishes";
  protocol.source = "mm/mmu_notifier.c and mm/vma.c:mm_take_all_locks(), v7.3";
  return protocol;
}

}  // namespace

constinit const Protocol kV6_1 = Protocol6_1();
constinit const Protocol kV6_12 = Protocol6_12();
constinit const Protocol kV7_3 = Protocol7_3();

}  // namespace mmfault::notifier
