// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What a violation says beside its sentence: the faults that had acted, and
// whose device it was. And what becomes of a signal that interrupted a call.
// Method: small scenarios through RunCase(), one fault rule each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "faults/points.h"
#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kMm[] = R"pb(
  id: "facts"
  protocols: "6.1"
  mm {
    id: "m0"
    vma {
      start: 0x10000
      end: 0x12000
      anonymous {}
      populated: true
    }
  }
)pb";

v1::CaseResult RunText(const std::string& rest) {
  const auto scenario = ParseScenario(kMm + rest, "test.textproto");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  CaseOptions options;
  options.schedule_count = 50;
  const auto result =
      RunCase(*scenario, *notifier::FindProtocol("6.1"), options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return *result;
}

// The first registration is interrupted; the second finds nothing pending, as
// a handler has run in between. Recorded on 6.1: retry_after_signal.
TEST(ReturnToUserTest, SignalIsGoneAfterTheCallThatItInterrupted) {
  const v1::CaseResult result = RunText(R"pb(
    task {
      id: "driver"
      mm: "m0"
      signals { handled: 10 }
      step {
        register { notifier: "n0" }
        expect_rc: -4
      }
      step {
        register { notifier: "n0" }
        expect_rc: 0
      }
    }
    fault { point: "notifier/mm_lock/vma" trigger: "1*signal(10)" }
    expect { checker: "errors_as_specified" verdict: HOLDS }
  )pb");
  EXPECT_THAT(result.violations(), IsEmpty());
}

// Sent while the task is in no call: it is there when the next one begins.
TEST(ReturnToUserTest, SignalBetweenTwoCallsWaitsForTheNext) {
  const v1::CaseResult result = RunText(R"pb(
    task {
      id: "driver"
      mm: "m0"
      signals { handled: 10 }
      step { signal { number: 10 } }
      step { yield_cpu {} }
      step {
        register { notifier: "n0" }
        expect_rc: -4
      }
    }
    expect { checker: "errors_as_specified" verdict: HOLDS }
  )pb");
  EXPECT_THAT(result.violations(), IsEmpty());
}

TEST(ReturnToUserTest, SignalThatDumpsCoreEndsTheTask) {
  const v1::CaseResult result = RunText(R"pb(
    task {
      id: "driver"
      mm: "m0"
      step {
        register { notifier: "n0" }
        expect_rc: -4
      }
      step {
        register { notifier: "n0" }
        expect_rc: 1
      }
    }
    fault { point: "notifier/mm_lock/vma" trigger: "1*signal(11)" }
    expect { checker: "errors_as_specified" verdict: HOLDS }
  )pb");
  EXPECT_THAT(result.violations(), IsEmpty());
}

TEST(ViolationTest, NamesTheFaultsThatHadActed) {
  const v1::CaseResult result = RunText(R"pb(
    task {
      id: "driver"
      mm: "m0"
      signals { handled: 10 }
      step {
        register { notifier: "n0" }
        expect_rc: 0
      }
      step {
        register { notifier: "n0" }
        expect_rc: 0
      }
    }
    fault { point: "notifier/mm_lock/vma" trigger: "1*signal(10)" }
    fault { point: "notifier/mm_lock/lock" trigger: "when=9+ signal(9)" }
    expect { checker: "errors_as_specified" verdict: VIOLATED }
  )pb");
  ASSERT_EQ(result.violations_size(), 1);
  ASSERT_EQ(result.violations(0).faults_fired_size(), 1);
  const v1::FiredFault& fired = result.violations(0).faults_fired(0);
  EXPECT_EQ(fired.point(), "notifier/mm_lock/vma");
  EXPECT_EQ(fired.trigger(), "1*signal(SIGUSR1)");
  EXPECT_EQ(fired.task(), "driver");
  EXPECT_GT(fired.step(), 0);
  EXPECT_LE(fired.step(), result.violations(0).step());
}

TEST(ViolationTest, NamesTheSweptFault) {
  const v1::CaseResult result = RunText(R"pb(
    task {
      id: "driver"
      mm: "m0"
      signals { handled: 10 }
      step {
        register { notifier: "n0" }
        expect_rc: 0
      }
    }
    sweep { fault { point: "notifier/mm_lock/vma" trigger: "signal(10)" } }
    expect { checker: "errors_as_specified" verdict: VIOLATED }
  )pb");
  ASSERT_GE(result.violations_size(), 1);
  ASSERT_EQ(result.violations(0).faults_fired_size(), 1);
  EXPECT_EQ(result.violations(0).faults_fired(0).trigger(),
            "when=1 signal(SIGUSR1)");
}

// The signal makes the registration fail: without it, nothing is broken.
TEST(DivergenceTest, AFaultThatIsTheCause) {
  const v1::CaseResult result = RunText(R"pb(
    task {
      id: "driver"
      mm: "m0"
      signals { handled: 10 }
      step {
        register { notifier: "n0" }
        expect_rc: 0
      }
    }
    fault { point: "notifier/mm_lock/vma" trigger: "1*signal(10)" }
    expect { checker: "errors_as_specified" verdict: VIOLATED }
  )pb");
  ASSERT_EQ(result.violations_size(), 1);
  const v1::Violation& violation = result.violations(0);
  ASSERT_TRUE(violation.has_divergence());
  EXPECT_TRUE(violation.divergence().differs());
  EXPECT_FALSE(violation.divergence().twin_violates());
  EXPECT_GE(violation.divergence().event().step(),
            violation.faults_fired(0).step());
  EXPECT_LE(violation.divergence().event().step(), violation.step());
  EXPECT_EQ(violation.divergence().event().task(), "driver");
  EXPECT_TRUE(violation.divergence().has_twin_event());
}

// A device that is deaf to invalidations, so that its page is freed under it,
// whatever the fault.
v1::CaseResult RunDeaf(const std::string& fault) {
  v1::CaseResult result = RunText(
      R"pb(
        notifier {
          id: "deaf"
          modelled { forgets_invalidate: true }
        }
        task {
          id: "driver"
          mm: "m0"
          step { register { notifier: "deaf" } }
          step { establish { notifier: "deaf" address: 0x10000 } }
          step { madvise { range { start: 0x10000 end: 0x12000 } } }
        }
        expect { checker: "no_stale_secondary_mapping" verdict: VIOLATED }
      )pb" +
      fault);
  EXPECT_EQ(result.violations_size(), 1);
  return result;
}

std::string AtRegister(const std::string& trigger) {
  return "fault { point: \"notifier/register/enter\" trigger: \"" + trigger +
         "\" }";
}

// The capability is lost, and nobody asks for it.
TEST(DivergenceTest, AFaultThatChangesNothing) {
  const v1::CaseResult result = RunDeaf(AtRegister("1*drop_capability"));
  const v1::Violation& violation = result.violations(0);
  EXPECT_EQ(violation.faults_fired_size(), 1);
  ASSERT_TRUE(violation.has_divergence());
  EXPECT_FALSE(violation.divergence().differs());
  EXPECT_TRUE(violation.divergence().twin_violates());
}

// A stop is a step that the twin has not; it alone is no difference.
TEST(DivergenceTest, AStopAtAPointIsNoDifference) {
  for (const char* trigger : {"1*yield(3)", "1*delay(5ms)", "1*hold"}) {
    SCOPED_TRACE(trigger);
    const v1::CaseResult result = RunDeaf(AtRegister(trigger));
    EXPECT_EQ(result.violations(0).faults_fired_size(), 1);
    EXPECT_FALSE(result.violations(0).divergence().differs());
  }
}

TEST(DivergenceTest, NoFaultNoDivergence) {
  EXPECT_FALSE(RunDeaf("").violations(0).has_divergence());
}

constexpr char kRegisters[] = R"pb(
  task {
    id: "driver"
    mm: "m0"
    step { register { notifier: "n0" } }
    step { unregister { notifier: "n0" } }
  }
)pb";

// What became of each rule, whatever the verdicts.
TEST(RuleReportTest, SaysWhyARuleNeverActed) {
  const v1::CaseResult result = RunText(std::string(kRegisters) + R"pb(
    fault { point: "notifier/register/enter" trigger: "yield" }
    fault { point: "mm/exit_mmap/enter" trigger: "1*hold" task: "driver" }
    fault { point: "notifier/release/unlinked" trigger: "1*hold" }
    fault { point: "notifier/unregister/enter" trigger: "when=2 yield" }
    fault { point: "notifier/register/linked" trigger: "0%signal(9)" }
    fault { point: "notifier/register/linked" trigger: "0.1%signal(9)" }
    fault { point: "notifier/mm_lock/enter" trigger: "off" }
    expect { checker: "no_use_after_free" verdict: HOLDS }
  )pb");
  std::vector<v1::RuleReport::State> states;
  for (const v1::RuleReport& rule : result.rules()) {
    states.push_back(rule.state());
  }
  EXPECT_EQ(states, (std::vector<v1::RuleReport::State>{
                        v1::RuleReport::STATE_FIRED,
                        v1::RuleReport::STATE_FIRED,
                        v1::RuleReport::STATE_NOT_PASSED,
                        v1::RuleReport::STATE_NOT_DUE,
                        v1::RuleReport::STATE_NOT_DRAWN,
                        v1::RuleReport::STATE_NOT_DRAWN,
                        v1::RuleReport::STATE_COUNTS,
                    }));
  EXPECT_EQ(result.rules(0).fired_schedule_count(), 50);
  // One draw in each of 50 executions.
  EXPECT_NEAR(result.rules(5).expected_fire_count(), 0.05, 1e-9);
  EXPECT_TRUE(result.met());
}

TEST(RuleReportTest, ARuleThatIsRequiredAndNeverActsIsNotMet) {
  for (const bool required : {false, true}) {
    for (const char* trigger : {"yield", "when=2 yield"}) {
      const auto scenario =
          ParseScenario(std::string(kMm) + kRegisters +
                            R"pb(fault { point: "notifier/register/enter")pb" +
                            "trigger: \"" + trigger + "\" }",
                        "test.textproto");
      ASSERT_TRUE(scenario.ok()) << scenario.status().message();
      CaseOptions options;
      options.schedule_count = 5;
      options.require_fired = required;
      const auto result =
          RunCase(*scenario, *notifier::FindProtocol("6.1"), options);
      ASSERT_TRUE(result.ok());
      EXPECT_EQ(result->met(), !required || std::string(trigger) == "yield");
    }
  }
}

// Off is off: one hash, with a rule at 0 %, one that only counts, and none.
TEST(RuleReportTest, ARuleThatCannotActChangesNoEvent) {
  const std::string bare = RunText(kRegisters).event_hash();
  for (const char* trigger :
       {"0%signal(9)", "off", "when=1000 teardown(force)", "0%hold"}) {
    std::string rules;
    for (const faults::PointInfo& info : faults::AllPoints()) {
      if (std::string(trigger) != "0%hold" || faults::CanStop(info.point)) {
        rules += "fault { point: \"" + std::string(info.name) +
                 "\" trigger: \"" + trigger + "\" }";
      }
    }
    EXPECT_EQ(RunText(kRegisters + rules).event_hash(), bare) << trigger;
  }
}

TEST(ViolationTest, StaleMappingNamesItsNotifier) {
  const v1::CaseResult result = RunText(R"pb(
    notifier { id: "good" }
    notifier {
      id: "deaf"
      modelled { forgets_invalidate: true }
    }
    task {
      id: "driver"
      mm: "m0"
      step { register { notifier: "deaf" } }
      step { register { notifier: "good" } }
      step { establish { notifier: "good" address: 0x10000 } }
      step { establish { notifier: "deaf" address: 0x10000 } }
      step { madvise { range { start: 0x10000 end: 0x12000 } } }
    }
    expect { checker: "no_stale_secondary_mapping" verdict: VIOLATED }
  )pb");
  ASSERT_EQ(result.violations_size(), 1);
  EXPECT_THAT(result.violations(0).objects(), Contains("deaf"));
  EXPECT_THAT(result.violations(0).explanation(),
              HasSubstr("the device of deaf still maps it"));
}

}  // namespace
}  // namespace mmfault::scenario
