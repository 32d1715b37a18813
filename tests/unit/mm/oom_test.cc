// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The OOM reaper and process_mrelease(): starts that may not block, what is
// spared, and the end of the mm at the same time.

#include "gtest/gtest.h"
#include "server/kernel/errno.h"
#include "server/mm/fork.h"
#include "server/mm/mmap.h"
#include "server/mm/oom_kill.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

using kernel::Mutant;

device::Behaviour Refusing(int32_t rc) {
  device::Behaviour behaviour;
  behaviour.unimplemented = device::Bit(notifier::Method::kInvalidateRangeEnd);
  behaviour.answer_count = 1;
  behaviour.answers[0].method = notifier::Method::kInvalidateRangeStart;
  behaviour.answers[0].only_nonblocking = true;
  behaviour.answers[0].rc = rc;
  return behaviour;
}

int Release(NotifiedMm* mm, bool dying) {
  return mm->Do([=] { return process_mrelease(mm->mm(), dying); });
}
int Reap(NotifiedMm* mm) {
  return mm->Do([=] { return oom_reap_task_mm(mm->mm()); });
}

TEST(OomTest, OnlyADyingProcessIsReleased) {
  NotifiedMm mm("6.1");
  mm.Map(0, 4, kRw);
  mm.Write(0, 2);
  EXPECT_EQ(Release(&mm, false), -EINVAL);
  EXPECT_EQ(mm.Calls(), "");
  EXPECT_EQ(Release(&mm, true), 0);
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-4 R nb, IR 0-4, E 0-4, IR 0-2");
  EXPECT_EQ(mm.pages_live(), 0U);
  EXPECT_EQ(Release(&mm, true), 0);  // again, though nothing is left
  EXPECT_EQ(mm.Calls(), "S UNMAP 0-4 R nb, IR 0-4, E 0-4");
  EXPECT_EQ(mm.Write(0, 1), -EFAULT);
  EXPECT_EQ(mm.world().Violations(), "");
}

TEST(OomTest, SharedFilesAndHugetlbAreSpared) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw | VM_SHARED, NewFile(1, 1));
  mm.Map(2, 3, kRw, NewFile(1, 1));
  mm.Map(512, 1024, kRw, NewFile(512, 512, FileKind::kHugetlb));
  mm.Write(0, 1);
  mm.Write(2, 3);
  mm.Write(512, 513);
  EXPECT_EQ(Reap(&mm), 0);
  EXPECT_EQ(mm.Calls(), "S UNMAP 2-3 R nb, IR 2-3, E 2-3, IR 2-3");
  EXPECT_NE(mm.PageAt(0), nullptr);
  EXPECT_NE(mm.PageAt(512), nullptr);
}

TEST(OomTest, VmasInOrderAndLaterBackwardsAndAsClear) {
  for (const char* protocol : {"6.12", "7.3"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 1, kRw);
    mm.Map(2, 3, kRw);
    EXPECT_EQ(Reap(&mm), 0);
    EXPECT_EQ(mm.Calls(), std::string(protocol) == "6.12"
                              ? "S UNMAP 0-1 R nb, E 0-1, S UNMAP 2-3 R nb, "
                                "E 2-3"
                              : "S CLEAR 2-3 R nb, E 2-3, S CLEAR 0-1 R nb, "
                                "E 0-1");
  }
}

TEST(OomTest, TheReaperSkipsWhatIsReaped) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  EXPECT_EQ(Reap(&mm), 0);
  mm.Calls();
  EXPECT_EQ(Reap(&mm), 0);
  EXPECT_EQ(Release(&mm, true), 0);
  EXPECT_EQ(Release(&mm, false), 0);  // no error: the work is done
  EXPECT_EQ(mm.Calls(), "");
}

TEST(OomTest, ARefusedVmaIsLeftAlone) {
  for (const int rc : {-EAGAIN, -EINVAL}) {
    NotifiedMm mm("6.1", {}, Refusing(rc));
    mm.Map(0, 1, kRw);
    mm.Map(2, 3, kRw);
    mm.Write(0, 1);
    EXPECT_EQ(Release(&mm, true), -EAGAIN);
    EXPECT_EQ(mm.Calls(), "S UNMAP 0-1 R nb, S UNMAP 2-3 R nb");
    EXPECT_NE(mm.PageAt(0), nullptr);
    EXPECT_EQ(Reap(&mm), -EAGAIN);
    EXPECT_EQ(mm.mm()->flags & MMF_OOM_SKIP, 0U);
  }
}

TEST(OomTest, TheReaperDoesNotWaitForMmapLock) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  struct Holder {
    static sched::Task<int> Run(mm_struct* mm) {
      co_await kernel::down_write(&mm->mmap_sem, "test");
      const int rc = co_await oom_reap_task_mm(mm);
      co_await kernel::up_write(&mm->mmap_sem, "test");
      co_return rc;
    }
  };
  EXPECT_EQ(mm.Do([&] { return Holder::Run(mm.mm()); }), -EAGAIN);
  EXPECT_EQ(mm.Calls(), "");
}

// P45: what was refused is zapped all the same, and the device knows nothing.
TEST(OomMutantTest, ZappingAgainstARefusalIsFound) {
  for (const bool mutated : {false, true}) {
    NotifiedMm mm("6.1",
                  mutated ? std::initializer_list<
                                kernel::Mutant>{Mutant::kReaperIgnoresRefusal}
                          : std::initializer_list<kernel::Mutant>{},
                  Refusing(-EAGAIN));
    mm.Map(0, 1, kRw);
    mm.Write(0, 1);
    mm.Establish(0);
    Release(&mm, true);
    EXPECT_EQ(mm.world().Violated(trace::Checker::kPteChangesAnnounced),
              mutated);
  }
}

// P66: the reaper against exit_mmap(), in every order.
TEST(OomMutantTest, ReaperAgainstExit) {
  for (const bool mutated : {false, true}) {
    NotifiedMm mm(
        "6.1",
        mutated
            ? std::initializer_list<kernel::Mutant>{Mutant::kReaperIgnoresSkip}
            : std::initializer_list<kernel::Mutant>{});
    mm.Map(0, 2, kRw);
    mm.Map(4, 6, kRw);
    mm.Write(0, 2);
    mm.Write(4, 5);
    mm.mm()->mm_count.counter += 1;  // mark_oom_victim()
    mm.world().Spawn(
        "exit",
        [](void* arg) -> sched::Task<> {
          co_await mmput(static_cast<mm_struct*>(arg));
        },
        mm.mm());
    mm.world().Spawn(
        "oom_reaper",
        [](void* arg) -> sched::Task<> {
          for (int i = 0; i < 60; ++i) {  // as long as an exit takes
            co_await kernel::Yield("test");
          }
          co_await oom_reap_task_mm(static_cast<mm_struct*>(arg));
        },
        mm.mm());
    const testing_support::Exploration seen = mm.world().Explore(1000);
    EXPECT_EQ(seen.Found(trace::Checker::kNoUseAfterFree), mutated)
        << seen.Text();
    if (!mutated) {
      EXPECT_TRUE(seen.Clean()) << seen.Text();
    }
  }
}

}  // namespace
}  // namespace mmfault::mm
