// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// duration.h: `10ms` and its like, in nanoseconds.

#ifndef MMFAULT_FAULTS_TRIGGER_DURATION_H_
#define MMFAULT_FAULTS_TRIGGER_DURATION_H_

#include <cstdint>
#include <string>

#include "faults/trigger/lexer.h"

namespace mmfault::faults {

// A whole number and its unit: ns, us, ms, s, m or h; 1 ns to kMaxDurationNs.
bool ParseDuration(Lexer* lexer, int64_t* duration_ns);

// In the largest unit that divides it: `90s`, `1h`. Requires: above 0.
std::string PrintDuration(int64_t duration_ns);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_DURATION_H_
