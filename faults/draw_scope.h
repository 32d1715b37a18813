// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// draw_scope.h: what a rule's draws are keyed by.
//
// Two rules that say the same draw the same, in whichever order and among
// whichever others they are armed; so do a rule and itself, armed again. Those
// that say the same and are armed together are told apart by a number.

#ifndef MMFAULT_FAULTS_DRAW_SCOPE_H_
#define MMFAULT_FAULTS_DRAW_SCOPE_H_

#include <cstdint>

#include "faults/registry.h"

namespace mmfault::faults {

// Of everything that the rule says: point, filters and terms. The same in every
// build and on every machine.
uint64_t HashOf(const Rule& rule);

// `twin` is 0 for the only rule that says so.
uint64_t DrawScopeOf(uint64_t hash, uint64_t twin);

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_DRAW_SCOPE_H_
