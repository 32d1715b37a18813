// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// registry.h: the rules of one world.
//
// A rule says at which point, for which task, at which hits, and what happens
// then. A point without a rule costs one load and one branch that predicts
// well.
//
// A pass of an armed point is judged in one order. Rules: as they were armed;
// the first one that acts wins, and the others only count the pass. Within a
// rule: its filters, all of which must admit the pass, then its terms one after
// the other. Within a term: its parts, in the order of trigger/trigger.h. A
// term that declines falls through to the next; one that matches ends the
// rule's turn, and `off` is a match at which nothing happens.
//
// A draw is a hash of the world's seed, the point, what the rule says, the
// term's place in it and the hit: no draw depends on which others were made, on
// other rules, or on the schedule but through the hit. A delay's jitter is
// drawn so, too.
//
// A term's `when` counts the passes that the rule's filter and the term's
// conditions admit, whatever the other terms and rules do: hit 5 is hit 5.
//
// Threads: Arm, Disarm and Evaluate run on the world's thread; armed() may be
// read from anywhere.

#ifndef MMFAULT_FAULTS_REGISTRY_H_
#define MMFAULT_FAULTS_REGISTRY_H_

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "faults/decision_source.h"
#include "faults/points.h"
#include "faults/term.h"

namespace mmfault::faults {

struct Rule {
  Point point = Point::kCount;
  // Filters. 0, or -1 for the task, admits everything; one that asks for what a
  // pass has not (a notifier where none is at hand) admits nothing.
  int task = -1;           // slot
  uint32_t mm = 0;         // object id
  uint32_t notifier = 0;   // object id
  uint32_t events = 0;     // bit n: method number n
  uint64_t start = 0;      // addresses [start, end), at least a byte of them
  uint64_t end = 0;        // 0: any
  uint32_t operation = 0;  // of the scripted call, numbered by the world
  uint32_t client = 0;     // whose calls the task runs
  std::vector<Term> terms = {};  // trigger/rule.h makes them from text
  bool silent = false;           // a breakpoint: not told of as a fault
  // Filled by Arm(). `draw_scope` is made of what the rule says, and tells it
  // from others that say the same: what was armed before changes no draw.
  uint64_t draw_scope = 0;
  uint32_t id = 0;
  CounterId counter = 0;  // passes that the filter admits; actions but `off`
  std::vector<CounterId> term_counters = {};
};

class Registry {
 public:
  explicit Registry(DecisionSource* source) : source_(source) {}

  bool armed(Point point) const {
    return armed_[static_cast<size_t>(point)].load(std::memory_order_relaxed) !=
           0;
  }

  // Whether one of the points that every step passes is.
  bool armed_at_steps() const {
    return armed_at_steps_.load(std::memory_order_relaxed);
  }

  // Has a point evaluated at each pass, rules or not, so that whoever looks on
  // sees them all; or not any more.
  void Observe(Point point, bool on);

  // Arms a rule and returns its id, from 1; 0 when there is no room for it.
  uint32_t Arm(Rule rule);

  // Disarms a rule. False when it is not armed (any more): safe to repeat.
  bool Disarm(uint32_t id);
  void DisarmAll();

  // Which action happens here now; `acting`, when given, is set to the id of
  // the rule that is its reason, 0 for none. Only called where armed() is true.
  Action Evaluate(Point point, const PointContext& context,
                  uint32_t* acting = nullptr);

  // Notes each point at its first pass from here on. Until then a point without
  // a rule counts as armed; after that it is free again. Requires: no rule has
  // quiet passes to come.
  void Watch();
  // Points passed since.
  const std::bitset<kPointCount>& passed() const { return passed_; }
  // A pass of a point that armed() says is; false when no rule is there.
  bool NotePass(Point point);

  // How many passes of the point, from here on, are sure to do nothing but
  // count one hit for every rule and term there; 0 when the next one may, or
  // when it depends on the pass.
  uint64_t QuietPasses(Point point) const;

  // By id, which is in the order of arming.
  const std::map<uint32_t, Rule>& rules() const { return rules_; }
  // Those of a point, in that order.
  const std::vector<const Rule*>& RulesAt(Point point) const {
    return at_[static_cast<size_t>(point)];
  }
  const Rule* Find(uint32_t id) const;
  // The same, or one that acted and was disarmed since. Null: it never acted,
  // or kMaxRetired others have been disarmed after it.
  const Rule* FindAny(uint32_t id) const;

  static constexpr size_t kMaxRetired = 64;

 private:
  Action EvaluateRule(const Rule& rule, const PointContext& context,
                      bool decided);
  Action Drawn(const Rule& rule, size_t index, uint64_t hit) const;
  bool Admits(const Term& term, const PointContext& context) const;
  bool Accepts(const Rule& rule, size_t index, uint64_t hit) const;

  uint64_t QuietPasses(const Rule& rule) const;
  uint64_t NewDrawScope(const Rule& rule) const;
  bool NewCounters(Rule* rule);
  void Retire(Rule rule);
  void SetArmed(size_t point);
  void FreeCounters(const Rule& rule);

  DecisionSource* source_;
  std::map<uint32_t, Rule> rules_;
  std::array<std::vector<const Rule*>, kPointCount> at_;
  std::deque<Rule> retired_;  // disarmed ones that had acted, newest last
  uint32_t next_id_ = 1;
  std::bitset<kPointCount> passed_;
  std::bitset<kPointCount> watched_;  // not passed yet
  std::bitset<kPointCount> observed_;
  std::array<std::atomic<uint8_t>, kPointCount> armed_ = {};
  std::atomic<bool> armed_at_steps_ = false;
};

}  // namespace mmfault::faults

#endif  // MMFAULT_FAULTS_REGISTRY_H_
