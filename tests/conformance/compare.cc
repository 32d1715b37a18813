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
constexpr size_t kContext = 3;

using Rows = std::vector<const Row*>;

// What is known of the mms so far.
class MmTable {
 public:
  // Whether the observed mm may be the recorded one.
  bool Same(const Row& recorded, const Row& observed) {
    Known& known = known_[observed.mm];
    known.tasks.insert(observed.task);
    const bool first = known.recorded == 0;
    if (first) {
      known.recorded = recorded.mm;
      const auto holder = holder_.find(recorded.mm);
      if (holder != holder_.end() && known_[holder->second].users > 0) {
        return false;
      }
      holder_[recorded.mm] = observed.mm;
    }
    known.users = observed.mm_users;
    return known.recorded == recorded.mm;
  }
  bool TouchedByOne(const Row& observed) {
    return known_[observed.mm].tasks.size() == 1;
  }

 private:
  struct Known {
    int64_t recorded = 0;  // 0: not seen yet
    int64_t users = 0;
    std::set<int> tasks;
  };
  std::map<int64_t, Known> known_;     // by the observed number
  std::map<int64_t, int64_t> holder_;  // recorded number -> observed
};

bool SameRange(const Row& recorded, const Row& observed) {
  if (!observed.range_binds) {
    return true;
  }
  if (recorded.start.has_value() && *recorded.start < -kBeyondUser &&
      observed.start.has_value() && *observed.start < -kBeyondUser) {
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
  bool SameCount(const Row& recorded, const Row& observed);

  Order order_;
  MmTable mms_;
};

bool Comparison::SameCount(const Row& recorded, const Row& observed) {
  const int64_t more = recorded.mm_count - observed.mm_count;
  return mms_.TouchedByOne(observed) ? more == 0
                                     : more >= 0 && more <= kGuestCpus;
}

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
  const bool total = order_ == Order::kTotal;
  const int64_t users = recorded.mm_users - observed.mm_users;
  check(recorded.notifier == observed.notifier, "notifier");
  check(SameRange(recorded, observed), "range");
  check(recorded.blockable == observed.blockable, "blockable");
  check(mms_.Same(recorded, observed), "mm");
  check(users == 0 || (tail && (users == 1 || users == -1)), "mm_users");
  check(!total || SameCount(recorded, observed), "mm_count");
  check(!total || recorded.mmap_lock == observed.mmap_lock, "mmap_lock");
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

// Where the tail begins: the sleeper's first row after one of the other's.
size_t TailOf(const Rows& rows) {
  const auto other = std::find_if(rows.begin(), rows.end(),
                                  [](const Row* r) { return r->actor == "M"; });
  const auto sleeper = std::find_if(
      other, rows.end(), [](const Row* r) { return r->actor == "T"; });
  return static_cast<size_t>(sleeper - rows.begin());
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

std::optional<Divergence> ComparePartial(const Rows& recorded,
                                         const Rows& observed,
                                         const Rules& rules) {
  Comparison comparison(Order::kPartial);
  const auto cut = [](const Rows& rows, bool tail) {
    const auto at = rows.begin() + static_cast<int64_t>(TailOf(rows));
    return tail ? Rows(at, rows.end()) : Rows(rows.begin(), at);
  };
  std::optional<Divergence> found =
      comparison.List(cut(recorded, false), cut(observed, false), false);
  for (const char* actor : {"T", "M"}) {
    if (!found.has_value()) {
      found = comparison.List(
          Of(cut(recorded, true), actor, rules.optional_notifier),
          Of(cut(observed, true), actor, rules.optional_notifier), true);
    }
  }
  return found;
}

}  // namespace

Rules RulesFor(const std::string& scenario) {
  Rules rules;
  if (scenario.starts_with("conc_")) {
    rules.order = Order::kPartial;
  }
  if (scenario == "conc_register_during_truncate") {
    rules.optional_notifier = "B";
  }
  return rules;
}

std::optional<Divergence> Compare(const std::vector<Row>& recorded,
                                  const std::vector<Row>& observed,
                                  const Rules& rules) {
  if (rules.order == Order::kPartial) {
    return ComparePartial(Pointers(recorded), Pointers(observed), rules);
  }
  return Comparison(Order::kTotal)
      .List(Pointers(recorded), Pointers(observed), false);
}

}  // namespace mmfault::conformance
