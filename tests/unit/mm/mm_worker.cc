// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/mm/mm_worker.h"

#include "server/base/prng.h"
#include "server/mm/fork.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page.h"
#include "server/mm/rmap.h"
#include "server/mm/vma.h"

namespace mmfault::mm {
namespace {

using testing_support::EngineWorld;

struct Range {
  uint64_t start;
  uint64_t end;
};

Range RandomRange(base::Prng* prng, uint32_t span_pages) {
  const uint64_t start = kBase + uint64_t{prng->Below(span_pages)} * kPageSize;
  return {start, start + uint64_t{1 + prng->Below(3)} * kPageSize};
}

uint64_t RandomFlags(base::Prng* prng) {
  const uint64_t shared = prng->Below(2) == 0 ? VM_SHARED : 0;
  return VM_READ | VM_WRITE | shared;
}

sched::Task<> MapSomething(Worker* w, base::Prng* prng) {
  const Range r = RandomRange(prng, w->span_pages);
  address_space* file = prng->Below(3) != 0 ? w->file.get() : nullptr;
  const uint64_t flags =
      file != nullptr ? RandomFlags(prng) : VM_READ | VM_WRITE;
  const uint64_t pgoff = prng->Below(kFilePages);
  co_await do_mmap(w->mm, r.start, r.end, flags, file, pgoff);
}

// To somewhere else, or grown or shrunk where it is.
sched::Task<> Move(Worker* w, base::Prng* prng, Range r) {
  const Range to = RandomRange(prng, w->span_pages);
  const bool stays = prng->Below(3) == 0;
  co_await do_mremap(w->mm, {.start = r.start,
                             .end = r.end,
                             .new_size = to.end - to.start,
                             .new_start = stays ? 0 : to.start,
                             .dontunmap = !stays && prng->Below(4) == 0});
}

sched::Task<> ChangeSomething(Worker* w, base::Prng* prng) {
  const Range r = RandomRange(prng, w->span_pages);
  switch (prng->Below(5)) {
    case 0:
      co_await do_munmap(w->mm, r.start, r.end);
      break;
    case 1:
    case 2:
      co_await do_madvise(w->mm, r.start, r.end,
                          static_cast<Advice>(prng->Below(6)));
      break;
    case 3:
      co_await Move(w, prng, r);
      break;
    default:
      co_await do_mprotect(w->mm, r.start, r.end,
                           VM_READ | (prng->Below(2) == 0 ? VM_WRITE : 0));
  }
}

sched::Task<> TouchSomething(Worker* w, base::Prng* prng) {
  const Range r = RandomRange(prng, w->span_pages);
  const bool write = prng->Below(2) == 0;
  if (prng->Below(3) != 0) {
    co_await access_page(w->mm, r.start, write);
    co_return;
  }
  page* pinned = nullptr;
  const int rc = co_await get_user_page(w->mm, r.start, write, &pinned);
  if (rc == 0) {
    co_await kernel::Yield("worker");
    co_await put_page(pinned);
  }
}

sched::Task<> TakeSomethingAway(Worker* w, base::Prng* prng) {
  switch (prng->Below(6)) {
    case 0:
      co_await do_truncate(w->file, prng->Below(kFilePages + 1));
      break;
    case 2:
      co_await punch_hole(w->file, prng->Below(kFilePages), 1);
      break;
    case 3: {
      const Range r = RandomRange(prng, w->span_pages);
      co_await access_remote_vm(w->mm, r.start, prng->Below(2) == 0);
      break;
    }
    case 1:
      co_await writeback(w->file, 0, kFilePages);
      break;
    default: {
      const Range r = RandomRange(prng, w->span_pages);
      co_await reclaim_page(w->mm, r.start);
    }
  }
}

// A child that may touch something, and dies.
sched::Task<> Fork(Worker* w, base::Prng* prng) {
  mm_struct* child = mm_alloc();
  co_await dup_mmap(child, w->mm);
  const Range r = RandomRange(prng, w->span_pages);
  co_await access_page(child, r.start, true);
  co_await reclaim_page(child, r.start);
  co_await mmput(child);
}

void AddVma(const MmScene& scene, uint64_t index) {
  const uint64_t start = kBase + index * 2 * kPageSize;
  // Only the first few are mapped from the file: i_mmap is a list.
  const bool from_file = index % 3 != 0 && index < 3 * kFilePages;
  address_space* file = from_file ? scene.file : nullptr;
  const uint64_t shared = index % 3 == 1 ? VM_SHARED : 0;
  vm_area_struct* vma = NewVma(
      scene.mm, start, start + 2 * kPageSize, VM_READ | VM_WRITE | shared, file,
      file != nullptr ? index % kFilePages : start >> kPageShift);
  InsertVma(vma);
  if (file == nullptr) {
    AttachAnonVma(vma);
  } else {
    LinkFileVma(vma);
  }
}

}  // namespace

sched::Task<> RandomWorker(void* arg) {
  auto* w = static_cast<Worker*>(arg);
  base::Prng prng(w->seed);
  for (uint32_t i = 0; i < w->rounds; ++i) {
    const uint32_t what = prng.Below(16);
    if (what < 3) {
      co_await MapSomething(w, &prng);
    } else if (what < 6) {
      co_await ChangeSomething(w, &prng);
    } else if (what < 12) {
      co_await TouchSomething(w, &prng);
    } else if (what < 15) {
      co_await TakeSomethingAway(w, &prng);
    } else {
      co_await Fork(w, &prng);
    }
  }
  co_await mmput(w->mm);
}

MmScene MakeScene(EngineWorld* world, int worker_count, uint32_t rounds,
                  uint64_t vma_count, uint64_t seed) {
  MmScene scene{mm_alloc(), NewFile(kFilePages, kFilePages)};
  for (uint64_t i = 0; i < vma_count; ++i) {
    AddVma(scene, i);
  }
  for (int i = 0; i < worker_count; ++i) {
    auto* worker = world->New<Worker>();
    worker->mm = scene.mm;
    worker->file = scene.file;
    worker->seed = seed * 1000 + static_cast<uint64_t>(i);
    worker->rounds = rounds;
    worker->span_pages = 20;
    scene.mm->mm_users.counter += 1;
    world->Spawn(RandomWorker, worker);
  }
  return scene;
}

sched::Task<> DropScene(void* arg) {
  auto* w = static_cast<Worker*>(arg);
  co_await mmput(w->mm);
  co_await do_truncate(w->file, 0);
}

}  // namespace mmfault::mm
