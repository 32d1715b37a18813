// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// junit.h: a run as JUnit XML, which every CI system reads.
//
// One <testsuite> a scenario, one <testcase> a protocol. A case that is not met
// has a <failure>; one that was cut by a budget has an <error>, since it is
// neither a pass nor a bug. The line that shows a violation again is in the
// failure, and of an expected violation in <system-out>.
//
// The document is valid by deploy/ci/junit.xsd. Elapsed times are in it, so two
// runs of one seed differ there and nowhere else.
//
// Threads: pure function.

#ifndef MMFAULT_SERVER_REPORT_JUNIT_H_
#define MMFAULT_SERVER_REPORT_JUNIT_H_

#include <string>

#include "mmfault/v1/run_service.pb.h"
#include "mmfault/v1/trace.pb.h"

namespace mmfault::report {

std::string RenderJunit(const v1::Run& run);

// What a <failure> says of a violation: what was broken and why, the faults
// before it, and the line that shows it again. Lines.
std::string JunitViolation(const v1::Violation& violation);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_JUNIT_H_
