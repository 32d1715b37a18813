// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// action.h: the part of the grammar that says what happens.

#ifndef MMFAULT_FAULTS_TRIGGER_ACTION_H_
#define MMFAULT_FAULTS_TRIGGER_ACTION_H_

#include "faults/term.h"
#include "faults/trigger/lexer.h"

namespace mmfault::faults {

// Reads an action of trigger.h. False once the lexer has an error.
bool ParseAction(Lexer* lexer, Action* action);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_TRIGGER_ACTION_H_
