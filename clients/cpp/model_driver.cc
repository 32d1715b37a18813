// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cpp/model_driver.h"

#include <utility>

namespace mmfault::client {
namespace {

bool Matches(const v1::ModelledDevice::Answer& answer, const Callback& call,
             int64_t hit) {
  return answer.event() == call.event() &&
         (answer.hit() == 0 || answer.hit() == hit) &&
         (!answer.only_nonblocking() || !call.message().blockable());
}

// The notifier that a step uses, and the kind it is used as; empty when the
// step needs none to exist.
std::pair<std::string, v1::Notifier::Kind> UsedBy(const v1::Step& step) {
  switch (step.op_case()) {
    case v1::Step::kRegister:
      return {step.register_().notifier(), v1::Notifier::KIND_LIST};
    case v1::Step::kGet:
      return {step.get().notifier(), v1::Notifier::KIND_GET_PUT};
    case v1::Step::kInsert:
      return {step.insert().notifier(), v1::Notifier::KIND_INTERVAL};
    default:
      return {"", v1::Notifier::KIND_UNSPECIFIED};
  }
}

}  // namespace

int ModelDriver::Begin(Callback& call) {
  // GFP_KERNEL may sleep as well.
  if (model_.sleeps() || model_.allocates()) call.MightSleep();
  const std::lock_guard<std::mutex> lock(mutex_);
  const int64_t hit = ++deliveries_[call.event()];
  for (const v1::ModelledDevice::Answer& answer : model_.answer()) {
    if (Matches(answer, call, hit)) return answer.rc();
  }
  return 0;
}

int ModelDriver::InvalidateRangeStart(Callback& call) {
  const int rc = Begin(call);
  if (rc != 0) return rc;
  if (!model_.forgets_invalidate() && !model_.drops_at_end()) {
    call.DroppedRange();
  }
  return 0;
}

int ModelDriver::InvalidateRangeEnd(Callback& call) {
  Begin(call);
  if (model_.drops_at_end()) call.DroppedRange();
  return 0;
}

int ModelDriver::InvalidatePage(Callback& call) {
  Begin(call);
  if (!model_.forgets_invalidate()) call.DroppedRange();
  return 0;
}

int ModelDriver::InvalidateRange(Callback& call) {
  return InvalidatePage(call);
}

int ModelDriver::ChangePte(Callback& call) { return InvalidatePage(call); }

int ModelDriver::IntervalInvalidate(Callback& call) {
  const int rc = Begin(call);
  if (rc == 0 && !model_.forgets_invalidate()) call.DroppedRange();
  return rc;
}

int ModelDriver::Release(Callback& call) {
  Begin(call);
  if (!model_.forgets_release()) call.DroppedRange();
  return 0;
}

int ModelDriver::ClearFlushYoung(Callback& call) { return Begin(call); }
int ModelDriver::ClearYoung(Callback& call) { return Begin(call); }
int ModelDriver::TestYoung(Callback& call) { return Begin(call); }

std::vector<v1::CallbackEvent> ModelDriver::Unimplemented() const {
  std::vector<v1::CallbackEvent> events;
  for (const int event : model_.unimplemented()) {
    events.push_back(static_cast<v1::CallbackEvent>(event));
  }
  return events;
}

void ModelDriver::Reset(const v1::AttachResponse::WorldReset& /*reset*/) {
  const std::lock_guard<std::mutex> lock(mutex_);
  deliveries_.clear();
}

std::map<std::string, v1::NotifierSetup> NotifiersOf(
    const v1::Scenario& scenario) {
  std::map<std::string, v1::NotifierSetup> setups;
  for (const v1::NotifierSetup& setup : scenario.notifier()) {
    setups[setup.id()] = setup;
  }
  for (const v1::TaskSetup& task : scenario.task()) {
    for (const v1::Step& step : task.step()) {
      const auto [id, kind] = UsedBy(step);
      if (id.empty()) continue;
      v1::NotifierSetup& setup = setups[id];
      setup.set_id(id);
      if (setup.kind() == v1::Notifier::KIND_UNSPECIFIED) setup.set_kind(kind);
    }
  }
  return setups;
}

}  // namespace mmfault::client
