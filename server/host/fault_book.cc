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

PointCounts CountsAt(scenario::Machine& machine, faults::Point point) {
  PointCounts counts;
  const faults::DecisionSource& source = machine.world().decisions();
  for (const faults::Rule* rule : machine.world().faults().RulesAt(point)) {
    counts.hits = std::max(counts.hits, source.Hits(rule->counter));
    counts.fires += source.Fires(rule->counter);
    counts.last_fire_step =
        std::max(counts.last_fire_step, source.LastFireStep(rule->counter));
  }
  return counts;
}

std::string FaultBook::NameOf(const std::string& id) const {
  return world_ + "/faults/" + id;
}

absl::Status FaultBook::Check(const WantedFault& wanted,
                              const Drafts& others) const {
  const std::string& id = wanted.id;
  if (!id.empty()) {
    RETURN_IF_ERROR(CheckId(id, "fault_id"));
    const bool taken =
        entries_.contains(id) ||
        std::any_of(others.begin(), others.end(),
                    [&id](const Draft& other) { return other.id == id; });
    if (taken) {
      return AlreadyExists("fault", "FAULT_EXISTS", NameOf(id));
    }
  }
  if (wanted.fault.rules().empty()) {
    return base::InvalidFieldError(wanted.field + ".rules", "FIELD_MISSING",
                                   "a fault has at least one rule");
  }
  return CheckQuota(NameOf(id), "max_rules", kMaxRules,
                    wanted.fault.rules_size());
}

absl::StatusOr<FaultBook::Draft> FaultBook::Resolve(
    const scenario::Machine& machine, const WantedFault& wanted,
    const ClientNumber& client_number) const {
  Draft draft;
  draft.id = wanted.id;
  draft.entry.fault = wanted.fault;
  draft.entry.lease = wanted.lease.serial;
  for (int i = 0; i < wanted.fault.rules_size(); ++i) {
    v1::FaultRule& rule = *draft.entry.fault.mutable_rules(i);
    const std::string field =
        wanted.field + ".rules[" + std::to_string(i) + "]";
    uint32_t client = 0;
    if (!rule.client().empty()) {
      client = client_number(rule.client());
      if (client == 0) {
        return base::MissingResourceError(
            rule.client(), "CLIENT_NOT_FOUND",
            "no client \"" + rule.client() + "\" is attached",
            {{"name", rule.client()}, {"field", field + ".client"}});
      }
    }
    ASSIGN_OR_RETURN(faults::Rule made,
                     scenario::CompileRule(machine, rule, field, client));
    rule.set_trigger(faults::PrintTrigger({made.terms}));
    draft.rules.push_back(std::move(made));
  }
  return draft;
}

// Numbers that a dry run shows are given out again.
void FaultBook::ChooseIds(Drafts* drafts) {
  for (Draft& draft : *drafts) {
    while (draft.id.empty()) {
      std::string id = "fault-" + std::to_string(next_number_++);
      const bool taken =
          entries_.contains(id) ||
          std::any_of(drafts->begin(), drafts->end(),
                      [&id](const Draft& other) { return other.id == id; });
      draft.id = taken ? "" : std::move(id);
    }
    draft.entry.fault.set_name(NameOf(draft.id));
  }
}

// All of them; where the world has no room for one, those before it go again.
absl::Status FaultBook::ArmRules(scenario::Machine* machine, Drafts* drafts) {
  const sched::World::Scope scope(&machine->world());
  faults::Registry& registry = machine->world().faults();
  std::vector<uint32_t> armed;
  for (Draft& draft : *drafts) {
    for (faults::Rule& rule : draft.rules) {
      const uint32_t id = registry.Arm(std::move(rule));
      if (id == 0) {
        for (const uint32_t before : armed) {
          registry.Disarm(before);
        }
        return scenario::NoRoomForRule(*machine);
      }
      armed.push_back(id);
      draft.entry.rules.push_back(id);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Fault>> FaultBook::Arm(
    scenario::Machine* machine, const std::vector<WantedFault>& wanted,
    const ClientNumber& client_number, bool dry_run) {
  RETURN_IF_ERROR(
      CheckQuota(world_, "max_faults", kMaxFaults,
                 static_cast<int64_t>(entries_.size() + wanted.size())));
  // All of them are made before any is armed.
  Drafts drafts;
  for (const WantedFault& one : wanted) {
    RETURN_IF_ERROR(Check(one, drafts));
    ASSIGN_OR_RETURN(Draft draft, Resolve(*machine, one, client_number));
    drafts.push_back(std::move(draft));
  }
  const int64_t next_number = next_number_;
  ChooseIds(&drafts);
  if (!dry_run) {
    RETURN_IF_ERROR(ArmRules(machine, &drafts));
  }
  std::vector<v1::Fault> views;
  const auto step =
      static_cast<int64_t>(machine->world().state().step_count.get());
  if (dry_run) {
    next_number_ = next_number;
  } else if (!drafts.empty()) {
    epoch_ += 1;
  }
  for (Draft& draft : drafts) {
    draft.entry.fault.set_armed_at_step(step);
    draft.entry.fault.set_epoch(epoch_);
    if (dry_run) {
      views.push_back(std::move(draft.entry.fault));
      continue;
    }
    std::erase(disarmed_, draft.id);
    const Entry& added = entries_[draft.id] = std::move(draft.entry);
    views.push_back(View(*machine, added));
  }
  return views;
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

v1::Fault FaultBook::Remove(scenario::Machine* machine, const std::string& id,
                            int* resumed) {
  const auto it = entries_.find(id);
  CHECK(it != entries_.end());
  v1::Fault last = View(*machine, it->second);
  sched::World& world = machine->world();
  const sched::World::Scope scope(&world);
  for (const uint32_t rule : it->second.rules) {
    world.faults().Disarm(rule);
    *resumed += kernel::ResumeHeldBy(&world, rule);
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
  if (entries_.contains(id)) {
    int resumed = 0;
    gone.push_back(Remove(machine, id, &resumed));
    epoch_ += 1;
  } else if (std::find(disarmed_.begin(), disarmed_.end(), id) ==
             disarmed_.end()) {
    return NotFound("fault", "FAULT_NOT_FOUND", NameOf(id));
  }
  return gone;
}

Disarmed FaultBook::DisarmThose(scenario::Machine* machine,
                                const Wanted& wanted) {
  Disarmed gone;
  for (const std::string& id : Ids()) {
    const Entry& entry = entries_.at(id);
    if (wanted(entry.fault, entry.lease)) {
      gone.faults.push_back(Remove(machine, id, &gone.resumed));
    }
  }
  epoch_ += gone.faults.empty() ? 0 : 1;
  return gone;
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
  ids.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) {
    ids.push_back(id);
  }
  return ids;
}

const v1::Fault* FaultBook::OfRule(uint32_t rule) const {
  for (const auto& [id, entry] : entries_) {
    if (std::find(entry.rules.begin(), entry.rules.end(), rule) !=
        entry.rules.end()) {
      return &entry.fault;
    }
  }
  return nullptr;
}

void FaultBook::Clear() {
  epoch_ += entries_.empty() ? 0 : 1;
  entries_.clear();
  disarmed_.clear();
}

}  // namespace mmfault::host
