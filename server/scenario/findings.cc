// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/findings.h"

#include <algorithm>
#include <utility>

#include "server/base/prng.h"

namespace mmfault::scenario {

void AddSearch(const explore::SearchResult& part, explore::SearchResult* sum) {
  sum->outcome = part.outcome;
  sum->executions += part.executions;
  sum->pruned += part.pruned;
  sum->steps += part.steps;
  sum->states = std::max(sum->states, part.states);
  sum->max_depth = std::max(sum->max_depth, part.max_depth);
  sum->estimate = part.estimate;
  sum->diverged = part.diverged;
  sum->share += part.share;
}

void Findings::Add(Findings part, int64_t most) {
  if (part.first_violation != 0 && first_violation == 0) {
    first_violation = schedule_count + part.first_violation;
  }
  tally.Add(part.tally);
  schedule_count += part.schedule_count;
  step_count += part.step_count;
  for (const auto& [key, count] : part.rc_counts) {
    rc_counts[key] += count;
  }
  unchecked_vma_visit_max =
      std::max(unchecked_vma_visit_max, part.unchecked_vma_visit_max);
  for (const uint64_t hash : part.event_hashes) {
    event_hash = base::HashStep(event_hash, hash);
  }
  for (FirstBreak& found : part.breaks) {
    std::erase_if(found.violations, [&](const trace::Violation& violation) {
      bool& known = kept[static_cast<size_t>(violation.checker)];
      const bool goes = known || kept_count == most;
      known = true;
      kept_count += goes ? 0 : 1;
      return goes;
    });
    if (!found.violations.empty()) {
      breaks.push_back(std::move(found));
    }
  }
  terminal_states.merge(part.terminal_states);
  for (size_t i = 0; i < part.probes.size(); ++i) {
    probes[i].Add(std::move(part.probes[i]));
  }
  fired = fired || part.fired;
  AddSearch(part.search, &search);
  coverage.Add(part.coverage);
  points |= part.points;
  rules.Add(part.rules);
}

}  // namespace mmfault::scenario
