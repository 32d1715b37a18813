// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/registry.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "faults/draw_scope.h"

namespace mmfault::faults {
namespace {

// The terms of a rule draw apart.
uint64_t DrawScope(const Rule& rule, size_t index) {
  return rule.draw_scope + index;
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

// Keeps a delay's draw apart from the one that says whether it happens.
constexpr uint64_t kJitter = 0x6a69747465720000U;

// Without filters and conditions, so that every pass is a hit of all its terms.
bool CountsEveryPass(const Rule& rule) {
  return rule.task < 0 && rule.mm == 0 && rule.notifier == 0 &&
         rule.events == 0 && rule.end == 0 && rule.operation == 0 &&
         rule.client == 0 &&
         std::all_of(
             rule.terms.begin(), rule.terms.end(),
             [](const Term& term) { return term.conditions.empty(); });
}

}  // namespace

uint64_t Registry::NewDrawScope(const Rule& rule) const {
  const uint64_t said = HashOf(rule);
  for (uint64_t twin = 0;; ++twin) {
    const uint64_t scope = DrawScopeOf(said, twin);
    const std::vector<const Rule*>& others = RulesAt(rule.point);
    if (std::none_of(others.begin(), others.end(), [scope](const Rule* other) {
          return other->draw_scope == scope;
        })) {
      return scope;
    }
  }
}

void Registry::Observe(Point point, bool on) {
  source_->BeforeChange(point);
  observed_[static_cast<size_t>(point)] = on;
  SetArmed(static_cast<size_t>(point));
}

uint32_t Registry::Arm(Rule rule) {
  source_->BeforeChange(rule.point);
  if (!NewCounters(&rule)) {
    return 0;
  }
  rule.id = next_id_++;
  for (Term& term : rule.terms) {
    term.when.step = std::max<uint64_t>(term.when.step, 1);  // it divides
  }
  rule.draw_scope = NewDrawScope(rule);
  const auto point = static_cast<size_t>(rule.point);
  const uint32_t id = rule.id;
  at_[point].push_back(&rules_.emplace(id, std::move(rule)).first->second);
  SetArmed(point);
  return id;
}

bool Registry::NewCounters(Rule* rule) {
  rule->term_counters.clear();
  rule->counter = source_->NewCounter(rule->point);
  bool enough = rule->counter != 0;
  while (enough && rule->term_counters.size() < rule->terms.size()) {
    const CounterId counter = source_->NewCounter(rule->point);
    enough = counter != 0;
    if (enough) {
      rule->term_counters.push_back(counter);
    }
  }
  if (!enough && rule->counter != 0) {
    FreeCounters(*rule);
  }
  return enough;
}

bool Registry::Disarm(uint32_t id) {
  const auto it = rules_.find(id);
  if (it == rules_.end()) {
    return false;
  }
  const auto point = static_cast<size_t>(it->second.point);
  source_->BeforeChange(it->second.point);
  std::erase(at_[point], &it->second);
  SetArmed(point);
  Retire(std::move(it->second));
  rules_.erase(it);
  return true;
}

void Registry::DisarmAll() {
  while (!rules_.empty()) {
    Disarm(rules_.rbegin()->first);
  }
}

void Registry::SetArmed(size_t point) {
  const bool on = !at_[point].empty() || watched_[point] || observed_[point];
  armed_[point].store(on ? 1 : 0, std::memory_order_relaxed);
  armed_at_steps_.store(armed(Point::kStep) || armed(Point::kCallbackStep),
                        std::memory_order_relaxed);
}

void Registry::Watch() {
  passed_.reset();
  watched_.set();
  for (size_t point = 0; point < armed_.size(); ++point) {
    SetArmed(point);
  }
}

bool Registry::NotePass(Point point) {
  const auto index = static_cast<size_t>(point);
  if (watched_[index]) {
    watched_[index] = false;
    passed_[index] = true;
    SetArmed(index);
  }
  return !at_[index].empty();
}

void Registry::Retire(Rule rule) {
  if (rule.silent || source_->Fires(rule.counter) == 0) {
    FreeCounters(rule);
    return;
  }
  retired_.push_back(std::move(rule));
  if (retired_.size() > kMaxRetired) {
    FreeCounters(retired_.front());
    retired_.pop_front();
  }
}

void Registry::FreeCounters(const Rule& rule) {
  for (const CounterId counter : rule.term_counters) {
    source_->FreeCounter(counter);
  }
  source_->FreeCounter(rule.counter);
}

uint64_t Registry::QuietPasses(Point point) const {
  uint64_t quiet =
      observed_[static_cast<size_t>(point)] ? uint64_t{0} : kForEver;
  for (const Rule* rule : RulesAt(point)) {
    quiet = std::min(quiet, QuietPasses(*rule));
    if (quiet == 0) {
      break;
    }
  }
  return quiet;
}

uint64_t Registry::QuietPasses(const Rule& rule) const {
  if (!CountsEveryPass(rule)) {
    return 0;
  }
  uint64_t quiet = kForEver;
  for (size_t i = 0; i < rule.terms.size(); ++i) {
    const Term& term = rule.terms[i];
    const CounterId counter = rule.term_counters[i];
    if (term.probability_ppm != 0 && source_->Fires(counter) < term.times) {
      quiet = std::min(quiet, term.QuietHits(source_->Hits(counter)));
    }
  }
  return quiet;
}

Action Registry::Evaluate(Point point, const PointContext& context,
                          uint32_t* acting) {
  Action action;
  for (const Rule* at : RulesAt(point)) {
    const Rule& rule = *at;
    if (!AdmitsPass(rule, context)) {
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
      action = Drawn(rule, i, hit);
      decided = true;
    }
  }
  return action;
}

// The term's action, with a delay's jitter decided.
Action Registry::Drawn(const Rule& rule, size_t index, uint64_t hit) const {
  Action action = rule.terms[index].action;
  if (action.kind == ActionKind::kDelay && action.arg2 > action.arg) {
    const auto choices = static_cast<uint64_t>(action.arg2 - action.arg) + 1;
    const uint64_t draw = source_->Draw(static_cast<uint64_t>(rule.point),
                                        DrawScope(rule, index) ^ kJitter, hit);
    action.arg += static_cast<int64_t>(draw % choices);
    action.arg2 = 0;
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
  if (!term.Selects(hit)) {
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
  const auto it = rules_.find(id);
  return it == rules_.end() ? nullptr : &it->second;
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
