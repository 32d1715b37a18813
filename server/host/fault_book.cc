// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/host/fault_book.h"

#include <algorithm>
#include <utility>

#include "faults/registry.h"
#include "faults/trigger/trigger.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/names.h"
#include "server/kernel/point.h"
#include "server/scenario/compile.h"

namespace mmfault::host {
namespace {

bool Holds(const faults::Rule& rule) {
  return std::any_of(rule.terms.begin(), rule.terms.end(),
                     [](const faults::Term& term) {
                       return term.action.kind == faults::ActionKind::kHold;
                     });
}

std::string Canonical(const std::string& trigger) {
  const absl::StatusOr<faults::Trigger> parsed = faults::ParseTrigger(trigger);
  CHECK(parsed.ok());  // it has become a rule
  return faults::PrintTrigger(*parsed);
}

}  // namespace

PointCounts CountsAt(scenario::Machine& machine, faults::Point point) {
  PointCounts counts;
  const faults::DecisionSource& source = machine.world().decisions();
  for (const faults::Rule& rule : machine.world().faults().rules()) {
    if (rule.point == point) {
      counts.hits = std::max(counts.hits, source.Hits(rule.counter));
      counts.fires += source.Fires(rule.counter);
    }
  }
  return counts;
}

std::string FaultBook::NameOf(const std::string& id) const {
  return world_ + "/faults/" + id;
}

absl::Status FaultBook::Check(const std::string& id,
                              const v1::Fault& fault) const {
  if (!id.empty()) {
    RETURN_IF_ERROR(CheckId(id, "fault_id"));
    if (entries_.count(id) != 0) {
      return AlreadyExists("fault", "FAULT_EXISTS", NameOf(id));
    }
  }
  if (fault.rules().empty()) {
    return base::InvalidFieldError("fault.rules", "FIELD_MISSING",
                                   "a fault has at least one rule");
  }
  RETURN_IF_ERROR(
      CheckQuota(NameOf(id), "max_rules", kMaxRules, fault.rules_size()));
  return CheckQuota(world_, "max_faults", kMaxFaults,
                    static_cast<int64_t>(entries_.size()) + 1);
}

absl::StatusOr<v1::Fault> FaultBook::Arm(scenario::Machine* machine,
                                         const std::string& id,
                                         const v1::Fault& fault,
                                         bool validate_only) {
  RETURN_IF_ERROR(Check(id, fault));
  // All of them are made before any is armed.
  std::vector<faults::Rule> rules;
  Entry entry;
  for (int i = 0; i < fault.rules_size(); ++i) {
    ASSIGN_OR_RETURN(
        faults::Rule rule,
        scenario::CompileRule(*machine, fault.rules(i),
                              "fault.rules[" + std::to_string(i) + "]"));
    rules.push_back(std::move(rule));
    v1::FaultRule& kept = *entry.fault.add_rules();
    kept = fault.rules(i);
    kept.set_trigger(Canonical(kept.trigger()));
  }
  std::string chosen = id;
  while (chosen.empty() || entries_.count(chosen) != 0) {
    chosen = "fault-" + std::to_string(next_number_);
    next_number_ += validate_only ? 0 : 1;
    if (validate_only) {
      break;
    }
  }
  entry.fault.set_name(NameOf(chosen));
  entry.fault.set_client(fault.client());
  entry.fault.set_armed_at_step(
      static_cast<int64_t>(machine->world().state().step_count.get()));
  if (validate_only) {
    return entry.fault;
  }
  sched::World::Scope scope(&machine->world());
  for (faults::Rule& rule : rules) {
    entry.rules.push_back(machine->world().faults().Arm(std::move(rule)));
  }
  std::erase(disarmed_, chosen);
  const Entry& added = entries_[chosen] = std::move(entry);
  return View(*machine, added);
}

v1::Fault FaultBook::View(scenario::Machine& machine,
                          const Entry& entry) const {
  v1::Fault view = entry.fault;
  const faults::DecisionSource& source = machine.world().decisions();
  for (const uint32_t id : entry.rules) {
    const faults::Rule* rule = machine.world().faults().Find(id);
    CHECK(rule != nullptr);
    view.add_hit_counts(static_cast<int64_t>(source.Hits(rule->counter)));
    view.add_fire_counts(static_cast<int64_t>(source.Fires(rule->counter)));
    view.add_last_fire_steps(
        static_cast<int64_t>(source.LastFireStep(rule->counter)));
  }
  return view;
}

v1::Fault FaultBook::Remove(scenario::Machine* machine, const std::string& id) {
  const auto it = entries_.find(id);
  CHECK(it != entries_.end());
  v1::Fault last = View(*machine, it->second);
  sched::World& world = machine->world();
  sched::World::Scope scope(&world);
  for (const uint32_t number : it->second.rules) {
    const faults::Rule* rule = world.faults().Find(number);
    const faults::Point point = rule->point;
    const int slot = rule->task;
    const bool holds = Holds(*rule);
    world.faults().Disarm(number);
    if (holds) {
      kernel::ResumeHeld(&world, point, slot);
    }
  }
  entries_.erase(it);
  disarmed_.push_back(id);
  if (disarmed_.size() > kMaxDisarmed) {
    disarmed_.pop_front();
  }
  return last;
}

absl::StatusOr<std::vector<v1::Fault>> FaultBook::Disarm(
    scenario::Machine* machine, const std::string& id) {
  std::vector<v1::Fault> gone;
  if (entries_.count(id) != 0) {
    gone.push_back(Remove(machine, id));
  } else if (std::find(disarmed_.begin(), disarmed_.end(), id) ==
             disarmed_.end()) {
    return NotFound("fault", "FAULT_NOT_FOUND", NameOf(id));
  }
  return gone;
}

std::vector<v1::Fault> FaultBook::DisarmAll(scenario::Machine* machine) {
  std::vector<v1::Fault> gone;
  for (const std::string& id : Ids()) {
    gone.push_back(Remove(machine, id));
  }
  return gone;
}

void FaultBook::DisarmClient(scenario::Machine* machine,
                             const std::string& client) {
  for (const std::string& id : Ids()) {
    if (entries_.at(id).fault.client() == client) {
      Remove(machine, id);
    }
  }
}

absl::StatusOr<v1::Fault> FaultBook::Get(scenario::Machine& machine,
                                         const std::string& id) const {
  const auto it = entries_.find(id);
  if (it == entries_.end()) {
    return NotFound("fault", "FAULT_NOT_FOUND", NameOf(id));
  }
  return View(machine, it->second);
}

std::vector<std::string> FaultBook::Ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_) {
    ids.push_back(id);
  }
  return ids;
}

void FaultBook::Clear() {
  entries_.clear();
  disarmed_.clear();
}

}  // namespace mmfault::host
