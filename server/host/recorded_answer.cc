// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/recorded_answer.h"

#include <algorithm>
#include <string>

#include "server/base/check.h"
#include "server/base/error.h"
#include "server/device/ops.h"
#include "server/device/sptes.h"

namespace mmfault::host {

v1::Capsule::RecordedAnswer RecordOf(const scenario::Machine& machine,
                                     const device::pending_callback& callback,
                                     const v1::AttachRequest::Ack& ack) {
  v1::Capsule::RecordedAnswer recorded;
  recorded.set_callback_number(static_cast<int64_t>(callback.number));
  recorded.set_rc(ack.rc());
  recorded.set_slept(ack.slept());
  *recorded.mutable_dropped() = ack.dropped();
  if (ack.dropped_range()) {
    v1::AddressRange& range = *recorded.add_dropped();
    range.set_start(callback.start);
    range.set_end(callback.end);
  }
  recorded.set_step(
      static_cast<int64_t>(machine.world().state().step_count.get()));
  return recorded;
}

void AdmitRecorded(scenario::Machine* machine,
                   const device::pending_callback& callback,
                   const v1::Capsule::RecordedAnswer& recorded) {
  sched::World::Scope scope(&machine->world());
  device::device* dev = callback.dev;
  device::CallbackAnswer answer;
  answer.rc = recorded.rc();
  answer.slept = recorded.slept();
  answer.missing = recorded.missing();
  for (const v1::AddressRange& range : recorded.dropped()) {
    if (range.start() == callback.start && range.end() == callback.end) {
      answer.dropped_range = true;
    } else {
      device::DropNow(dev, range.start(), range.end());
    }
  }
  CHECK(device::AdmitAnswer(&machine->world(), callback.number, answer));
}

absl::Status AnswerFromRecord(scenario::Machine* machine,
                              const Answers& answers) {
  const device::pending_callback* first =
      device::FirstPending(&machine->world());
  CHECK(first != nullptr);
  const auto number = static_cast<int64_t>(first->number);
  const auto it = std::find_if(
      answers.begin(), answers.end(),
      [number](const auto& a) { return a.callback_number() == number; });
  if (it == answers.end()) {
    return base::InvalidFieldError(
        "capsule", "CAPSULE_UNREADABLE",
        "the answer to callback " + std::to_string(number) +
            " is not recorded; the execution was another one",
        {{"format_version", "1"}});
  }
  AdmitRecorded(machine, *first, *it);
  return absl::OkStatus();
}

}  // namespace mmfault::host
