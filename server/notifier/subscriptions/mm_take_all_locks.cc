// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/subscriptions/mm_take_all_locks.h"

#include "server/kernel/errno.h"
#include "server/kernel/signal.h"
#include "server/kernel/state.h"
#include "server/notifier/mm_lock.h"

namespace mmfault::notifier::subscriptions {
namespace {

using kernel::Kernel;
using mm::address_space;
using mm::anon_vma;
using mm::anon_vma_chain;
using mm::mm_struct;
using sched::Task;

// Rule: the flag goes up before the lock is taken; nothing but the all-locks
// mutex guards it. Kernel: mm/mmap.c:vm_lock_mapping(), v6.1.
Task<> vm_lock_mapping(mm_struct* mm, address_space* mapping) {
  if ((mapping->flags & mm::AS_MM_ALL_LOCKS) != 0) {
    co_return;
  }
  MarkMapping(mm, mapping);
  co_await kernel::spin_lock_nest_lock(&mapping->i_mmap_lock,
                                       "vm_lock_mapping");
  co_await RmapLockTaken(mm);
}

// Rule: the bit is part of the tree's root, so it is set after the lock is
// taken and cleared before it is dropped. Kernel: mm/mmap.c:
// vm_lock_anon_vma(), v6.1.
Task<> vm_lock_anon_vma(mm_struct* mm, anon_vma* av) {
  anon_vma* root = av->root;
  if (root->all_locks != 0) {
    co_return;
  }
  co_await kernel::spin_lock_nest_lock(&root->lock, "vm_lock_anon_vma");
  MarkAnonVma(mm, root);
  co_await RmapLockTaken(mm);
}

// Kernel: mm/mmap.c:vm_unlock_anon_vma(), v6.1.
Task<> vm_unlock_anon_vma(mm_struct* mm, anon_vma* av) {
  anon_vma* root = av->root;
  if (root->all_locks != 0) {
    UnmarkAnonVma(mm, root);
    co_await kernel::unlock(&root->lock, "vm_unlock_anon_vma");
  }
}

// Kernel: mm/mmap.c:vm_unlock_mapping(), v6.1.
Task<> vm_unlock_mapping(mm_struct* mm, address_space* mapping) {
  if ((mapping->flags & mm::AS_MM_ALL_LOCKS) != 0) {
    co_await kernel::unlock(&mapping->i_mmap_lock, "vm_unlock_mapping");
    UnmarkMapping(mm, mapping);
  }
}

// Rule: a signal is tested at every VMA of every pass, with some locks held
// already; the caller then drops them. Kernel: the second and third loop of
// mm/mmap.c:mm_take_all_locks(), v6.1.
Task<int> LockMappings(mm_struct* mm) {
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_take_all_locks");
  while (vma != nullptr) {
    const bool signalled =
        co_await kernel::signal_pending_current("mm_take_all_locks");
    if (signalled) {
      co_return -EINTR;
    }
    if (vma->vm_file != nullptr) {
      co_await vm_lock_mapping(mm, vma->vm_file);
    }
    vma = co_await mm::NextVma(vma, "mm_take_all_locks");
  }
  co_return 0;
}

Task<int> LockAnonVmas(mm_struct* mm) {
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_take_all_locks");
  while (vma != nullptr) {
    const bool signalled =
        co_await kernel::signal_pending_current("mm_take_all_locks");
    if (signalled) {
      co_return -EINTR;
    }
    for (anon_vma_chain* avc = vma->anon_vma_chain; avc != nullptr;
         avc = avc->same_vma) {
      co_await vm_lock_anon_vma(mm, avc->av);
    }
    vma = co_await mm::NextVma(vma, "mm_take_all_locks");
  }
  co_return 0;
}

}  // namespace

// Kernel: mm/mmap.c:mm_take_all_locks(), v6.1. Differs: no hugetlb pass.
Task<int> mm_take_all_locks(mm_struct* mm) {
  CHECK(mm->mmap_sem.held_by(kernel::ThisWorld()->current_slot()));
  co_await kernel::mutex_lock(&Kernel()->mm_all_locks_mutex,
                              "mm_take_all_locks");
  co_await MmLockEntered(mm);
  int rc = co_await LockMappings(mm);
  if (rc == 0) {
    rc = co_await LockAnonVmas(mm);
  }
  if (rc != 0) {
    co_await mm_drop_all_locks(mm);
    co_return rc;
  }
  co_await kernel::FaultPoint(faults::Point::kMmLockHeld, mm->object.id);
  co_return 0;
}

// Kernel: mm/mmap.c:mm_drop_all_locks(), v6.1.
Task<> mm_drop_all_locks(mm_struct* mm) {
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_drop_all_locks");
  while (vma != nullptr) {
    for (anon_vma_chain* avc = vma->anon_vma_chain; avc != nullptr;
         avc = avc->same_vma) {
      co_await vm_unlock_anon_vma(mm, avc->av);
    }
    if (vma->vm_file != nullptr) {
      co_await vm_unlock_mapping(mm, vma->vm_file);
    }
    vma = co_await mm::NextVma(vma, "mm_drop_all_locks");
  }
  co_await kernel::mutex_unlock(&Kernel()->mm_all_locks_mutex,
                                "mm_drop_all_locks");
}

}  // namespace mmfault::notifier::subscriptions
