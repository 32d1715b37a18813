// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Planted mistakes in lists of a struct mmu_notifier_mm, each found where the
// same code without it is clean.

#include "tests/unit/notifier/mm_list_fixture.h"

namespace mmfault::notifier {
namespace {

using faults::ActionKind;
using faults::Point;
using kernel::Mutant;

class MmListMutantTest : public MmListTest {};
INSTANTIATE_TEST_SUITE_P(MmList, MmListMutantTest, EveryMmList(), TestNameOf);

TEST_P(MmListMutantTest, APartOfTheLocksIsKept) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksKeepsPart));
  scene.world.Arm(Point::kMmLockLock, ActionKind::kSignal, kSigUsr1, 1);
  EXPECT_EQ(scene.RegisterNow(), -EINTR);
  EXPECT_TRUE(scene.world.Violated(Checker::kLocksBalanced));
}

TEST_P(MmListMutantTest, MappingsAreSkipped) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksSkipsMappings));
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kStartEndPaired)) << seen.Text();
}

TEST_P(MmListMutantTest, MarksAreIgnored) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksIgnoresMarks));
  scene.world.Try(RegisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoSelfDeadlock));
}

TEST_P(MmListMutantTest, NoMutexOrdersTheTakers) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksNoMutex));
  OtherMm other(&scene);
  scene.world.Spawn("first", RegisterIt, &scene);
  scene.world.Spawn("second", OtherMm::RegisterIt, &other);
  const Exploration seen = scene.world.Explore(kSchedules);
  EXPECT_TRUE(seen.Found(Checker::kLocksBalanced)) << seen.Text();
}

TEST_P(MmListMutantTest, AFlagIsLeft) {
  Scene scene(protocol(), WithMutant(Mutant::kAllLocksLeavesFlag));
  scene.world.Try(RegisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kLockFlagsClear) ||
              scene.world.Violated(Checker::kLocksBalanced))
      << scene.world.Violations();
}

// The peer takes the locks first; both come to the list at about one time.
Exploration LinkRace(const Protocol& protocol,
                     const sched::WorldOptions& options) {
  Scene scene(protocol, options);
  EXPECT_EQ(scene.RegisterNow(), 0);
  Peer peer(&scene);
  scene.world.Arm(Point::kUnregisterEnter, ActionKind::kYield, kLong / 3);
  scene.world.Spawn("peer", Peer::RegisterIt, &peer);
  scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  return scene.world.Explore(10 * kSchedules);
}

TEST_P(MmListMutantTest, LinksWithoutTheListLock) {
  const Exploration sound = LinkRace(protocol(), {});
  EXPECT_TRUE(sound.Clean()) << sound.Text();
  const Exploration seen =
      LinkRace(protocol(), WithMutant(Mutant::kLinkWithoutListLock));
  EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
}

TEST_P(MmListMutantTest, RegistersWithoutAPin) {
  Scene scene(protocol(), WithMutant(Mutant::kRegisterWithoutPin));
  ASSERT_EQ(scene.RegisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  scene.world.Try(UnregisterIt, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoUseAfterFree));
}

TEST_P(MmListMutantTest, WalksAreNotWaitedFor) {
  for (const Mutant mutant :
       {Mutant::kUnregisterWithoutGrace, Mutant::kWalkWithoutReadSection}) {
    Scene scene(protocol(), WithMutant(mutant));
    ASSERT_EQ(scene.RegisterNow(), 0);
    scene.world.Spawn("truncater", Scene::Truncate, &scene);
    scene.world.Spawn("client", Scene::UnregisterAndFree, &scene);
    const Exploration seen = scene.world.Explore(kSchedules);
    EXPECT_TRUE(seen.Found(Checker::kNoUseAfterFree)) << seen.Text();
  }
}

TEST_P(MmListMutantTest, UnregisterDoesNotRelease) {
  Scene scene(protocol(), WithMutant(Mutant::kUnregisterWithoutRelease));
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  ASSERT_EQ(scene.UnregisterNow(), 0);
  scene.world.Do(Scene::Exit, &scene);
  EXPECT_TRUE(scene.world.Violated(Checker::kNoStaleSecondaryMapping));
}

// P21: the pages go while the release that unregister runs is on its way.
Exploration ExitRace(const Protocol& protocol,
                     const sched::WorldOptions& options) {
  Scene scene(protocol, options);
  EXPECT_EQ(scene.RegisterNow(), 0);
  EXPECT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Arm(Point::kUnregisterUnlinked, ActionKind::kYield, kLong);
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("client", UnregisterIt, &scene);
  return scene.world.Explore(kSchedules);
}

// Who releases first needs no grace period for it.
class ExitGraceTest : public MmListTest {};
INSTANTIATE_TEST_SUITE_P(MmList, ExitGraceTest, UnlinksFirst(), TestNameOf);

TEST_P(ExitGraceTest, ExitDoesNotWait) {
  const Exploration sound = ExitRace(protocol(), {});
  EXPECT_TRUE(sound.Clean()) << sound.Text();
  const Exploration seen =
      ExitRace(protocol(), WithMutant(Mutant::kExitWithoutGrace));
  EXPECT_TRUE(seen.Found(Checker::kNoStaleSecondaryMapping)) << seen.Text();
}

}  // namespace
}  // namespace mmfault::notifier
