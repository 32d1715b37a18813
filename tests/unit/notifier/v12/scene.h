// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// scene.h: one mm and one device for the tests of the v12 family.
//
// All members of the family share an Era, so one world serves them all; which
// one registers is an argument.

#ifndef MMFAULT_TESTS_UNIT_NOTIFIER_V12_SCENE_H_
#define MMFAULT_TESTS_UNIT_NOTIFIER_V12_SCENE_H_

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "server/device/device.h"
#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/notifier/registration.h"
#include "server/notifier/v12/v12.h"
#include "tests/support/world_fixture.h"

namespace mmfault::notifier::v12_test {

using testing_support::Call;
using testing_support::Exploration;
using testing_support::TestWorld;
using trace::Cause;
using trace::Checker;

inline constexpr int kSigTerm = 15;

struct Scene {
  explicit Scene(const Protocol& p, const sched::WorldOptions& options = {},
                 const device::Behaviour& behaviour = {});

  // --- The mm --------------------------------------------------------------
  // Adds a VMA of one page at the next address.
  mm::vm_area_struct* AddFileVma(mm::mm_struct* to, mm::address_space* file);
  mm::vm_area_struct* AddAnonVma(mm::mm_struct* to);  // with its anon_vma
  // Two VMAs of one file, one of another, two anonymous ones that share an
  // anon_vma, one alone, one without any lock: N = 7, Di = 2, Da = 2.
  void AddMixedVmas();
  static constexpr uint64_t kMixedVmas = 7;
  static constexpr uint64_t kMixedFiles = 2;
  static constexpr uint64_t kMixedAnons = 2;

  // --- Calls, each alone in the world ---------------------------------------
  int RegisterNow();
  int UnregisterNow();

  // Whether nothing of an mm_lock is left: locks, marks, allocations.
  ::testing::AssertionResult NothingHeld();
  bool Linked() const { return !hlist_unhashed(mn->hlist); }

  const Protocol* protocol;
  TestWorld world;
  mm::mm_struct* mm;
  mm::address_space* file;
  mm::address_space* other_file;
  device::device* dev;
  mmu_notifier* mn;
  uint64_t next_address = 0x10000;
  uint64_t next_pgoff = 0;
  uint64_t live_bytes = 0;  // as RegisterNow() or UnregisterNow() found it

  // What the tasks below leave behind; not simulated state.
  int rc = 0;
  uint64_t locks_taken = 0;
  uint64_t untested_max = 0;
};

// Tasks over a Scene.
sched::Task<> RegisterTask(void* scene);
sched::Task<> UnregisterTask(void* scene);
sched::Task<> MmputTask(void* scene);

inline std::string NameOf(
    const ::testing::TestParamInfo<const Protocol*>& info) {
  return std::string(info.param->id);
}
inline sched::WorldOptions WithMutant(kernel::Mutant mutant) {
  sched::WorldOptions options;
  options.mutants.set(static_cast<size_t>(mutant));
  return options;
}

// Without seed_flags_naive, which is wrong on purpose: see naive_test.cc.
#define MMFAULT_V12_FAMILY \
  ::testing::Values(&kV12, &kSeedFlags, &kSeedBitmaps, &kSeedThreshold)

}  // namespace mmfault::notifier::v12_test

#endif  // MMFAULT_TESTS_UNIT_NOTIFIER_V12_SCENE_H_
