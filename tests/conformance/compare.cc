// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/compare.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_join.h"

namespace mmfault::conformance {
namespace {

constexpr int64_t kGuestCpus = 2;
constexpr int64_t kBeyondUser = int64_t{1} << 34;  // pages
constexpr uint64_t kNapNs = 50000000;
constexpr size_t kContext = 3;

using Rows = std::vector<const Row*>;

// Which of theirs is which of ours.
class MmTable {
 public:
  // Whether the observed mm may be the recorded one.
  bool Same(const Row& recorded, const Row& observed) {
    const auto known = theirs_.find(observed.mm);
    if (known != theirs_.end()) {
      return known->second == recorded.mm && ours_[recorded.mm] == observed.mm;
    }
    theirs_[observed.mm] = recorded.mm;
    const auto [holder, is_new] = ours_.emplace(recorded.mm, observed.mm);
    const bool is_free =
        is_new || std::find(observed.gone.begin(), observed.gone.end(),
                            holder->second) != observed.gone.end();
    holder->second = observed.mm;
    return is_free;
  }

 private:
  std::map<int64_t, int64_t> theirs_;  // by ours
  std::map<int64_t, int64_t> ours_;    // by theirs
};

bool SameCount(const Row& recorded, const Row& observed) {
  const int64_t more = recorded.mm_count - observed.mm_count;
  return observed.count_exact ? more == 0 : more >= 0 && more <= kGuestCpus;
}

bool SameRange(const Row& recorded, const Row& observed) {
  if (!observed.range_binds) {
    return true;
  }
  if (recorded.start.has_value() && *recorded.start < -kBeyondUser &&
      observed.start.has_value() && *observed.start < 0) {
    return *recorded.end - *recorded.start == *observed.end - *observed.start;
  }
  return recorded.start == observed.start && recorded.end == observed.end;
}

// One comparison of two lists of rows.
class Comparison {
 public:
  explicit Comparison(Order order) : order_(order) {}

  std::optional<Divergence> List(const Rows& recorded, const Rows& observed,
                                 bool tail);

 private:
  std::string Differences(const Row& recorded, const Row& observed, bool tail);

  Order order_;
  MmTable mms_;
};

// Names of the values that bind and differ; empty when there are none.
std::string Comparison::Differences(const Row& recorded, const Row& observed,
                                    bool tail) {
  std::vector<std::string> names;
  const auto check = [&names](bool same, const char* name) {
    if (!same) {
      names.emplace_back(name);
    }
  };
  check(recorded.kind == observed.kind, "kind");
  check(recorded.call == observed.call, "call");
  check(recorded.event == observed.event, "event");
  check(recorded.rc == observed.rc, "rc");
  check(recorded.actor == observed.actor, "actor");
  if (recorded.mm == -1 || recorded.mmap_lock == "?" ||
      recorded.actor == "victim") {
    return absl::StrJoin(names, ", ");
  }
  const bool one_thread = order_ != Order::kSleeper;
  const int64_t users = recorded.mm_users - observed.mm_users;
  check(recorded.notifier == observed.notifier, "notifier");
  check(SameRange(recorded, observed), "range");
  check(recorded.blockable == observed.blockable, "blockable");
  check(mms_.Same(recorded, observed), "mm");
  check(users == 0 || (tail && (users == 1 || users == -1)), "mm_users");
  check(!one_thread || SameCount(recorded, observed), "mm_count");
  check(!one_thread || recorded.mmap_lock == observed.mmap_lock, "mmap_lock");
  check(recorded.atomic == observed.atomic, "atomic");
  check(recorded.vma == observed.vma, "vma");
  check(recorded.x == observed.x, "x");
  return absl::StrJoin(names, ", ");
}

std::string Context(const Rows& recorded, const Rows& observed, size_t at) {
  std::string text;
  const size_t from = at < kContext ? 0 : at - kContext;
  for (size_t i = from; i <= at + kContext; ++i) {
    if (i >= recorded.size() && i >= observed.size()) {
      break;
    }
    const char* mark = i == at ? ">" : " ";
    text += std::string("    ") + mark + " expected " +
            (i < recorded.size() ? ToText(*recorded[i]) : "nothing") + "\n";
    text += std::string("    ") + mark + "      got " +
            (i < observed.size() ? ToText(*observed[i]) : "nothing") + "\n";
  }
  return text;
}

std::optional<Divergence> Comparison::List(const Rows& recorded,
                                           const Rows& observed, bool tail) {
  const size_t count = std::max(recorded.size(), observed.size());
  for (size_t i = 0; i < count; ++i) {
    std::string what;
    if (i >= observed.size()) {
      what = "missing";
    } else if (i >= recorded.size()) {
      what = "too many";
    } else {
      what = Differences(*recorded[i], *observed[i], tail);
    }
    if (!what.empty()) {
      return Divergence{i, what, Context(recorded, observed, i)};
    }
  }
  return std::nullopt;
}

Rows Pointers(const std::vector<Row>& rows) {
  Rows pointers;
  for (const Row& row : rows) {
    pointers.push_back(&row);
  }
  return pointers;
}

// How many rows come before the sleeper wakes: it sleeps for a few tenths of a
// second, and what the other thread does takes no time that counts.
int64_t HeadOf(const Rows& rows) {
  const auto other = std::find_if(rows.begin(), rows.end(),
                                  [](const Row* r) { return r->actor == "M"; });
  const uint64_t began = other == rows.end() ? 0 : (*other)->time_ns;
  const auto wakes = std::find_if(other, rows.end(), [began](const Row* r) {
    return r->time_ns > began + kNapNs;
  });
  return wakes - rows.begin();
}

Rows Of(const Rows& rows, const std::string& actor,
        const std::string& optional_notifier) {
  Rows own;
  for (const Row* row : rows) {
    const bool optional = !optional_notifier.empty() && row->actor == "T" &&
                          row->notifier == optional_notifier;
    if (row->actor == actor && !optional) {
      own.push_back(row);
    }
  }
  return own;
}

// The rest of the rows, actor by actor.
std::optional<Divergence> CompareByActor(const Rows& recorded,
                                         const Rows& observed,
                                         const Rules& rules, bool tail,
                                         Comparison* comparison) {
  std::set<std::string> actors;
  for (const Row* row : recorded) {
    actors.insert(row->actor);
  }
  for (const Row* row : observed) {
    actors.insert(row->actor);
  }
  for (const std::string& actor : actors) {
    std::optional<Divergence> found =
        comparison->List(Of(recorded, actor, rules.optional_notifier),
                         Of(observed, actor, rules.optional_notifier), tail);
    if (found.has_value()) {
      return found;
    }
  }
  return std::nullopt;
}

std::optional<Divergence> CompareSleeper(const Rows& recorded,
                                         const Rows& observed,
                                         const Rules& rules) {
  const auto head = recorded.begin() + HeadOf(recorded);
  const auto our_head = observed.begin() + HeadOf(observed);
  Comparison comparison(rules.order);
  std::optional<Divergence> found = comparison.List(
      Rows(recorded.begin(), head), Rows(observed.begin(), our_head), false);
  if (found.has_value()) {
    return found;
  }
  return CompareByActor(Rows(head, recorded.end()),
                        Rows(our_head, observed.end()), rules, true,
                        &comparison);
}

bool IsWorker(const Row& row) { return row.actor == "kworker"; }

// Rows of the scripted tasks, with mm_count as if workers had dropped nothing.
// A worker drops its count a moment after its row, and has done so when a
// synchronize returns.
std::vector<Row> WithoutWorkers(const std::vector<Row>& rows) {
  std::vector<Row> rest;
  int64_t dropped = 0;
  bool settled = true;
  for (const Row& row : rows) {
    if (IsWorker(row)) {
      ++dropped;
      settled = false;
      continue;
    }
    settled = settled || row.call == "mmu_notifier_synchronize";
    rest.push_back(row);
    rest.back().mm_count += settled ? dropped : dropped - 1;
    rest.back().count_exact = row.count_exact && settled;
  }
  return rest;
}

// Rows of workers; what another task holds at that moment does not bind.
std::vector<Row> OfWorkers(const std::vector<Row>& rows) {
  std::vector<Row> own;
  for (const Row& row : rows) {
    if (IsWorker(row)) {
      own.push_back(row);
      own.back().mmap_lock = "-";
    }
  }
  return own;
}

// Whether a notifier is freed by a worker outside of its time: before its last
// put begins, or after the synchronize that follows has returned.
std::string FreedOutOfTime(const std::vector<Row>& observed) {
  std::set<std::string> put;
  for (const Row& row : observed) {
    if (row.call == "mmu_notifier_put" && row.kind == "enter" && row.x == 1) {
      put.insert(row.notifier);
    } else if (IsWorker(row) && put.erase(row.notifier) == 0) {
      return row.notifier + " is freed before its last put";
    } else if (row.call == "mmu_notifier_synchronize" && row.kind == "api" &&
               !put.empty()) {
      return *put.begin() + " is not freed when synchronize returns";
    }
  }
  return "";
}

std::optional<Divergence> CompareTotal(const std::vector<Row>& recorded,
                                       const std::vector<Row>& observed) {
  Comparison comparison(Order::kTotal);
  const std::vector<Row> main[] = {WithoutWorkers(recorded),
                                   WithoutWorkers(observed)};
  const std::vector<Row> workers[] = {OfWorkers(recorded), OfWorkers(observed)};
  std::optional<Divergence> found =
      comparison.List(Pointers(main[0]), Pointers(main[1]), false);
  if (!found.has_value()) {
    found = comparison.List(Pointers(workers[0]), Pointers(workers[1]), false);
  }
  const std::string late = FreedOutOfTime(observed);
  if (!found.has_value() && !late.empty()) {
    found = Divergence{0, late, ""};
  }
  return found;
}

}  // namespace

Rules RulesFor(const std::string& scenario) {
  Rules rules;
  if (scenario.starts_with("conc_")) {
    rules.order = Order::kSleeper;
  } else if (scenario.starts_with("fork_cow")) {
    rules.order = Order::kByActor;
  }
  if (scenario == "conc_register_during_truncate") {
    rules.optional_notifier = "B";
  }
  return rules;
}

std::optional<Divergence> Compare(const std::vector<Row>& recorded,
                                  const std::vector<Row>& observed,
                                  const Rules& rules) {
  const Rows theirs = Pointers(recorded);
  const Rows ours = Pointers(observed);
  if (rules.order == Order::kSleeper) {
    return CompareSleeper(theirs, ours, rules);
  }
  if (rules.order == Order::kByActor) {
    Comparison comparison(rules.order);
    return CompareByActor(theirs, ours, rules, false, &comparison);
  }
  return CompareTotal(recorded, observed);
}

}  // namespace mmfault::conformance
