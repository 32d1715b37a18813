// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a notifier class can be explored in a GoogleTest, by re-execution.
// Method: a right and a wrong driver, one that answers from memory it must not
// have, engines against each other, a capsule.

#include "clients/testing/testing.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace mmfault {
namespace {

using testing::Breaks;
using testing::Exploration;
using testing::ExploreOptions;
using ::testing::HasSubstr;
using testing::Holds;
using ::testing::Not;

constexpr char kTruncate[] = R"pb(
  id: "truncate"
  protocols: "6.1"
  world { rmap_lock: RMAP_LOCK_MUTEX }
  notifier { id: "n0" }
  file { id: "f" size_pages: 2 }
  mm {
    id: "m0"
    vma {
      start: 0x20000
      end: 0x22000
      file { file: "f" shared: true }
      populated: true
    }
  }
  task {
    id: "driver"
    mm: "m0"
    step { register { notifier: "n0" } }
    step { establish { notifier: "n0" address: 0x20000 write: true } }
  }
  task {
    id: "truncater"
    step { truncate { file: "f" size_pages: 0 } }
  }
)pb";

// Drops what it is told to drop.
class Right : public client::RemoteNotifier {
 public:
  using RemoteNotifier::RemoteNotifier;
  int InvalidateRangeStart(client::Callback& call) override {
    call.DroppedRange();
    return 0;
  }
  int InvalidateRangeEnd(client::Callback& /*call*/) override { return 0; }
  int InvalidatePage(client::Callback& call) override {
    call.DroppedRange();
    return 0;
  }
  int Release(client::Callback& call) override {
    call.DroppedRange();
    return 0;
  }
};

// Keeps the mappings of a truncated file.
class Wrong : public Right {
 public:
  using Right::Right;
  int InvalidateRangeStart(client::Callback& /*call*/) override { return 0; }
};

// Drops or not by how often anybody ever asked.
int asked = 0;
class Fickle : public Right {
 public:
  using Right::Right;
  int InvalidateRangeStart(client::Callback& call) override {
    if (++asked % 2 == 0) {
      call.DroppedRange();
    }
    return 0;
  }
};

template <typename Driver>
ExploreOptions With(const std::string& strategy) {
  ExploreOptions options;
  options.strategy = strategy;
  const bool draws = strategy == "random" || strategy == "pct";
  options.schedule_count = draws ? 500 : 0;
  options.notifiers["n0"] = [] { return std::make_unique<Driver>("n0"); };
  return options;
}

TEST(TestingTest, ARightDriverHoldsInEveryInterleaving) {
  for (const char* strategy : {"auto", "dpor", "dfs", "bounded", "random"}) {
    const Exploration found =
        testing::Explore(kTruncate, With<Right>(strategy));
    EXPECT_THAT(found, Holds()) << strategy;
    ASSERT_EQ(found.cases.size(), 1U);
    EXPECT_GT(found.cases[0].schedule_count(), 1) << strategy;
  }
}

TEST(TestingTest, AWrongDriverIsFoundByEveryEngineWithItsStory) {
  for (const char* strategy : {"auto", "dpor", "dfs", "bounded", "pct"}) {
    const Exploration found =
        testing::Explore(kTruncate, With<Wrong>(strategy));
    EXPECT_THAT(found, Breaks("no_stale_secondary_mapping")) << strategy;
    EXPECT_THAT(found, Not(Holds()));
    EXPECT_THAT(found.story, HasSubstr("** no_stale_secondary_mapping"));
    EXPECT_THAT(found.story, HasSubstr("truncater"));
  }
}

TEST(TestingTest, AMemoryBesideTheWorldIsNoticed) {
  asked = 0;
  const Exploration found = testing::Explore(kTruncate, With<Fickle>("dfs"));
  ASSERT_EQ(found.cases.size(), 1U) << found.error;
  EXPECT_EQ(found.cases[0].explore().outcome(),
            v1::ExploreReport::OUTCOME_NONDETERMINISTIC);
  EXPECT_THAT(found, Not(Holds()));
}

TEST(TestingTest, StatesOfAClassCannotBeCompared) {
  EXPECT_THAT(testing::Explore(kTruncate, With<Right>("stateful")).error,
              HasSubstr("remote notifier"));
}

TEST(TestingTest, SaysWhatIsWrongWithAScenario) {
  EXPECT_THAT(testing::Explore("task {", {}).error, HasSubstr("scenario:1"));
  ExploreOptions options = With<Right>("dpor");
  options.notifiers["n7"] = options.notifiers["n0"];
  EXPECT_THAT(testing::Explore(kTruncate, options).error, HasSubstr("n7"));
}

TEST(TestingTest, ACapsuleFailsTheSameWay) {
  std::string wrong = kTruncate;
  const std::string plain = "notifier { id: \"n0\" }";
  wrong.replace(
      wrong.find(plain), plain.size(),
      "notifier { id: \"n0\" modelled { forgets_invalidate: true } }");
  const Exploration found = testing::Explore(wrong, {});
  ASSERT_THAT(found, Breaks("no_stale_secondary_mapping"));
  const auto capsule = [&](const std::string& scenario) {
    return "format_version: 2 protocol: \"6.1\" step_budget: 1000 decisions: "
           "\"" +
           found.cases[0].violations(0).decisions() + "\" scenario { " +
           scenario + " }";
  };
  EXPECT_THAT(testing::Replay(capsule(wrong)),
              Breaks("no_stale_secondary_mapping"));
  EXPECT_THAT(testing::Replay(capsule(kTruncate)), Holds());
  EXPECT_THAT(testing::Replay("nonsense").error, HasSubstr("does not parse"));
}

}  // namespace
}  // namespace mmfault
