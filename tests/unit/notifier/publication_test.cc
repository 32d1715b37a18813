// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// "There still could be junk in the cache of one cpu": the seed mail's opening
// dispute, in worlds of memory order PSO (P08). Who is right depends on the
// reader's locks, and each side has its test.

#include "gtest/gtest.h"
#include "server/notifier/protocols.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

constexpr int kRuns = 3000;

sched::WorldOptions Options(sched::MemoryOrder order) {
  sched::WorldOptions options;
  options.memory_order = order;
  return options;
}

Task<> RegisterOnly(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  co_await Register(*scene->protocol(), &scene->dev->mn, scene->mm);
}

Exploration RegisterAgainst(sched::TaskEntry walker, std::string_view protocol,
                            const sched::WorldOptions& options) {
  Scene scene(*FindProtocol(protocol), options);
  scene.world.Spawn("driver", RegisterOnly, &scene);
  scene.world.Spawn("walker", walker, &scene);
  return scene.world.Explore(kRuns);
}

// A TLB flush: walks the list with no lock of the mm.
Task<> Flush(void* arg) {
  auto* scene = static_cast<Scene*>(arg);
  for (int i = 0; i < 300; ++i) {
    co_await mm::era().invalidate_page(scene->mm, kAnonPage);
  }
}

bool FoundJunk(const Exploration& seen) {
  return seen.Found(Checker::kNoUseAfterFree, Cause::kUninitialisedRead);
}

// Christoph: "if you just read the new pointer but use the earlier content
// pointed to then you have a problem".
TEST(PublicationTest, PlainStoresWithoutALockPublishJunk) {
  const auto pso = Options(sched::MemoryOrder::kPso);
  EXPECT_TRUE(FoundJunk(RegisterAgainst(Scene::DontNeed, "emm_v1", pso)));
  EXPECT_FALSE(FoundJunk(RegisterAgainst(Scene::DontNeed, "emm_v1", {})));
}

TEST(PublicationTest, ReleaseStoresPublishWhole) {
  const auto pso = Options(sched::MemoryOrder::kPso);
  for (const char* protocol : {"emm_v1_barriers", "emm_v2", "6.1"}) {
    const Exploration seen = RegisterAgainst(Scene::DontNeed, protocol, pso);
    EXPECT_FALSE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
  }
}

// Andrea: "there can't be junk, spinlocks provides semantics of proper memory
// barriers".
TEST(PublicationTest, LocksThatBothSidesTakePublishWhole) {
  const auto pso = Options(sched::MemoryOrder::kPso);
  for (const char* protocol : {"v11", "v12", "seed_flags", "seed_bitmaps",
                               "seed_threshold", "emm_v3"}) {
    for (const sched::TaskEntry walker : {Scene::DontNeed, Scene::Truncate}) {
      const Exploration seen = RegisterAgainst(walker, protocol, pso);
      EXPECT_TRUE(seen.Clean()) << protocol << ": " << seen.Text();
    }
  }
}

// Andrea: "There could be junk only if any of the mmu_notifier_* methods would
// be invoked _outside_ the i_mmap_lock and _outside_ the anon_vma and outside
// the mmap_sem, that is never the case of course". Since 3.19 it is.
TEST(PublicationTest, ReaderWithNoneOfTheLocksSeesJunk) {
  const auto pso = Options(sched::MemoryOrder::kPso);
  for (const char* protocol : {"v11", "v12"}) {
    const Exploration seen = RegisterAgainst(Flush, protocol, pso);
    EXPECT_TRUE(FoundJunk(seen)) << protocol << ": " << seen.Text();
    const Exploration sc = RegisterAgainst(Flush, protocol, {});
    EXPECT_FALSE(FoundJunk(sc)) << sc.Text();
    EXPECT_TRUE(sc.Found(Checker::kWalkUnderLock, Cause::kWalkedWithoutLock))
        << "in order or not, a plain list is not for such a reader";
  }
}

TEST(PublicationTest, MethodsNeedAnMmLockButRelease) {
  EXPECT_TRUE(NeedsMmLock(Method::kInvalidateRangeStart));
  EXPECT_TRUE(NeedsMmLock(Method::kClearFlushYoung));
  EXPECT_FALSE(NeedsMmLock(Method::kRelease));
  EXPECT_FALSE(NeedsMmLock(Method::kInvalidateRange));
}

}  // namespace
}  // namespace mmfault::notifier
