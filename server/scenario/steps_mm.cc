// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Operations on an address space, and references to it.

#include "mmfault/v1/step.pb.h"
#include "server/kernel/errno.h"
#include "server/mm/era.h"
#include "server/mm/fork.h"
#include "server/mm/huge_memory.h"
#include "server/mm/khugepaged.h"
#include "server/mm/ksm.h"
#include "server/mm/memory.h"
#include "server/mm/mmap.h"
#include "server/mm/page_table.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

using mm::mm_struct;
using sched::Task;

Task<int> TouchRange(mm_struct* mm, uint64_t start, uint64_t end, bool write) {
  for (uint64_t address = start; address < end; address += mm::kPageSize) {
    const int rc = co_await mm::access_page(mm, address, write);
    if (rc != 0) {
      co_return rc;
    }
  }
  co_return 0;
}

// The store that a write fault was for, as the CPU repeats it: false when the
// translation does not allow it any more, and the fault is to be repeated.
struct StorePoint : kernel::Point {
  mm_struct* mm;
  uint64_t address;
  uint8_t value;
  bool await_resume() const {
    const mm::Pte pte = mm::LookupPte(mm, address);
    if (!pte.writable() || pte.target() == nullptr) {
      return false;
    }
    pte.target()->value = value;
    return true;
  }
};

// Writes a byte over each page. What a page holds matters to ksmd only, so one
// that never held anything else is not written with zeros.
Task<int> FillRange(mm_struct* mm, uint64_t start, uint64_t end,
                    uint8_t value) {
  uint64_t address = start;
  while (address < end) {
    const int rc = co_await mm::access_page(mm, address, true);
    if (rc != 0) {
      co_return rc;
    }
    const mm::page* target = mm::LookupPte(mm, address).target();
    bool stored = target != nullptr && target->value == value;
    if (!stored) {
      stored =
          co_await StorePoint{{{trace::OpKind::kWrite, trace::Access::kWrite,
                                mm::PteKey(mm, address), "store"}},
                              mm,
                              address,
                              value};
    }
    address += stored ? mm::kPageSize : 0;
  }
  co_return 0;
}

Task<int> Touch(mm_struct* mm, const StepSpec* step) {
  int rc = 0;
  if (step->flag) {
    rc = co_await FillRange(mm, step->start, step->end,
                            static_cast<uint8_t>(step->a));
  } else {
    rc = co_await TouchRange(mm, step->start, step->end, false);
  }
  co_return rc;
}

uint64_t RightsOf(const StepSpec* step) {
  if (step->no_access) {
    return 0;
  }
  return step->flag ? mm::VM_READ : mm::VM_READ | mm::VM_WRITE;
}

Task<int> Mmap(mm_struct* mm, const StepSpec* step) {
  const uint64_t flags = RightsOf(step) | (step->shared ? mm::VM_SHARED : 0);
  mm::address_space* file =
      step->file == nullptr ? nullptr : step->file->file.get();
  int rc =
      co_await mm::do_mmap(mm, step->start, step->end, flags, file, step->a);
  if (rc == 0 && step->populate && !step->no_access) {
    rc = co_await TouchRange(mm, step->start, step->end, !step->flag);
  }
  co_return rc;
}

void Bind(MmRef* ref, mm_struct* mm) {
  ref->mm = mm;
  ref->mm_id = mm->object.id;
}

Task<int> Fork(Program* program, mm_struct* parent, const StepSpec* step) {
  mm_struct* child = mm::mm_alloc();
  Machine::Of(kernel::ThisWorld())->NameMm(step->child, child);
  const int rc = co_await mm::dup_mmap(child, parent);
  if (rc != 0) {
    step->child->mm = nullptr;
    co_await mm::mmput(child);
    co_return rc;
  }
  Bind(step->child, child);
  PushRef(program, step->child);
  co_return 0;
}

// The task is a process of the new mm before the old one is put.
Task<int> Exec(Program* program, mm_struct* old, const StepSpec* step) {
  const int rc = co_await mm::exec_mmap(old);
  if (rc != 0) {
    co_return rc;
  }
  mm_struct* fresh = mm::mm_alloc();
  Machine::Of(kernel::ThisWorld())->NameMm(step->child, fresh);
  Bind(step->child, fresh);
  const bool held = PopRef(program, step->mm);
  PushRef(program, step->child);
  program->own = step->child;
  if (held) {
    co_await mm::mmput(old);
  }
  co_return 0;
}

// Advice about huge and about equal pages, which has functions of its own.
Task<int> AdvisePages(mm_struct* mm, const StepSpec* step) {
  using v1::Step;
  int rc = -EINVAL;
  switch (static_cast<Step::Madvise::Advice>(step->a)) {
    case Step::Madvise::ADVICE_HUGEPAGE:
      rc = co_await mm::hugepage_madvise(mm, step->start, step->end, true);
      break;
    case Step::Madvise::ADVICE_NOHUGEPAGE:
      rc = co_await mm::hugepage_madvise(mm, step->start, step->end, false);
      break;
    case Step::Madvise::ADVICE_COLLAPSE:
      rc = co_await mm::madvise_collapse(mm, step->start, step->end);
      break;
    case Step::Madvise::ADVICE_MERGEABLE:
      rc = co_await mm::ksm_madvise(mm, step->start, step->end, true);
      break;
    case Step::Madvise::ADVICE_UNMERGEABLE:
      rc = co_await mm::ksm_madvise(mm, step->start, step->end, false);
      break;
    default:
      break;
  }
  co_return rc;
}

// By the number in step.proto; the advice that mm/madvise.c has.
Task<int> Madvise(mm_struct* mm, const StepSpec* step) {
  using v1::Step;
  int rc = 0;
  mm::Advice advice = mm::Advice::kDontneed;
  switch (static_cast<Step::Madvise::Advice>(step->a)) {
    case Step::Madvise::ADVICE_FREE:
      advice = mm::Advice::kFree;
      break;
    case Step::Madvise::ADVICE_COLD:
      advice = mm::Advice::kCold;
      break;
    case Step::Madvise::ADVICE_PAGEOUT:
      advice = mm::Advice::kPageout;
      break;
    case Step::Madvise::ADVICE_REMOVE:
      advice = mm::Advice::kRemove;
      break;
    case Step::Madvise::ADVICE_DONTFORK:
      advice = mm::Advice::kDontfork;
      break;
    case Step::Madvise::ADVICE_DONTNEED:
      break;
    default:
      rc = co_await AdvisePages(mm, step);
      co_return rc;
  }
  rc = co_await mm::do_madvise(mm, step->start, step->end, advice);
  co_return rc;
}

Task<int> Mremap(mm_struct* mm, const StepSpec* step) {
  const int rc = co_await mm::do_mremap(mm, {.start = step->start,
                                             .end = step->end,
                                             .new_size = step->a,
                                             .new_start = step->b,
                                             .dontunmap = step->flag});
  co_return rc;
}

Task<int> OnMm(Program* program, mm_struct* mm, const StepSpec* step) {
  int rc = -EINVAL;
  switch (step->kind) {
    case StepKind::kMmap:
      rc = co_await Mmap(mm, step);
      break;
    case StepKind::kMunmap:
      rc = co_await mm::do_munmap(mm, step->start, step->end);
      break;
    case StepKind::kTouch:
      rc = co_await Touch(mm, step);
      break;
    case StepKind::kMprotect:
      rc = co_await mm::do_mprotect(mm, step->start, step->end, RightsOf(step));
      break;
    case StepKind::kMadvise:
      rc = co_await Madvise(mm, step);
      break;
    case StepKind::kMremap:
      rc = co_await Mremap(mm, step);
      break;
    case StepKind::kBrk:
      rc = co_await mm::do_brk(mm, step->a);
      break;
    case StepKind::kMsync:
      rc = co_await mm::do_msync(mm, step->start, step->end);
      break;
    case StepKind::kAccessRemoteVm:
      rc = co_await mm::access_remote_vm(mm, step->start, step->flag);
      break;
    case StepKind::kFork:
      rc = co_await Fork(program, mm, step);
      break;
    case StepKind::kExec:
      rc = co_await Exec(program, mm, step);
      break;
    default:
      break;
  }
  co_return rc;
}

// A task without a reference of its own takes one for the call, as
// process_madvise() and ptrace do.
Task<int> WithReference(Program* program, const StepSpec* step) {
  mm_struct* mm = MmOf(step->mm);
  const bool alive = co_await mm::mmget_not_zero(mm);
  if (!alive) {
    co_return -ESRCH;
  }
  const int rc = co_await OnMm(program, mm, step);
  co_await mm::mmput(mm);
  co_return rc;
}

Task<int> Mmput(Program* program, const StepSpec* step) {
  if (!PopRef(program, step->mm) && step->mm->unowned > 0) {
    step->mm->unowned -= 1;
  }
  if (step->flag) {
    co_await mm::mmput_async(MmOf(step->mm));
  } else {
    co_await mm::mmput(MmOf(step->mm));
  }
  co_return 0;
}

Task<int> Teardown(const StepSpec* step) {
  co_await kernel::Yield("force_teardown");
  co_return Machine::Of(kernel::ThisWorld())->Teardown(step->mm, step->flag);
}

}  // namespace

Task<> ExitForced(mm_struct* mm) {
  co_await mm::exit_mmap(mm);
  co_await mm::mmdrop(mm);
}

Task<int> RunMmStep(Program* program, const StepSpec* step) {
  if (IsSystemStep(step->kind)) {
    const int rc = co_await RunSystemStep(step);
    co_return rc;
  }
  if (IsFileStep(step->kind)) {
    const int rc = co_await RunFileStep(step);
    co_return rc;
  }
  mm_struct* mm = MmOf(step->mm);
  if (mm != nullptr && !HoldsRef(program, step->mm)) {
    // Whether it is still there is a race, with the count whose end frees it.
    co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                            mm->count_key(), StepKindName(step->kind)}};
  }
  if (mm == nullptr || mm->object.freed()) {
    co_return -ESRCH;
  }
  int rc = 0;
  if (step->kind == StepKind::kReclaim) {
    rc = co_await mm::reclaim_page(mm, step->start);  // kswapd pins nothing
    co_return rc == -ENOENT ? -EAGAIN : rc;
  }
  if (HoldsRef(program, step->mm)) {
    rc = co_await OnMm(program, mm, step);
  } else {
    rc = co_await WithReference(program, step);
  }
  co_return rc;
}

Task<int> RunReferenceStep(Program* program, const StepSpec* step) {
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr) {
    co_return -ESRCH;
  }
  int rc = 0;
  switch (step->kind) {
    case StepKind::kMmget:
      co_await mm::mmget(mm);
      PushRef(program, step->mm);
      break;
    case StepKind::kMmgetNotZero: {
      const bool got = co_await mm::mmget_not_zero(mm);
      if (got) {
        PushRef(program, step->mm);
        rc = 1;
      }
      break;
    }
    case StepKind::kMmput:
      rc = co_await Mmput(program, step);
      break;
    case StepKind::kMmgrab:
      co_await mm::mmgrab(mm);
      break;
    case StepKind::kMmdrop:
      co_await mm::mmdrop(mm);
      break;
    case StepKind::kForceTeardown:
      rc = co_await Teardown(step);
      break;
    case StepKind::kExitForced:
      co_await ExitForced(mm);
      break;
    default:
      break;
  }
  co_return rc;
}

}  // namespace mmfault::scenario
