// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Callbacks on their way to clients, their answers and deadlines.

#include <algorithm>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/device/ops.h"
#include "server/device/sptes.h"
#include "server/host/callback_message.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"
#include "server/notifier/registration.h"

namespace mmfault::host {

// A callback comes with each invalidation, so the memory of one is kept.
HostedWorld::Outstanding& HostedWorld::NewOutstanding(int64_t number) {
  if (spare_outstanding_.empty()) {
    return outstanding_[number];
  }
  spare_outstanding_.key() = number;
  spare_outstanding_.mapped() = {};
  return outstanding_.insert(std::move(spare_outstanding_)).position->second;
}

void HostedWorld::DeliverCallback(uint64_t number) {
  device::pending_callback* callback = device::FindPending(&world(), number);
  if (callback == nullptr) {
    return;
  }
  const int64_t wire = WireNumber(number);
  last_number_ = std::max(last_number_, wire);
  Binding& binding = bindings_[callback->dev];
  Outstanding& out = NewOutstanding(wire);
  out.dev = callback->dev;
  out.client = binding.client;
  out.event = scenario::ToProto(callback->method);
  out.task_id = world().task(callback->task).object.id;
  out.number = number;
  out.deadline = Executor::Clock::now() + ack_deadline_;
  if (binding.detaching) {
    // Its owner is on the way out and does as a good driver does.
    HandleOwnAnswer(wire);
    return;
  }
  ArmDeadline();
  if (out.client != nullptr && !out.client->gone) {
    out.client->stream->SendCallback(
        [&](v1::AttachResponse::Callback* message) {
          message->set_callback_number(wire);
          message->set_notifier(binding.notifier);
          FillCallback(*machine_, *callback, message);
        });
  }
}

void HostedWorld::HandleOwnAnswer(int64_t number) {
  Outstanding& out = outstanding_[number];
  out.answer.dropped_range = true;
  out.answered = true;
  if (!lockstep_) {
    Admit(number);
  }
}

void HostedWorld::HandleAck(const ClientPtr& client, int64_t number,
                            const device::CallbackAnswer& answer,
                            const std::vector<v1::AddressRange>& dropped) {
  const auto it = outstanding_.find(number);
  if (it == outstanding_.end() || it->second.client != client ||
      it->second.answered) {
    Refuse(
        *client, 0,
        base::WrongStateError(name(), "CALLBACK_NOT_OUTSTANDING",
                              "callback " + std::to_string(number) +
                                  " does not wait for an answer of this client",
                              {{"callback_number", std::to_string(number)}}));
    return;
  }
  for (const v1::AddressRange& range : dropped) {
    if (range.start() >= range.end()) {
      Refuse(*client, 0,
             base::InvalidFieldError(
                 "ack.dropped", "RANGE_MALFORMED",
                 "a range is [start, end), not empty",
                 {{"callback_number", std::to_string(number)}}));
      return;
    }
  }
  it->second.answered = true;
  it->second.answer = answer;
  it->second.dropped = dropped;
  if (!lockstep_) {
    AllowSteps(0);
    Admit(number);
  }
}

// The answer enters the world.
void HostedWorld::Admit(int64_t number) {
  const auto it = outstanding_.find(number);
  if (it == outstanding_.end()) {
    return;
  }
  spare_outstanding_ = outstanding_.extract(it);
  const Outstanding& out = spare_outstanding_.mapped();
  ++admitted_count_;
  const sched::World::Scope scope(&world());
  for (const v1::AddressRange& range : out.dropped) {
    device::DropNow(out.dev, range.start(), range.end());
  }
  device::AdmitAnswer(&world(), out.number, out.answer);
  spare_outstanding_.mapped().client = nullptr;
}

// One timer for all: deadlines are in the order of the callbacks.
void HostedWorld::ArmDeadline() {
  if (deadline_armed_) {
    return;
  }
  std::optional<Executor::Clock::time_point> earliest;
  for (const auto& [number, out] : outstanding_) {
    if (!out.answered && (!earliest || out.deadline < *earliest)) {
      earliest = out.deadline;
    }
  }
  if (!earliest.has_value()) {
    return;
  }
  deadline_armed_ = true;
  executor_->RunAt(*earliest, [weak = weak_from_this()] {
    const std::shared_ptr<HostedWorld> self = weak.lock();
    if (self != nullptr) {
      self->Post([raw = self.get()](const absl::Status& alive) {
        if (alive.ok()) {
          raw->OnDeadline();
        }
      });
    }
  });
}

void HostedWorld::OnDeadline() {
  deadline_armed_ = false;
  const Executor::Clock::time_point now = Executor::Clock::now();
  std::vector<int64_t> late;
  for (const auto& [number, out] : outstanding_) {
    if (!out.answered && out.deadline <= now) {
      late.push_back(number);
    }
  }
  for (const int64_t number : late) {
    Outstanding& out = outstanding_[number];
    out.answered = true;
    out.answer.missing = true;
    if (out.client != nullptr && !out.client->gone) {
      v1::AttachResponse message;
      message.mutable_callback_gone()->set_callback_number(number);
      message.mutable_callback_gone()->set_cause(
          v1::AttachResponse::CallbackGone::CAUSE_DEADLINE);
      out.client->stream->Send(std::move(message));
      NoteClient(*out.client,
                 "missed the deadline of callback " + std::to_string(number));
    }
    if (!lockstep_) {
      AllowSteps(0);
      Admit(number);
    }
  }
  ArmDeadline();
}

}  // namespace mmfault::host
