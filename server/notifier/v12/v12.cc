// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v12/v12.h"

#include <array>

#include "server/kernel/errno.h"
#include "server/notifier/v12/designs.h"
#include "server/notifier/v12/registration.h"
#include "server/notifier/v12/walk.h"

namespace mmfault::notifier {
namespace {

constexpr std::array<int, 2> kSignalOrMemory = {-EINTR, -ENOMEM};
constexpr std::array<int, 1> kSignalOnly = {-EINTR};
constexpr std::array<int, 1> kCapabilityOnly = {-EPERM};

constexpr std::string_view kLocking =
    "mmap_sem for write and every i_mmap and anon_vma lock of the mm, against "
    "walks that hold one of them; nothing at exit";
constexpr std::string_view kSeedMail =
    "ofa-general, 7 Apr 2008, Re: [patch 02/10] emm: notifier logic";
constexpr std::string_view kV12Mail =
    "linux-kernel, 8 Apr 2008, [PATCH 0 of 9] mmu notifier #v12";

// What the family has in common. release_exactly_once is not promised: exit
// calls ->release() once, but a notifier that is unregistered gets none.
constexpr Protocol Member(std::string_view id, std::string_view title,
                          std::string_view source,
                          std::span<const int> errors) {
  return {
      .id = id,
      .family = "v12",
      .title = title,
      .source = source,
      .locking = kLocking,
      .era = &v12::kEra,
      .mmu_notifier_register = nullptr,
      .mmu_notifier_unregister = nullptr,
      .register_errors = errors,
      .unregister_errors = errors,
      .tests_signals = false,
      .allocates = false,
      .tests_capability = false,
      .unregister_needs_users = true,
      .unregister_releases = false,
      .takes_all_locks = true,
      .release_exactly_once = false,
      .signal_bound_factor = 0,
      .tolerated = {},
  };
}

template <typename Design>
constexpr Protocol With(Protocol protocol) {
  protocol.mmu_notifier_register = v12::mmu_notifier_register<Design>;
  protocol.mmu_notifier_unregister = v12::mmu_notifier_unregister<Design>;
  return protocol;
}

constexpr Protocol TestsSignals(Protocol protocol) {
  protocol.tests_signals = true;
  protocol.signal_bound_factor = 1;
  return protocol;
}

constexpr Protocol Allocates(Protocol protocol) {
  protocol.allocates = true;
  return protocol;
}

constexpr Protocol TestsCapability(Protocol protocol) {
  protocol.tests_capability = true;
  return protocol;
}

}  // namespace

constinit const Protocol kV12 = Allocates(TestsSignals(With<v12::CookieArrays>(
    Member("v12", "#v12: mm_lock collects the locks in vmalloc'd arrays",
           kV12Mail, kSignalOrMemory))));

constinit const Protocol kSeedFlags = TestsSignals(With<v12::VmaFlags<false>>(
    Member("seed_flags", "VM_MM_LOCK_I/A bits: mm_lock can stop at any VMA",
           kSeedMail, kSignalOnly)));

constinit const Protocol kSeedFlagsNaive =
    TestsSignals(With<v12::VmaFlags<true>>(
        Member("seed_flags_naive", "the bit as the test of what is held: wrong",
               "linux-kernel, 7 May 2008, Linus Torvalds on a flag in the VMA",
               kSignalOnly)));

constinit const Protocol kSeedBitmaps =
    Allocates(TestsSignals(With<v12::CookieBitmaps>(Member(
        "seed_bitmaps", "two vmalloc'd bitmaps returned by mm_lock as a cookie",
        kSeedMail, kSignalOrMemory))));

constinit const Protocol kSeedThreshold =
    TestsCapability(With<v12::VmaThreshold>(Member(
        "seed_threshold", "-EPERM beyond a number of VMAs without capability",
        kSeedMail, kCapabilityOnly)));

}  // namespace mmfault::notifier
