// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_list_fixture.h: the protocols that keep their list in a struct
// mmu_notifier_mm, 2.6.27-rc1 to 3.10, for what holds for all of them: under
// RCU or SRCU, released first or unlinked first.

#ifndef MMFAULT_TESTS_UNIT_NOTIFIER_MM_LIST_FIXTURE_H_
#define MMFAULT_TESTS_UNIT_NOTIFIER_MM_LIST_FIXTURE_H_

#include "server/notifier/rcu/rcu.h"
#include "server/notifier/srcu/srcu.h"
#include "tests/unit/notifier/all_locks_scene.h"

namespace mmfault::notifier {

// Each schedule has a few hundred steps and the windows are wider than ten of
// them, so this many miss a race that exists with a chance below 1e-4.
inline constexpr int kSchedules = 2000;
inline constexpr int64_t kLong = 60;  // scheduling points

class MmListTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
};

// Whose unregister and exit unlink a notifier before they release it.
inline auto UnlinksFirst() {
  return ::testing::Values(&kV2_6_27Rc1, &kV2_6_27, &kV3_9);
}
// Whose unregister and exit release it first.
inline auto ReleasesFirst() {
  return ::testing::Values(&kV3_6, &kV3_7, &kV3_10);
}
inline auto EveryMmList() {
  return ::testing::Values(&kV2_6_27Rc1, &kV2_6_27, &kV3_6, &kV3_7, &kV3_9,
                           &kV3_10);
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_TESTS_UNIT_NOTIFIER_MM_LIST_FIXTURE_H_
