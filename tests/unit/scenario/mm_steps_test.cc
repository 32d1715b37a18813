// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Steps that change address spaces and files, from their text to their return
// codes. Each script runs under many schedules in three designs; a return code
// that it does not allow is a violation, and so is any other finding.

#include <gtest/gtest.h>

#include <string>

#include "server/notifier/protocols.h"
#include "server/scenario/runner.h"

namespace mmfault::scenario {
namespace {

constexpr int64_t kSchedules = 100;

v1::Scenario Parse(const std::string& text) {
  const auto scenario =
      ParseScenario("id: \"s\" protocols: \"all\" " + text, "s");
  EXPECT_TRUE(scenario.ok()) << scenario.status().message();
  return scenario.ok() ? *scenario : v1::Scenario();
}

// What was found in any of the designs, with its sentence.
std::string FoundIn(const std::string& text,
                    std::initializer_list<const char*> protocols = {
                        "v11", "6.1", "7.3"}) {
  const v1::Scenario scenario = Parse(text);
  std::string found;
  for (const char* protocol : protocols) {
    CaseOptions options;
    options.schedule_count = kSchedules;
    options.exhaust = true;
    const auto result =
        RunCase(scenario, *notifier::FindProtocol(protocol), options);
    EXPECT_TRUE(result.ok()) << result.status().message();
    for (int i = 0; result.ok() && i < result->violations_size(); ++i) {
      found += std::string(protocol) + ": " + result->violations(i).checker() +
               ": " + result->violations(i).explanation() + "\n";
    }
  }
  return found;
}

std::string ErrorOf(const std::string& text) {
  return std::string(
      CheckCase(Parse(text), *notifier::FindProtocol("6.1"), false, Bounds())
          .message());
}

TEST(MmStepsTest, EveryOperationReturnsWhatItsSystemCallDoes) {
  EXPECT_EQ(FoundIn(R"(
    file { id: "f" size_pages: 8 kind: KIND_DISK }
    mm {
      id: "m"
      start_brk: 0x800000
      vma { start: 0x10000 end: 0x20000 anonymous {} populated: true }
      vma { start: 0x40000 end: 0x48000 file { file: "f" shared: true } }
      vma { start: 0x60000 end: 0x61000 anonymous {} no_access: true }
    }
    task {
      id: "t"
      mm: "m"
      step { register { notifier: "n" } expect_rc: 0 }
      step { touch { range { start: 0x60000 end: 0x61000 } } expect_rc: -14 }
      step {
        mprotect { range { start: 0x60000 end: 0x61000 } } expect_rc: 0
      }
      step {
        touch { range { start: 0x60000 end: 0x61000 } write: true } expect_rc: 0
      }
      step {
        mprotect { range { start: 0x60000 end: 0x62000 } no_access: true }
        expect_rc: -12
      }
      step { brk { end: 0x804000 } expect_rc: 0 }
      step {
        touch { range { start: 0x800000 end: 0x804000 } write: true }
        expect_rc: 0
      }
      step { brk { end: 0x7ff000 } expect_rc: -12 }
      step { brk { end: 0x801000 } expect_rc: 0 }
      step {
        mremap {
          range { start: 0x10000 end: 0x14000 }
          new_size_pages: 4
          new_address: 0x200000
        }
        expect_rc: 0
      }
      step { touch { range { start: 0x10000 end: 0x11000 } } expect_rc: -14 }
      step {
        mremap { range { start: 0x14000 end: 0x20000 } new_size_pages: 20 }
        expect_rc: 0
      }
      step {
        touch { range { start: 0x40000 end: 0x48000 } write: true } expect_rc: 0
      }
      step { msync { range { start: 0x40000 end: 0x48000 } } expect_rc: 0 }
      step { writeback { file: "f" } expect_rc: 0 }
      step { punch_hole { file: "f" first_page: 2 page_count: 2 } expect_rc: 0 }
      step { truncate { file: "f" size_pages: 5 tail_bytes: 9 } expect_rc: 0 }
      step { touch { range { start: 0x45000 end: 0x46000 } } expect_rc: 0 }
      step { touch { range { start: 0x46000 end: 0x47000 } } expect_rc: -14 }
      step {
        madvise { range { start: 0x40000 end: 0x41000 } advice: ADVICE_REMOVE }
        expect_rc: 0
      }
      step {
        madvise { range { start: 0x40000 end: 0x41000 } advice: ADVICE_FREE }
        expect_rc: -22
      }
      step {
        madvise { range { start: 0x14000 end: 0x20000 } advice: ADVICE_COLD }
        expect_rc: 0
      }
      step {
        madvise { range { start: 0x14000 end: 0x20000 } advice: ADVICE_PAGEOUT }
        expect_rc: 0
      }
      step { access_remote_vm { address: 0x14000 write: true } expect_rc: 0 }
      step { access_remote_vm { address: 0x900000 } expect_rc: -5 }
    })"),
            "");
}

// The notifiers of the old mm are released by the put in exec; steps after it
// mean the new one.
TEST(MmStepsTest, AfterExecTheTaskIsAProcessOfTheNewMm) {
  EXPECT_EQ(FoundIn(R"(
    mm {
      id: "m"
      vma { start: 0x10000 end: 0x20000 anonymous {} populated: true }
    }
    task {
      id: "t"
      mm: "m"
      step { register { notifier: "n" } expect_rc: 0 }
      step { establish { notifier: "n" address: 0x10000 } expect_rc: 0 }
      step { exec { mm: "fresh" } expect_rc: 0 }
      step { touch { range { start: 0x10000 end: 0x11000 } } expect_rc: -14 }
      step {
        mmap { range { start: 0x10000 end: 0x11000 } anonymous {} } expect_rc: 0
      }
      step { touch { range { start: 0x10000 end: 0x11000 } } expect_rc: 0 }
      step { mmget_not_zero { mm: "m" } expect_rc: 0 }
      step { mmget_not_zero { mm: "fresh" } expect_rc: 1 }
    })",
                    {"6.1", "7.3"}),
            "");
}

TEST(MmStepsTest, AnAsynchronousPutLeavesTheEndToAWorker) {
  EXPECT_EQ(FoundIn(R"(
    mm {
      id: "m"
      vma { start: 0x10000 end: 0x11000 anonymous {} populated: true }
    }
    task {
      id: "t"
      step { register { notifier: "n" } expect_rc: 0 }
      step { establish { notifier: "n" address: 0x10000 } expect_rc: 0 }
      step { mmput { async: true } expect_rc: 0 }
      step { mmget_not_zero {} expect_rc: 0 }
    })"),
            "");
}

// A step that makes no sense and what it is told.
struct Refusal {
  const char* step;
  const char* message;
};

TEST(MmStepsTest, WhatMakesNoSenseIsRefused) {
  for (const Refusal& refusal : {
           Refusal{"brk { end: 5 }",
                   "the end is a multiple of 4096, at most 2^47"},
           Refusal{"mremap { range { start: 0x10000 end: 0x11000 } }",
                   "the new length is at least one page"},
           Refusal{"punch_hole { file: \"f\" }",
                   "a hole begins at page 0 or later and has at least one "
                   "page"},
           Refusal{"truncate { file: \"f\" tail_bytes: 4096 }",
                   "a tail has 0 to 4095 bytes"},
           Refusal{"mprotect { range { start: 0x10000 end: 0x11000 } "
                   "read_only: true no_access: true }",
                   "no_access excludes read_only"},
       }) {
    EXPECT_EQ(ErrorOf(R"(
        file { id: "f" size_pages: 1 }
        mm { id: "m" vma { start: 0x10000 end: 0x20000 anonymous {} } }
        task { id: "t" step { )" +
                      std::string(refusal.step) + " } }"),
              refusal.message);
  }
}

}  // namespace
}  // namespace mmfault::scenario
