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

class Coverage;

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
  Coverage* coverage = nullptr;      // DPOR: takes the races; null: not wanted
  // Looks for livelocks (explore/loop.h); not with somebody outside.
  bool find_loops = false;
};

// How one execution ended.
enum class End : uint8_t {
  kFinished,  // every task has ended
  kDeadlock,  // some task can never run again
  kBug,       // a kernel BUG stopped a task: the schedule ends there
  kCut,       // longer than the budget
  kLoop,      // goes round in a circle and gets nowhere: a livelock
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
  double share = 0;         // DPOR: of the tree, seen; 1: all of it
};

// Executions in the whole tree, by the share of it that was seen.
uint64_t EstimateTree(const SearchResult& result);

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

// A part of a search: the executions that begin with a prefix and go on with
// one of some tasks, less those that a sleeping task would begin (other parts
// have them).
struct Job {
  Schedule prefix;
  uint64_t sleep = 0;  // asleep after the prefix
  uint64_t tries = 0;  // go on: tasks that a race asks for, then
  uint64_t late = 0;   // the others; with neither: whoever can
  uint8_t answer = 0;  // the first alternative that `tries` takes
  double share = 1;    // of the whole tree, if subtrees are equally large
};

// How a job gives work away. Its shallowest level that has somebody left to try
// is expanded whole, so that no later race can ask for another try there: what
// is given is independent of what stays. When follows from the job's own steps
// alone, so the same jobs come of a search whoever does them, and when.
//
// Most levels turn out to have next to nothing, and only doing them tells. So
// a level is one job, but for the tasks that a race has asked for, which are
// one each; and a job that has lasted long enough to give goes on to give in
// quick succession.
struct Sharing {
  uint64_t quota = 0;  // steps before a job's first gift; 0: never
  // Takes jobs, in canonical order: all of them come after the rest of this
  // one and before what was given earlier.
  std::function<void(std::vector<Job> jobs)> give;
  // The prefix was repeated; what follows is the job's own.
  std::function<void()> begun;
};
// A millisecond or two of work: little to wait for, and little to repeat.
inline constexpr uint64_t kStepsBeforeGift = 8000;

// DPOR over one job. The world is as before the prefix.
SearchResult RunJob(sched::World* world, const SearchOptions& options,
                    const Job& job, const Sharing& sharing,
                    const Visitor& visitor);

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
