// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A driver's operations on shared subscriptions and on intervals, and what asks
// about them.

#include "server/device/remote.h"
#include "server/kernel/errno.h"
#include "server/mm/era.h"
#include "server/notifier/registration.h"
#include "server/scenario/machine.h"
#include "server/scenario/steps.h"

namespace mmfault::scenario {
namespace {

using mm::mm_struct;
using notifier::mmu_notifier;
using notifier::Registration;
using sched::Task;

void NoteScan(StepOutcome* outcome) {
  const sched::TaskRecord& task = *kernel::Current();
  outcome->mm_lock_locks = task.mm_lock_locks;
  outcome->vma_visit_count = task.vma_steps;
  outcome->unchecked_vma_visit_max = task.vma_steps_untested_max;
}

// Whether the one object that stands for the ops is in use for something else:
// on another mm, or put and not freed yet. The kernel would allocate another.
bool IsTaken(const device::device* dev, const mm_struct* mm) {
  const Registration state = dev->mn.registration;
  return !dev->mn.object.freed() &&
         (state == Registration::kPut ||
          (state == Registration::kRegistered && dev->mn.mm != mm));
}

Task<int> Get(const StepSpec* step, StepOutcome* outcome) {
  device::device* dev = step->dev;
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr) {
    co_return -ESRCH;
  }
  // Whether it is in use is a race with whoever frees it.
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          dev->mn.object.key(), "mmu_notifier_get"}};
  if (IsTaken(dev, mm)) {
    co_return -EBUSY;
  }
  mmu_notifier* result = nullptr;
  const int rc = co_await notifier::Get(*device::CurrentProtocol(), &dev->ops,
                                        mm, dev->behaviour.alloc_rc, &result);
  NoteScan(outcome);
  co_return rc;
}

// Rule: put does not call ->release(), so a correct driver stops its device
// before its last one.
Task<int> Put(const StepSpec* step) {
  device::device* dev = step->dev;
  if (dev->mn.mm == nullptr) {
    co_return -ENOENT;
  }
  if (dev->mn.users == 1 && IsScripted(dev)) {
    co_await device::device_stop(dev);
  }
  co_await notifier::Put(*device::CurrentProtocol(), &dev->mn);
  co_return 0;
}

Task<int> Insert(const StepSpec* step, StepOutcome* outcome) {
  device::device* dev = step->dev;
  mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr) {
    co_return -ESRCH;
  }
  if (dev->mn.registration == Registration::kRegistered) {
    co_return -EBUSY;
  }
  co_await device::device_begin(dev);
  dev->mn.mm = mm;
  const int rc = co_await notifier::Insert(
      *device::CurrentProtocol(), &dev->interval, mm, step->start, step->a);
  NoteScan(outcome);
  co_return rc;
}

// Rule: nobody tells the device of anything afterwards, so it is stopped first.
Task<int> Remove(const StepSpec* step) {
  device::device* dev = step->dev;
  const bool inserted = dev->mn.registration == Registration::kRegistered;
  if (dev->interval.mm == nullptr || (!inserted && !step->unchecked)) {
    co_return -ENOENT;
  }
  if (IsScripted(dev)) {
    co_await device::device_stop(dev);
  }
  co_await notifier::Remove(*device::CurrentProtocol(), &dev->interval);
  co_return 0;
}

Task<int> ReadBegin(Program* program, const StepSpec* step,
                    StepOutcome* outcome) {
  device::device* dev = step->dev;
  if (dev->mn.registration != Registration::kRegistered) {
    co_return -ENOENT;
  }
  outcome->seq = co_await device::CurrentProtocol()->mmu_interval_read_begin(
      &dev->interval);
  program->last_seq = outcome->seq;
  co_return 0;
}

Task<int> ReadRetry(const Program* program, const StepSpec* step) {
  device::device* dev = step->dev;
  const uint64_t seq = step->a != 0 ? step->a : program->last_seq.get();
  co_await kernel::spin_lock(&dev->lock, "mmu_interval_read_retry");
  const bool retry = notifier::mmu_interval_read_retry(&dev->interval, seq);
  co_await kernel::spin_unlock(&dev->lock, "mmu_interval_read_retry");
  co_return retry ? 1 : 0;
}

Task<int> Synchronize() {
  const notifier::Protocol* protocol = device::CurrentProtocol();
  if (protocol->mmu_notifier_synchronize == nullptr) {
    co_return -EOPNOTSUPP;
  }
  co_await protocol->mmu_notifier_synchronize();
  co_return 0;
}

Task<int> Configure(const StepSpec* step) {
  // Callbacks look at the behaviour before and under the device's lock.
  co_await kernel::Point{{trace::OpKind::kWrite, trace::Access::kWrite,
                          step->dev->lock.key(), "device_configure"}};
  co_return device::Configure(step->dev, step->behaviour->behaviour);
}

Task<int> HasNotifiers(const StepSpec* step) {
  const mm_struct* mm = MmOf(step->mm);
  if (mm == nullptr || mm->object.freed()) {
    co_return -ESRCH;
  }
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          mm->object.key(3), "mm_has_notifiers"}};
  co_return mm::era().mm_has_notifiers(mm) ? 1 : 0;
}

}  // namespace

Task<int> RunSubscriptionStep(Program* program, const StepSpec* step,
                              StepOutcome* outcome) {
  int rc = 0;
  switch (step->kind) {
    case StepKind::kGet:
      rc = co_await Get(step, outcome);
      break;
    case StepKind::kPut:
      rc = co_await Put(step);
      break;
    case StepKind::kInsert:
      rc = co_await Insert(step, outcome);
      break;
    case StepKind::kRemove:
      rc = co_await Remove(step);
      break;
    case StepKind::kReadBegin:
      rc = co_await ReadBegin(program, step, outcome);
      break;
    case StepKind::kReadRetry:
      rc = co_await ReadRetry(program, step);
      break;
    case StepKind::kSynchronize:
      rc = co_await Synchronize();
      break;
    case StepKind::kConfigure:
      rc = co_await Configure(step);
      break;
    case StepKind::kHasNotifiers:
      rc = co_await HasNotifiers(step);
      break;
    default:
      break;
  }
  co_return rc;
}

}  // namespace mmfault::scenario
