// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// gtest.h: a capsule as a GoogleTest that stands alone.
//
// It links against `mmfault::testing` (clients/testing) and needs no server. It
// fails for as long as the execution breaks what it broke, and when it has
// become another execution.

#ifndef MMFAULT_SERVER_REPORT_GTEST_H_
#define MMFAULT_SERVER_REPORT_GTEST_H_

#include <string>

#include "mmfault/v1/scenario.pb.h"

namespace mmfault::report {

// `text` is the capsule as its file has it. Ends with a newline.
std::string RenderGtest(const v1::Capsule& capsule, const std::string& text);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_GTEST_H_
