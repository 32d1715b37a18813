// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// testing.h: every interleaving of a notifier class, in a GoogleTest.
//
//   class Mine : public mmfault::client::RemoteNotifier { ... };
//
//   TEST(MyDriver, UnregisterIsSafe) {
//     mmfault::testing::ExploreOptions options;
//     options.protocol = "6.1";
//     options.notifiers["n0"] = [] { return std::make_unique<Mine>("n0"); };
//     EXPECT_THAT(mmfault::testing::Explore(kScenario, options),
//                 mmfault::testing::Holds());
//   }
//
// The class is the one that a client binds to an Attachment; here it is called
// in this process, without a server. It is made anew for every execution and
// for every return to an earlier point, and must answer from what it was told
// since: where the same steps are answered differently, the search ends as
// nondeterministic.
//
// Link to the CMake target `mmfault::testing`.
//
// Threads: everything happens on the calling thread; a callback must return
// without waiting for another thread.

#ifndef MMFAULT_CLIENTS_TESTING_TESTING_H_
#define MMFAULT_CLIENTS_TESTING_TESTING_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "clients/cpp/remote_notifier.h"
#include "gmock/gmock.h"
#include "mmfault/v1/run_service.pb.h"

namespace mmfault::testing {

using NotifierFactory =
    std::function<std::unique_ptr<client::RemoteNotifier>()>;

struct ExploreOptions {
  // A protocol's id or a family; empty: those that the scenario names.
  std::string protocol;
  // As `Explore.strategy`; `auto`, `dpor`, `dfs` and `bounded` try every
  // interleaving, `random`, `pct` and `pos` a number of them. With notifiers of
  // one's own, `stateful` is refused: their states cannot be compared.
  std::string strategy = "auto";
  int64_t schedule_count = 0;  // random: executions; 0: the scenario's, or 1000
  int64_t step_budget = 0;     // exhaustive: steps in all; 0: 50 million
  int preemption_bound = 0;    // bounded: the most preemptions; 0: 2
  uint64_t seed = 1;           // random; > 0
  // The classes that answer, by the scenario's ids. Notifiers that are not here
  // behave as the scenario says.
  std::map<std::string, NotifierFactory> notifiers;
};

// What came out. Not empty `error`: nothing did, and why: a scenario that does
// not parse, a protocol that is not there, a capsule that is another execution.
struct Exploration {
  std::string error;
  std::vector<v1::CaseResult> cases;  // one a protocol
  std::string story;  // of the first violation, a column a task; empty: none
};

// Explores a scenario, in text format. What it expects is not looked at: every
// broken promise counts.
Exploration Explore(const std::string& scenario, const ExploreOptions& options);

// Repeats a capsule, as its file has it.
Exploration Replay(const std::string& capsule);

// Nothing is broken, in any execution, and the search was not cut. Executions
// chosen at random are all that were asked for.
::testing::Matcher<const Exploration&> Holds();

// Some execution breaks the promise: `no_use_after_free` and so on.
::testing::Matcher<const Exploration&> Breaks(const std::string& checker);

void PrintTo(const Exploration& exploration, std::ostream* out);

}  // namespace mmfault::testing

#endif  // MMFAULT_CLIENTS_TESTING_TESTING_H_
