// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// What comes out of a world: noted in the middle of a step, delivered between
// steps.

#include <utility>

#include "server/base/error.h"
#include "server/host/hosted_world.h"
#include "server/host/world_view.h"

namespace mmfault::host {
namespace {

constexpr size_t kMaxViolations = 1024;
// Notes of violations between two deliveries; a loop of them must not fill the
// memory.
constexpr size_t kMaxNotes = 1 << 16;

}  // namespace

void HostedWorld::OnStepDone(const scenario::Program& program,
                             const scenario::StepSpec& step,
                             const scenario::StepOutcome& outcome) {
  Note& note = notes_.emplace_back();
  note.kind = Note::Kind::kStepDone;
  note.program = &program;
  note.step = &step;
  note.outcome = outcome;
}

void HostedWorld::OnTaskEnd(const scenario::Program& program) {
  Note& note = notes_.emplace_back();
  note.kind = Note::Kind::kTaskEnd;
  note.program = &program;
}

void HostedWorld::OnCallback(const device::pending_callback& callback) {
  Note& note = notes_.emplace_back();
  note.kind = Note::Kind::kCallback;
  note.callback = callback.number;
  if (lockstep_) {
    // From here on each step may be an answer's turn.
    world().RequestStop();
  }
}

void HostedWorld::OnDisconnect(uint32_t notifier) {
  Note& note = notes_.emplace_back();
  note.kind = Note::Kind::kDisconnect;
  note.notifier = notifier;
}

void HostedWorld::OnEvent(const trace::Event& event) {
  const uint32_t task_id =
      event.task < 0 ? 0 : machine_->world().task(event.task).object.id;
  events_.Push(event, task_id);
  if (armed_signals_ != 0) [[unlikely]] {
    WatchSignals(event);
  }
}

void HostedWorld::OnViolation(const trace::Violation& violation) {
  if (notes_.size() >= kMaxNotes) {
    ++violations_dropped_;
    return;
  }
  Note& note = notes_.emplace_back();
  note.kind = Note::Kind::kViolation;
  note.violation = violation;
}

void HostedWorld::DeliverNotes() {
  while (!notes_.empty()) {
    // Delivering may run the world (RunAtOnce) and so come here again.
    std::vector<Note> notes = std::move(delivered_);
    notes.clear();
    notes.swap(notes_);
    bool disconnects = false;
    for (const Note& note : notes) {
      switch (note.kind) {
        case Note::Kind::kStepDone:
          DeliverStep(note);
          break;
        case Note::Kind::kTaskEnd:
          DeliverTaskEnd(note.program);
          break;
        case Note::Kind::kCallback:
          DeliverCallback(note.callback);
          break;
        case Note::Kind::kViolation:
          DeliverViolation(note);
          break;
        case Note::Kind::kDisconnect:
          disconnects = true;
          break;
      }
    }
    if (disconnects) [[unlikely]] {
      DeliverDisconnects(notes);
    }
    delivered_ = std::move(notes);
  }
  if (look_for_dead_) {
    look_for_dead_ = false;
    DeliverDead();
  }
}

// After the callbacks of the same step, which are lost with the client.
void HostedWorld::DeliverDisconnects(const std::vector<Note>& notes) {
  for (const Note& note : notes) {
    if (note.kind == Note::Kind::kDisconnect) {
      DeliverDisconnect(note.notifier);
    }
  }
}

void HostedWorld::DeliverStep(const Note& note) {
  TaskEntry* entry = tasks_.Of(note.program);
  if (entry == nullptr || entry->given.empty()) {
    return;
  }
  scenario::StepSpec* step = entry->given.front();
  entry->given.pop_front();
  if (step->kind == scenario::StepKind::kFork && note.outcome.rc == 0 &&
      !note.outcome.skipped) {
    forks_[step->child] = step->mm;
  }
  if (!entry->armed.empty()) {
    SettleSignals(entry, step->kind);
  }
  machine_->Recycle(step);
  const int64_t index = entry->done_count++;
  entry->results.push_back(note.outcome);
  if (entry->results.size() > kKeptResults) {
    entry->results.pop_front();
  }
  if (entry->waiters.empty()) {
    return;
  }
  const bool idle = WaitsForSteps(*entry);
  const auto taken = tasks_.Take(entry, [&](const TaskEntry::Waiter& waiter) {
    return waiter.index < 0 ? idle : waiter.index <= index;
  });
  for (const TaskEntry::Waiter& waiter : taken) {
    waiter.done(absl::OkStatus(), &note.outcome);
  }
}

void HostedWorld::DeliverTaskEnd(const scenario::Program* program) {
  TaskEntry* entry = tasks_.Of(program);
  if (entry == nullptr) {
    return;
  }
  SettleSignals(entry, scenario::StepKind::kExit);
  entry->last_view = ViewTask(*this, *entry);
  entry->last_view.set_state(v1::Task::STATE_EXITED);
  const auto taken =
      tasks_.Take(entry, [](const TaskEntry::Waiter&) { return true; });
  for (scenario::StepSpec* step : entry->given) {
    machine_->Recycle(step);
  }
  entry->given.clear();
  for (const std::string& forgotten : tasks_.End(entry)) {
    machine_->ForgetTask(forgotten);
  }
  for (const TaskEntry::Waiter& waiter : taken) {
    waiter.done(absl::OkStatus(), nullptr);
  }
}

// A task that stopped at a BUG never returns from its step.
void HostedWorld::DeliverDead() {
  std::vector<TaskEntry::Waiter> taken;
  for (const auto& [id, entry] : tasks_.all()) {
    if (entry->program == nullptr || entry->waiters.empty()) {
      continue;
    }
    const sched::TaskRecord* task = entry->program->task;
    if (task == nullptr || task->state != sched::TaskState::kDead) {
      continue;
    }
    auto of_it =
        tasks_.Take(entry.get(), [](const TaskEntry::Waiter&) { return true; });
    std::move(of_it.begin(), of_it.end(), std::back_inserter(taken));
  }
  for (const TaskEntry::Waiter& waiter : taken) {
    waiter.done(absl::OkStatus(), nullptr);
  }
}

void HostedWorld::DeliverViolation(const Note& note) {
  look_for_dead_ = true;
  const int64_t index = violation_count();
  if (violations_.size() >= kMaxViolations) {
    ++violations_dropped_;
    return;
  }
  v1::Violation violation = ViewViolation(*this, note.violation);
  violation.set_index(index);
  trace::Event event;
  event.step = note.violation.step;
  event.time_ns = world().state().time_ns;
  event.task = note.violation.task;
  event.op.obj = note.violation.obj;
  events_.Push(event, note.violation.task_id, static_cast<int32_t>(index));
  v1::AttachResponse message;
  *message.mutable_violation() = violation;
  violations_.push_back(std::move(violation));
  for (const ClientPtr& client : Clients()) {
    if (client->want_violations) {
      client->stream->Send(message);
    }
  }
}

void HostedWorld::ExpireLimits() {
  if (!tasks_.has_limits()) {
    return;
  }
  const auto expired = tasks_.TakeExpired(step());
  if (expired.empty()) {
    return;
  }
  const absl::Status spent = base::MakeError(
      absl::StatusCode::kResourceExhausted, "STEP_BUDGET_SPENT",
      "the step did not end within its step_budget; it goes on when a call "
      "moves the world",
      {{"step_budget", std::to_string(plan_.settings.step_budget())},
       {"step", std::to_string(step())}});
  for (const TaskEntry::Waiter& waiter : expired) {
    waiter.done(spent, nullptr);
  }
}

}  // namespace mmfault::host
