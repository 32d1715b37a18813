// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/api/fault_info.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "absl/strings/str_split.h"
#include "faults/trigger/names.h"
#include "faults/trigger/rule.h"
#include "server/base/error.h"
#include "server/host/callback_message.h"
#include "server/kernel/point.h"
#include "server/scenario/program.h"

namespace mmfault::api {
namespace {

// Of the message's held_locks.
constexpr size_t kHeldLocksMax = sched::kMaxHeldClasses;

}  // namespace

v1::FaultPoint ToProto(const faults::PointInfo& info) {
  v1::FaultPoint out;
  out.set_point(std::string(info.name));
  out.set_description(std::string(info.stands_for));
  out.set_cite(std::string(info.cite));
  out.set_context(info.can_sleep ? v1::FaultPoint::CONTEXT_SLEEPABLE
                                 : v1::FaultPoint::CONTEXT_ATOMIC);
  for (const std::string_view action : faults::ActionNames()) {
    if (faults::Allows(info.point, faults::ActionOf(action))) {
      out.add_actions(std::string(action));
    }
  }
  const std::string errors(info.errors);
  for (const absl::string_view name :
       absl::StrSplit(errors, absl::ByAnyChar(" ,"), absl::SkipEmpty())) {
    const std::optional<int64_t> number =
        faults::ErrnoOf({name.data(), name.size()});
    if (number.has_value()) {
      out.add_errors(-static_cast<int32_t>(*number));
    }
  }
  return out;
}

absl::StatusOr<faults::Point> PointOf(const std::string& name) {
  if (name.empty()) {
    return base::InvalidFieldError("point", "FIELD_MISSING",
                                   "point is missing; ListFaultPoints has the "
                                   "names");
  }
  absl::StatusOr<faults::Point> point = faults::PointNamed(name);
  if (!point.ok()) {
    return base::MissingResourceError(name, "FAULT_POINT_NOT_FOUND",
                                      std::string(point.status().message()),
                                      {{"name", name}});
  }
  return point;
}

std::vector<Held> HeldTasks(const scenario::Machine& machine,
                            const host::FaultBook& faults,
                            const std::string& world) {
  std::vector<Held> all;
  const sched::World& engine = machine.world();
  for (uint64_t rest = engine.state().alive; rest != 0; rest &= rest - 1) {
    const sched::TaskRecord& task = engine.task(std::countr_zero(rest));
    const std::optional<kernel::HeldAt> at = kernel::HeldAtOf(task);
    if (!at.has_value()) {
      continue;
    }
    Held held;
    const std::string id = machine.NameOf(task.object.id);
    // A task takes no step while it is held, so the count names this hold and
    // no other.
    held.id = id + "-" + std::to_string(task.step_count.get());
    held.point = at->point;
    held.slot = task.slot;
    held.hold.set_name(world + "/holds/" + held.id);
    held.hold.set_point(std::string(faults::InfoOf(held.point).name));
    held.hold.set_task(id);
    const auto* mm = static_cast<const mm::mm_struct*>(task.mm.get());
    if (mm != nullptr) {
      held.hold.set_mm(machine.NameOf(mm->object.id));
    }
    for (std::string& lock : host::HeldLocks(machine, task, kHeldLocksMax)) {
      held.hold.add_held_locks(std::move(lock));
    }
    if (const v1::Fault* fault = faults.OfRule(at->rule); fault != nullptr) {
      held.hold.set_fault(fault->name().substr(fault->name().rfind('/') + 1));
      held.hold.set_client(fault->client());
    }
    if (task.operation != 0) {
      held.hold.set_operation(
          scenario::StepKindName(scenario::KindOfOperation(task.operation)));
    }
    all.push_back(std::move(held));
  }
  std::sort(all.begin(), all.end(),
            [](const Held& a, const Held& b) { return a.id < b.id; });
  return all;
}

}  // namespace mmfault::api
