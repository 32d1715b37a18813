// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/callback_message.h"

#include "server/scenario/compile.h"

namespace mmfault::host {
namespace {

// Of the message's held_locks.
constexpr size_t kHeldLocksMax = 8;

// A copy into what is there saves the memory of a name.
void SetName(const scenario::Machine& machine, uint32_t id, std::string* name) {
  const std::string* known = machine.FindName(id);
  if (known != nullptr) {
    *name = *known;
  } else {
    *name = machine.NameOf(id);
  }
}

template <typename Taker>
void ForHeldLocks(const sched::TaskRecord& task, size_t max, Taker take) {
  size_t left = task.locks_held == 0 ? 0 : max;
  for (const sched::HeldClass& held : task.held) {
    if (held.count != 0 && left != 0) {
      take(held.last_id);
      --left;
    }
  }
}

}  // namespace

v1::InvalidateReason ToProto(mm::Event event) {
  switch (event) {
    case mm::Event::kUnmap:
      return v1::INVALIDATE_REASON_UNMAP;
    case mm::Event::kClear:
      return v1::INVALIDATE_REASON_CLEAR;
    case mm::Event::kProtectionVma:
      return v1::INVALIDATE_REASON_PROTECTION_VMA;
    case mm::Event::kProtectionPage:
      return v1::INVALIDATE_REASON_PROTECTION_PAGE;
    case mm::Event::kSoftDirty:
      return v1::INVALIDATE_REASON_SOFT_DIRTY;
    case mm::Event::kRelease:
      return v1::INVALIDATE_REASON_RELEASE;
    case mm::Event::kMigrate:
      return v1::INVALIDATE_REASON_MIGRATE;
    case mm::Event::kExclusive:
      return v1::INVALIDATE_REASON_EXCLUSIVE;
  }
  return v1::INVALIDATE_REASON_UNSPECIFIED;
}

std::vector<std::string> HeldLocks(const scenario::Machine& machine,
                                   const sched::TaskRecord& task, size_t max) {
  std::vector<std::string> names;
  ForHeldLocks(task, max,
               [&](uint32_t id) { names.push_back(machine.NameOf(id)); });
  return names;
}

void FillCallback(const scenario::Machine& machine,
                  const device::pending_callback& callback,
                  v1::AttachResponse::Callback* message) {
  const sched::TaskRecord& task = machine.world().task(callback.task);
  message->set_event(scenario::ToProto(callback.method));
  if (callback.has_reason) {
    message->set_reason(ToProto(callback.event));
  }
  message->set_start(callback.start);
  message->set_end(callback.end);
  message->set_blockable(callback.blockable);
  message->set_atomic(callback.atomic);
  SetName(machine, task.object.id, message->mutable_task());
  ForHeldLocks(task, kHeldLocksMax, [&](uint32_t id) {
    SetName(machine, id, message->add_held_locks());
  });
  message->set_held_lock_count(task.locks_held);
  message->set_step(static_cast<int64_t>(callback.step));
  message->set_cur_seq(static_cast<int64_t>(callback.cur_seq));
  if (callback.mm != nullptr) {
    SetName(machine, callback.mm->object.id, message->mutable_mm());
    message->set_mm_users(callback.mm->mm_users.counter);
  }
}

}  // namespace mmfault::host
