// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// slab.h: allocation that may fail.
//
// Models mm/slab.c and mm/vmalloc.c as far as a caller can tell: may it sleep,
// may it fail, who still owns what. A failure happens only where a fault rule
// says so (points kernel/kmalloc/alloc and kernel/vmalloc/alloc), so runs
// without rules never see -ENOMEM. Each task carries a ledger of what it
// allocated and has neither freed nor handed over (no_allocation_leak).

#ifndef MMFAULT_SERVER_KERNEL_SLAB_H_
#define MMFAULT_SERVER_KERNEL_SLAB_H_

#include <cstddef>
#include <cstdint>

#include "server/kernel/point.h"
#include "server/sched/task.h"

namespace mmfault::kernel {

// GFP_KERNEL may sleep; GFP_ATOMIC may not and fails sooner.
enum class Gfp : uint8_t { kKernel, kAtomic };
inline constexpr Gfp GFP_KERNEL = Gfp::kKernel;
inline constexpr Gfp GFP_ATOMIC = Gfp::kAtomic;

// A block of simulated memory: a header, then `size` bytes.
struct allocation {
  sched::Object object;
  uint64_t size;
  Cell<uint64_t> owner;  // the task's number; 0 once it was handed over

  // The memory itself.
  void* data() { return this + 1; }
};

// A zeroed block, or null. Sleeps if GFP_KERNEL.
sched::Task<allocation*> kmalloc(size_t size, Gfp gfp, const char* where);
sched::Task<allocation*> vmalloc(size_t size, const char* where);

// Frees a block; null is allowed, as in the kernel. A second free of a block
// is reported (no_use_after_free).
void kfree(allocation* block);
inline void vfree(allocation* block) { kfree(block); }

// The block now belongs to an object, not to the running call.
void DisownAllocation(allocation* block);

// capable(): whether the running task has the capability. A point.
sched::Task<bool> capable(const char* where);

}  // namespace mmfault::kernel

#endif  // MMFAULT_SERVER_KERNEL_SLAB_H_
