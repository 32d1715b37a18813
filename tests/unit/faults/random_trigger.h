// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// random_trigger.h: triggers and near-triggers for tests that try many.

#ifndef MMFAULT_TESTS_UNIT_FAULTS_RANDOM_TRIGGER_H_
#define MMFAULT_TESTS_UNIT_FAULTS_RANDOM_TRIGGER_H_

#include <string>

#include "faults/trigger/trigger.h"
#include "server/base/prng.h"

namespace mmfault::faults {

// A trigger that ParseTrigger() could have returned. Its numbers are small, so
// that a few dozen passes reach what it says.
Trigger RandomTrigger(base::Prng* prng);

// Half of them: a trigger with at most two bytes changed. The others: up to 40
// words and marks of the grammar, some of them any byte.
std::string RandomText(base::Prng* prng);

}  // namespace mmfault::faults

#endif  // MMFAULT_TESTS_UNIT_FAULTS_RANDOM_TRIGGER_H_
