// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "clients/cli/progress.h"

#include <gtest/gtest.h>

namespace mmfault::cli {
namespace {

TEST(ProgressLineTest, TheCaseUnderWayCountsByItsSchedules) {
  v1::WatchRunResponse progress;
  progress.mutable_run()->set_case_count(4);
  progress.mutable_run()->set_done_case_count(1);
  progress.set_current_case("a v12");
  progress.set_case_schedule_count(500);
  progress.set_case_schedule_total(500);
  EXPECT_EQ(ProgressLine(progress),
            "[############............]  1/4 cases  a v12  500/500 schedules");
}

TEST(ProgressLineTest, NothingKnownIsAnEmptyBar) {
  EXPECT_EQ(ProgressLine({}), "[........................]  0/0 cases");
}

TEST(ProgressLineTest, MoreSchedulesThanPlannedStayWithinTheBar) {
  v1::WatchRunResponse progress;
  progress.mutable_run()->set_case_count(1);
  progress.mutable_run()->set_done_case_count(1);
  progress.set_case_schedule_count(9);
  progress.set_case_schedule_total(3);
  EXPECT_EQ(ProgressLine(progress).find('.'), std::string::npos);
}

}  // namespace
}  // namespace mmfault::cli
