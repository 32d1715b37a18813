// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mm/vma.h"

#include "server/base/check.h"
#include "server/base/prng.h"
#include "server/mm/huge_memory.h"
#include "server/mm/hugetlb.h"
#include "server/mm/rmap.h"
#include "server/mm/vma_lock.h"

namespace mmfault::mm {
namespace {

using Link = Cell<vm_area_struct*>;

uint64_t Priority(const vm_area_struct* vma) {
  return base::Mix64(vma->vm_start + 1);
}

// Splits a treap by key into the VMAs below it and the others.
void SplitTree(vm_area_struct* tree, uint64_t key, Link* below, Link* above) {
  while (tree != nullptr) {
    if (tree->vm_start < key) {
      *below = tree;
      below = &tree->tree_right;
      tree = tree->tree_right;
    } else {
      *above = tree;
      above = &tree->tree_left;
      tree = tree->tree_left;
    }
  }
  *below = nullptr;
  *above = nullptr;
}

void MergeTrees(vm_area_struct* below, vm_area_struct* above, Link* into) {
  while (below != nullptr && above != nullptr) {
    if (Priority(below) >= Priority(above)) {
      *into = below;
      into = &below->tree_right;
      below = below->tree_right;
    } else {
      *into = above;
      into = &above->tree_left;
      above = above->tree_left;
    }
  }
  *into = below != nullptr ? below : above;
}

void InsertTree(vm_area_struct* vma) {
  Link* at = &vma->vm_mm->mm_rb;
  while (*at != nullptr && Priority(*at) >= Priority(vma)) {
    vm_area_struct* node = *at;
    at = node->vm_start < vma->vm_start ? &node->tree_right : &node->tree_left;
  }
  vm_area_struct* displaced = *at;
  SplitTree(displaced, vma->vm_start, &vma->tree_left, &vma->tree_right);
  *at = vma;
}

void RemoveTree(vm_area_struct* vma) {
  Link* at = &vma->vm_mm->mm_rb;
  while (*at != vma) {
    CHECK(*at != nullptr);
    vm_area_struct* node = *at;
    at = node->vm_start < vma->vm_start ? &node->tree_right : &node->tree_left;
  }
  MergeTrees(vma->tree_left, vma->tree_right, at);
}

// The step that finds the end of the list visits no VMA.
void CountVisit() {
  sched::TaskRecord& task = *kernel::Current();
  task.vma_steps += 1;
  task.vma_steps_untested += 1;
  if (task.vma_steps_untested > task.vma_steps_untested_max) {
    task.vma_steps_untested_max = task.vma_steps_untested;
  }
}

// The kernel would follow a wild pointer from here.
vm_area_struct* WildVma(const vm_area_struct* vma) {
  kernel::ReportHere(trace::Checker::kNoUseAfterFree,
                     trace::Cause::kFreedVmaUsed, vma->object.key());
  kernel::ThisWorld()->KillCurrent();
  return nullptr;
}

bool SingleChain(const vm_area_struct* vma) {
  const anon_vma_chain* first = vma->anon_vma_chain;
  return first == nullptr || first->same_vma == nullptr;
}

// Rule: VMAs with the same family merge; one that has none takes the other's,
// unless that one came by a fork. Kernel: mm/mmap.c:is_mergeable_anon_vma(),
// v6.1.
bool SameFamily(const vm_area_struct* a, const vm_area_struct* b) {
  const anon_vma* one = a->anon_vma;
  const anon_vma* other = b->anon_vma;
  return one == other || (one == nullptr && SingleChain(b)) ||
         (other == nullptr && SingleChain(a));
}

// Kernel: mm/mmap.c:can_vma_merge_after(), v6.1.
bool CanMerge(const vm_area_struct* below, const vm_area_struct* above) {
  return below->vm_end == above->vm_start &&
         below->vm_flags == above->vm_flags &&
         below->vm_file == above->vm_file &&
         below->vm_pgoff + VmaPages(below) == above->vm_pgoff &&
         SameFamily(below, above);
}

sched::Task<> Absorb(vm_area_struct* below, vm_area_struct* above) {
  co_await vma_start_write(below);
  co_await vma_start_write(above);
  if (below->anon_vma == nullptr) {
    co_await anon_vma_clone(below, above);
  }
  DetachVma(above);
  below->vm_end = above->vm_end.get();
  co_await unlink_anon_vmas(above);
  co_await unlink_file_vma(above);
  co_await kernel::Point{{trace::OpKind::kFree, trace::Access::kWrite,
                          above->object.key(), "vma_merge"}};
  kernel::ThisWorld()->Delete(above);
}

}  // namespace

vm_area_struct* find_vma(const mm_struct* mm, uint64_t address) {
  vm_area_struct* found = nullptr;
  vm_area_struct* node = mm->mm_rb;
  while (node != nullptr) {
    if (node->vm_end > address) {
      found = node;
      node = node->tree_left;
    } else {
      node = node->tree_right;
    }
  }
  return found;
}

vm_area_struct* NewVma(mm_struct* mm, uint64_t start, uint64_t end,
                       uint64_t flags, address_space* file, uint64_t pgoff) {
  auto* vma = kernel::ThisWorld()->New<vm_area_struct>(ObjType::kVma);
  CHECK(vma != nullptr);
  vma->vm_start = start;
  vma->vm_end = end;
  vma->vm_mm = mm;
  vma->vm_flags = flags;
  vma->vm_file = file;
  vma->vm_pgoff = pgoff;
  return vma;
}

void InsertVma(vm_area_struct* vma) {
  mm_struct* mm = vma->vm_mm;
  vm_area_struct* next = find_vma(mm, vma->vm_start);
  CHECK(next == nullptr || next->vm_start >= vma->vm_end);
  vma_mark_new(vma);
  vm_area_struct* prev = nullptr;
  if (next != nullptr) {
    prev = next->vm_prev;
    next->vm_prev = vma;
  } else {
    // The last VMA: the rightmost node of the tree.
    for (vm_area_struct* n = mm->mm_rb; n != nullptr; n = n->tree_right) {
      prev = n;
    }
  }
  vma->vm_next = next;
  vma->vm_prev = prev;
  if (prev != nullptr) {
    prev->vm_next = vma;
  } else {
    mm->mmap = vma;
  }
  InsertTree(vma);
  mm->map_count += 1;
}

void DetachVma(vm_area_struct* vma) {
  mm_struct* mm = vma->vm_mm;
  vm_area_struct* next = vma->vm_next;
  vm_area_struct* prev = vma->vm_prev;
  if (prev != nullptr) {
    prev->vm_next = next;
  } else {
    mm->mmap = next;
  }
  if (next != nullptr) {
    next->vm_prev = prev;
  }
  RemoveTree(vma);
  mm->map_count -= 1;
}

VmaStep::VmaStep(mm_struct* mm, vm_area_struct* vma, const char* where)
    : Point{{trace::OpKind::kRead, trace::Access::kRead,
             vma != nullptr ? vma->object.key() : mm->object.key(3), where}},
      mm_(mm),
      vma_(vma) {}

void VmaStep::await_suspend(std::coroutine_handle<> /*leaf*/) const {
  kernel::ThisWorld()->Publish(op);
}

vm_area_struct* VmaStep::await_resume() const {
  if (vma_ != nullptr && vma_->object.freed()) {
    return WildVma(vma_);
  }
  vm_area_struct* next = vma_ != nullptr ? vma_->vm_next : mm_->mmap;
  if (next != nullptr) {
    CountVisit();
  }
  kernel::InjectHere(faults::Point::kMmLockStep, mm_->object.id);
  if (next != nullptr && next->object.freed()) {
    return WildVma(next);
  }
  return next;
}

// Kernel: mm/mmap.c:__split_vma(), v6.1. Differs: neighbours are never merged
// again.
sched::Task<> split_vma(mm_struct* mm, uint64_t address) {
  vm_area_struct* vma = find_vma(mm, address);
  if (vma == nullptr || vma->vm_start >= address) {
    co_return;
  }
  co_await vma_adjust_trans_huge(vma, address);
  co_await hugetlb_split(vma, address);
  vm_area_struct* upper = NewVma(mm, address, vma->vm_end, vma->vm_flags,
                                 vma->vm_file, linear_page_index(vma, address));
  // The reverse maps first: until both are whole, the lower VMA still covers
  // what the upper one will, so no walker from a page misses a pte.
  co_await anon_vma_clone(upper, vma);
  co_await vma_link_file(upper);
  vma->vm_end = address;
  InsertVma(upper);
}

bool AtMapLimit(const mm_struct* mm) {
  return mm->map_count >= kernel::ThisWorld()->options().max_map_count;
}

// Kernel: mm/mmap.c:vma_merge(), v6.1. Differs: always the upper one is taken
// into the lower one, and a boundary between two is moved by a split and a
// merge; while the rmaps change, a walker may meet both.
sched::Task<vm_area_struct*> vma_merge(vm_area_struct* vma) {
  vm_area_struct* prev = vma->vm_prev;
  if (prev != nullptr && CanMerge(prev, vma)) {
    co_await Absorb(prev, vma);
    vma = prev;
  }
  vm_area_struct* next = vma->vm_next;
  if (next != nullptr && CanMerge(vma, next)) {
    co_await Absorb(vma, next);
  }
  co_return vma;
}

// Kernel: mm/mmap.c:vma_modify_flags(), v6.8; the same steps in
// mm/mprotect.c:mprotect_fixup() and mm/madvise.c:madvise_update_vma() before.
sched::Task<vm_area_struct*> vma_modify_flags(vm_area_struct* vma,
                                              uint64_t start, uint64_t end,
                                              uint64_t flags) {
  mm_struct* mm = vma->vm_mm;
  if ((vma->vm_start < start || vma->vm_end > end) && AtMapLimit(mm)) {
    co_return nullptr;
  }
  co_await vma_start_write(vma);
  co_await split_vma(mm, start);
  co_await split_vma(mm, end);
  vma = find_vma(mm, start);
  vma->vm_flags = flags;
  vma = co_await vma_merge(vma);
  co_return vma;
}

}  // namespace mmfault::mm
