// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// commute.h: whether a rule lets steps of different tasks commute.
//
// A search that tries one order of steps that commute knows what a step touches
// by its op. A rule that counts the passes of several tasks makes their order
// matter without any op saying so, and one that acts on others touches what no
// op names.
//
// Threads: a pure function.

#ifndef MMFAULT_FAULTS_COMMUTE_H_
#define MMFAULT_FAULTS_COMMUTE_H_

#include "faults/registry.h"

namespace mmfault::faults {

// Whether what the rule does follows from the passing task's own past and is
// done to that task alone. `one_task`: it admits one task only.
bool LetsStepsCommute(const Rule& rule, bool one_task);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_COMMUTE_H_
