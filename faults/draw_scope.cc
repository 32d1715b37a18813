// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "faults/draw_scope.h"

namespace mmfault::faults {
namespace {

// The finalizer of SplitMix64, as in base/prng.h.
uint64_t Mix(uint64_t hash, uint64_t value) {
  uint64_t x = hash ^ (value + 0x9e3779b97f4a7c15U);
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return x ^ x >> 31;
}

uint64_t Mix(uint64_t hash, const Term& term) {
  hash = Mix(hash, term.conditions.size());
  for (const Condition& condition : term.conditions) {
    hash = Mix(hash, static_cast<uint64_t>(condition.variable));
    hash = Mix(hash, static_cast<uint64_t>(condition.comparison));
    hash = Mix(hash, static_cast<uint64_t>(condition.value));
  }
  for (const uint64_t part : {term.when.first, term.when.last, term.when.step,
                              uint64_t{term.probability_ppm}, term.times,
                              static_cast<uint64_t>(term.action.kind),
                              static_cast<uint64_t>(term.action.arg)}) {
    hash = Mix(hash, part);
  }
  // Numbered, and left out where they say nothing: what a trigger drew before
  // there were these parts it draws still.
  uint64_t number = 0;
  for (const uint64_t part : {static_cast<uint64_t>(term.action.arg2),
                              term.mask, term.space, term.interval}) {
    hash = part == 0 ? hash : Mix(hash + number, part);
    ++number;
  }
  return hash;
}

}  // namespace

uint64_t HashOf(const Rule& rule) {
  uint64_t hash = 0;
  for (const char c : InfoOf(rule.point).name) {
    hash = Mix(hash, static_cast<uint64_t>(c));
  }
  for (const uint64_t part :
       {static_cast<uint64_t>(rule.task + 1), uint64_t{rule.mm},
        uint64_t{rule.notifier}, uint64_t{rule.events}, rule.start, rule.end,
        uint64_t{rule.operation}, uint64_t{rule.client}}) {
    hash = Mix(hash, part);
  }
  for (const Term& term : rule.terms) {
    hash = Mix(hash, term);
  }
  return hash;
}

uint64_t DrawScopeOf(uint64_t hash, uint64_t twin) { return Mix(hash, twin); }

}  // namespace mmfault::faults
