// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/rule_tally.h"

#include <algorithm>
#include <string>

#include "faults/trigger/trigger.h"

namespace mmfault::scenario {
namespace {

// How many of the first `hits` hits come to the draw.
int64_t DrawsOf(const faults::Term& term, uint64_t hits) {
  int64_t draws = 0;
  for (uint64_t hit = 1; hit <= hits; ++hit) {
    draws += term.Selects(hit) ? 1 : 0;
  }
  return draws;
}

bool OnlyCounts(const faults::Rule& rule) {
  return std::all_of(rule.terms.begin(), rule.terms.end(),
                     [](const faults::Term& term) {
                       return term.action.kind == faults::ActionKind::kNone;
                     });
}

void NoteDraws(const faults::Rule& rule, const faults::DecisionSource& counts,
               RuleTally::Entry* entry) {
  for (size_t i = 0; i < rule.terms.size(); ++i) {
    const faults::Term& term = rule.terms[i];
    if (term.probability_ppm < faults::kAlwaysPpm &&
        term.action.kind != faults::ActionKind::kNone) {
      const int64_t draws = DrawsOf(term, counts.Hits(rule.term_counters[i]));
      entry->draws += draws;
      entry->expected_ppm += draws * term.probability_ppm;
    }
  }
}

v1::RuleReport::State StateOf(const faults::Rule& rule,
                              const RuleTally::Entry& entry) {
  if (entry.fired_in != 0) {
    return v1::RuleReport::STATE_FIRED;
  }
  if (OnlyCounts(rule)) {
    return v1::RuleReport::STATE_COUNTS;
  }
  if (entry.hit_max == 0) {
    return v1::RuleReport::STATE_NOT_PASSED;
  }
  return entry.draws != 0 ? v1::RuleReport::STATE_NOT_DRAWN
                          : v1::RuleReport::STATE_NOT_DUE;
}

}  // namespace

void RuleTally::Note(sched::World& world, const std::vector<uint32_t>& ids,
                     int newest_count) {
  const faults::DecisionSource& counts = world.decisions();
  entries.resize(ids.size());
  const auto newest_rules = static_cast<size_t>(newest_count);
  size_t newest_fired = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    Entry& entry = entries[i];
    const faults::Rule& rule = *world.faults().Find(ids[i]);
    entry.hit_max = std::max(entry.hit_max,
                             static_cast<int64_t>(counts.Hits(rule.counter)));
    const bool fired = counts.Fires(rule.counter) != 0;
    entry.fired_in += fired ? 1 : 0;
    newest_fired += fired && i + newest_rules >= ids.size() ? 1 : 0;
    NoteDraws(rule, counts, &entry);
  }
  newest.any += newest_fired != 0 ? 1 : 0;
  newest.all += newest_rules != 0 && newest_fired == newest_rules ? 1 : 0;
}

void RuleTally::Add(const RuleTally& other) {
  entries.resize(std::max(entries.size(), other.entries.size()));
  for (size_t i = 0; i < other.entries.size(); ++i) {
    const Entry& from = other.entries[i];
    entries[i].hit_max = std::max(entries[i].hit_max, from.hit_max);
    entries[i].fired_in += from.fired_in;
    entries[i].draws += from.draws;
    entries[i].expected_ppm += from.expected_ppm;
  }
  newest.all += other.newest.all;
  newest.any += other.newest.any;
}

void FillRules(const v1::Scenario& scenario, const sched::World& world,
               const std::vector<uint32_t>& ids, const RuleTally& tally,
               const std::vector<int64_t>& sweep_hits, v1::CaseResult* result) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const faults::Rule& rule = *world.faults().Find(ids[i]);
    const RuleTally::Entry entry =
        i < tally.entries.size() ? tally.entries[i] : RuleTally::Entry();
    v1::RuleReport* out = result->add_rules();
    out->set_point(std::string(faults::InfoOf(rule.point).name));
    out->set_trigger(faults::PrintTrigger({rule.terms}));
    out->set_state(StateOf(rule, entry));
    out->set_hit_count_max(entry.hit_max);
    out->set_fired_schedule_count(entry.fired_in);
    out->set_expected_fire_count(static_cast<double>(entry.expected_ppm) /
                                 faults::kAlwaysPpm);
  }
  for (size_t i = 0; i < sweep_hits.size(); ++i) {
    const v1::FaultRule& swept = scenario.sweep(static_cast<int>(i)).fault();
    v1::RuleReport* out = result->add_rules();
    out->set_point(swept.point());
    out->set_trigger(swept.trigger());
    out->set_state(sweep_hits[i] != 0 ? v1::RuleReport::STATE_FIRED
                                      : v1::RuleReport::STATE_NOT_PASSED);
    out->set_hit_count_max(sweep_hits[i]);
    out->set_sweep(static_cast<int32_t>(i) + 1);
  }
}

void RequireFired(v1::CaseResult* result) {
  for (v1::RuleReport& rule : *result->mutable_rules()) {
    rule.set_required(true);
    result->set_met(result->met() &&
                    (rule.state() == v1::RuleReport::STATE_FIRED ||
                     rule.state() == v1::RuleReport::STATE_COUNTS));
  }
}

}  // namespace mmfault::scenario
