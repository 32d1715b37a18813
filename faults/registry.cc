// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/registry.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace mmfault::faults {
namespace {

// Rules draw apart from each other, and so do the terms of one.
uint64_t DrawScope(const Rule& rule, size_t index) {
  return uint64_t{rule.id} << 32 | index;
}

bool AdmitsPlace(const Rule& rule, const PointPlace& place) {
  return (rule.notifier == 0 || rule.notifier == place.notifier) &&
         (rule.events == 0 ||
          (place.event != 0 && (rule.events >> place.event & 1) != 0)) &&
         (rule.end == 0 || (place.start < place.end && place.start < rule.end &&
                            rule.start < place.end));
}

bool AdmitsPass(const Rule& rule, const PointContext& context) {
  return (rule.task < 0 || rule.task == context.task) &&
         (rule.mm == 0 || rule.mm == context.mm) &&
         (rule.operation == 0 || rule.operation == context.operation) &&
         (rule.client == 0 || rule.client == context.client) &&
         AdmitsPlace(rule, context.place);
}

}  // namespace

uint32_t Registry::Arm(Rule rule) {
  rule.id = next_id_++;
  rule.counter = source_->NewCounter();
  rule.term_counters.clear();
  for (Term& term : rule.terms) {
    term.when.step = std::max<uint64_t>(term.when.step, 1);  // it divides
    rule.term_counters.push_back(source_->NewCounter());
  }
  armed_[static_cast<size_t>(rule.point)].store(1, std::memory_order_relaxed);
  rules_.push_back(std::move(rule));
  return rules_.back().id;
}

bool Registry::Disarm(uint32_t id) {
  const auto it = std::find_if(rules_.begin(), rules_.end(),
                               [id](const Rule& r) { return r.id == id; });
  if (it == rules_.end()) {
    return false;
  }
  const Point point = it->point;
  Retire(*it);
  rules_.erase(it);
  const bool left =
      std::any_of(rules_.begin(), rules_.end(),
                  [point](const Rule& r) { return r.point == point; });
  armed_[static_cast<size_t>(point)].store(left ? 1 : 0,
                                           std::memory_order_relaxed);
  return true;
}

void Registry::DisarmAll() {
  for (const Rule& rule : rules_) {
    Retire(rule);
  }
  rules_.clear();
  for (auto& flag : armed_) {
    flag.store(0, std::memory_order_relaxed);
  }
}

void Registry::Retire(const Rule& rule) {
  if (rule.silent || source_->Fires(rule.counter) == 0) {
    return;
  }
  retired_.push_back(rule);
  if (retired_.size() > kMaxRetired) {
    retired_.pop_front();
  }
}

Action Registry::Evaluate(Point point, const PointContext& context,
                          uint32_t* acting) {
  Action action;
  for (const Rule& rule : rules_) {
    if (rule.point != point || !AdmitsPass(rule, context)) {
      continue;
    }
    source_->CountHit(rule.counter);
    const bool decided = action.kind != ActionKind::kNone;
    const Action own = EvaluateRule(rule, context, decided);
    if (!decided && own.kind != ActionKind::kNone) {
      source_->CountFire(rule.counter);
      action = own;
      if (acting != nullptr) {
        *acting = rule.id;
      }
    }
  }
  return action;
}

// Every term counts its hit; at most one acts, and none when an earlier rule
// has `decided`.
Action Registry::EvaluateRule(const Rule& rule, const PointContext& context,
                              bool decided) {
  Action action;
  for (size_t i = 0; i < rule.terms.size(); ++i) {
    const Term& term = rule.terms[i];
    if (!Admits(term, context)) {
      continue;
    }
    const uint64_t hit = source_->CountHit(rule.term_counters[i]);
    if (!decided && Accepts(rule, i, hit)) {
      source_->CountFire(rule.term_counters[i]);
      action = term.action;
      decided = true;
    }
  }
  return action;
}

bool Registry::Admits(const Term& term, const PointContext& context) const {
  for (const Condition& condition : term.conditions) {
    std::optional<int64_t> value;
    switch (condition.variable) {
      case Variable::kTask:
        value = context.task;
        break;
      case Variable::kCall:
        value = static_cast<int64_t>(context.scope);
        break;
      default:
        value = source_->Value(condition.variable, context);
        break;
    }
    if (!value.has_value() || !condition.HoldsFor(*value)) {
      return false;
    }
  }
  return true;
}

bool Registry::Accepts(const Rule& rule, size_t index, uint64_t hit) const {
  const Term& term = rule.terms[index];
  if (!term.when.Matches(hit)) {
    return false;
  }
  // A miss does not use up one of the term's times.
  if (term.probability_ppm < kAlwaysPpm &&
      source_->Draw(static_cast<uint64_t>(rule.point), DrawScope(rule, index),
                    hit) %
              kAlwaysPpm >=
          term.probability_ppm) {
    return false;
  }
  return source_->Fires(rule.term_counters[index]) < term.times;
}

const Rule* Registry::Find(uint32_t id) const {
  for (const Rule& rule : rules_) {
    if (rule.id == id) {
      return &rule;
    }
  }
  return nullptr;
}

const Rule* Registry::FindAny(uint32_t id) const {
  for (const Rule& rule : retired_) {
    if (rule.id == id) {
      return &rule;
    }
  }
  return Find(id);
}

}  // namespace mmfault::faults
