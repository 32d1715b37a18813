// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/callback_message.h"

#include "server/scenario/compile.h"

namespace mmfault::host {
namespace {

// Of the message's held_locks.
constexpr size_t kHeldLocksMax = 8;

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
  for (const sched::HeldClass& held : task.held) {
    if (held.count != 0 && names.size() < max) {
      names.push_back(machine.NameOf(held.last_id));
    }
  }
  return names;
}

v1::AttachResponse::Callback CallbackMessage(
    const scenario::Machine& machine,
    const device::pending_callback& callback) {
  const sched::TaskRecord& task = machine.world().task(callback.task);
  v1::AttachResponse::Callback message;
  message.set_callback_number(static_cast<int64_t>(callback.number));
  message.set_notifier(machine.NameOf(callback.dev->mn.object.id));
  message.set_event(scenario::ToProto(callback.method));
  if (callback.has_reason) {
    message.set_reason(ToProto(callback.event));
  }
  message.set_start(callback.start);
  message.set_end(callback.end);
  message.set_blockable(callback.blockable);
  message.set_atomic(callback.atomic);
  message.set_task(machine.NameOf(task.object.id));
  for (std::string& name : HeldLocks(machine, task, kHeldLocksMax)) {
    message.add_held_locks(std::move(name));
  }
  message.set_held_lock_count(task.locks_held);
  message.set_step(static_cast<int64_t>(callback.step));
  message.set_cur_seq(static_cast<int64_t>(callback.cur_seq));
  if (callback.mm != nullptr) {
    message.set_mm(machine.NameOf(callback.mm->object.id));
    message.set_mm_users(callback.mm->mm_users.counter);
  }
  return message;
}

}  // namespace mmfault::host
