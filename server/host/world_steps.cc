// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Giving steps to tasks: all of a request, or none.

#include <utility>

#include "absl/container/inlined_vector.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"

namespace mmfault::host {
namespace {

// Steps on an mm whose structure is gone would touch freed memory.
bool NeedsMm(scenario::StepKind kind) {
  return kind != scenario::StepKind::kDrop && kind != scenario::StepKind::kFree;
}

absl::Status CheckMm(const scenario::Machine& machine,
                     const scenario::StepSpec& step) {
  if (step.mm == nullptr || !NeedsMm(step.kind)) {
    return absl::OkStatus();
  }
  const mm::mm_struct* mm = scenario::MmOf(step.mm);
  if (step.mm->mm == nullptr || (mm != nullptr && !mm->object.freed())) {
    return absl::OkStatus();
  }
  const std::string id = machine.NameOf(step.mm->mm_id);
  return base::WrongStateError(
      "mms/" + id, "MM_ALREADY_FREED",
      "the last reference to mm \"" + id + "\" is gone", {{"mm", id}});
}

}  // namespace

absl::StatusOr<int64_t> HostedWorld::Append(
    scenario::Program* program, std::span<const v1::Step* const> steps,
    std::string_view field, bool indexed, scenario::MmRef* default_mm) {
  TaskEntry* entry = tasks_.Of(program);
  CHECK(entry != nullptr);
  if (program->task == nullptr || program->exiting ||
      program->task->state == sched::TaskState::kDead) {
    return base::WrongStateError(name() + "/tasks/" + entry->id, "TASK_EXITED",
                                 "task \"" + entry->id + "\" has exited",
                                 {{"task", entry->id}});
  }
  const auto waiting = static_cast<int64_t>(entry->given.size() + steps.size());
  const int64_t most = plan_.settings.limits().max_queued_steps();
  if (waiting > most) {
    return CheckQuota(name() + "/tasks/" + entry->id, "max_queued_steps", most,
                      waiting);
  }
  if (ArenaFull()) {
    return CheckArena();
  }
  const auto notifiers = static_cast<int64_t>(machine_->devices().size());
  if (notifiers > bounds_.max_notifiers) {
    return CheckQuota(name(), "max_notifiers", bounds_.max_notifiers,
                      notifiers);
  }
  const scenario::Machine::QueueMark mark = machine_->MarkQueue(program);
  absl::InlinedVector<scenario::StepSpec*, 4> added;
  for (size_t i = 0; i < steps.size(); ++i) {
    std::string path(field);
    if (indexed) {
      path += "[" + std::to_string(i) + "]";
    }
    absl::Status status = scenario::AppendStep(machine_.get(), program,
                                               *steps[i], path, default_mm);
    if (status.ok()) {
      scenario::StepSpec* step = program->last_step;
      added.push_back(step);
      status = CheckMm(*machine_, *step);
    }
    if (!status.ok()) {
      machine_->TakeBackSteps(program, mark);
      for (scenario::StepSpec* step : added) {
        machine_->Recycle(step);
      }
      return status;
    }
  }
  const int64_t first = entry->given_count;
  for (scenario::StepSpec* step : added) {
    tasks_.Given(entry, step);
  }
  return first;
}

absl::StatusOr<int64_t> HostedWorld::StartStep(scenario::Program* program,
                                               const v1::Step& step,
                                               std::string_view field,
                                               uint64_t limit, StepDone done,
                                               scenario::MmRef* default_mm) {
  const v1::Step* const only = &step;
  absl::StatusOr<int64_t> index =
      Append(program, {&only, 1}, field, false, default_mm);
  if (index.ok() && done != nullptr) {
    tasks_.Wait(tasks_.Of(program), *index, limit, std::move(done));
  }
  return index;
}

absl::StatusOr<scenario::Program*> HostedWorld::StandingTask(
    const std::string& id, bool replace_exited) {
  scenario::Program* known = machine_->FindTask(id);
  const bool gone =
      known != nullptr &&
      (known->task == nullptr || known->task->state == sched::TaskState::kDead);
  if (known != nullptr && !(gone && replace_exited)) {
    if (gone) {
      return base::WrongStateError(name() + "/tasks/" + id, "TASK_EXITED",
                                   "task \"" + id + "\" has exited",
                                   {{"task", id}});
    }
    return known;
  }
  RETURN_IF_ERROR(CheckId(id, "task"));
  RETURN_IF_ERROR(CheckTaskRoom());
  if (ArenaFull()) {
    return CheckArena();
  }
  scenario::Program* program = machine_->CreateTask(id, nullptr, true);
  CHECK(program != nullptr);
  tasks_.Add(id, program);
  return program;
}

}  // namespace mmfault::host
