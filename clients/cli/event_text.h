// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// event_text.h: events, violations and step results as lines.

#ifndef MMFAULT_CLIENTS_CLI_EVENT_TEXT_H_
#define MMFAULT_CLIENTS_CLI_EVENT_TEXT_H_

#include <string>

#include "mmfault/v1/step.pb.h"
#include "mmfault/v1/trace.pb.h"

namespace mmfault::cli {

// `    31  t0  exit_mmap            m0.mmap_lock  taken`, with a newline.
std::string EventLine(const v1::Event& event);

// The checker, where, what was broken, and the events that matter.
std::string ViolationText(const v1::Violation& violation);

// `rc 0, steps 3 to 17`.
std::string ResultText(const v1::StepResult& result);

}  // namespace mmfault::cli

#endif  // MMFAULT_CLIENTS_CLI_EVENT_TEXT_H_
