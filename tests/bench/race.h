// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// race.h: the race that model checkers are compared on.
//
// Five tasks and one mm with a listed notifier A, all on the engine's own
// primitives, operation for operation as spin/race.pml has them:
//
//   T1   registers B: gets mm_users, takes mmap_sem and two rmap locks with a
//        look at its signals between them; rolls back, or links B; puts
//   T2a  invalidates once under the first rmap lock: begin over the list, the
//        page, end over the list
//   T2b  the same under the second
//   T3   puts the owner's mm_users; at 0 whoever put it runs exit_mmap: release
//        over the list without a lock, then a turn on each rmap lock
//   T4   boosts mm_users, takes all locks, unlinks A, unlocks, frees A, puts
//   T5   sends T1 a signal
//
// The large form has two rounds of T2a and T2b; the form with ten times SPIN's
// states three and two.
//
// Begin and end count what is under way at a notifier, as atomic_inc and
// atomic_dec: two of them commute while the count stays above zero.
//
// A terminal state is what all tools can tell: return codes, who is listed, the
// counts of each notifier, mm_users, and what was broken.

#ifndef MMFAULT_TESTS_BENCH_RACE_H_
#define MMFAULT_TESTS_BENCH_RACE_H_

#include <memory>
#include <string>

#include "server/sched/world.h"

namespace mmfault::bench {

// A world that is about to run the race, with that many rounds of T2a and T2b.
// Without `lockdep` the locks have no class: nobody checks their order.
std::unique_ptr<sched::World> MakeRace(int rounds_a, int rounds_b,
                                       bool lockdep = true);

// The terminal state, in the words of spin/race.pml.
std::string RaceState(const sched::World& world);

}  // namespace mmfault::bench

#endif  // MMFAULT_TESTS_BENCH_RACE_H_
