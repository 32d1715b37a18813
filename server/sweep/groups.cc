// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sweep/groups.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "faults/trigger/swept.h"
#include "server/base/prng.h"

namespace mmfault::sweep {
namespace {

using v1::SweepCell;

// What keeps the draws of one purpose apart from those of another.
enum class Purpose : uint64_t { kPair = 1, kFamily = 2, kRule = 3, kRate = 4 };

uint64_t Draw(uint64_t seed, Purpose purpose, uint64_t index) {
  const uint64_t scope = base::HashStep(seed, static_cast<uint64_t>(purpose));
  return base::HashStep(scope, index);
}

v1::SweptFault FaultAt(const PassedPoint& at, const std::string& action,
                       int64_t hit) {
  v1::SweptFault fault;
  fault.set_point(std::string(faults::InfoOf(at.point).name));
  fault.set_task(at.task);
  fault.set_operation(at.operation);
  fault.set_action(action);
  fault.set_hit(hit);
  return fault;
}

// Two faults at one pass cannot both act: the first one wins.
bool IsPair(const v1::SweptFault& a, const v1::SweptFault& b) {
  return a.point() != b.point() || a.hit() != b.hit() || a.task() != b.task() ||
         a.operation() != b.operation();
}

constexpr uint32_t kAllFamilies = (1U << faults::kFamilyCount) - 1;

// Each family by the toss of a coin; one at least (Groce et al., "Swarm
// testing", ISSTA 2012).
uint32_t FamiliesOf(uint64_t seed) {
  const uint64_t bits = Draw(seed, Purpose::kFamily, 0);
  const auto families = static_cast<uint32_t>(bits) & kAllFamilies;
  return families != 0 ? families
                       : 1U << ((bits >> 32) %
                                static_cast<uint64_t>(faults::kFamilyCount));
}

// Who runs next is a family of swarms only.
std::vector<std::string> SwarmActions(const PassedPoint& passed, bool yields) {
  std::vector<std::string> actions = passed.actions;
  if (yields && faults::CanStop(passed.point)) {
    actions.emplace_back("yield(3)");
  }
  return actions;
}

// From 0.5 % to 50.49 %: a rule's draws follow from what it says, so that no
// two swarms draw alike.
std::string Rate(uint64_t bits) {
  const uint64_t rate = 50 + bits % 5000;
  char text[16];
  std::snprintf(text, sizeof text, "%d.%02d%%", static_cast<int>(rate / 100),
                static_cast<int>(rate % 100));
  return text;
}

// What every step passes would outnumber all else: it is wanted where it is
// named in full.
bool IsNamed(const faults::PointInfo& info, const v1::SweepOptions& options) {
  const bool everywhere = faults::IsEveryStep(info.point);
  if (options.points().empty()) {
    return !everywhere;
  }
  return std::any_of(options.points().begin(), options.points().end(),
                     [&info, everywhere](const std::string& prefix) {
                       return everywhere ? info.name == prefix
                                         : info.name.starts_with(prefix);
                     });
}

// Each once; for none, the one that admits everything.
std::vector<std::string> FiltersOf(
    const google::protobuf::RepeatedPtrField<std::string>& named) {
  std::vector<std::string> filters;
  for (const std::string& name : named) {
    if (std::find(filters.begin(), filters.end(), name) == filters.end()) {
      filters.push_back(name);
    }
  }
  if (filters.empty()) {
    filters.emplace_back();
  }
  return filters;
}

void AddFiltered(const PassedPoint& point, const v1::SweepOptions& options,
                 std::vector<PassedPoint>* points) {
  for (const std::string& task : FiltersOf(options.tasks())) {
    for (const std::string& operation : FiltersOf(options.operations())) {
      PassedPoint filtered = point;
      filtered.task = task;
      filtered.operation = operation;
      points->push_back(std::move(filtered));
    }
  }
}

}  // namespace

std::vector<PassedPoint> PointsOf(const v1::SweepOptions& options) {
  const std::vector<std::string> wanted(options.actions().begin(),
                                        options.actions().end());
  std::vector<PassedPoint> points;
  for (const faults::PointInfo& info : faults::AllPoints()) {
    if (!IsNamed(info, options)) {
      continue;
    }
    std::vector<std::string> actions = faults::ActionsAt(info.point, wanted);
    if (!actions.empty()) {
      AddFiltered({.point = info.point, .actions = std::move(actions)}, options,
                  &points);
    }
  }
  return points;
}

Groups::Groups(std::vector<PassedPoint> points, const v1::SweepOptions& options,
               uint64_t seed)
    : points_(std::move(points)),
      seed_(seed),
      exists_(true),
      swarms_yield_(options.actions().empty()),
      all_families_(options.all_families()),
      swarm_count_(static_cast<size_t>(options.swarm_count())) {
  if (options.swarm_count() == 0 || options.pair_count() != 0) {
    AddChains();
  }
  if (options.pair_count() != 0) {
    AddPairs(static_cast<size_t>(options.pair_count()));
  }
}

void Groups::AddChains() {
  for (const PassedPoint& passed : points_) {
    if (passed.hits == 0) {
      continue;
    }
    for (const std::string& action : passed.actions) {
      chains_.push_back(FaultAt(passed, action, 0));
    }
  }
}

void Groups::AddPairs(size_t count) {
  size_t there = 0;  // pairs
  for (const PassedPoint& passed : points_) {
    for (int64_t hit = 1; hit <= passed.hits; ++hit) {
      there += singles_.size() * passed.actions.size();
      for (const std::string& action : passed.actions) {
        singles_.push_back(FaultAt(passed, action, hit));
      }
    }
  }
  pairs_ = there <= 4 * count ? SomeOfAll(count) : FewOfMany(count);
}

std::vector<Groups::Pair> Groups::SomeOfAll(size_t count) const {
  std::vector<std::pair<uint64_t, Pair>> drawn;
  for (size_t i = 0; i < singles_.size(); ++i) {
    for (size_t j = i + 1; j < singles_.size(); ++j) {
      if (IsPair(singles_[i], singles_[j])) {
        drawn.emplace_back(Draw(seed_, Purpose::kPair, i * singles_.size() + j),
                           Pair{i, j});
      }
    }
  }
  std::sort(drawn.begin(), drawn.end());
  drawn.resize(std::min(drawn.size(), count));
  std::vector<Pair> pairs;
  pairs.reserve(drawn.size());
  for (const auto& [draw, pair] : drawn) {
    pairs.push_back(pair);
  }
  std::sort(pairs.begin(), pairs.end());
  return pairs;
}

std::vector<Groups::Pair> Groups::FewOfMany(size_t count) const {
  std::set<Pair> pairs;
  for (uint64_t draw = 0; pairs.size() < count; ++draw) {
    const uint64_t bits = Draw(seed_, Purpose::kPair, draw);
    const size_t a = (bits & UINT32_MAX) % singles_.size();
    const size_t b = (bits >> 32) % singles_.size();
    if (a != b && IsPair(singles_[a], singles_[b])) {
      pairs.emplace(std::min(a, b), std::max(a, b));
    }
  }
  return {pairs.begin(), pairs.end()};
}

int64_t Groups::count() const {
  return exists_ ? static_cast<int64_t>(1 + chains_.size() + pairs_.size() +
                                        swarm_count_)
                 : 0;
}

Group Groups::At(int64_t number) const {
  if (number == 0) {
    return {.kind = SweepCell::KIND_FAULT_FREE, .seed = seed_};
  }
  auto at = static_cast<size_t>(number) - 1;
  if (at < chains_.size()) {
    return {
        .kind = SweepCell::KIND_SINGLE, .faults = {chains_[at]}, .seed = seed_};
  }
  at -= chains_.size();
  if (at < pairs_.size()) {
    const auto& [a, b] = pairs_[at];
    return {.kind = SweepCell::KIND_PAIR,
            .faults = {singles_[a], singles_[b]},
            .seed = seed_};
  }
  return SwarmAt(at - pairs_.size());
}

Group Groups::SwarmAt(uint64_t number) const {
  Group group{.kind = SweepCell::KIND_SWARM, .seed = seed_ + number};
  const uint32_t families =
      all_families_ ? kAllFamilies : FamiliesOf(group.seed);
  for (int i = 0; i < faults::kFamilyCount; ++i) {
    if ((families >> i & 1) != 0) {
      group.families.emplace_back(
          faults::FamilyName(static_cast<faults::Family>(i)));
    }
  }
  uint64_t rule = 0;
  for (const PassedPoint& passed : points_) {
    for (const std::string& action : SwarmActions(passed, swarms_yield_)) {
      const faults::Family family = faults::FamilyOf(passed.point, action);
      ++rule;
      if ((families >> static_cast<int>(family) & 1) != 0 &&
          (all_families_ ||
           (Draw(group.seed, Purpose::kRule, rule) & 1) != 0)) {
        const std::string rate = Rate(Draw(group.seed, Purpose::kRate, rule));
        group.faults.push_back(FaultAt(passed, rate + action, 0));
      }
    }
  }
  return group;
}

}  // namespace mmfault::sweep
