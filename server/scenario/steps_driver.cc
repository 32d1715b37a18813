// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A driver's operations: registration, device faults, and what the owner of a
// notifier does with its memory.

#include "server/device/remote.h"
#include "server/kernel/errno.h"
#include "server/notifier/registration.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

using mm::mm_struct;
using notifier::mmu_notifier;
using notifier::Registration;
using sched::Task;

const notifier::Protocol& CurrentProtocol() {
  return *device::CurrentProtocol();
}

void NoteScan(StepOutcome* outcome) {
  const sched::TaskRecord& task = *kernel::Current();
  outcome->mm_lock_locks = task.mm_lock_locks;
  outcome->vma_visit_count = task.vma_steps;
  outcome->unchecked_vma_visit_max = task.vma_steps_untested_max;
}

Task<int> Register(const StepSpec* step, StepOutcome* outcome) {
  device::device* dev = step->dev;
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr) {
    co_return -ESRCH;
  }
  if (dev->mn.registration == Registration::kRegistered && !step->unchecked) {
    co_return -EBUSY;  // the kernel would corrupt the list (P15)
  }
  co_await device::device_begin(dev);
  dev->last_mm = mm;
  const int rc =
      co_await notifier::Register(CurrentProtocol(), &dev->mn, mm, step->flag);
  if (rc == 0) {
    dev->mn.mm = mm;
  }
  NoteScan(outcome);
  co_return rc;
}

// Rule: where unregister does not call ->release(), a correct driver stops its
// device first, since nobody will tell it to; where it does, ->release() stops
// it. A driver whose unregister fails goes on as before.
Task<int> Unregister(const StepSpec* step, StepOutcome* outcome) {
  device::device* dev = step->dev;
  const bool registered = dev->mn.registration == Registration::kRegistered;
  mm_struct* mm = registered ? dev->mn.mm : dev->last_mm;
  if (mm == nullptr || (!registered && !step->unchecked)) {
    co_return -ENOENT;
  }
  if (step->flag) {
    co_await kernel::down_write(&mm->mmap_sem, "munmap");
  }
  const bool stop_first =
      !CurrentProtocol().unregister_releases && IsScripted(dev);
  if (stop_first) {
    co_await device::device_stop(dev);
  }
  const int rc = co_await notifier::Unregister(CurrentProtocol(), &dev->mn, mm);
  if (step->flag) {
    co_await kernel::up_write(&mm->mmap_sem, "munmap");
  }
  NoteScan(outcome);
  if (rc != 0 && stop_first) {
    co_await device::device_resume(dev);
  }
  co_return rc;
}

mm_struct* MmOfDevice(const Program* program, const StepSpec* step) {
  const MmRef* own = program->own;
  if (step->dev->behaviour.uses_callers_mm && own != nullptr) {
    return MmOf(own);
  }
  mm_struct* mm = step->dev->mn.mm;
  return mm != nullptr || step->mm == nullptr ? mm : MmOf(step->mm);
}

// Whether what the task looks for on the device's behalf is where it looks.
bool IsOfItsMm(const Program* program, const StepSpec* step) {
  const mm_struct* mm = step->dev->mn.mm;
  return mm == nullptr || MmOfDevice(program, step) == mm;
}

Task<int> LookUp(const Program* program, const StepSpec* step,
                 StepOutcome* outcome) {
  mm_struct* mm = MmOfDevice(program, step);
  if (mm == nullptr || mm->object.freed()) {
    co_return -ESRCH;
  }
  mm::page* found = nullptr;
  const int rc =
      co_await device::look_up(step->dev, mm, step->start, step->flag, &found);
  if (rc == 0) {
    outcome->page_pfn = PageNumber(found);
    outcome->page_generation = found->object.id;
  }
  co_return rc;
}

Task<int> Establish(const Program* program, const StepSpec* step) {
  if (step->has_page) {
    mm::page* target = PageOf(step->a);
    if (target == nullptr) {
      co_return -EFAULT;
    }
    const int rc = co_await device::establish_page(
        step->dev, step->start, target, static_cast<uint32_t>(step->b),
        step->flag);
    co_return rc;
  }
  mm_struct* mm = MmOfDevice(program, step);
  if (mm == nullptr || mm->object.freed()) {
    co_return -ESRCH;
  }
  const int rc =
      co_await device::establish(step->dev, mm, step->start, step->flag);
  co_return rc;
}

// What mmu_notifier_get() allocated is freed by the kernel alone.
Task<> Free(const StepSpec* step) {
  mmu_notifier* mn = &step->dev->mn;
  co_await kernel::Point{
      {trace::OpKind::kFree, trace::Access::kWrite, mn->object.key(), "kfree"}};
  mn->unloaded = mn->unloaded || step->flag;
  if (step->dev->kind != notifier::Kind::kGetPut) {
    co_await device::FreeDevice(step->dev);
  }
}

}  // namespace

// Rule: the driver's code is the scenario's, or the server's, and not a live
// client's.
bool IsScripted(const device::device* dev) {
  return !dev->remote || Machine::Of(kernel::ThisWorld())->scripted_drivers();
}

uint64_t PageNumber(const mm::page* p) {
  return kernel::ThisWorld()->arena().OffsetOf(p) / sched::kGranule;
}

mm::page* PageOf(uint64_t pfn) {
  sched::Arena& arena = kernel::ThisWorld()->arena();
  std::byte* at = arena.root() + pfn * sched::kGranule;
  if (at < arena.heap() || at >= arena.heap() + arena.heap_used()) {
    return nullptr;
  }
  auto* p = reinterpret_cast<mm::page*>(at);
  return p->object.type == trace::ObjType::kPage ? p : nullptr;
}

Task<int> RunDriverStep(Program* program, const StepSpec* step,
                        StepOutcome* outcome) {
  int rc = 0;
  switch (step->kind) {
    case StepKind::kRegister:
      rc = co_await Register(step, outcome);
      break;
    case StepKind::kUnregister:
      rc = co_await Unregister(step, outcome);
      break;
    case StepKind::kLookUp:
      rc = co_await LookUp(program, step, outcome);
      break;
    case StepKind::kEstablish:
      rc = co_await Establish(program, step);
      break;
    case StepKind::kDeviceAccess:
      rc = co_await device::device_access(step->dev, step->start, step->flag);
      break;
    case StepKind::kDrop:
      if (IsOfItsMm(program, step)) {
        co_await device::drop(step->dev, step->start, step->end);
      }
      break;
    case StepKind::kFree:
      co_await Free(step);
      break;
    default:
      rc = co_await RunSubscriptionStep(program, step, outcome);
      break;
  }
  co_return rc;
}

}  // namespace mmfault::scenario
