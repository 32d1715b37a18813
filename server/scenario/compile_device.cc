// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Modelled devices: what they do right and wrong.

#include <bit>
#include <string>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/scenario/compile.h"

namespace mmfault::scenario {
namespace {

using base::InvalidFieldError;
using device::Behaviour;
using v1::ModelledDevice;

absl::Status CheckNumbers(const ModelledDevice& model, std::string_view field) {
  if (model.callback_yield_count() < 0 || model.callback_yield_count() > 1000) {
    return InvalidFieldError(Join(field, "callback_yield_count"),
                             "FIELD_OUT_OF_RANGE", "must be in [0, 1000]");
  }
  if (model.max_retries() < 0 || model.max_retries() > 1000000) {
    return InvalidFieldError(Join(field, "max_retries"), "FIELD_OUT_OF_RANGE",
                             "must be in [1, 1000000], or 0 for 64");
  }
  if (model.start_delay_ns() < 0) {
    return InvalidFieldError(Join(field, "start_delay_ns"),
                             "FIELD_OUT_OF_RANGE", "a delay is >= 0");
  }
  if (model.alloc_rc() > 0) {
    return InvalidFieldError(Join(field, "alloc_rc"), "FIELD_OUT_OF_RANGE",
                             "a negative errno, or 0");
  }
  if (model.has_slots() && model.slots().start() >= model.slots().end()) {
    return InvalidFieldError(Join(field, "slots"), "RANGE_MALFORMED",
                             "slots are [start, end), not empty");
  }
  return absl::OkStatus();
}

void SetFlags(const ModelledDevice& model, Behaviour* out) {
  out->sleeps = model.sleeps();
  out->allocates = model.allocates();
  out->forgets_invalidate = model.forgets_invalidate();
  out->drops_at_end = model.drops_at_end();
  out->forgets_release = model.forgets_release();
  out->forgets_retry = model.forgets_retry();
  out->retries_unlocked =
      model.retries_unlocked() || model.checks_retry_unlocked();
  out->frees_in_release = model.frees_in_release();
  out->ignores_widening = model.ignores_widening();
  out->flag_instead_of_counter = model.flag_instead_of_counter();
  out->asks_slots_again_at_end = model.asks_slots_again_at_end();
  out->forgets_reset = model.forgets_reset();
  out->removes_in_invalidate = model.removes_in_invalidate();
  out->puts_user_in_callback = model.puts_user_in_callback();
  out->forgets_set_seq = model.forgets_set_seq();
  out->uses_callers_mm = model.uses_callers_mm();
  out->forgets_users = model.forgets_users();
  out->waits_interruptibly = model.waits_interruptibly();
  out->locks_around_fault = model.locks_around_fault();
}

void SetNumbers(const ModelledDevice& model, Behaviour* out) {
  out->yield_count = static_cast<uint32_t>(model.callback_yield_count());
  out->max_retries = static_cast<uint32_t>(model.max_retries());
  out->never_gives_up = model.never_gives_up();
  out->start_delay_ns = static_cast<uint64_t>(model.start_delay_ns());
  out->alloc_rc = model.alloc_rc();
  out->slots_start = model.slots().start();
  out->slots_end = model.slots().end();
}

absl::Status SetMethods(const ModelledDevice& model, std::string_view field,
                        Behaviour* out) {
  for (const int event : model.unimplemented()) {
    out->unimplemented |= MethodBit(static_cast<v1::CallbackEvent>(event));
  }
  for (const int event : model.implemented()) {
    out->implemented |= MethodBit(static_cast<v1::CallbackEvent>(event));
  }
  if (model.unregisters_in() != v1::CALLBACK_EVENT_UNSPECIFIED) {
    out->unregisters_in = MethodBit(model.unregisters_in());
    if (out->unregisters_in == 0) {
      return InvalidFieldError(Join(field, "unregisters_in"),
                               "UNSUPPORTED_SETTING",
                               "no notifier of this server has that callback");
    }
  }
  return absl::OkStatus();
}

absl::Status SetAnswers(const ModelledDevice& model, std::string_view field,
                        Behaviour* out) {
  if (model.answer_size() > device::kMaxAnswers) {
    return InvalidFieldError(Join(field, "answer"), "FIELD_OUT_OF_RANGE",
                             "at most 8 answers");
  }
  for (const auto& answer : model.answer()) {
    const uint32_t bit = MethodBit(answer.event());
    if (bit == 0) {
      return InvalidFieldError(Join(field, "answer.event"),
                               "UNSUPPORTED_SETTING",
                               "no notifier of this server has that callback");
    }
    device::Answer& to = out->answers[out->answer_count++];
    to.method = static_cast<notifier::Method>(std::countr_zero(bit));
    to.rc = answer.rc();
    to.hit = static_cast<uint64_t>(std::max<int64_t>(0, answer.hit()));
    to.only_nonblocking = answer.only_nonblocking();
    to.optional = answer.optional();
  }
  return absl::OkStatus();
}

absl::Status SetNames(Machine* machine, const ModelledDevice& model,
                      std::string_view field, Behaviour* out) {
  if (!model.release_locks_mm().empty()) {
    if (!IsValidId(model.release_locks_mm())) {
      return InvalidFieldError(Join(field, "release_locks_mm"),
                               "NAME_MALFORMED", "say an mm's id");
    }
    out->release_locks_mm = &machine->DeclareMm(model.release_locks_mm())->mm;
  }
  if (!model.waits_for().empty()) {
    EventRef* event = machine->DeclareEvent(model.waits_for());
    out->waits_for = {&event->queue, &event->count};
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Behaviour> CompileBehaviour(Machine* machine,
                                           const ModelledDevice& model,
                                           std::string_view field) {
  Behaviour behaviour;
  RETURN_IF_ERROR(CheckNumbers(model, field));
  SetFlags(model, &behaviour);
  SetNumbers(model, &behaviour);
  RETURN_IF_ERROR(SetMethods(model, field, &behaviour));
  RETURN_IF_ERROR(SetAnswers(model, field, &behaviour));
  RETURN_IF_ERROR(SetNames(machine, model, field, &behaviour));
  return behaviour;
}

absl::StatusOr<notifier::Kind> CompileKind(const notifier::Protocol& protocol,
                                           v1::Notifier::Kind kind,
                                           std::string_view field) {
  notifier::Kind out = notifier::Kind::kList;
  if (kind == v1::Notifier::KIND_GET_PUT) {
    out = notifier::Kind::kGetPut;
  } else if (kind == v1::Notifier::KIND_INTERVAL) {
    out = notifier::Kind::kInterval;
  }
  if (!notifier::Has(protocol, out)) {
    return InvalidFieldError(field, "UNSUPPORTED_SETTING",
                             "protocol " + std::string(protocol.id) +
                                 " has no notifiers of that kind");
  }
  return out;
}

}  // namespace mmfault::scenario
