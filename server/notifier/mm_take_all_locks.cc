// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/mm_take_all_locks.h"

#include <array>

#include "server/kernel/errno.h"
#include "server/kernel/mutant.h"
#include "server/kernel/signal.h"
#include "server/kernel/state.h"
#include "server/mm/vma_lock.h"
#include "server/notifier/mm_lock.h"

namespace mmfault::notifier {
namespace {

using kernel::Kernel;
using kernel::Mutant;
using mm::address_space;
using mm::anon_vma;
using mm::anon_vma_chain;
using mm::mm_struct;
using sched::Task;

// A look at a mark, or a change of it. Only where the all-locks mutex, which
// orders them, is left out is that a step.
struct [[nodiscard]] MarkPoint : kernel::Point {
  bool await_ready() const noexcept {
    return !kernel::Mutated(Mutant::kAllLocksNoMutex);
  }
};
MarkPoint MarkStep(const kernel::Lock& lock) {
  return {{{trace::OpKind::kRmw, trace::Access::kWrite, lock.key(),
            "mm_take_all_locks"}}};
}

// Rule: the flag goes up before the lock is taken; nothing but the all-locks
// mutex guards it. Kernel: mm/mmap.c:vm_lock_mapping(), v6.1.
Task<> vm_lock_mapping(mm_struct* mm, address_space* mapping) {
  co_await MarkStep(mapping->i_mmap_lock);
  const bool marked = (mapping->flags & mm::AS_MM_ALL_LOCKS) != 0;
  if ((marked && !kernel::Mutated(Mutant::kAllLocksIgnoresMarks)) ||
      kernel::Mutated(Mutant::kAllLocksSkipsMappings)) {
    co_return;
  }
  if (!marked) {
    MarkMapping(mm, mapping);
  }
  co_await kernel::spin_lock_nest_lock(&mapping->i_mmap_lock,
                                       "vm_lock_mapping");
  co_await RmapLockTaken(mm);
}

// Rule: the bit is part of the tree's root, so it is set after the lock is
// taken and cleared before it is dropped. Kernel: mm/mmap.c:
// vm_lock_anon_vma(), v6.1.
Task<> vm_lock_anon_vma(mm_struct* mm, anon_vma* av) {
  anon_vma* root = av->root;
  co_await MarkStep(root->lock);
  const bool marked = root->all_locks != 0;
  if ((marked && !kernel::Mutated(Mutant::kAllLocksIgnoresMarks)) ||
      kernel::Mutated(Mutant::kAllLocksSkipsAnon)) {
    co_return;
  }
  co_await kernel::spin_lock_nest_lock(&root->lock, "vm_lock_anon_vma");
  MarkAnonVma(mm, root);
  co_await RmapLockTaken(mm);
}

// Kernel: mm/mmap.c:vm_unlock_anon_vma(), v6.1.
Task<> vm_unlock_anon_vma(mm_struct* mm, anon_vma* av) {
  anon_vma* root = av->root;
  co_await MarkStep(root->lock);
  if (root->all_locks != 0) {
    UnmarkAnonVma(mm, root);
    co_await kernel::unlock(&root->lock, "vm_unlock_anon_vma");
  }
}

// Kernel: mm/mmap.c:vm_unlock_mapping(), v6.1.
Task<> vm_unlock_mapping(mm_struct* mm, address_space* mapping) {
  co_await MarkStep(mapping->i_mmap_lock);
  if ((mapping->flags & mm::AS_MM_ALL_LOCKS) != 0) {
    co_await kernel::unlock(&mapping->i_mmap_lock, "vm_unlock_mapping");
    if (!kernel::Mutated(Mutant::kAllLocksLeavesFlag)) {
      UnmarkMapping(mm, mapping);
    }
  }
}

// What a pass takes.
enum class Classes : uint8_t {
  kVmas,     // the VMAs' own locks, which end with mmap_lock
  kHugetlb,  // mappings of hugetlb files
  kOthers,   // mappings of other files
  kAllMappings,
  kAnonVmas,
  kBoth,  // anon_vmas and mappings
};

bool TakesMapping(Classes classes, const address_space* mapping) {
  const bool hugetlb = mapping->kind == mm::FileKind::kHugetlb;
  switch (classes) {
    case Classes::kVmas:
    case Classes::kAnonVmas:
      return false;
    case Classes::kHugetlb:
      return hugetlb && !kernel::Mutated(Mutant::kAllLocksSkipsHugetlb);
    case Classes::kOthers:
      return !hugetlb;
    case Classes::kAllMappings:
    case Classes::kBoth:
      return true;
  }
  return true;
}

// Rule: a VMA may be on the anon_vmas of its ancestors too. Their root is one,
// so that since 2.6.37 the first of them has taken the lock of all.
Task<> LockChains(mm_struct* mm, const vm_area_struct* vma) {
  for (anon_vma_chain* avc = vma->anon_vma_chain; avc != nullptr;
       avc = avc->same_vma) {
    co_await vm_lock_anon_vma(mm, avc->av);
  }
}

// Rule: a signal is tested at every VMA of every pass, with some locks held
// already; the caller then drops them. Kernel: a loop of
// mm/mmap.c:mm_take_all_locks(), v2.6.27-rc1 (the only one, over both classes),
// v2.6.27 and v6.1. Differs: before 2.6.34 it was `if (vma->anon_vma)`, which
// is a chain of at most one.
Task<int> LockPass(mm_struct* mm, Classes classes) {
  vm_area_struct* vma = co_await mm::FirstVma(mm, "mm_take_all_locks");
  while (vma != nullptr) {
    const bool signalled =
        co_await kernel::signal_pending_current("mm_take_all_locks");
    if (signalled) {
      co_return -EINTR;
    }
    if (classes == Classes::kVmas) {
      co_await mm::vma_start_write(vma);
    }
    if (classes == Classes::kAnonVmas || classes == Classes::kBoth) {
      co_await LockChains(mm, vma);
    }
    if (vma->vm_file != nullptr && TakesMapping(classes, vma->vm_file)) {
      co_await vm_lock_mapping(mm, vma->vm_file);
    }
    vma = co_await mm::NextVma(vma, "mm_take_all_locks");
  }
  co_return 0;
}

// The passes of a form, in order.
struct Passes {
  std::array<Classes, 4> classes;
  int count;

  void Add(Classes pass) { classes[count++] = pass; }
};

Passes PassesOf(AllLocksForm form) {
  Passes passes = {};
  if (form.marks_vmas && !kernel::Mutated(Mutant::kTakeAllLocksSkipsVmas)) {
    passes.Add(Classes::kVmas);
  }
  if (form.vma_by_vma) {
    passes.Add(Classes::kBoth);
    return passes;
  }
  if (form.hugetlb_first) {
    passes.Add(Classes::kHugetlb);
  }
  passes.Add(form.hugetlb_first ? Classes::kOthers : Classes::kAllMappings);
  passes.Add(Classes::kAnonVmas);
  return passes;
}

Task<int> LockAll(mm_struct* mm, AllLocksForm form) {
  const Passes passes = PassesOf(form);
  int rc = 0;
  for (int i = 0; i < passes.count && rc == 0; ++i) {
    rc = co_await LockPass(mm, passes.classes[i]);
  }
  co_return rc;
}

}  // namespace

// Kernel: mm/mmap.c:mm_take_all_locks(), v2.6.27, v6.1 and v6.12. Differs:
// lockdep knows from the start that the mutex orders each class, which it was
// told by 454ed842d557, between 2.6.27-rc1 and 2.6.27.
Task<int> mm_take_all_locks(mm_struct* mm, AllLocksForm form) {
  CHECK(mm->mmap_sem.held_by(kernel::ThisWorld()->current_slot()));
  if (!kernel::Mutated(Mutant::kAllLocksNoMutex)) {
    co_await kernel::mutex_lock(&Kernel()->mm_all_locks_mutex,
                                "mm_take_all_locks");
  }
  co_await MmLockEntered(mm);
  const int rc = co_await LockAll(mm, form);
  if (rc != 0) {
    if (!kernel::Mutated(Mutant::kAllLocksKeepsPart)) {
      co_await mm_drop_all_locks(mm);
    }
    co_return rc;
  }
  co_await MmLockHeld(mm);
  co_return 0;
}

// Kernel: mm/mmap.c:mm_drop_all_locks(), v2.6.27 and v6.1.
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
  if (!kernel::Mutated(Mutant::kAllLocksNoMutex)) {
    co_await kernel::mutex_unlock(&Kernel()->mm_all_locks_mutex,
                                  "mm_drop_all_locks");
  }
}

}  // namespace mmfault::notifier
