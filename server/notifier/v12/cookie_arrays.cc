// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// v12's mm_lock(), step by step as posted.

#include <cstring>

#include "server/kernel/errno.h"
#include "server/kernel/signal.h"
#include "server/notifier/v12/designs.h"

namespace mmfault::notifier::v12 {
namespace {

using kernel::allocation;

// struct mm_lock_data. Comes from kmalloc(), so a field that nobody sets is
// garbage and not 0.
struct mm_lock_data {
  Cell<allocation*> i_mmap_locks;
  Cell<allocation*> anon_vma_locks;
  Cell<uint64_t> nr_i_mmap_locks;
  Cell<uint64_t> nr_anon_vma_locks;
};

mm_lock_data* DataOf(allocation* cookie) {
  return static_cast<mm_lock_data*>(cookie->data());
}

Cell<kernel::Lock*>* LocksOf(allocation* array) {
  return static_cast<Cell<kernel::Lock*>*>(array->data());
}

void Poison(allocation* block) {
  trace::LogRange(block->data(), block->size);
  std::memset(block->data(), 0x6b, block->size);
}

struct CountResult {
  int rc;
  uint64_t vmas;
};

// M1. Rule: the arrays hold one entry a VMA, duplicates included. A signal is
// looked for at every VMA.
// Kernel: linux-kernel, 8 Apr 2008, "[PATCH 0 of 9] mmu notifier #v12", patch
// 1: mm_lock().
Task<CountResult> CountVmas(mm_struct* mm) {
  CountResult count{};
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_lock");
  while (vma != nullptr) {
    co_await kernel::Yield("cond_resched");
    if (LooksForSignals()) {
      const bool signal = co_await kernel::signal_pending_current("mm_lock");
      if (signal) {
        co_return CountResult{.rc = -EINTR, .vmas = 0};
      }
    }
    count.vmas += 1;
    vma = co_await mm::NextVma(vma, "mm_lock");
  }
  co_return count;
}

void FreeCookie(allocation* cookie) {
  mm_lock_data* data = DataOf(cookie);
  kernel::vfree(data->anon_vma_locks);
  kernel::vfree(data->i_mmap_locks);
  kernel::kfree(cookie);
}

// M2 to M4: the cookie and its arrays, or null with nothing allocated.
// Differs: an mm without VMAs gets no arrays; vmalloc(0) would fail.
Task<allocation*> AllocateCookie(uint64_t array_bytes) {
  allocation* cookie = co_await kernel::kmalloc(sizeof(mm_lock_data),
                                                kernel::GFP_KERNEL, "mm_lock");
  if (cookie == nullptr) {
    co_return nullptr;
  }
  Poison(cookie);
  mm_lock_data* data = DataOf(cookie);
  data->i_mmap_locks = nullptr;
  data->anon_vma_locks = nullptr;
  data->nr_i_mmap_locks = 0;
  data->nr_anon_vma_locks = 0;
  if (array_bytes == 0) {
    co_return cookie;
  }
  allocation* i_mmap_locks = co_await kernel::vmalloc(array_bytes, "mm_lock");
  data->i_mmap_locks = i_mmap_locks;
  if (i_mmap_locks != nullptr) {
    allocation* anon_vma_locks =
        co_await kernel::vmalloc(array_bytes, "mm_lock");
    data->anon_vma_locks = anon_vma_locks;
  }
  if (data->anon_vma_locks == nullptr) {
    FreeCookie(cookie);
    co_return nullptr;
  }
  co_return cookie;
}

// M5, M6. Rule: ascending addresses, each once; one pass over the VMAs a lock,
// and one that finds none. The array has room for what was asked of vmalloc(),
// which need not be room for one pointer a VMA.
Task<int> FillArray(mm_struct* mm, RmapClass rmap_class, allocation* array,
                    Cell<uint64_t>* count) {
  uint64_t last = 0;
  while (true) {
    const ScanResult found = co_await FindNextLock(
        mm, rmap_class, last, ScanTest::kReschedAndSignal, "mm_lock");
    if (found.rc != 0 || found.lock == nullptr) {
      co_return found.rc;
    }
    const uint64_t index = *count;
    const bool fits =
        array != nullptr && (index + 1) * sizeof(void*) <= array->size;
    if (!fits) {
      kernel::ReportHere(trace::Checker::kNoUseAfterFree,
                         trace::Cause::kArrayOverflow, array->object.key(),
                         index);
      kernel::ThisWorld()->KillCurrent();
      co_return 0;
    }
    LocksOf(array)[index] = found.lock;
    *count = index + 1;
    last = AddressOf(found.lock);
  }
}

Task<int> FillCookie(mm_struct* mm, mm_lock_data* data) {
  int rc = co_await FillArray(mm, RmapClass::kIMmap, data->i_mmap_locks,
                              &data->nr_i_mmap_locks);
  if (rc == 0) {
    rc = co_await FillArray(mm, RmapClass::kAnonVma, data->anon_vma_locks,
                            &data->nr_anon_vma_locks);
  }
  co_return rc;
}

// M7. No signal is looked for: under spinlocks that is "mostly worthless".
Task<> LockArray(mm_struct* mm, allocation* array, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    kernel::Lock* lock = LocksOf(array)[i];
    co_await kernel::lock(lock, "mm_lock");
    co_await RmapLockTaken(mm);
  }
}

Task<> UnlockArray(allocation* array, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    kernel::Lock* lock = LocksOf(array)[i];
    co_await kernel::unlock(lock, "mm_unlock");
  }
}

// What the patch multiplies by, where it means a pointer. Less than that is the
// mutant: on such a machine the arrays are too small as soon as more than half
// of the VMAs have locks of their own (P39).
uint64_t sizeof_spinlock_t() {
  return kernel::Mutated(kernel::Mutant::kArraysSizedBySpinlock)
             ? sizeof(uint32_t)
             : sizeof(void*);
}

// M1 to M6, under mmap_sem. On error nothing stays allocated.
Task<int> PrepareCookie(mm_struct* mm, allocation** cookie) {
  const CountResult count = co_await CountVmas(mm);
  if (count.rc != 0) {
    co_return count.rc;
  }
  *cookie = co_await AllocateCookie(count.vmas * sizeof_spinlock_t());
  if (*cookie == nullptr) {
    co_return -ENOMEM;
  }
  const int rc = co_await FillCookie(mm, DataOf(*cookie));
  if (rc != 0) {
    if (!kernel::Mutated(kernel::Mutant::kErrorLeaksCookie)) {
      FreeCookie(*cookie);
    }
    *cookie = nullptr;
  }
  co_return rc;
}

}  // namespace

// Rule: signals and failed allocations are dealt with before the first rmap
// lock; from there on nothing can fail.
// Kernel: linux-kernel, 8 Apr 2008, "[PATCH 0 of 9] mmu notifier #v12", patch
// 1: mm_lock().
// Differs: sizeof(spinlock_t) is a setting; the patch's depends on its config.
Task<int> CookieArrays::mm_lock(mm_struct* mm, Cookie* cookie) {
  co_await kernel::down_write(&mm->mmap_sem, "mm_lock");
  co_await MmLockEntered(mm);
  const int rc = co_await PrepareCookie(mm, cookie);
  if (rc != 0) {
    co_await kernel::up_write(&mm->mmap_sem, "mm_lock");
    co_return rc;
  }
  mm_lock_data* data = DataOf(*cookie);
  co_await LockArray(mm, data->i_mmap_locks, data->nr_i_mmap_locks);
  co_await LockArray(mm, data->anon_vma_locks, data->nr_anon_vma_locks);
  co_await MmLockHeld(mm);
  co_return 0;
}

// Rule: the arrays say what is held, so no VMA is looked at.
// Kernel: the same mail: mm_unlock().
Task<> CookieArrays::mm_unlock(mm_struct* mm, Cookie* cookie) {
  mm_lock_data* data = DataOf(*cookie);
  co_await UnlockArray(data->i_mmap_locks, data->nr_i_mmap_locks);
  co_await UnlockArray(data->anon_vma_locks, data->nr_anon_vma_locks);
  co_await kernel::up_write(&mm->mmap_sem, "mm_unlock");
  kernel::vfree(data->i_mmap_locks);
  kernel::vfree(data->anon_vma_locks);
  kernel::kfree(*cookie);
}

}  // namespace mmfault::notifier::v12
