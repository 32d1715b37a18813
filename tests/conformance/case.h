// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// case.h: one scenario against one kernel's recording of it.

#ifndef MMFAULT_TESTS_CONFORMANCE_CASE_H_
#define MMFAULT_TESTS_CONFORMANCE_CASE_H_

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mmfault/v1/scenario.pb.h"
#include "tests/conformance/row.h"

namespace mmfault::conformance {

// A kernel that was recorded, and the protocol that must do the same.
struct Kernel {
  std::string_view version;
  std::string_view protocol;
};
inline constexpr std::array kKernels = {Kernel{"6.1.192", "6.1"},
                                        Kernel{"6.12.95", "6.12"},
                                        Kernel{"7.3.4", "7.3"}};

// Runs the scenario over its schedules (explore.schedule_count seeds from
// explore.seed on). The empty string when every one of them does what the
// kernel did, violates what the scenario expects and nothing else, and leaves
// no task waiting unless a deadlock is expected. Else what differs first, over
// several lines.
//
// The notifiers get every method that the kernel's tables have, beside those
// that they say they do not implement: that is how the recording module's full
// table was compiled.
std::string RunCase(const Kernel& kernel, v1::Scenario scenario,
                    const std::vector<Row>& recorded);

// The rows of one schedule of any scenario, to be looked at.
absl::StatusOr<std::vector<Row>> RowsOf(const Kernel& kernel,
                                        v1::Scenario scenario, uint64_t seed);

}  // namespace mmfault::conformance

#endif  // MMFAULT_TESTS_CONFORMANCE_CASE_H_
