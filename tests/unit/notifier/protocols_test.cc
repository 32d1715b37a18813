// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The registry, and what every protocol owes whatever its design: facts that
// agree with each other, a life without a race that is clean, and steps that
// can be taken back.

#include "server/notifier/protocols.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "server/kernel/errno.h"
#include "tests/unit/notifier/scene.h"

namespace mmfault::notifier {
namespace {

TEST(ProtocolsTest, FindsByIdAndSuggests) {
  EXPECT_EQ(FindProtocol("v11")->id, "v11");
  EXPECT_EQ(FindProtocol("v99"), nullptr);
  EXPECT_EQ(FindProtocol(""), nullptr);
  EXPECT_EQ(NearestProtocolId("seed_flag"), "seed_flags");
  EXPECT_EQ(NearestProtocolId("emm_v4").substr(0, 4), "emm_");
  EXPECT_EQ(NearestProtocolId("nothing like it at all"), "");
}

class EveryProtocolTest : public ::testing::TestWithParam<const Protocol*> {
 protected:
  const Protocol& protocol() const { return *GetParam(); }
  bool MayReturn(int rc) const {
    const auto errors = protocol().register_errors;
    return std::find(errors.begin(), errors.end(), rc) != errors.end();
  }
};
INSTANTIATE_TEST_SUITE_P(Registry, EveryProtocolTest,
                         ::testing::ValuesIn(AllProtocols()),
                         [](const auto& info) {
                           std::string name(info.param->id);
                           std::replace(name.begin(), name.end(), '.', '_');
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(EveryProtocolTest, FactsAgree) {
  EXPECT_EQ(FindProtocol(protocol().id), &protocol());
  EXPECT_FALSE(protocol().title.empty());
  EXPECT_FALSE(protocol().source.empty());
  EXPECT_FALSE(protocol().locking.empty());
  ASSERT_NE(protocol().era, nullptr);
  EXPECT_NE(protocol().mmu_notifier_register, nullptr);
  EXPECT_EQ(protocol().tests_signals, MayReturn(-EINTR));
  EXPECT_EQ(protocol().allocates, MayReturn(-ENOMEM));
  EXPECT_EQ(protocol().tests_capability, MayReturn(-EPERM));
  EXPECT_EQ(protocol().tests_signals, protocol().signal_bound_factor != 0);
  EXPECT_EQ(protocol().era->invalidate_page != nullptr,
            protocol().era->page_hook == mm::PageHook::kInvalidatePage);
}

// The flaw that a design shows in any life: the order of lock classes (P36), or
// that it cannot register at all.
bool InvertsClasses(const Protocol& protocol) {
  return protocol.id == "v14" || protocol.id == "v15" || protocol.id == "v16";
}

TEST_P(EveryProtocolTest, LifeWithoutARaceIsClean) {
  if (protocol().id == "seed_flags_naive") {
    GTEST_SKIP() << "locks itself out: two VMAs of one file";
  }
  Scene scene(protocol());
  ASSERT_EQ(scene.RegisterNow(), 0);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Reclaim, &scene);
  ASSERT_EQ(scene.EstablishNow(kFilePage), 0);
  scene.world.Do(Scene::Truncate, &scene);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::DontNeed, &scene);
  ASSERT_EQ(scene.EstablishNow(kAnonPage), 0);
  scene.world.Do(Scene::Unmap, &scene);
  EXPECT_EQ(scene.dev->spte_count, 0U);
  scene.world.Do(Scene::Exit, &scene);
  if (InvertsClasses(protocol())) {
    EXPECT_TRUE(
        scene.world.Violated(Checker::kLockOrder, Cause::kLockClassCycle));
    EXPECT_EQ(scene.world->state().violated,
              1U << static_cast<int>(Checker::kLockOrder));
  } else {
    EXPECT_EQ(scene.world.Violations(), "");
  }
}

TEST_P(EveryProtocolTest, StepsOfARaceAreUndone) {
  Scene scene(protocol());
  scene.world.Spawn("exiter", Scene::Exit, &scene);
  scene.world.Spawn("truncater", Scene::Truncate, &scene);
  scene.world.Spawn("client", Scene::RegisterAndMapFile, &scene);
  const uint64_t before = scene.world->StateHash();
  scene.world->SetUndo(true);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    scene.world.Run(seed, 50 * seed);
    EXPECT_NE(scene.world->StateHash(), before);
    scene.world->UndoTo(0);
    EXPECT_EQ(scene.world->StateHash(), before);
  }
}

}  // namespace
}  // namespace mmfault::notifier
