// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// step_mm.h: the mm that a step is about, whatever the step is.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_API_STEP_MM_H_
#define MMFAULT_SERVER_API_STEP_MM_H_

#include <string>

#include "mmfault/v1/step.pb.h"

namespace mmfault::api {

// Whether the step's operation has an `mm` field; its value is put in `mm`.
bool StepMm(const v1::Step& step, std::string* mm);

}  // namespace mmfault::api

#endif  // MMFAULT_SERVER_API_STEP_MM_H_
