// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Starts that may not block: who is told to end what, which error comes back,
// and what all three kernels leak (P46). As in the recordings nonblock_* and
// start_error_blockable of real kernels.

#include <gtest/gtest.h>

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/mm/fork.h"
#include "server/notifier/subscriptions/notifier_subscriptions.h"
#include "server/notifier/subscriptions/subscriptions.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

using device::Method;
using kernel::Mutant;
using subscriptions::SubscriptionsOf;

constexpr uint64_t kPage = mm::kPageSize;

sched::WorldOptions With(Mutant mutant) {
  sched::WorldOptions options;
  options.mutants.set(static_cast<size_t>(mutant));
  return options;
}

// An interval over the anonymous pages; a list notifier that starts and ends;
// and one that answers -EAGAIN where it may not block and has no end.
struct MixedScene : Scene {
  explicit MixedScene(const Protocol& protocol,
                      const sched::WorldOptions& options = {})
      : Scene(protocol, options),
        interval(device::NewDevice({}, false, Kind::kInterval)),
        peer(device::NewDevice({}, false)) {
    Behaviour refuses;
    refuses.answers[0] = {Method::kInvalidateRangeStart, true, -EAGAIN, 0};
    refuses.answer_count = 1;
    refuses.unimplemented = device::Bit(Method::kInvalidateRangeEnd);
    dev = device::NewDevice(refuses, false);
  }

  void SubscribeAll(uint64_t interval_start) {
    ASSERT_EQ(Call<int>(&world,
                        [=, this] {
                          return Insert(*protocol(), &interval->interval, mm,
                                        interval_start, kPage);
                        }),
              0);
    ASSERT_EQ(RegisterNow(), 0);
    ASSERT_EQ(
        Call<int>(&world,
                  [this] { return Register(*protocol(), &peer->mn, mm); }),
        0);
  }
  int StartNonblock() {
    range = {mm, kAnonPage, kAnonPage + kPage, mm::Event::kUnmap, false};
    return Call<int>(&world, [this] {
      return protocol()->era->invalidate_range_start(&range);
    });
  }
  uint64_t Active() const {
    return SubscriptionsOf(mm)->active_invalidate_ranges;
  }
  uint64_t MmSeq() const { return SubscriptionsOf(mm)->invalidate_seq; }

  static Task<> RemoveInterval(void* arg) {
    auto* scene = static_cast<MixedScene*>(arg);
    co_await Remove(*scene->protocol(), &scene->interval->interval);
  }

  device::device* interval;
  device::device* peer;
  mmu_notifier_range range;
};

class NonblockTest : public ::testing::TestWithParam<const Protocol*> {};
INSTANTIATE_TEST_SUITE_P(Versions, NonblockTest,
                         ::testing::Values(&kV6_1, &kV6_12, &kV7_3));

// P45: everybody was started, those that can be are ended.
TEST_P(NonblockTest, PeersAreEndedOnce) {
  MixedScene scene(*GetParam());
  scene.SubscribeAll(kAnonPage);
  EXPECT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_EQ(scene.peer->mn.open_total, 0U);
  EXPECT_EQ(
      scene.peer->deliveries[static_cast<size_t>(Method::kInvalidateRangeEnd)],
      1U);
  EXPECT_EQ(scene.world.Violations(), "");
}

// P46: the kernels' behaviour. The remover waits for ever.
TEST_P(NonblockTest, AListsErrorLeavesTheSequenceOdd) {
  MixedScene scene(*GetParam());
  scene.SubscribeAll(kAnonPage);
  ASSERT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_EQ(scene.Active(), 1U);
  EXPECT_EQ(scene.MmSeq(), 3U);
  scene.world.Do(Scene::Unmap, &scene);  // balanced, and heals nothing
  EXPECT_EQ(scene.Active(), 1U);
  EXPECT_EQ(scene.world.Try(MixedScene::RemoveInterval, &scene),
            sched::RunStop::kDeadlock);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoDeadlock));
}

// ... and needs no overlap: the next interval makes the sequence odd.
TEST_P(NonblockTest, TheLeakNeedsNoOverlap) {
  MixedScene scene(*GetParam());
  scene.SubscribeAll(kFilePage);
  ASSERT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_EQ(scene.Active(), 1U);
  EXPECT_EQ(scene.MmSeq(), 2U);
  device::device* late = device::NewDevice({}, false, Kind::kInterval);
  ASSERT_EQ(Call<int>(&scene.world,
                      [&] {
                        return Insert(*GetParam(), &late->interval, scene.mm,
                                      kAnonPage, kPage);
                      }),
            0);
  EXPECT_EQ(scene.MmSeq(), 3U);
  EXPECT_EQ(late->interval.invalidate_seq, 3U);
}

// The twin: with the range ended, nothing is left and the remover returns.
TEST_P(NonblockTest, EndedOnTheListsErrorNothingIsLeft) {
  MixedScene scene(*GetParam(), With(Mutant::kItreeEndOnListError));
  scene.SubscribeAll(kAnonPage);
  ASSERT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_EQ(scene.Active(), 0U);
  scene.world.Do(MixedScene::RemoveInterval, &scene);
  EXPECT_EQ(scene.world.Violations(), "");
}

TEST_P(NonblockTest, AnIntervalThatWouldBlockEndsTheRangeItself) {
  MixedScene scene(*GetParam());
  Behaviour refuses;
  refuses.answers[0] = {Method::kIntervalInvalidate, true, -EAGAIN, 0};
  refuses.answer_count = 1;
  device::Configure(scene.interval, refuses);
  scene.SubscribeAll(kAnonPage);
  EXPECT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_EQ(
      scene.peer
          ->deliveries[static_cast<size_t>(Method::kInvalidateRangeStart)],
      0U);
  EXPECT_EQ(scene.Active(), 0U);
  EXPECT_EQ(scene.MmSeq(), 4U);
  EXPECT_EQ(scene.world.Violations(), "");
}

// Before 5.12.
TEST(NonblockMutantTest, WithoutRollbackPeersStayStarted) {
  MixedScene scene(kV6_1, With(Mutant::kNoRollback));
  scene.SubscribeAll(kAnonPage);
  EXPECT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_EQ(scene.peer->mn.open_total, 1U);
}

// P47b: the one that was not reached gets an end.
TEST(NonblockMutantTest, AnEarlyBreakEndsWhoNeverStarted) {
  MixedScene scene(kV6_1, With(Mutant::kStartStopsAtError));
  // The refusing one registers last, so it is asked first.
  ASSERT_EQ(
      Call<int>(&scene.world,
                [&] { return Register(kV6_1, &scene.peer->mn, scene.mm); }),
      0);
  ASSERT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.StartNonblock(), -EAGAIN);
  EXPECT_TRUE(
      scene.world.Violated(Checker::kStartEndPaired, Cause::kEndWithoutStart));
}

// P49: a method that sleeps where the range may not block.
TEST(NonblockMutantTest, SleepingInANonblockingStartIsReported) {
  Behaviour behaviour;
  behaviour.sleeps = true;
  Scene scene(kV6_1, {}, behaviour);
  ASSERT_EQ(scene.RegisterNow(), 0);
  mmu_notifier_range range{scene.mm, kAnonPage, kAnonPage + kPage,
                           mm::Event::kUnmap, false};
  Call<int>(&scene.world,
            [&] { return kV6_1.era->invalidate_range_start(&range); });
  EXPECT_TRUE(
      scene.world.Violated(Checker::kNoSleepInAtomic, Cause::kSleptInNonBlock));
}

// 6.6 and later.
TEST(BothFormsTest, AreRefusedSinceTheFlushCallsTheDevice) {
  for (const Protocol* protocol : {&kV6_1, &kV6_12, &kV7_3}) {
    Behaviour behaviour;
    behaviour.implemented = device::Bit(Method::kInvalidateRange);
    Scene both(*protocol, {}, behaviour);
    EXPECT_EQ(both.RegisterNow(), protocol == &kV6_1 ? 0 : -EINVAL);
    behaviour.unimplemented = device::Bit(Method::kInvalidateRangeStart) |
                              device::Bit(Method::kInvalidateRangeEnd);
    Scene one(*protocol, {}, behaviour);
    ASSERT_EQ(one.RegisterNow(), 0);
    ASSERT_EQ(one.EstablishNow(kAnonPage), 0);
    one.world.Do(Scene::DontNeed, &one);
    EXPECT_EQ(one.dev->spte_count, 0U);
    EXPECT_EQ(one.world.Violations(), "");
  }
}

}  // namespace
}  // namespace mmfault::notifier
