// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/scenario/reduce.h"

namespace mmfault::scenario {
namespace {

std::string Quoted(const std::string& id) { return "\"" + id + "\""; }

template <typename List>
void Remove(List* list, int index) {
  list->erase(list->begin() + index);
}

void AddSteps(const v1::Scenario& scenario, std::vector<Removal>* out) {
  for (int task = 0; task < scenario.task_size(); ++task) {
    for (int step = scenario.task(task).step_size() - 1; step >= 0; --step) {
      out->push_back({Removal::Kind::kStep, task, step,
                      "step " + std::to_string(step + 1) + " of task " +
                          Quoted(scenario.task(task).id())});
    }
  }
}

void AddVmas(const v1::Scenario& scenario, std::vector<Removal>* out) {
  for (int mm = 0; mm < scenario.mm_size(); ++mm) {
    for (int vma = scenario.mm(mm).vma_size() - 1; vma >= 0; --vma) {
      out->push_back({Removal::Kind::kVma, mm, vma,
                      "VMA " + std::to_string(vma + 1) + " of mm " +
                          Quoted(scenario.mm(mm).id())});
    }
  }
}

}  // namespace

std::vector<Removal> RemovalsOf(const v1::Scenario& scenario) {
  std::vector<Removal> out;
  if (scenario.task_size() > 1) {
    for (int i = scenario.task_size() - 1; i >= 0; --i) {
      out.push_back({Removal::Kind::kTask, i, 0,
                     "task " + Quoted(scenario.task(i).id())});
    }
  }
  for (int i = scenario.explore().signals_size() - 1; i >= 0; --i) {
    out.push_back(
        {Removal::Kind::kSignal, i, 0,
         "the signal to " + Quoted(scenario.explore().signals(i).task())});
  }
  if (scenario.explore().max_failures() > 0) {
    out.push_back({Removal::Kind::kFailures, 0, 0, "a failing allocation"});
  }
  for (int i = scenario.fault_size() - 1; i >= 0; --i) {
    out.push_back({Removal::Kind::kFault, i, 0,
                   "the rule at " + scenario.fault(i).point()});
  }
  for (int i = scenario.notifier_size() - 1; i >= 0; --i) {
    out.push_back({Removal::Kind::kNotifier, i, 0,
                   "notifier " + Quoted(scenario.notifier(i).id())});
  }
  AddSteps(scenario, &out);
  AddVmas(scenario, &out);
  return out;
}

v1::Scenario Without(const v1::Scenario& scenario, const Removal& removal) {
  v1::Scenario out = scenario;
  switch (removal.kind) {
    case Removal::Kind::kTask:
      Remove(out.mutable_task(), removal.index);
      break;
    case Removal::Kind::kStep:
      Remove(out.mutable_task(removal.index)->mutable_step(), removal.second);
      break;
    case Removal::Kind::kNotifier:
      Remove(out.mutable_notifier(), removal.index);
      break;
    case Removal::Kind::kFault:
      Remove(out.mutable_fault(), removal.index);
      break;
    case Removal::Kind::kSignal:
      Remove(out.mutable_explore()->mutable_signals(), removal.index);
      break;
    case Removal::Kind::kFailures:
      out.mutable_explore()->set_max_failures(
          scenario.explore().max_failures() - 1);
      break;
    case Removal::Kind::kVma:
      Remove(out.mutable_mm(removal.index)->mutable_vma(), removal.second);
      break;
  }
  return out;
}

v1::FaultRule SweptRule(const v1::FaultRule& rule, int64_t hit) {
  const std::string at = std::to_string(hit);
  v1::FaultRule armed = rule;
  armed.set_trigger("when=" + at + ".." + at + " " + rule.trigger());
  return armed;
}

}  // namespace mmfault::scenario
