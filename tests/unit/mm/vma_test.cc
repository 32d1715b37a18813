// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// The list and tree of VMAs against a std::map, over random operations.

#include "server/mm/vma.h"

#include <map>

#include "gtest/gtest.h"
#include "server/base/prng.h"
#include "server/mm/fork.h"
#include "server/mm/mmap.h"
#include "tests/support/engine_world.h"

namespace mmfault::mm {
namespace {

using testing_support::EngineWorld;

using Model = std::map<uint64_t, uint64_t>;  // start to end

// The model's find_vma: the start of the first range that ends above.
uint64_t Find(const Model& model, uint64_t address) {
  for (const auto& [start, end] : model) {
    if (end > address) {
      return start;
    }
  }
  return UINT64_MAX;
}

void ExpectSameList(const mm_struct* mm, const Model& model) {
  ASSERT_EQ(mm->map_count, model.size());
  const vm_area_struct* prev = nullptr;
  const vm_area_struct* vma = mm->mmap;
  for (const auto& [start, end] : model) {
    ASSERT_NE(vma, nullptr);
    ASSERT_EQ(vma->vm_start, start);
    ASSERT_EQ(vma->vm_end, end);
    ASSERT_EQ(vma->vm_prev.get(), prev);
    prev = vma;
    vma = vma->vm_next;
  }
  ASSERT_EQ(vma, nullptr);
}

TEST(VmaModelTest, InsertAndDetachFollowAMap) {
  EngineWorld world;
  mm_struct* mm = mm_alloc();
  Model model;
  std::map<uint64_t, vm_area_struct*> vmas;
  base::Prng prng(7);
  for (int round = 0; round < 20000; ++round) {
    const uint64_t start = uint64_t{1 + prng.Below(400)} * 4 * kPageSize;
    if (vmas.count(start) != 0) {
      DetachVma(vmas[start]);
      world->Delete(vmas[start]);
      vmas.erase(start);
      model.erase(start);
    } else {
      const uint64_t end = start + (1 + prng.Below(4)) * kPageSize;
      vmas[start] = NewVma(mm, start, end, VM_READ, nullptr, 0);
      InsertVma(vmas[start]);
      model[start] = end;
    }
    const uint64_t address = uint64_t{prng.Below(420 * 4)} * kPageSize;
    const vm_area_struct* found = find_vma(mm, address);
    ASSERT_EQ(found == nullptr ? UINT64_MAX : found->vm_start.get(),
              Find(model, address));
    if (round % 100 == 0) {
      ExpectSameList(mm, model);
    }
  }
}

// Calls with an mm alone; argument lists live in the arena.
struct Call {
  Object object;
  Cell<mm_struct*> mm;
  Cell<uint64_t> start;
  Cell<uint64_t> end;
  Cell<int> rc;
};

sched::Task<> Map(void* arg) {
  auto* c = static_cast<Call*>(arg);
  const int rc =
      co_await do_mmap(c->mm, c->start, c->end, VM_READ | VM_WRITE, nullptr, 0);
  c->rc = rc;
}
sched::Task<> Unmap(void* arg) {
  auto* c = static_cast<Call*>(arg);
  const int rc = co_await do_munmap(c->mm, c->start, c->end);
  c->rc = rc;
}
sched::Task<> Split(void* arg) {
  auto* c = static_cast<Call*>(arg);
  co_await split_vma(c->mm, c->start);
}

// Cuts [start, end) out of a model of ranges.
void Cut(Model* model, uint64_t start, uint64_t end) {
  Model cut;
  for (const auto& [from, to] : *model) {
    if (to <= start || from >= end) {
      cut[from] = to;
      continue;
    }
    if (from < start) {
      cut[from] = start;
    }
    if (to > end) {
      cut[end] = to;
    }
  }
  *model = cut;
}

// A new range is one with the neighbours that it touches.
void AddModel(Model* model, uint64_t start, uint64_t end) {
  const auto above = model->find(end);
  if (above != model->end()) {
    end = above->second;
    model->erase(above);
  }
  for (auto& [from, to] : *model) {
    if (to == start) {
      to = end;
      return;
    }
  }
  (*model)[start] = end;
}

void SplitModel(Model* model, uint64_t at) {
  for (const auto& [from, to] : *model) {
    if (from < at && at < to) {
      (*model)[at] = to;
      (*model)[from] = at;
      return;
    }
  }
}

TEST(VmaModelTest, MmapMunmapAndSplitFollowRanges) {
  EngineWorld world;
  auto* call = world.New<Call>();
  call->mm = mm_alloc();
  Model model;
  base::Prng prng(11);
  for (int round = 0; round < 4000; ++round) {
    call->start = uint64_t{1 + prng.Below(60)} * kPageSize;
    call->end = call->start + uint64_t{1 + prng.Below(12)} * kPageSize;
    switch (prng.Below(3)) {
      case 0:
        world.Do(Map, call);
        Cut(&model, call->start, call->end);
        AddModel(&model, call->start, call->end);
        break;
      case 1:
        world.Do(Unmap, call);
        Cut(&model, call->start, call->end);
        break;
      default:
        world.Do(Split, call);
        SplitModel(&model, call->start);
    }
    ASSERT_EQ(call->rc, 0);
    ExpectSameList(call->mm, model);
  }
  EXPECT_EQ(world.violation_count(), 0) << world.Violations();
}

TEST(VmaModelTest, MapCountIsBounded) {
  sched::WorldOptions options;
  options.max_map_count = 2;
  EngineWorld world(options);
  auto* call = world.New<Call>();
  call->mm = mm_alloc();
  for (const uint64_t start : {0x1000, 0x4000, 0x8000}) {
    call->start = start;
    call->end = start + kPageSize;
    world.Do(Map, call);
  }
  EXPECT_EQ(call->rc, -ENOMEM);
  EXPECT_EQ(call->mm->map_count, 2U);
  EXPECT_EQ(call->mm->mmap_sem.owner, 0);
}

struct Walk {
  Object object;
  Cell<mm_struct*> mm;
  Cell<uint64_t> seen;
};

sched::Task<> WalkAll(void* arg) {
  auto* walk = static_cast<Walk*>(arg);
  vm_area_struct* vma = co_await FirstVma(walk->mm, "walk");
  while (vma != nullptr) {
    walk->seen += 1;
    vma = co_await NextVma(vma, "walk");
  }
}

TEST(VmaStepTest, VisitsAllAndCountsUntestedSteps) {
  EngineWorld world;
  auto* walk = world.New<Walk>();
  walk->mm = mm_alloc();
  for (uint64_t i = 1; i <= 10; ++i) {
    InsertVma(NewVma(walk->mm, i * kPageSize, (i + 1) * kPageSize, VM_READ,
                     nullptr, 0));
  }
  sched::TaskRecord* task = world.Spawn(WalkAll, walk);
  world.Run();
  EXPECT_EQ(walk->seen, 10U);
  EXPECT_EQ(task->vma_steps_untested_max, 10U);
}

TEST(VmaStepTest, StopsTheTaskAtAFreedVma) {
  EngineWorld world;
  auto* walk = world.New<Walk>();
  walk->mm = mm_alloc();
  vm_area_struct* vma =
      NewVma(walk->mm, kPageSize, 2 * kPageSize, VM_READ, nullptr, 0);
  InsertVma(vma);
  sched::TaskRecord* task = world.Spawn(WalkAll, walk);
  world.Step(task, 2);  // holds the VMA, and is about to read its successor
  world->Delete(vma);
  world.Run();
  EXPECT_TRUE(world.Violated(trace::Checker::kNoUseAfterFree,
                             trace::Cause::kFreedVmaUsed));
  EXPECT_EQ(world.violation_count(), 1) << world.Violations();
  EXPECT_EQ(task->state, sched::TaskState::kDead);
}

}  // namespace
}  // namespace mmfault::mm
