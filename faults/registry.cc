// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/registry.h"

#include <algorithm>

namespace mmfault::faults {

uint32_t Registry::Arm(Rule rule) {
  rule.id = next_id_++;
  rule.counter = source_->NewCounter();
  rules_.push_back(rule);
  armed_[static_cast<size_t>(rule.point)].store(1, std::memory_order_relaxed);
  return rule.id;
}

bool Registry::Disarm(uint32_t id) {
  const auto it = std::find_if(rules_.begin(), rules_.end(),
                               [id](const Rule& r) { return r.id == id; });
  if (it == rules_.end()) {
    return false;
  }
  const Point point = it->point;
  rules_.erase(it);
  const bool left =
      std::any_of(rules_.begin(), rules_.end(),
                  [point](const Rule& r) { return r.point == point; });
  armed_[static_cast<size_t>(point)].store(left ? 1 : 0,
                                           std::memory_order_relaxed);
  return true;
}

void Registry::DisarmAll() {
  rules_.clear();
  for (auto& flag : armed_) {
    flag.store(0, std::memory_order_relaxed);
  }
}

Action Registry::Evaluate(Point point, const PointContext& context) {
  for (const Rule& rule : rules_) {
    if (rule.point != point || (rule.task >= 0 && rule.task != context.task) ||
        (rule.mm != 0 && rule.mm != context.mm)) {
      continue;
    }
    const uint64_t hit = source_->CountHit(rule.counter);
    if (!rule.when.Matches(hit) || source_->Fires(rule.counter) >= rule.times) {
      continue;
    }
    if (rule.probability_ppm < 1000000 &&
        source_->Draw(static_cast<uint64_t>(point), rule.id, hit) % 1000000 >=
            rule.probability_ppm) {
      continue;
    }
    source_->CountFire(rule.counter);
    return rule.action;
  }
  return {};
}

const Rule* Registry::Find(uint32_t id) const {
  for (const Rule& rule : rules_) {
    if (rule.id == id) {
      return &rule;
    }
  }
  return nullptr;
}

}  // namespace mmfault::faults
