// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// mm_worker.h: tasks that do random things to an mm, for tests of invariants.
//
// What a worker does next depends on its seed and on nothing else; its random
// numbers live in its frame, so undo takes them back too.

#ifndef MMFAULT_TESTS_UNIT_MM_MM_WORKER_H_
#define MMFAULT_TESTS_UNIT_MM_MM_WORKER_H_

#include "server/mm/mm_types.h"
#include "tests/support/engine_world.h"

namespace mmfault::mm {

inline constexpr uint64_t kBase = 0x100000;
inline constexpr uint64_t kFilePages = 16;

struct Worker {
  Object object;
  Cell<mm_struct*> mm;
  Cell<address_space*> file;
  Cell<uint64_t> seed;
  Cell<uint32_t> rounds;
  Cell<uint32_t> span_pages;  // works on [kBase, kBase + span_pages)
};

// mmap, munmap, mprotect, madvise, mremap, read, write, pin, reclaim, truncate,
// punch, writeback, fork; `rounds` of them. Puts its mm at the end.
sched::Task<> RandomWorker(void* arg);

// An mm with a file, `vma_count` VMAs of two pages each that alternate between
// anonymous, file private and file shared, and `worker_count` workers, each of
// which owns a reference of the mm. The test's own reference is the first one.
struct MmScene {
  mm_struct* mm;
  address_space* file;
};
MmScene MakeScene(testing_support::EngineWorld* world, int worker_count,
                  uint32_t rounds, uint64_t vma_count, uint64_t seed);

// The task that drops what the scene itself holds: a user of the mm, and the
// pages of the file.
sched::Task<> DropScene(void* arg);

}  // namespace mmfault::mm

#endif  // MMFAULT_TESTS_UNIT_MM_MM_WORKER_H_
