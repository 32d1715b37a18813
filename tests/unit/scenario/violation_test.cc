// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What a violation says beside its sentence: the faults that had acted, and
// whose device it was. And what becomes of a signal that interrupted a call.
// Method: small scenarios through RunCase(), one fault rule each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
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
  EXPECT_THAT(result.violations(0).faults_fired(),
              ElementsAre("notifier/mm_lock/vma: 1*signal(SIGUSR1)"));
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
  EXPECT_THAT(
      result.violations(0).faults_fired(),
      ElementsAre(HasSubstr("notifier/mm_lock/vma: when=1 signal(SIGUSR1)")));
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
