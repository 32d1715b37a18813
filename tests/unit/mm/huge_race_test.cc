// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Huge pages, hugetlb, KSM, migration and the reaper, by several tasks at once
// that do random things, with a device that maps what it can get: no rule is
// broken and nothing is left over.

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/device/device.h"
#include "server/mm/fork.h"
#include "server/mm/huge_memory.h"
#include "server/mm/khugepaged.h"
#include "server/mm/ksm.h"
#include "server/mm/memory.h"
#include "server/mm/migrate.h"
#include "server/mm/mmap.h"
#include "server/mm/oom_kill.h"
#include "server/mm/page.h"
#include "server/mm/page_table.h"
#include "server/mm/rmap.h"
#include "server/mm/task_mmu.h"
#include "server/mm/vmscan.h"
#include "server/notifier/protocols.h"
#include "server/notifier/registration.h"
#include "tests/support/world_fixture.h"

namespace mmfault::mm {
namespace {

using testing_support::TestWorld;

constexpr uint64_t kBase = uint64_t{1} << 30;
constexpr uint64_t kRw = VM_READ | VM_WRITE;
constexpr uint64_t kRounds = 40;
constexpr uint64_t kSlots = 3;  // of 2 MiB

struct Stage {
  Object object;
  Cell<mm_struct*> mm;
  Cell<address_space*> file;
  Cell<address_space*> huge_file;
  Cell<device::device*> dev;
  Cell<uint64_t> seed;
};

// A range inside the window: whole slots, or a few pages.
struct Range {
  uint64_t start;
  uint64_t end;
};
Range RandomRange(base::Prng* prng) {
  const uint64_t slot = prng->Below(kSlots);
  const uint64_t start = kBase + slot * kHugeSize;
  if (prng->Below(2) == 0) {
    return {start, start + kHugeSize};
  }
  const uint64_t from = start + uint64_t{prng->Below(8)} * kPageSize;
  return {from, from + uint64_t{1 + prng->Below(4)} * kPageSize};
}

sched::Task<> MapSlot(Stage* stage, base::Prng* prng) {
  const uint64_t start = kBase + uint64_t{prng->Below(kSlots)} * kHugeSize;
  const uint64_t shared = prng->Below(2) == 0 ? VM_SHARED : 0;
  const uint64_t advice = prng->Below(3) == 0 ? 0 : VM_HUGEPAGE;
  switch (prng->Below(4)) {
    case 0:
      co_await do_mmap(stage->mm, start, start + kHugeSize, kRw | shared,
                       stage->file, 0);
      break;
    case 1:
      co_await do_mmap(stage->mm, start, start + kHugeSize, kRw | shared,
                       stage->huge_file, 0);
      break;
    default:
      co_await do_mmap(stage->mm, start, start + kHugeSize, kRw | advice,
                       nullptr, 0);
  }
}

sched::Task<> Touch(mm_struct* mm, base::Prng* prng) {
  const Range r = RandomRange(prng);
  const bool write = prng->Below(3) != 0;
  for (uint64_t i = 0; i < 3; ++i) {
    co_await access_page(mm, r.start + i * kPageSize, write);
  }
}

sched::Task<> Advise(Stage* stage, base::Prng* prng) {
  const Range r = RandomRange(prng);
  mm_struct* mm = stage->mm;
  switch (prng->Below(7)) {
    case 0:
      co_await hugepage_madvise(mm, r.start, r.end, prng->Below(4) != 0);
      break;
    case 1:
      co_await ksm_madvise(mm, r.start, r.end, prng->Below(3) != 0);
      break;
    case 2:
      co_await madvise_collapse(mm, HugeStart(r.start),
                                HugeStart(r.start) + kHugeSize);
      break;
    case 3:
      co_await do_madvise(mm, r.start, r.end, Advice::kFree);
      break;
    case 4:
      co_await do_madvise(mm, r.start, r.end, Advice::kPageout);
      break;
    default:
      co_await do_madvise(mm, r.start, r.end, Advice::kDontneed);
  }
}

sched::Task<> Change(Stage* stage, base::Prng* prng) {
  const Range r = RandomRange(prng);
  mm_struct* mm = stage->mm;
  switch (prng->Below(4)) {
    case 0:
      co_await do_munmap(mm, r.start, r.end);
      break;
    case 1:
      co_await do_mremap(
          mm, {r.start, r.end, r.end - r.start,
               kBase + 4 * kHugeSize + uint64_t{prng->Below(2)} * kPageSize,
               false});
      break;
    default:
      co_await do_mprotect(mm, r.start, r.end,
                           prng->Below(2) == 0 ? VM_READ : kRw);
  }
}

sched::Task<> System(Stage* stage, base::Prng* prng) {
  const Range r = RandomRange(prng);
  switch (prng->Below(6)) {
    case 0:
      co_await do_pages_move(stage->mm, r.start, r.end);
      break;
    case 1:
      co_await clear_refs_write(stage->mm, prng->Below(2) == 0
                                               ? ClearRefs::kSoftDirty
                                               : ClearRefs::kReferenced);
      break;
    case 2:
      co_await collapse_file(stage->file, 0);
      break;
    case 3:
      co_await do_truncate(stage->file, prng->Below(2) == 0 ? 3 : 512);
      break;
    case 4:
      co_await do_truncate(stage->huge_file, prng->Below(2) == 0 ? 0 : 512);
      break;
    default:
      co_await reclaim_page(stage->mm, r.start);
  }
}

// A child that is written to, perhaps reaped, and dies.
sched::Task<> Fork(Stage* stage, base::Prng* prng) {
  mm_struct* child = mm_alloc();
  co_await dup_mmap(child, stage->mm);
  co_await Touch(child, prng);
  if (prng->Below(2) == 0) {
    co_await oom_reap_task_mm(child);
  }
  co_await mmput(child);
}

sched::Task<> Worker(void* arg) {
  auto* stage = static_cast<Stage*>(arg);
  base::Prng prng(stage->seed);
  for (uint64_t i = 0; i < kRounds; ++i) {
    const uint32_t what = prng.Below(16);
    const Range r = RandomRange(&prng);
    if (what < 3) {
      co_await MapSlot(stage, &prng);
    } else if (what < 6) {
      co_await Touch(stage->mm, &prng);
    } else if (what < 8) {
      co_await device::establish(stage->dev, stage->mm, r.start,
                                 prng.Below(2) == 0);
    } else if (what < 10) {
      co_await Advise(stage, &prng);
    } else if (what < 12) {
      co_await Change(stage, &prng);
    } else if (what < 15) {
      co_await System(stage, &prng);
    } else {
      co_await Fork(stage, &prng);
    }
  }
  co_await mmput(stage->mm);
}

sched::Task<> Ksmd(void* /*arg*/) {
  for (int i = 0; i < 2; ++i) {
    co_await ksm_do_scan();
  }
}

Stage* SetUp(TestWorld* world, uint64_t seed) {
  auto* stage = (*world)->New<Stage>(ObjType::kNone);
  stage->mm = world->NewMm();
  stage->file = NewFile(512, 512);
  stage->huge_file = NewFile(512, 512, FileKind::kHugetlb);
  stage->dev = device::NewDevice({}, false);
  stage->seed = seed;
  const int rc = testing_support::Call<int>(world, [=] {
    return notifier::Register(world->protocol(), &stage->dev->mn, stage->mm);
  });
  EXPECT_EQ(rc, 0);
  return stage;
}

void RunOnce(const char* protocol, uint64_t seed) {
  sched::WorldOptions options;
  options.rmap_lock = sched::LockKind::kMutex;
  options.seed = seed;
  TestWorld world(*notifier::FindProtocol(protocol), options);
  const Stage* first = SetUp(&world, seed * 10);
  for (uint64_t i = 1; i <= 3; ++i) {
    auto* stage = world->New<Stage>(ObjType::kNone);
    stage->mm = first->mm.get();
    stage->file = first->file.get();
    stage->huge_file = first->huge_file.get();
    stage->dev = first->dev.get();
    stage->seed = seed * 10 + i;
    stage->mm->mm_users.counter += i == 1 ? 0 : 1;
    world.Spawn("worker", Worker, stage);
  }
  world.Spawn("ksmd", Ksmd, nullptr);
  ASSERT_EQ(world.Run(seed), sched::RunStop::kFinished)
      << protocol << " seed " << seed << ": " << world.Violations();
  address_space* file = first->file;
  address_space* huge_file = first->huge_file;
  testing_support::Call<int>(&world, [=] { return do_truncate(file, 0); });
  testing_support::Call<int>(&world, [=] { return do_truncate(huge_file, 0); });
  EXPECT_EQ(world.Violations(), "") << protocol << " seed " << seed;
  EXPECT_EQ(State()->pages_live, 1U) << protocol << " seed " << seed;
  EXPECT_EQ(State()->zero_page->refcount.counter, 1) << "seed " << seed;
  EXPECT_EQ(State()->zero_page->mapcount, 0U) << "seed " << seed;
}

class HugeRaceTest : public ::testing::TestWithParam<const char*> {};

TEST_P(HugeRaceTest, BreaksNoRuleAndLeaksNothing) {
  for (uint64_t seed = 1; seed <= 400 && !HasFailure(); ++seed) {
    RunOnce(GetParam(), seed);
  }
}

INSTANTIATE_TEST_SUITE_P(Eras, HugeRaceTest,
                         ::testing::Values("6.1", "6.12", "7.3"));

}  // namespace
}  // namespace mmfault::mm
