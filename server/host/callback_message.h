// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// callback_message.h: a callback of the engine as the message a client gets.
//
// Worlds and runs send the same; only the number may differ, because a run's
// executions all count from 1 and a client must never see a number twice.
//
// Threads: as the machine.

#ifndef MMFAULT_SERVER_HOST_CALLBACK_MESSAGE_H_
#define MMFAULT_SERVER_HOST_CALLBACK_MESSAGE_H_

#include <string>
#include <vector>

#include "mmfault/v1/notifier_service.pb.h"
#include "mmfault/v1/resources.pb.h"
#include "server/device/remote.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

// Why a range is invalidated.
v1::InvalidateReason ToProto(mm::Event event);

// Names of locks that a task holds, at most `max` of them: one for each class,
// the one taken last.
std::vector<std::string> HeldLocks(const scenario::Machine& machine,
                                   const sched::TaskRecord& task, size_t max);

// Fills in the callback, but for its number and its notifier, which have other
// names on the wire. `message` is empty else.
void FillCallback(const scenario::Machine& machine,
                  const device::pending_callback& callback,
                  v1::AttachResponse::Callback* message);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_CALLBACK_MESSAGE_H_
