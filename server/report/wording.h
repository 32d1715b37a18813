// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// wording.h: how results are said. The table, the JUnit file and the command
// line use the same words.
//
// Threads: pure functions.

#ifndef MMFAULT_SERVER_REPORT_WORDING_H_
#define MMFAULT_SERVER_REPORT_WORDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "mmfault/v1/run_service.pb.h"

namespace mmfault::report {

// How a case counts towards the outcome of its run.
enum class Standing { kMet, kUnmet, kInconclusive };

// False when it was run twice and was another execution the second time.
bool IsRepeatable(const v1::CaseResult& result);

// INCONCLUSIVE when nothing is unmet but some verdict was cut.
Standing StandingOf(const v1::CaseResult& result);

// `met`, `NOT MET`, `inconclusive`.
std::string StandingWord(Standing standing);

// `VIOLATED (no_use_after_free P19), HOLDS (locks_balanced, lock_order)`: what
// matters first: unmet checkers, then violated ones, then the rest. At most
// `checker_max` are named, 0 meaning all; `, +2` stands for the others.
std::string VerdictText(const v1::CaseResult& result, int checker_max = 0);

// Why a case is not met, one line a checker: `no_use_after_free: VIOLATED,
// expected HOLDS`, one a rule that was to act, one a probe. Empty when it is
// met.
std::string UnmetText(const v1::CaseResult& result);

// Rules that never acted, a line each, and why: what they were to show was not
// tested. So was nothing by one that was unlikely to act at all.
std::vector<std::string> IdleRules(const v1::CaseResult& result);

// The faults that had acted before a violation, a line each, and where the
// execution leaves its fault-free twin. Empty when there were none.
std::vector<std::string> FaultLines(const v1::Violation& violation);

// `probe retried: SOMETIMES, NOT MET: never came in 40 executions`.
std::string ProbeText(const v1::ProbeResult& probe);

// 1234567 as `1,234,567`.
std::string Grouped(int64_t number);

// `1 case`, `3 cases`.
std::string CasesText(int64_t count);

// Wall time for people: `0.4 s`, `2 min 5 s`.
std::string Elapsed(const google::protobuf::Duration& elapsed);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_WORDING_H_
