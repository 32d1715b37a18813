// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The checker of pte changes, both ways: each planted mistake is found in the
// designs that have the rule, and the same operations without it are not
// accused.

#include "server/mm/announce.h"

#include <functional>

#include "gtest/gtest.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

using kernel::Mutant;
using trace::Checker;

constexpr const char* kProtocols[] = {"emm_v3", "v11",  "2.6.27", "3.10",
                                      "6.1",    "6.12", "7.3"};

struct Mistake {
  const char* name;
  Mutant mutant;
  std::function<void(NotifiedMm*)> provoke;
};

const Mistake kMistakes[] = {
    {"Zap", Mutant::kZapUnannounced,
     [](NotifiedMm* mm) { mm->Dontneed(0, 4); }},
    {"Mprotect", Mutant::kMprotectUnannounced,
     [](NotifiedMm* mm) { mm->Protect(0, 2, VM_READ); }},
    {"Fork", Mutant::kForkUnannounced,
     [](NotifiedMm* mm) { mm->Put(mm->Fork()); }},
    {"CowOrder", Mutant::kCowOrder,
     [](NotifiedMm* mm) {
       mm_struct* child = mm->Fork();
       mm->Write(1, 2);
       mm->Put(child);
     }},
    {"Mremap", Mutant::kMremapTellsNewRange,
     [](NotifiedMm* mm) {
       mm->Do([mm] {
         return do_mremap(mm->mm(), {.start = At(0),
                                     .end = At(4),
                                     .new_size = 4 * kPageSize,
                                     .new_start = At(16),
                                     .dontunmap = false});
       });
     }},
};

class AnnounceTest : public ::testing::TestWithParam<Mistake> {};

bool Found(const char* protocol, const Mistake& mistake, bool planted) {
  NotifiedMm mm(protocol, planted
                              ? std::initializer_list<Mutant>{mistake.mutant}
                              : std::initializer_list<Mutant>{});
  mm.Map(0, 4, kRw);
  mm.Write(0, 4);
  mistake.provoke(&mm);
  EXPECT_TRUE(planted || mm.world().Violations().empty())
      << mm.world().Violations();
  return mm.world().Violated(Checker::kPteChangesAnnounced);
}

TEST_P(AnnounceTest, IsFoundWhereItIsAndNowhereElse) {
  for (const char* protocol : kProtocols) {
    EXPECT_TRUE(Found(protocol, GetParam(), true)) << protocol;
    EXPECT_FALSE(Found(protocol, GetParam(), false)) << protocol;
  }
}

INSTANTIATE_TEST_SUITE_P(Mistakes, AnnounceTest, ::testing::ValuesIn(kMistakes),
                         [](const auto& param) {
                           return std::string(param.param.name);
                         });

// Nobody watches: nobody needs to be told.
TEST(AnnounceCheckerTest, AnMmWithoutNotifiersMayChangeInSilence) {
  testing_support::TestWorld world(*notifier::FindProtocol("v11"), [] {
    sched::WorldOptions options;
    options.mutants.set(static_cast<size_t>(Mutant::kZapUnannounced));
    return options;
  }());
  mm_struct* mm = world.NewMm();
  testing_support::Call<int>(
      &world, [mm] { return do_mmap(mm, At(0), At(1), kRw, nullptr, 0); });
  testing_support::Call<int>(&world,
                             [mm] { return access_page(mm, At(0), true); });
  testing_support::Call<int>(
      &world, [mm] { return do_madvise(mm, At(0), At(1), Advice::kDontneed); });
  EXPECT_EQ(world.Violations(), "");
}

// A section of another task, however wide, is not this task's.
TEST(AnnounceCheckerTest, AnothersSectionDoesNotCount) {
  NotifiedMm mm("6.1", {Mutant::kZapUnannounced});
  mm.Map(0, 4, kRw);
  mm.Write(0, 4);
  struct Tasks {
    static sched::Task<> Announce(void* arg) {
      mmu_notifier_range range{static_cast<mm_struct*>(arg), At(0), At(4),
                               Event::kClear, true};
      co_await NotifyRangeStart(&range);
      co_await kernel::Yield("test");
      co_await NotifyRangeEnd(&range);
    }
    static sched::Task<> Zap(void* arg) {
      co_await do_madvise(static_cast<mm_struct*>(arg), At(0), At(1),
                          Advice::kDontneed);
    }
  };
  mm.world().Spawn("announcer", Tasks::Announce, mm.mm());
  mm.world().Spawn("zapper", Tasks::Zap, mm.mm());
  const testing_support::Exploration seen = mm.world().Explore(50);
  EXPECT_EQ(seen.Runs(Checker::kPteChangesAnnounced), 50);
}

}  // namespace
}  // namespace mmfault::mm
