// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Aim: a CI system is red for the right cases and its user can paste the line
// that shows why. Method: one run with a case of each standing; xmllint checks
// the sample against the schema in a test of its own.

#include "server/report/junit.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/report/sample_run.h"

namespace mmfault::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RenderJunitTest, CountsFailuresAndErrors) {
  EXPECT_THAT(RenderJunit(SampleRun()),
              HasSubstr("<testsuites name=\"mmfault\" tests=\"3\" "
                        "failures=\"1\" errors=\"1\" time=\"0.250\">"));
}

TEST(RenderJunitTest, AFailureCarriesTheReplayLine) {
  const std::string document = RenderJunit(SampleRun());
  const std::string failure = document.substr(document.find("<failure"));
  EXPECT_THAT(failure.substr(0, failure.find("</failure>")),
              HasSubstr("replay: mmfault run u.textproto --seed 9"));
}

TEST(RenderJunitTest, AnExpectedViolationIsNoFailureButCarriesItToo) {
  v1::Run run = SampleRun();
  run.mutable_results()->DeleteSubrange(1, 2);
  const std::string document = RenderJunit(run);
  EXPECT_THAT(document, Not(HasSubstr("<failure")));
  EXPECT_THAT(document, HasSubstr("replay: mmfault run u.textproto --seed 7"));
  EXPECT_THAT(document, HasSubstr("n0 was freed &lt;early&gt;"));
}

TEST(RenderJunitTest, AProbeFailsItsCase) {
  v1::Run run;
  *run.add_results() = ProbedCase();
  const std::string document = RenderJunit(run);
  EXPECT_THAT(document, HasSubstr("failures=\"1\" errors=\"0\""));
  EXPECT_THAT(document, HasSubstr("<property name=\"probe.retried\" "
                                  "value=\"probe retried: SOMETIMES, met"));
  const std::string failure = document.substr(document.find("<failure"));
  EXPECT_THAT(failure, HasSubstr("probe freed: REACHABLE, NOT MET"));
  EXPECT_THAT(failure, HasSubstr("replay: mmfault run p.textproto --seed 3"));
}

TEST(RenderJunitTest, ARunThatFailedIsAnError) {
  v1::Run run;
  run.set_failure("no client came");
  const std::string document = RenderJunit(run);
  EXPECT_THAT(document, HasSubstr("tests=\"1\" failures=\"0\" errors=\"1\""));
  EXPECT_THAT(document, HasSubstr("message=\"no client came\""));
}

// The file is for unit_report_junit_xsd_test; by itself this checks nothing
// but that it can be written.
TEST(RenderJunitTest, WritesASample) {
  const char* named = std::getenv("MMFAULT_JUNIT_SAMPLE");
  const std::string path =
      named != nullptr ? named : ::testing::TempDir() + "junit-sample.xml";
  v1::Run run = SampleRun();
  *run.add_results() = ProbedCase();
  run.set_failure("cancelled");
  std::ofstream file(path);
  file << RenderJunit(run);
  file.close();
  EXPECT_TRUE(file.good());
}

}  // namespace
}  // namespace mmfault::report
