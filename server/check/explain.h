// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// explain.h: a violation in words.
//
// Checkers leave numbers (trace/violation.h). Here each cause has its sentence,
// and the catalogue numbers of the known interleavings that lead to it.

#ifndef MMFAULT_SERVER_CHECK_EXPLAIN_H_
#define MMFAULT_SERVER_CHECK_EXPLAIN_H_

#include <functional>
#include <string>
#include <vector>

#include "server/trace/violation.h"

namespace mmfault::check {

// What an object is called, by its key.
using NameFn = std::function<std::string(trace::ObjKey)>;

// One or two sentences: what happened, to what, who had made it wrong. The
// names of tasks come from their numbers.
std::string Explain(const trace::Violation& violation, const NameFn& name);

// `P01` and so on, most telling first; empty when no catalogue entry is known
// to lead there.
std::vector<std::string> CatalogueOf(const trace::Violation& violation);

}  // namespace mmfault::check

#endif  // MMFAULT_SERVER_CHECK_EXPLAIN_H_
