// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/device/remote.h"

#include "server/base/check.h"
#include "server/device/sptes.h"
#include "server/kernel/errno.h"
#include "server/notifier/call_point.h"
#include "server/notifier/registration.h"

namespace mmfault::device {
namespace {

// The folder's part of a world.
struct RemoteState {
  sched::Object object;
  const notifier::Protocol* protocol;  // constant
  Cell<uint64_t> next_number;
  Cell<pending_callback*> first;
  Cell<pending_callback*> spare;  // delivered and answered
};

RemoteState* State(sched::World* world) {
  return static_cast<RemoteState*>(world->state().devices.get());
}

bool Answered(const sched::TaskRecord& task) {
  return static_cast<const pending_callback*>(task.op_target.get())->answered;
}

struct AwaitAnswer : kernel::Point {
  pending_callback* callback;

  void await_suspend(std::coroutine_handle<> /*leaf*/) const {
    kernel::ThisWorld()->Publish(op, nullptr, Answered, callback);
  }
  void await_resume() const {
    trace::Event event;
    event.task = callback->task;
    event.op = op;
    event.value = callback->rc;
    kernel::ThisWorld()->Emit(event);
  }
};

// Nothing of the kernel's points to one, so there is no use after free to look
// for: without a stay in the quarantine its memory stays warm.
pending_callback* Take(RemoteState* state) {
  pending_callback* callback = state->spare;
  if (callback != nullptr) {
    state->spare = callback->next;
    return callback;
  }
  callback = kernel::ThisWorld()->New<pending_callback>(trace::ObjType::kNone);
  CHECK(callback != nullptr);
  return callback;
}

void Give(RemoteState* state, pending_callback* callback) {
  callback->next = state->spare.get();
  state->spare = callback;
}

pending_callback* NewPending(device* dev, Method method, mm_struct* mm,
                             const mmu_notifier_range& range, bool has_reason,
                             uint64_t cur_seq) {
  sched::World* world = kernel::ThisWorld();
  RemoteState* state = State(world);
  pending_callback* callback = Take(state);
  trace::LogRange(callback, sizeof *callback);
  const sched::TaskRecord& task = *kernel::Current();
  state->next_number += 1;
  callback->number = state->next_number;
  callback->dev = dev;
  callback->task = task.slot;
  callback->method = method;
  callback->event = range.event;
  callback->blockable = range.blockable;
  callback->atomic = task.preempt_count != 0 || task.rcu_depth != 0;
  callback->has_reason = has_reason;
  callback->start = range.start;
  callback->end = range.end;
  callback->step = world->state().step_count;
  callback->cur_seq = cur_seq;
  callback->mm = mm;
  callback->answered = false;
  callback->next = nullptr;
  Cell<pending_callback*>* link = &state->first;
  while (*link != nullptr) {
    link = &(*link)->next;
  }
  *link = callback;
  return callback;
}

void Unlink(RemoteState* state, pending_callback* callback) {
  Cell<pending_callback*>* link = &state->first;
  while (*link != callback) {
    link = &(*link)->next;
  }
  *link = callback->next;
}

// The retry protocol's numbers, which faults that the server runs for the
// client check. As the methods of a modelled device.
void Account(device* dev, const pending_callback& callback) {
  const bool done = callback.rc == 0;
  switch (callback.method) {
    case Method::kInvalidateRangeStart:
      dev->invalidate_count += done ? 1 : 0;
      return;
    case Method::kIntervalInvalidate:
      if (callback.rc >= 0) {
        dev->interval.invalidate_seq = callback.cur_seq;
      }
      return;
    case Method::kInvalidateRangeEnd:
      dev->invalidate_count -= dev->invalidate_count != 0 ? 1 : 0;
      break;
    case Method::kRelease:
      dev->stopped = true;
      dev->released = true;
      break;
    default:
      break;
  }
  dev->invalidate_seq += 1;
}

// What the client says to have done takes effect under the device's lock: a
// mapping that passed the check and is not installed yet goes first.
Task<> Apply(device* dev, const pending_callback* callback) {
  const Method method = callback->method;
  if (method == Method::kClearFlushYoung || method == Method::kFreeNotifier) {
    co_return;
  }
  co_await kernel::spin_lock(&dev->lock, "device_remote_answer");
  Account(dev, *callback);
  if (callback->dropped_range) {
    co_await DropLocked(dev, callback->start, callback->end);
  }
  co_await kernel::spin_unlock(&dev->lock, "device_remote_answer");
  if (method == Method::kInvalidateRangeEnd || method == Method::kRelease) {
    co_await kernel::wake_up_all(&dev->queue, "device_remote_answer");
  }
}

void CheckAnswer(const pending_callback& callback) {
  if (callback.slept && callback.atomic) {
    kernel::ReportHere(trace::Checker::kNoSleepInAtomic,
                       trace::Cause::kSleptInCallback,
                       callback.dev->mn.object.key());
  }
}

}  // namespace

void InitDevices(sched::World* world, const notifier::Protocol* protocol) {
  auto* state = world->New<RemoteState>(trace::ObjType::kNone);
  CHECK(state != nullptr);
  trace::LogRange(&state->protocol, sizeof state->protocol);
  state->protocol = protocol;
  world->state().devices = state;
}

const notifier::Protocol* CurrentProtocol() {
  return State(kernel::ThisWorld())->protocol;
}

void SetRemoteHub(sched::World* world, RemoteHub* hub) {
  world->SetOutside(hub);
}

bool AdmitAnswer(sched::World* world, uint64_t number,
                 const CallbackAnswer& answer) {
  pending_callback* callback = FindPending(world, number);
  if (callback == nullptr) {
    return false;
  }
  callback->answered = true;
  callback->rc = answer.rc;
  callback->slept = answer.slept;
  callback->dropped_range = answer.dropped_range;
  if (answer.missing) {
    world->Report({.checker = trace::Checker::kNoDeadlock,
                   .cause = trace::Cause::kHungCallback,
                   .task = static_cast<int8_t>(callback->task),
                   .obj = callback->dev->mn.object.key(),
                   .a = number});
  }
  world->ReevaluateTask(callback->task);
  return true;
}

pending_callback* FindPending(sched::World* world, uint64_t number) {
  pending_callback* callback = State(world)->first;
  while (callback != nullptr && callback->number != number) {
    callback = callback->next;
  }
  return callback != nullptr && callback->answered ? nullptr : callback;
}

pending_callback* FirstPending(sched::World* world) {
  pending_callback* callback = State(world)->first;
  while (callback != nullptr && callback->answered) {
    callback = callback->next;
  }
  return callback;
}

Task<int> CallRemote(device* dev, Method method, mm_struct* mm,
                     const mmu_notifier_range& range, bool has_reason,
                     uint64_t cur_seq) {
  dev->deliveries[static_cast<size_t>(method)] += 1;
  co_await kernel::FaultPoint(
      faults::Point::kDeviceCallback,
      notifier::Place(&dev->mn, method, mm, range.start, range.end));
  sched::World* world = kernel::ThisWorld();
  auto* hub = static_cast<RemoteHub*>(world->outside());
  pending_callback* callback =
      NewPending(dev, method, mm, range, has_reason, cur_seq);
  if (hub != nullptr) {
    hub->OnCallback(*callback);
  }
  co_await AwaitAnswer{{{trace::OpKind::kCallbackReturn, trace::Access::kWrite,
                         dev->mn.object.key(), notifier::MethodName(method)}},
                       callback};
  CheckAnswer(*callback);
  const int rc = callback->rc;
  if (rc != 0) {
    dev->nonzero[static_cast<size_t>(method)] += 1;
  }
  co_await Apply(dev, callback);
  Unlink(State(world), callback);
  Give(State(world), callback);
  // A driver whose object dies with the mm; nothing of it is used after this.
  if (method == Method::kRelease && dev->behaviour.frees_in_release) {
    co_await FreeDevice(dev);
  }
  co_return rc;
}

}  // namespace mmfault::device
