// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/notifier/observe.h"

namespace mmfault::notifier {
namespace {

void Tell(trace::MethodCall* call) {
  sched::World* world = kernel::ThisWorld();
  call->task = world->current_slot();
  call->atomic = world->current()->preempt_count != 0;
  world->method_observer()->OnMethod(*call);
}

}  // namespace

void TellEntry(trace::MethodCall call) { Tell(&call); }

void TellReturn(trace::MethodCall call, std::optional<int64_t> rc) {
  call.returned = true;
  call.has_rc = rc.has_value();
  call.rc = rc.value_or(0);
  Tell(&call);
}

}  // namespace mmfault::notifier
