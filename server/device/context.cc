// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/context.h"

#include "server/device/remote.h"
#include "server/kernel/choice.h"
#include "server/kernel/signal.h"
#include "server/kernel/slab.h"
#include "server/mm/fork.h"
#include "server/notifier/call_point.h"
#include "server/notifier/registration.h"

namespace mmfault::device {
namespace {

bool MaySleep(bool blockable) {
  const sched::TaskRecord& task = *kernel::Current();
  return blockable && task.preempt_count == 0 && task.rcu_depth == 0 &&
         task.non_block_count == 0;
}

// P28: waits for a grace period that this very method is in the way of.
Task<> LeaveInside(device* dev, Method method) {
  if ((dev->behaviour.unregisters_in & Bit(method)) != 0 &&
      dev->mn.registration == notifier::Registration::kRegistered &&
      dev->kind == notifier::Kind::kList) {
    co_await notifier::Unregister(*CurrentProtocol(), &dev->mn, dev->mn.mm);
  }
}

// P31: when the others put theirs meanwhile, exit_mmap() runs in here.
Task<> BorrowUser(mm_struct* mm) {
  const bool got = co_await mm::mmget_not_zero(mm);
  if (got) {
    co_await kernel::Yield("device_callback");
    co_await mm::mmput(mm);
  }
}

bool Signalled(const sched::TaskRecord& task) {
  const auto* dev = static_cast<const device*>(task.op_target.get());
  return *dev->behaviour.waits_for.count > 0;
}

bool SignalledOrInterrupted(const sched::TaskRecord& task) {
  return Signalled(task) || kernel::signal_pending(task);
}

}  // namespace

Task<> Prologue(device* dev, Method method, mm_struct* mm, uint64_t start,
                uint64_t end) {
  dev->deliveries[static_cast<size_t>(method)] += 1;
  co_await kernel::FaultPoint(
      faults::Point::kDeviceCallback,
      notifier::Place(&dev->mn, method, mm, start, end));
  for (uint32_t i = 0; i < dev->behaviour.yield_count; ++i) {
    co_await kernel::Yield("device_callback");
  }
  if (dev->behaviour.sleeps) {
    kernel::might_sleep();
    co_await kernel::Yield("schedule");
  }
  if (dev->behaviour.allocates) {
    kernel::allocation* block =
        co_await kernel::kmalloc(64, kernel::GFP_KERNEL, "device_callback");
    kernel::kfree(block);
  }
  if (dev->behaviour.puts_user_in_callback && mm != nullptr) {
    co_await BorrowUser(mm);
  }
  if (dev->behaviour.locks_around_fault) {
    co_await LockDriver(dev);
    co_await UnlockDriver(dev);
  }
  if (dev->behaviour.unregisters_in != 0) {
    co_await LeaveInside(dev, method);
  }
}

namespace {

// The answer that is meant for this delivery; null when none is.
const Answer* FindAnswer(const device* dev, Method method, bool blockable) {
  const uint64_t hit = dev->deliveries[static_cast<size_t>(method)];
  for (uint32_t i = 0; i < dev->behaviour.answer_count; ++i) {
    const Answer& answer = dev->behaviour.answers[i];
    if (answer.method == method && (answer.hit == 0 || answer.hit == hit) &&
        (!answer.only_nonblocking || !blockable)) {
      return &answer;
    }
  }
  return nullptr;
}

}  // namespace

Task<int> AnswerOf(device* dev, Method method, bool blockable) {
  const Answer* answer = FindAnswer(dev, method, blockable);
  if (answer == nullptr) {
    co_return 0;
  }
  if (answer->optional) {
    const int chosen = co_await kernel::Choose(2, "device_answer");
    if (chosen == 0) {
      co_return 0;
    }
  }
  if (answer->rc != 0) {
    dev->nonzero[static_cast<size_t>(method)] += 1;
  }
  co_return answer->rc;
}

Task<Readiness> AwaitDevice(device* dev, bool blockable) {
  if (dev->behaviour.start_delay_ns != 0 && MaySleep(blockable)) {
    co_await kernel::sleep_ns(dev->behaviour.start_delay_ns, "device_delay");
  }
  const Fence fence = dev->behaviour.waits_for;
  if (fence.queue == nullptr) {
    co_return Readiness::kReady;
  }
  co_await kernel::Point{{trace::OpKind::kRead, trace::Access::kRead,
                          fence.queue->key(), "dma_fence_is_signaled"}};
  if (*fence.count > 0) {
    co_return Readiness::kReady;
  }
  if (!blockable) {
    co_return Readiness::kWouldBlock;
  }
  co_await kernel::wait_event(
      fence.queue,
      dev->behaviour.waits_interruptibly ? SignalledOrInterrupted : Signalled,
      dev, 0, "dma_fence_wait");
  co_return *fence.count > 0 ? Readiness::kReady : Readiness::kInterrupted;
}

Task<> LockDriver(device* dev) {
  co_await kernel::mutex_lock(&dev->driver_lock, "driver_lock");
}

Task<> UnlockDriver(device* dev) {
  co_await kernel::mutex_unlock(&dev->driver_lock, "driver_lock");
}

}  // namespace mmfault::device
