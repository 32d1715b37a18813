// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/v13/mm_lock.h"

#include <cstring>

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"

namespace mmfault::notifier::v13 {
namespace {

using kernel::allocation;
using kernel::Lock;
using kernel::Mutant;

constexpr int kGarbage = 0x6b;

uint64_t Address(const Lock* lock) {
  return kernel::ThisWorld()->kaddr(lock->id);
}

// The lock of a class that a VMA leads to, or null.
Lock* LockOf(const vm_area_struct* vma, RmapClass rmap_class) {
  if (rmap_class == RmapClass::kIMmap) {
    mm::address_space* mapping = vma->vm_file;
    return mapping == nullptr ? nullptr : &mapping->i_mmap_lock;
  }
  const mm::anon_vma* av = vma->anon_vma;
  return av == nullptr ? nullptr : mm::AnonLock(av);
}

Cell<Lock*>* LocksOf(allocation* array) {
  return static_cast<Cell<Lock*>*>(array->data());
}

bool IsGarbage(const allocation* array) {
  allocation* garbage = nullptr;
  std::memset(&garbage, kGarbage, sizeof garbage);
  return array == garbage;
}

// --- sort() ----------------------------------------------------------------

void Swap(Cell<Lock*>* locks, uint64_t i, uint64_t j) {
  Lock* lock = locks[i];
  locks[i] = locks[j];
  locks[j] = lock;
}

// The comparator of the patch calls cond_resched().
bool Below(const Cell<Lock*>* locks, uint64_t i, uint64_t j) {
  return Address(locks[i]) < Address(locks[j]);
}

Task<> SiftDown(Cell<Lock*>* locks, uint64_t root, uint64_t end) {
  while (2 * root + 1 < end) {
    uint64_t child = 2 * root + 1;
    if (child + 1 < end) {
      co_await kernel::Yield("cond_resched");
      child += Below(locks, child, child + 1) ? 1 : 0;
    }
    co_await kernel::Yield("cond_resched");
    if (!Below(locks, root, child)) {
      co_return;
    }
    Swap(locks, root, child);
    root = child;
  }
}

// Kernel: lib/sort.c:sort(), v2.6.25: a heapsort. O(N log N) whatever the order
// is at first.
Task<> Sort(Cell<Lock*>* locks, uint64_t count) {
  for (uint64_t i = count / 2; i > 0; --i) {
    co_await SiftDown(locks, i - 1, count);
  }
  for (uint64_t end = count; end > 1; --end) {
    Swap(locks, 0, end - 1);
    co_await SiftDown(locks, 0, end - 1);
  }
}

// --- One class -------------------------------------------------------------

// Rule: an entry for every VMA that has such a lock, duplicates included, in
// ascending order. Returns how many.
// Kernel: linux-kernel, 22 Apr 2008, "[PATCH 00 of 12] mmu notifier #v13",
// mm/mmap.c:mm_lock_sort_anon_vma(), mm_lock_sort_i_mmap().
Task<uint64_t> CollectSorted(mm_struct* mm, RmapClass rmap_class,
                             allocation* array) {
  uint64_t count = 0;
  if (SkipsRmapClass(rmap_class)) {
    co_return count;
  }
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_lock");
  while (vma != nullptr) {
    Lock* lock = LockOf(vma, rmap_class);
    if (lock != nullptr) {
      LocksOf(array)[count] = lock;
      ++count;
    }
    vma = co_await mm::NextVma(vma, "mm_lock");
  }
  if (!kernel::Mutated(Mutant::kMmLockSkipsSort)) {
    co_await Sort(LocksOf(array), count);
  }
  co_return count;
}

// Rule: several VMAs may lead to one lock; in sorted order its entries are
// neighbours. BUG_ON(last > locks[i]).
// Kernel: the same mail: mm_lock_unlock(), of a later version by name.
Task<> LockEach(mm_struct* mm, allocation* array, uint64_t count) {
  const Lock* last = nullptr;
  for (uint64_t i = 0; i < count; ++i) {
    Lock* lock = LocksOf(array)[i];
    if (lock == last) {
      continue;
    }
    co_await kernel::BugOn{last != nullptr && Address(last) > Address(lock),
                           trace::Checker::kLockOrder,
                           trace::Cause::kLockAddressOrder, lock->key()};
    last = lock;
    co_await kernel::lock(lock, "mm_lock");
    co_await RmapLockTaken(mm);
  }
}

Task<> UnlockEach(allocation* array, uint64_t count) {
  const Lock* last = nullptr;
  for (uint64_t i = 0; i < count; ++i) {
    Lock* lock = LocksOf(array)[i];
    if (lock != last) {
      last = lock;
      co_await kernel::unlock(lock, "mm_unlock");
    }
  }
}

// Takes what an array holds, and keeps it; frees it where there is nothing.
Task<> LockArray(mm_struct* mm, allocation* array, uint64_t count,
                 Cell<allocation*>* kept) {
  if (count == 0) {
    kernel::vfree(array);
    co_return;
  }
  co_await LockEach(mm, array, count);
  *kept = array;
}

}  // namespace

void Poison(mm_lock_data* data) {
  trace::LogRange(data, sizeof *data);
  std::memset(static_cast<void*>(data), kGarbage, sizeof *data);
}

// Rule: memory first, then the arrays are filled and sorted, then every lock is
// taken; nothing can fail after the allocations. An array that turns out empty
// is freed at once and its pointer never set.
// Kernel: linux-kernel, "mm_lock-rwsem" of #v13 (22 Apr 2008) to #v16 (6 May
// 2008), mm/mmap.c:mm_lock(); the order of the classes from #v14 and #v15.
// Differs: the caller takes mmap_sem, as in #v16.
Task<int> mm_lock(mm_struct* mm, mm_lock_data* data, bool anon_first) {
  co_await MmLockEntered(mm);
  const uint64_t bytes = mm->map_count * sizeof(Lock*);
  data->nr_i_mmap_locks = 0;
  data->nr_anon_vma_locks = 0;
  if (bytes == 0) {
    co_return 0;
  }
  allocation* anon_vma_locks = co_await kernel::vmalloc(bytes, "mm_lock");
  if (anon_vma_locks == nullptr) {
    co_return -ENOMEM;
  }
  allocation* i_mmap_locks = co_await kernel::vmalloc(bytes, "mm_lock");
  if (i_mmap_locks == nullptr) {
    kernel::vfree(anon_vma_locks);
    co_return -ENOMEM;
  }
  data->nr_anon_vma_locks =
      co_await CollectSorted(mm, RmapClass::kAnonVma, anon_vma_locks);
  data->nr_i_mmap_locks =
      co_await CollectSorted(mm, RmapClass::kIMmap, i_mmap_locks);
  if (anon_first) {
    co_await LockArray(mm, anon_vma_locks, data->nr_anon_vma_locks,
                       &data->anon_vma_locks);
  }
  co_await LockArray(mm, i_mmap_locks, data->nr_i_mmap_locks,
                     &data->i_mmap_locks);
  if (!anon_first) {
    co_await LockArray(mm, anon_vma_locks, data->nr_anon_vma_locks,
                       &data->anon_vma_locks);
  }
  co_await MmLockHeld(mm);
  co_return 0;
}

// Rule: the counts say whether there is an array; its pointer is garbage where
// there is none. #v14-test1 went by the pointer of class I: the mutant.
// Kernel: the same mails: mm_unlock(); review of #v14, May 2008.
Task<> mm_unlock(mm_struct* mm, mm_lock_data* data) {
  if (kernel::Mutated(Mutant::kMmUnlockTestsPointer)) {
    co_await kernel::BugOn{
        IsGarbage(data->i_mmap_locks), trace::Checker::kNoUseAfterFree,
        trace::Cause::kUninitialisedPointer, mm->object.key()};
  }
  if (data->nr_anon_vma_locks != 0) {
    co_await UnlockEach(data->anon_vma_locks, data->nr_anon_vma_locks);
    kernel::vfree(data->anon_vma_locks);
  }
  if (data->nr_i_mmap_locks != 0) {
    co_await UnlockEach(data->i_mmap_locks, data->nr_i_mmap_locks);
    kernel::vfree(data->i_mmap_locks);
  }
}

}  // namespace mmfault::notifier::v13
