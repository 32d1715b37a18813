// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Locks of single VMAs: faults run beside mmap_lock, and whoever changes a VMA
// waits for them.

#include "server/mm/vma_lock.h"

#include "gtest/gtest.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/vma.h"
#include "server/notifier/registration.h"
#include "tests/unit/mm/notified_mm.h"

namespace mmfault::mm {
namespace {

using kernel::Mutant;
using testing_support::Exploration;

// What a reader gets while mmap_lock is held for write, before and after the
// VMA is locked.
struct WriterFirst {
  Object object;
  Cell<mm_struct*> mm;
  Cell<int> stage;
  Cell<bool> got_before;
  Cell<bool> got_after;

  static sched::Task<> Write(void* arg) {
    auto* w = static_cast<WriterFirst*>(arg);
    co_await mmap_write_lock(w->mm, "test");
    w->stage = 1;
    while (w->stage != 2) {
      co_await kernel::Yield("test");
    }
    co_await vma_start_write(find_vma(w->mm, At(0)));
    w->stage = 3;
    while (w->stage != 4) {
      co_await kernel::Yield("test");
    }
    co_await mmap_write_unlock(w->mm, "test");
  }
  static sched::Task<> Read(void* arg) {
    auto* w = static_cast<WriterFirst*>(arg);
    while (w->stage != 1) {
      co_await kernel::Yield("test");
    }
    vm_area_struct* vma = co_await lock_vma_under_rcu(w->mm, At(0));
    w->got_before = vma != nullptr;
    co_await vma_end_read(vma);
    w->stage = 2;
    while (w->stage != 3) {
      co_await kernel::Yield("test");
    }
    vma = co_await lock_vma_under_rcu(w->mm, At(0));
    w->got_after = vma != nullptr;
    w->stage = 4;
  }
};

TEST(VmaLockTest, OnlyALockedVmaIsDenied) {
  NotifiedMm mm("6.12");
  mm.Map(0, 4, kRw);
  auto* w = mm.world()->New<WriterFirst>(ObjType::kNone);
  w->mm = mm.mm();
  mm.world().Spawn("writer", WriterFirst::Write, w);
  mm.world().Spawn("reader", WriterFirst::Read, w);
  EXPECT_EQ(mm.world().Run(1), sched::RunStop::kFinished);
  EXPECT_TRUE(w->got_before);
  EXPECT_FALSE(w->got_after);
  // And free again since mmap_lock was dropped.
  mm.Write(0, 1);
  mm_struct* child = mm.Fork();
  mm.Calls();
  mm.Write(0, 1);
  EXPECT_EQ(mm.Calls(), "S CLEAR 0-1 -, E 0-1");
  mm.Put(child);
}

struct Racers {
  static sched::Task<> Fault(void* arg) {
    co_await access_page(static_cast<mm_struct*>(arg), At(0), true);
  }
  static sched::Task<> Unmap(void* arg) {
    co_await do_munmap(static_cast<mm_struct*>(arg), At(0), At(2));
  }
};

TEST(VmaLockTest, AFaultAndAnUnmapDoNotMeet) {
  for (const char* protocol : {"6.12", "7.3"}) {
    NotifiedMm mm(protocol);
    mm.Map(0, 2, kRw);
    mm.world().Spawn("fault", Racers::Fault, mm.mm());
    mm.world().Spawn("munmap", Racers::Unmap, mm.mm());
    const Exploration seen =
        mm.world().Explore(500, [&] { EXPECT_EQ(mm.pages_live(), 0U); });
    EXPECT_TRUE(seen.Clean()) << seen.Text();
  }
}

// P01, P04: a copy on write holds the lock of its VMA and no other, so a
// registration must take that too.
struct Registrar {
  const notifier::Protocol* protocol;
  device::device* dev;
  mm_struct* mm;

  static sched::Task<> Register(void* arg) {
    const auto* r = static_cast<Registrar*>(arg);
    co_await notifier::Register(*r->protocol, &r->dev->mn, r->mm);
  }
};

Exploration RegisterDuringCopy(std::initializer_list<Mutant> mutants) {
  NotifiedMm mm("6.12", mutants);
  mm.Map(0, 2, kRw);
  mm.Write(0, 1);
  mm.Fork();
  Registrar registrar{&mm.world().protocol(), device::NewDevice({}, false),
                      mm.mm()};
  mm.world().Spawn("fault", Racers::Fault, mm.mm());
  mm.world().Spawn("register", Registrar::Register, &registrar);
  return mm.world().Explore(2000);
}

TEST(VmaLockTest, ARegistrationWaitsForFaults) {
  const Exploration sound = RegisterDuringCopy({});
  EXPECT_TRUE(sound.Clean()) << sound.Text();
  const Exploration mutant =
      RegisterDuringCopy({Mutant::kTakeAllLocksSkipsVmas});
  EXPECT_TRUE(mutant.Found(trace::Checker::kStartEndPaired)) << mutant.Text();
}

TEST(VmaLockTest, EarlierKernelsHaveNone) {
  NotifiedMm mm("6.1");
  mm.Map(0, 1, kRw);
  const bool got = testing_support::Call<bool>(&mm.world(), [&] {
    struct Try {
      static sched::Task<bool> Run(mm_struct* m) {
        vm_area_struct* vma = co_await lock_vma_under_rcu(m, At(0));
        co_return vma != nullptr;
      }
    };
    return Try::Run(mm.mm());
  });
  EXPECT_FALSE(got);
}

}  // namespace
}  // namespace mmfault::mm
