// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// scene.h: the small cast of the protocol tests: an mm, a file, a device, and
// the tasks that bring a race about.
//
// The mm maps two pages of the file, shared, at kFilePage in two VMAs, and two
// anonymous pages at kAnonPage, in a VMA each; all are touched.

#ifndef MMFAULT_TESTS_UNIT_NOTIFIER_SCENE_H_
#define MMFAULT_TESTS_UNIT_NOTIFIER_SCENE_H_

#include "server/device/device.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"
#include "server/notifier/registration.h"
#include "tests/support/world_fixture.h"

namespace mmfault::notifier {

using device::Behaviour;
using testing_support::Call;
using testing_support::Exploration;
using testing_support::TestWorld;
using trace::Cause;
using trace::Checker;

inline constexpr uint64_t kFilePage = 0x10000;
inline constexpr uint64_t kAnonPage = 0x20000;
inline constexpr uint64_t kVmaCount = 4;
inline constexpr int kSigUsr1 = 10;

struct Scene {
  explicit Scene(const Protocol& protocol,
                 const sched::WorldOptions& options = {},
                 const Behaviour& behaviour = {})
      : world(protocol, options),
        mm(world.NewMm()),
        file(mm::NewFile(2, 4)),
        dev(device::NewDevice(behaviour, false)) {
    world.Do(MapAndTouch, this);
  }

  // Neighbours that differ in a flag do not merge.
  static uint64_t FlagsOf(uint64_t i) {
    return mm::VM_READ | mm::VM_WRITE | (i == 0 ? 0 : mm::VM_NOHUGEPAGE);
  }
  static Task<> MapAndTouch(void* arg) {
    auto* scene = static_cast<Scene*>(arg);
    for (uint64_t i = 0; i < 2; ++i) {
      const uint64_t at = kFilePage + i * mm::kPageSize;
      co_await mm::do_mmap(scene->mm, at, at + mm::kPageSize,
                           FlagsOf(i) | mm::VM_SHARED, scene->file, i);
      co_await mm::access_page(scene->mm, at, true);
    }
    for (uint64_t i = 0; i < 2; ++i) {
      const uint64_t at = kAnonPage + i * mm::kPageSize;
      co_await mm::do_mmap(scene->mm, at, at + mm::kPageSize, FlagsOf(i),
                           nullptr, 0);
      co_await mm::access_page(scene->mm, at, true);
    }
  }

  int RegisterNow() {
    return Call<int>(&world,
                     [this] { return Register(*protocol(), &dev->mn, mm); });
  }
  int UnregisterNow() {
    return Call<int>(&world,
                     [this] { return Unregister(*protocol(), &dev->mn, mm); });
  }
  int EstablishNow(uint64_t address) {
    return Call<int>(&world, [this, address] {
      return device::establish(dev, mm, address, false);
    });
  }
  uint32_t Deliveries(Method method) const {
    return dev->deliveries[static_cast<size_t>(method)];
  }
  const Protocol* protocol() const { return &world.protocol(); }

  // --- Tasks ---------------------------------------------------------------

  static Task<> RegisterAndMapFile(void* arg) {
    auto* scene = static_cast<Scene*>(arg);
    co_await Register(*scene->protocol(), &scene->dev->mn, scene->mm);
    co_await device::establish(scene->dev, scene->mm, kFilePage, false);
  }
  static Task<> RegisterAndMapAnon(void* arg) {
    auto* scene = static_cast<Scene*>(arg);
    co_await Register(*scene->protocol(), &scene->dev->mn, scene->mm);
    co_await device::establish(scene->dev, scene->mm, kAnonPage, false);
  }
  static Task<> MapAnon(void* arg) {
    auto* scene = static_cast<Scene*>(arg);
    co_await device::establish(scene->dev, scene->mm, kAnonPage, false);
  }
  static Task<> UnregisterAndFree(void* arg) {
    auto* scene = static_cast<Scene*>(arg);
    co_await Unregister(*scene->protocol(), &scene->dev->mn, scene->mm);
    FreeNotifier(&scene->dev->mn);
  }
  static Task<> Exit(void* arg) {
    co_await mm::mmput(static_cast<Scene*>(arg)->mm);
  }
  static Task<> Truncate(void* arg) {
    co_await mm::do_truncate(static_cast<Scene*>(arg)->file, 0);
  }
  static Task<> DontNeed(void* arg) {
    co_await mm::do_madvise(static_cast<Scene*>(arg)->mm, kAnonPage,
                            kAnonPage + mm::kPageSize, mm::Advice::kDontneed);
  }
  static Task<> Unmap(void* arg) {
    co_await mm::do_munmap(static_cast<Scene*>(arg)->mm, kAnonPage,
                           kAnonPage + 2 * mm::kPageSize);
  }
  static Task<> Reclaim(void* arg) {
    co_await mm::reclaim_page(static_cast<Scene*>(arg)->mm, kAnonPage);
  }

  TestWorld world;
  mm::mm_struct* mm;
  mm::address_space* file;
  device::device* dev;
};

}  // namespace mmfault::notifier

#endif  // MMFAULT_TESTS_UNIT_NOTIFIER_SCENE_H_
