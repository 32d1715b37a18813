// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// answers.h: ten questions that are asked of every protocol.
//
// docs/protocols.md is made of the answers, and `mmfault protocol describe`
// tells cost and holes from here. What a Protocol's facts say is said in their
// words; the rest is a matter of its family. Costs are held against a count by
// unit_notifier_cost_model_test, holes against a run by scenarios_matrix_test.
//
// Threads: pure functions of constant data.

#ifndef MMFAULT_SERVER_REPORT_ANSWERS_H_
#define MMFAULT_SERVER_REPORT_ANSWERS_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "server/notifier/protocol.h"

namespace mmfault::report {

struct Answer {
  std::string_view question;
  std::string text;  // one sentence or a few, never empty
};

inline constexpr int kQuestionCount = 10;

// Always in the same order.
std::array<Answer, kQuestionCount> AnswersOf(
    const notifier::Protocol& protocol);

// What a registration costs, for N VMAs that lead to Di mappings and Da
// anon_vmas: VMA visits, locks, memory. Never empty.
std::string CostOf(const notifier::Protocol& protocol);

// Catalogue numbers of what the design leaves open, tolerated or not, in order.
// Mistakes of drivers, which no design bears, are not among them.
std::vector<std::string_view> KnownHolesOf(const notifier::Protocol& protocol);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_ANSWERS_H_
