// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// recorded_answer.h: what a notifier outside the world has answered, in the
// form that a capsule keeps, and its way back into the world.
//
// Threads: as the machine.

#ifndef MMFAULT_SERVER_HOST_RECORDED_ANSWER_H_
#define MMFAULT_SERVER_HOST_RECORDED_ANSWER_H_

#include <vector>

#include "absl/status/status.h"
#include "mmfault/v1/notifier_service.pb.h"
#include "mmfault/v1/scenario.pb.h"
#include "server/device/remote.h"
#include "server/scenario/machine.h"

namespace mmfault::host {

// What was answered in one execution, in order of the callbacks' numbers.
using Answers = std::vector<v1::Capsule::RecordedAnswer>;

// An acknowledgement as a record.
v1::Capsule::RecordedAnswer RecordOf(const scenario::Machine& machine,
                                     const device::pending_callback& callback,
                                     const v1::AttachRequest::Ack& ack);

// Admits an answer. The callback's own range is dropped in the step in which
// the callback returns, where the device also counts the invalidation; any
// other was dropped by the device while its callback was under way.
void AdmitRecorded(scenario::Machine* machine,
                   const device::pending_callback& callback,
                   const v1::Capsule::RecordedAnswer& recorded);

// Answers the oldest outstanding callback as `answers` has it.
// INVALID_ARGUMENT (CAPSULE_UNREADABLE) when it does not have it.
absl::Status AnswerFromRecord(scenario::Machine* machine,
                              const Answers& answers);

}  // namespace mmfault::host

#endif  // MMFAULT_SERVER_HOST_RECORDED_ANSWER_H_
