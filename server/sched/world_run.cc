// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A step, the scheduler's loop, and what it means when nothing can move. In one
// file, so that the loop has the step inline.

#include "server/sched/world.h"

namespace mmfault::sched {

inline void World::BeginStep(TaskRecord& task) {
  const trace::AccessPause pause;
  state_->step_count += 1;
  task.step_count += 1;
  if (task.op_ready != nullptr) {
    // It runs now; a signal sent inside this step must not ask again whether
    // the wait that is over may end.
    task.op_ready = nullptr;
    WaitSet* waits = task.op_waits;
    if (waits != nullptr) {
      waits->tasks &= ~Bit(task.slot);
      task.op_waits = nullptr;
    }
  }
  if (task.state == TaskState::kParked) {
    task.state = TaskState::kAlive;
  }
  trace::Event event;
  event.task = task.slot;
  event.value = answer_;
  event.op = {task.op_kind, task.op_access, trace::ObjKey(task.op_obj),
              task.op_where};
  Emit(event);
}

void World::Emit(trace::Event event) {
  const trace::AccessPause pause;
  // Memory is named by offset, which is no part of what happened.
  const trace::ObjKey obj = event.op.obj;
  const uint64_t portable = obj.type() == trace::ObjType::kMemory
                                ? static_cast<uint64_t>(trace::ObjType::kMemory)
                                      << 56
                                : obj.bits;
  const uint64_t head = static_cast<uint64_t>(event.op.kind) |
                        static_cast<uint64_t>(event.task) << 8 |
                        static_cast<uint64_t>(event.value) << 16;
  state_->event_hash = base::HashStep(state_->event_hash ^ portable, head);
  if (sink_ != nullptr) [[unlikely]] {
    event.step = state_->step_count;
    event.time_ns = state_->time_ns;
    sink_->OnEvent(event);
  }
}

// A slot without a coroutine is at its first step or past its last, or it is no
// task at all. Returns whether there is code to run.
bool World::Begin(TaskRecord& task) {
  if (task.state == TaskState::kStore) {
    CommitStore(this, task.slot);
    return false;
  }
  if (task.op_kind == trace::OpKind::kBarrier) {
    EndCurrent(TaskState::kExited);
    return false;
  }
  auto entry = reinterpret_cast<TaskEntry>(task.entry.get());
  task.leaf = entry(task.entry_arg).Release().address();
  return true;
}

// Whoever learns that a task has ended finds all its stores in memory.
void World::ReachEnd(TaskRecord& task) {
  if (task.stores_pending == 0) [[likely]] {
    EndCurrent(TaskState::kExited);
    return;
  }
  Publish({trace::OpKind::kBarrier, trace::Access::kRead, task.object.key(),
           "do_exit"},
          nullptr, StoresVisible);
}

inline void World::ResumeUntilYield(TaskRecord& task) {
  yielded_ = false;
  if (task.leaf == nullptr && !Begin(task)) {
    return;
  }
  while (!yielded_) {
    void* leaf = task.leaf;
    if (leaf == nullptr) {
      ReachEnd(task);
      return;
    }
    std::coroutine_handle<>::from_address(leaf).resume();
  }
}

void World::Step(int slot, uint8_t answer) {
  CHECK((runnable() & Bit(slot)) != 0);
  current_ = slot;
  answer_ = answer;
  if (undo_) {
    SaveFrames(slot);
  }
  TaskRecord& task = state_->tasks[slot];
  BeginStep(task);
  if (faults_.armed_at_steps() && step_points_ != nullptr &&
      task.state != TaskState::kStore) [[unlikely]] {
    step_points_(this);
  }
  if (task.op_kind == trace::OpKind::kYield && task.yields_left != 0)
      [[unlikely]] {
    task.yields_left -= 1;  // the op stays published
  } else {
    ResumeUntilYield(task);
  }
  if (observer_ != nullptr) [[unlikely]] {
    TellStep();
  }
}

void World::TellStep() {
  const trace::AccessPause pause;
  observer_->OnStep();
}

RunStop World::Run(Strategy* strategy, uint64_t max_steps) {
  Scope scope(this);
  stop_requested_ = false;
  for (uint64_t steps = 0;;) {
    const uint64_t ready = runnable();
    if (ready == 0) {
      if (AdvanceClock(!holds_wait_)) {
        continue;
      }
      return ClassifyStop();
    }
    if (steps == max_steps) {
      return RunStop::kStepBudget;
    }
    ++steps;
    const bool several = (ready & (ready - 1)) != 0;
    const int slot =
        several ? strategy->Pick(*this, ready) : std::countr_zero(ready);
    Step(slot, possible(slot) == 1
                   ? 0
                   : strategy->Answer(*this, slot, alternatives(slot)));
    if (stop_requested_) {
      return RunStop::kAtPoint;
    }
  }
}

// When a task waits for the clock, until then; 0 for one that does not. A held
// one is no reason for time to pass unless `holds` says so.
uint64_t World::WakeTime(const TaskRecord& task, bool holds) const {
  const bool waits =
      task.op_kind == trace::OpKind::kSleep ||
      (holds && task.op_kind == trace::OpKind::kHold && task.op_arg != 0);
  const uint64_t wake_time = task.wake_time_ns;
  return waits && wake_time > state_->time_ns ? wake_time : 0;
}

// Virtual time passes only when nothing else can happen. A sleeper whose time
// has come may still wait for its CPU, so only later ones count; and only
// those who look at the clock are asked again: others must not be woken by its
// passing.
bool World::AdvanceClock(bool holds) {
  uint64_t earliest = 0;
  uint64_t waiters = 0;
  for (uint64_t rest = state_->alive; rest != 0; rest &= rest - 1) {
    const int slot = std::countr_zero(rest);
    const TaskRecord& task = state_->tasks[slot];
    if (WakeTime(task, true) != 0) {
      waiters |= uint64_t{1} << slot;
    }
    const uint64_t wake_time = WakeTime(task, holds);
    if (wake_time != 0 && (earliest == 0 || wake_time < earliest)) {
      earliest = wake_time;
    }
  }
  if (earliest == 0) {
    return false;
  }
  state_->time_ns = earliest;
  for (; waiters != 0; waiters &= waiters - 1) {
    ReevaluateTask(std::countr_zero(waiters));
  }
  return true;
}

uint64_t World::NextHoldEnd() const {
  uint64_t earliest = 0;
  for (uint64_t rest = state_->alive; rest != 0; rest &= rest - 1) {
    const TaskRecord& task = state_->tasks[std::countr_zero(rest)];
    const uint64_t wake_time =
        task.op_kind == trace::OpKind::kHold ? WakeTime(task, true) : 0;
    if (wake_time != 0 && (earliest == 0 || wake_time < earliest)) {
      earliest = wake_time;
    }
  }
  return earliest;
}

bool World::PassHold() {
  Scope scope(this);
  return runnable() == 0 && AdvanceClock(true);
}

uint64_t World::DeadlockedTasks() const {
  uint64_t stuck = 0;
  for (uint64_t rest = state_->alive; rest != 0; rest &= rest - 1) {
    const TaskRecord& task = state_->tasks[std::countr_zero(rest)];
    const bool waits_for_work =
        task.state == TaskState::kParked || task.kthread;
    if (!waits_for_work) {
      stuck |= uint64_t{1} << static_cast<int>(task.slot);
    }
  }
  return stuck;
}

// Whether the present standstill has been reported: Run() may be called again.
bool World::DeadlockKnown() const {
  const uint32_t count = state_->violation_count;
  for (uint32_t i = 0; i < count && i < kMaxViolations; ++i) {
    const trace::Violation& violation = state_->violations[i];
    if (violation.checker == trace::Checker::kNoDeadlock &&
        violation.step == state_->step_count) {
      return true;
    }
  }
  return false;
}

RunStop World::ClassifyStop() {
  const uint64_t stuck = DeadlockedTasks();
  if (stuck == 0) {
    return RunStop::kFinished;
  }
  // A task that an outsider can free may free the others.
  for (uint64_t rest = stuck; rest != 0; rest &= rest - 1) {
    const TaskRecord& task = state_->tasks[std::countr_zero(rest)];
    if (task.op_kind == trace::OpKind::kHold) {
      return RunStop::kHeld;
    }
    if (task.op_kind == trace::OpKind::kCallbackReturn) {
      return RunStop::kOutside;
    }
  }
  if (DeadlockKnown()) {
    return RunStop::kDeadlock;
  }
  if (state_->dead_tasks != 0) {
    return RunStop::kDeadlock;  // what a BUG left behind was reported with it
  }
  const int first = std::countr_zero(stuck);
  Report({.checker = trace::Checker::kNoDeadlock,
          .cause = trace::Cause::kBlockedForEver,
          .task = static_cast<int8_t>(first),
          .obj = trace::ObjKey(state_->tasks[first].op_obj),
          .a = stuck});
  return RunStop::kDeadlock;
}

}  // namespace mmfault::sched
