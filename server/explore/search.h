// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// search.h: what every engine is asked for, and what it answers.
//
// An engine drives a world through its schedules and calls a visitor at the end
// of each. It starts at the state that it is given and leaves the world there.
// Going back is by undo, so a step is executed once for all schedules that
// share it.
//
// An end is reported only where an execution really ended; a run that was
// pruned because it repeats another one is counted and not shown.
//
// Threads: one engine and one world belong to one thread.

#ifndef MMFAULT_SERVER_EXPLORE_SEARCH_H_
#define MMFAULT_SERVER_EXPLORE_SEARCH_H_

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "server/sched/world.h"

namespace mmfault::explore {

// Tasks an exhaustive search can follow, those of the kernel included.
inline constexpr int kMaxSearchTasks = 16;

struct Budget {
  uint64_t executions = UINT64_MAX;
  uint64_t steps = UINT64_MAX;  // over all executions
  uint64_t steps_per_execution = 100000;
};

// Somebody outside the world who answers it and cannot be taken back: there,
// going back is to begin anew and to repeat. A search that does so costs a
// whole execution for each, and finds out when the same steps are answered
// differently. Not for searches that merge states.
struct Outside {
  // Back to the search's start, those outside too. False: they cannot, and the
  // search ends.
  std::function<bool()> rewind;
  // After each step: answers whatever waits for an answer. False as above.
  std::function<bool()> answer;
};

struct SearchOptions {
  Budget budget;
  // Reference counts commute while they stay away from zero.
  bool conditional = true;
  // BoundedSearch and FullSearch: at most this many preemptions per execution;
  // -1: any number.
  int preemption_bound = -1;
  uint64_t seed = 1;                 // random engines
  int depth = 3;                     // PCT: the bug depth to aim at
  const Outside* outside = nullptr;  // depth-first engines; null: undo
};

// How one execution ended.
enum class End : uint8_t {
  kFinished,  // every task has ended
  kDeadlock,  // some task can never run again
  kBug,       // a kernel BUG stopped a task: the schedule ends there
  kCut,       // longer than the budget
};

// Why a search ended.
enum class Outcome : uint8_t {
  kComplete,     // nothing is left to explore
  kExecutions,   // cut by its number of executions
  kSteps,        // cut by its number of steps
  kStopped,      // the visitor had enough
  kUnsupported,  // more tasks than a search can follow
  kOutside,      // somebody outside could not go on
  // Somebody outside answered the same steps differently.
  kNondeterministic,
};
std::string_view OutcomeName(Outcome outcome);

struct SearchResult {
  Outcome outcome = Outcome::kComplete;
  uint64_t executions = 0;  // that ended and were shown
  uint64_t pruned = 0;      // that would have repeated another
  uint64_t steps = 0;       // executed
  uint64_t states = 0;      // stateful search: different ones
  uint64_t max_depth = 0;   // longest execution, in steps
  uint64_t estimate = 0;    // DPOR, when cut: executions in the whole tree
  uint64_t diverged = 0;    // kNondeterministic: the step, from 1
};

// One execution as it was. Valid in the visitor only.
using sched::Decision;
using sched::Schedule;

// Called at each end, in the end's state. Returns false to stop the search.
using Visitor =
    std::function<bool(sched::World* world, End end, const Schedule& schedule)>;

// All schedules that differ in more than the order of steps that commute, at
// least one of each such class: sleep sets, no race detection. The reference
// for the others.
SearchResult SleepSetSearch(sched::World* world, const SearchOptions& options,
                            const Visitor& visitor);

// The same classes, with few more executions than classes: source-DPOR
// (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014) with sleep sets.
SearchResult DporSearch(sched::World* world, const SearchOptions& options,
                        const Visitor& visitor);

// A part of a search: the executions that begin with a prefix, less those that
// a sleeping task would begin (other parts have them).
struct Job {
  Schedule prefix;
  uint64_t sleep = 0;
};

// Splits a search into at least `least` jobs, if there are so many executions.
// The levels above them are expanded whole, so that no job's races ask another
// for a try: jobs are independent, may run on copies of the world in any order,
// and together do the same whoever does them. In canonical order.
std::vector<Job> SplitSearch(sched::World* world, const SearchOptions& options,
                             size_t least);

// DPOR over one job. The world is as before the prefix.
SearchResult RunJob(sched::World* world, const SearchOptions& options,
                    const Job& job, const Visitor& visitor);

// Every schedule, with nothing pruned: for small models and for tests.
SearchResult FullSearch(sched::World* world, const SearchOptions& options,
                        const Visitor& visitor);

// Every reachable state once, with sleep sets (Godefroid 1996): for what has
// many more schedules than states. Each terminal state is shown once or more,
// by one of the schedules that lead to it.
SearchResult StatefulSearch(sched::World* world, const SearchOptions& options,
                            const Visitor& visitor);

// Every state that is reachable with at most `options.preemption_bound`
// preemptions. What it does not find needs more of them: the certificate of a
// shortest schedule.
SearchResult BoundedSearch(sched::World* world, const SearchOptions& options,
                           const Visitor& visitor);

// How an execution ended whose world cannot move; kCut when it can.
End ClassifyEnd(sched::World* world);

}  // namespace mmfault::explore

#endif  // MMFAULT_SERVER_EXPLORE_SEARCH_H_
