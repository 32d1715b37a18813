// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// all_locks_scene.h: what the tests of the families that register under
// mm_take_all_locks() share beside the scene.

#ifndef MMFAULT_TESTS_UNIT_NOTIFIER_ALL_LOCKS_SCENE_H_
#define MMFAULT_TESTS_UNIT_NOTIFIER_ALL_LOCKS_SCENE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {

// What a failed registration must have left behind: nothing.
inline void ExpectUntouched(Scene& scene) {
  EXPECT_EQ(scene.world.Violations(), "");
  EXPECT_EQ(scene.mm->subscriptions, nullptr);
  EXPECT_TRUE(hlist_unhashed(scene.dev->mn.hlist));
  EXPECT_EQ(scene.mm->mm_count.counter, 1);
  EXPECT_EQ(scene.mm->lock_marks, 0);
  EXPECT_TRUE(scene.mm->mmap_sem.free_for_write());
  EXPECT_TRUE(scene.file->i_mmap_lock.free_for_write());
  EXPECT_NE(scene.dev->mn.registration, Registration::kRegistered);
}

inline sched::WorldOptions WithMutant(kernel::Mutant mutant) {
  sched::WorldOptions options;
  options.mutants.set(static_cast<size_t>(mutant));
  return options;
}

inline std::string TestNameOf(
    const ::testing::TestParamInfo<const Protocol*>& info) {
  std::string name(info.param->id);
  std::replace(name.begin(), name.end(), '.', '_');
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// A second mm that maps the scene's file, with a device of its own.
struct OtherMm {
  explicit OtherMm(Scene* of)
      : scene(of),
        mm(of->world.NewMm()),
        dev(device::NewDevice(Behaviour(), false)) {
    of->world.Do(Map, this);
  }

  // The file's pages the other way round.
  static Task<> Map(void* arg) {
    auto* self = static_cast<OtherMm*>(arg);
    for (uint64_t i = 0; i < 2; ++i) {
      const uint64_t at = kFilePage + i * mm::kPageSize;
      co_await mm::do_mmap(self->mm, at, at + mm::kPageSize,
                           mm::VM_READ | mm::VM_SHARED, self->scene->file,
                           1 - i);
    }
  }
  static Task<> RegisterIt(void* arg) {
    auto* self = static_cast<OtherMm*>(arg);
    co_await Register(*self->scene->protocol(), &self->dev->mn, self->mm);
  }
  static Task<> UnregisterIt(void* arg) {
    auto* self = static_cast<OtherMm*>(arg);
    co_await Unregister(*self->scene->protocol(), &self->dev->mn, self->mm);
  }

  Scene* scene;
  mm::mm_struct* mm;
  device::device* dev;
};

// A second device of the scene's mm.
struct Peer {
  explicit Peer(Scene* of)
      : scene(of), dev(device::NewDevice(Behaviour(), false)) {}

  static Task<> RegisterIt(void* arg) {
    auto* self = static_cast<Peer*>(arg);
    co_await Register(*self->scene->protocol(), &self->dev->mn,
                      self->scene->mm);
  }

  Scene* scene;
  device::device* dev;
};

// A page of anonymous memory below everything else.
inline Task<> MapAnonBelow(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await mm::do_mmap(scene->mm, 0x8000, 0x9000, mm::VM_READ | mm::VM_WRITE,
                       nullptr, 0);
  co_await mm::access_page(scene->mm, 0x8000, true);
}

inline Task<> UnregisterIt(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await Unregister(*scene->protocol(), &scene->dev->mn, scene->mm);
}

inline Task<> RegisterIt(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await Register(*scene->protocol(), &scene->dev->mn, scene->mm);
}

}  // namespace mmfault::notifier

#endif  // MMFAULT_TESTS_UNIT_NOTIFIER_ALL_LOCKS_SCENE_H_
