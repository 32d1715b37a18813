// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// fake_source.h: a DecisionSource without a world.

#ifndef MMFAULT_TESTS_UNIT_FAULTS_FAKE_SOURCE_H_
#define MMFAULT_TESTS_UNIT_FAULTS_FAKE_SOURCE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "faults/decision_source.h"
#include "server/base/prng.h"

namespace mmfault::faults {

// The same draw for every rule and term at one hit, so that an oracle needs to
// know nothing about how they are told apart.
inline uint64_t DrawAt(uint64_t hit) { return base::Mix64(hit); }

class FakeSource : public DecisionSource {
 public:
  CounterId NewCounter(Point /*point*/) override {
    counters_.emplace_back();
    return static_cast<CounterId>(counters_.size());
  }
  void FreeCounter(CounterId id) override { freed_ += id != 0 ? 1 : 0; }
  uint64_t CountHit(CounterId id) override { return ++counters_[id - 1].hits; }
  void CountFire(CounterId id) override { ++counters_[id - 1].fires; }
  uint64_t Hits(CounterId id) const override { return counters_[id - 1].hits; }
  uint64_t Fires(CounterId id) const override {
    return counters_[id - 1].fires;
  }
  uint64_t LastFireStep(CounterId /*id*/) const override { return 0; }
  uint64_t Draw(uint64_t /*point*/, uint64_t scope,
                uint64_t hit) const override {
    scopes_[scope] += 1;
    return DrawAt(hit);
  }
  std::optional<int64_t> Value(Variable variable,
                               const PointContext& /*context*/) const override {
    const auto it = values.find(variable);
    return it == values.end() ? std::nullopt : std::optional(it->second);
  }
  size_t freed() const { return freed_; }
  size_t scope_count() const { return scopes_.size(); }

  std::map<Variable, int64_t> values;

 private:
  struct Counts {
    uint64_t hits = 0;
    uint64_t fires = 0;
  };
  std::vector<Counts> counters_;
  size_t freed_ = 0;
  mutable std::map<uint64_t, int> scopes_;
};

}  // namespace mmfault::faults

#endif  // MMFAULT_TESTS_UNIT_FAULTS_FAKE_SOURCE_H_
