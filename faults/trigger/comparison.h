// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// comparison.h: `==` and its like, in conditions of triggers and probes.

#ifndef MMFAULT_FAULTS_TRIGGER_COMPARISON_H_
#define MMFAULT_FAULTS_TRIGGER_COMPARISON_H_

#include "faults/term.h"
#include "faults/trigger/lexer.h"

namespace mmfault::faults {

// ==, !=, <, <=, > or >=. False once the lexer has an error.
bool ParseComparison(Lexer* lexer, Comparison* comparison);
const char* ComparisonText(Comparison comparison);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_COMPARISON_H_
