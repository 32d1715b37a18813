// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// sweep.h: what a sweep says: points x hits x actions, and what came of each.
//
//   POINT                  ACTION           HITS  HIT 1, 2, ...
//   notifier/mm_lock/lock  signal(SIGKILL)     3  . X . -
//
// Every cell has one outcome, so that counts add up: those of the rows to those
// of a case, those of the cases to the total.
//
// Threads: pure functions; no text depends on the locale or the clock.

#ifndef MMFAULT_SERVER_REPORT_SWEEP_H_
#define MMFAULT_SERVER_REPORT_SWEEP_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mmfault/v1/sweep.pb.h"
#include "server/report/wording.h"

namespace mmfault::report {

// A sweep, or some shards of one.
struct Sweep {
  std::vector<v1::SweepCase> cases;
  std::vector<v1::SweepCell> cells;
  int64_t shard_index = 0;
  int64_t shard_count = 1;  // 1: all of it
};

// In the order of an unsharded sweep; what is there twice, once. Makes shards
// that were put together one sweep.
void Sort(Sweep* sweep);

// Cells by outcome.
struct SweepTotals {
  std::array<int64_t, v1::SweepCell::Outcome_ARRAYSIZE> by_outcome = {};

  void Add(v1::SweepCell::Outcome outcome) { by_outcome[outcome] += 1; }
  void Add(const SweepTotals& other);
  int64_t cells() const;
  int64_t of(v1::SweepCell::Outcome outcome) const {
    return by_outcome[outcome];
  }
};

// `86 cells: 60 hold, 2 violated, 0 tolerated, 24 not fired, 0 inconclusive`.
std::string TotalsText(const SweepTotals& totals);

// The cells of one chain, pair or swarm.
struct SweepRow {
  v1::SweepCell::Kind kind = v1::SweepCell::KIND_UNSPECIFIED;
  std::string point;   // a pair's: `point #hit + point #hit`; a swarm's: empty
  std::string action;  // a pair's: `action + action`; a swarm's: its families
  int64_t hits = 0;    // of the point in fault-free executions; chains only
  std::vector<const v1::SweepCell*> cells;  // by hit
  SweepTotals totals;
};

// The point and what is asked of the pass, as `--fault` has it:
// `sched/task/step operation=munmap`. For SweptFault and SweepPoint.
template <typename At>
std::string PlaceText(const At& at) {
  std::string text = at.point();
  if (!at.task().empty()) text += " task=" + at.task();
  if (!at.operation().empty()) text += " operation=" + at.operation();
  return text;
}

// One case, its cells sorted out.
struct SweepTable {
  const v1::SweepCase* info = nullptr;
  std::vector<SweepRow> rows;
  SweepTotals totals;
  int64_t done_groups = 0;    // those that came to their end
  int64_t wanted_groups = 0;  // those of the shard
  Standing standing = Standing::kMet;
  std::vector<std::string> unmet;  // why it is not met; one line a checker
};

// Points into `sweep`, which must be sorted.
std::vector<SweepTable> TablesOf(const Sweep& sweep);

// The worst of all cases.
Standing StandingOf(const std::vector<SweepTable>& tables);

// A cell among those of its row: `mm/exit_mmap/enter teardown(kill) at hit 2`.
std::string NameOf(const v1::SweepCell& cell, const SweepRow& row);

// `.` holds, `X` violated, `T` tolerated, `-` not fired, `?` inconclusive.
char SignOf(v1::SweepCell::Outcome outcome);
// `violated`, `not fired` and so on.
std::string_view WordOf(v1::SweepCell::Outcome outcome);

// For a terminal.
std::string RenderSweepText(const Sweep& sweep);

// For programs: `cases` with their points and cells, and `totals`. Names and
// outcomes are those of the API.
std::string RenderSweepJson(const Sweep& sweep);

// JUnit XML, valid by deploy/ci/junit.xsd: a <testsuite> a case, a <testcase> a
// cell, named by what it injects, and one for what is expected of all cells
// together. A cell fails when it breaks more than is expected of the case, and
// its replay line is in the failure; one that was cut is an <error>, one in
// which nothing acted <skipped>. Times are 0: a sweep does not take any.
std::string RenderSweepJunit(const Sweep& sweep);

// One HTML document without scripts or other files. Light or dark as the
// reader's system.
std::string RenderSweepHtml(const Sweep& sweep);

}  // namespace mmfault::report

#endif  // MMFAULT_SERVER_REPORT_SWEEP_H_
