// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/kernel/slab.h"

#include "server/kernel/choice.h"

namespace mmfault::kernel {
namespace {

struct AllocatePoint : Point {
  size_t size;
  bool fail;

  allocation* await_resume() const {
    if (fail) {
      return nullptr;
    }
    sched::World* world = ThisWorld();
    auto* block = static_cast<allocation*>(
        world->arena().Allocate(sizeof(allocation) + size));
    if (block == nullptr) {
      return nullptr;
    }
    world->InitObject(&block->object, ObjType::kAllocation);
    trace::LogRange(&block->size, sizeof block->size);
    block->size = size;
    block->owner = Current()->object.id;
    Current()->live_allocations += 1;
    return block;
  }
};

// Whether it fails because the search says so. One allocation's failure leaves
// less for the others; that makes no order matter, since only their number is
// bounded.
sched::Task<bool> MayFail(const char* where) {
  if (ThisWorld()->state().failures_left == 0) {
    co_return false;
  }
  const int fails = co_await Choose(2, where);
  auto& left = ThisWorld()->state().failures_left;
  if (fails == 0 || left == 0) {
    co_return false;
  }
  left -= 1;
  co_return true;
}

sched::Task<allocation*> AllocateAt(faults::Point point, size_t size,
                                    const char* where) {
  const int error = co_await FaultPoint(point);
  const bool fails = co_await MayFail(where);
  allocation* block =
      co_await AllocatePoint{{{trace::OpKind::kAlloc, trace::Access::kRead,
                               Current()->object.key(3), where}},
                             size,
                             error != 0 || fails};
  co_return block;
}

}  // namespace

sched::Task<allocation*> kmalloc(size_t size, Gfp gfp, const char* where) {
  if (gfp == Gfp::kKernel) {
    might_sleep();
  }
  return AllocateAt(faults::Point::kKmalloc, size, where);
}

sched::Task<allocation*> vmalloc(size_t size, const char* where) {
  might_sleep();
  return AllocateAt(faults::Point::kVmalloc, size, where);
}

void kfree(allocation* block) {
  if (block == nullptr) {
    return;
  }
  if (block->object.freed()) {
    ReportHere(trace::Checker::kNoUseAfterFree, trace::Cause::kDoubleFree,
               block->object.key());
    return;
  }
  DisownAllocation(block);
  block->object.life = sched::Life::kFreed;
  if (ThisWorld()->pso()) [[unlikely]] {
    sched::SettleMemory(ThisWorld(), block, sizeof(allocation) + block->size);
  }
  ThisWorld()->arena().Free(block, sizeof(allocation) + block->size);
}

// The ledger is the owner's, whoever frees or hands over the block.
void DisownAllocation(allocation* block) {
  const uint64_t owner = block->owner;
  block->owner = 0;
  if (owner == 0) {
    return;
  }
  if (Current()->object.id == owner) {
    Current()->live_allocations -= 1;
    return;
  }
  for (sched::TaskRecord& task : ThisWorld()->state().tasks) {
    if (task.object.id == owner) {
      task.live_allocations -= 1;
    }
  }
}

sched::Task<bool> capable(const char* where) {
  const int error = co_await FaultPoint(faults::Point::kCapable);
  co_await Point{{trace::OpKind::kRead, trace::Access::kRead,
                  Current()->object.key(4), where}};
  co_return error == 0 && !Current()->no_capability;
}

}  // namespace mmfault::kernel
