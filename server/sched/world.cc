// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/sched/world.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mmfault::sched {
namespace {

constexpr size_t kFrameWindow = 128 * 1024;

}  // namespace

World::World(const WorldOptions& options)
    : options_(options),
      arena_(options.reserve_bytes, sizeof(WorldState), kMaxTasks,
             kFrameWindow),
      state_(reinterpret_cast<WorldState*>(arena_.root())),
      faults_(this) {
  if (!reserved()) {
    return;
  }
  state_->next_id = 1;
  state_->capable = options.capable;
  state_->failures_left = options.max_failures;
  state_->event_hash = base::Mix64(options.seed);
}

World::~World() = default;

World::Scope::Scope(World* world)
    : previous_(thread_world), previous_log_(trace::thread_undo_log) {
  thread_world = world;
  trace::thread_undo_log = world->undo_ ? &world->undo_log_ : nullptr;
}

World::Scope::~Scope() {
  thread_world = previous_;
  trace::thread_undo_log = previous_log_;
}

uint32_t World::NextId() {
  const uint32_t id = state_->next_id;
  state_->next_id = id + 1;
  return id;
}

void World::InitObject(Object* object, trace::ObjType type) {
  trace::LogRange(object, sizeof(Object));
  object->id = NextId();
  object->type = type;
  object->life = Life::kLive;
}

uint64_t World::kaddr(uint32_t id) const {
  constexpr uint64_t kDirectMap = 0xffff888000000000U;
  if (options_.kaddr_order == KaddrOrder::kCreation) {
    return kDirectMap + uint64_t{id} * 64;
  }
  // A bijection of 32 bits, so that two locks never share an address.
  const auto odd = static_cast<uint32_t>(base::Mix64(options_.seed)) | 1U;
  const auto key = static_cast<uint32_t>(base::Mix64(~options_.seed));
  const uint32_t mixed = (id ^ key) * odd;
  return kDirectMap + uint64_t{mixed} * 64;
}

TaskRecord* World::Spawn(TaskEntry entry, void* arg) {
  const trace::AccessPause pause;
  for (int slot = 0; slot < task_slots(); ++slot) {
    TaskRecord& task = state_->tasks[slot];
    if (task.state != TaskState::kFree) {
      continue;
    }
    task_slots_used_ = std::max(task_slots_used_, slot + 1);
    trace::LogRange(&task, sizeof task);
    std::memset(static_cast<void*>(&task), 0, sizeof task);
    InitObject(&task.object, trace::ObjType::kTask);
    task.state = TaskState::kAlive;
    task.slot = static_cast<int16_t>(slot);
    const int cpus = options_.cpu_count;
    task.cpu = static_cast<int16_t>(cpus == 0 ? slot : slot % cpus);
    task.entry = reinterpret_cast<void*>(entry);
    task.entry_arg = arg;
    task.op_kind = trace::OpKind::kStart;
    task.op_access = trace::Access::kRead;
    task.op_obj = task.object.key().bits;
    task.op_where = "start";
    task.no_capability = !state_->capable;
    state_->alive |= Bit(slot);
    state_->enabled |= Bit(slot);
    RecomputeCpuGate();
    return &task;
  }
  return nullptr;
}

TaskRecord& World::ClaimStoreSlot(int slot) {
  CHECK(slot >= task_slots());
  task_slots_used_ = std::max(task_slots_used_, slot + 1);
  return state_->tasks[slot];
}

void World::Unspawn(TaskRecord* task) {
  CHECK(task->op_kind == trace::OpKind::kStart && task->leaf == nullptr);
  task->state = TaskState::kFree;
  state_->alive &= ~Bit(task->slot);
  state_->enabled &= ~Bit(task->slot);
  RecomputeCpuGate();
}

void World::Reap(TaskRecord* task) {
  CHECK(task->state == TaskState::kExited);
  if (task->locks_held == 0) {
    task->state = TaskState::kFree;
  }
}

void World::TellPass(faults::Point point, const faults::Action& action) {
  if (observer_ != nullptr) [[unlikely]] {
    const trace::AccessPause pause;
    observer_->OnPass(point, action);
  }
}

void World::EndCurrent(TaskState end) {
  const trace::AccessPause pause;
  TaskRecord& task = *current();
  task.state = end;
  if (end == TaskState::kExited) {
    task.frame_top = 0;
  }
  state_->alive &= ~Bit(current_);
  state_->enabled &= ~Bit(current_);
  Reevaluate(task.end_waiters);
  if (end == TaskState::kExited && (task.kthread || task.detached)) {
    Reap(&task);  // nobody waits for it
  }
  if (end == TaskState::kExited && task.locks_held != 0) {
    Report({.checker = trace::Checker::kLocksBalanced,
            .cause = trace::Cause::kLockHeldAtExit,
            .task = static_cast<int8_t>(current_),
            .obj = task.object.key(),
            .a = task.locks_held});
  }
  RecomputeCpuGate();
  yielded_ = true;
}

void World::KillCurrent() {
  if (current()->state == TaskState::kDead) {
    return;
  }
  EndCurrent(TaskState::kDead);
  state_->dead_tasks += 1;
  stop_requested_ = true;
}

void World::Publish(const trace::Op& op, WaitSet* waits, ReadyFn ready,
                    void* target, uint64_t arg) {
  const trace::AccessPause pause;
  TaskRecord& task = *current();
  if (task.state == TaskState::kDead) {
    return;  // a BUG stopped it on the way here
  }
  task.op_kind = op.kind;
  task.op_access = op.access;
  task.op_obj = op.obj.bits;
  task.op_where = op.where;
  task.op_ready = ready;
  if (ready != nullptr) {
    task.op_target = target;
    task.op_arg = arg;
    if (waits != nullptr) {
      waits->tasks |= Bit(current_);
      task.op_waits = waits;
    }
    ReevaluateTask(current_);
  }
  yielded_ = true;
}

void World::ReevaluateTask(int slot) {
  const trace::AccessPause pause;
  if ((state_->alive & Bit(slot)) == 0) {
    return;  // a signal to a task that has ended
  }
  const TaskRecord& task = state_->tasks[slot];
  const uint64_t enabled = state_->enabled;
  const ReadyFn ready = task.op_ready;
  const bool can_run = ready == nullptr || ready(task);
  const uint64_t now = can_run ? enabled | Bit(slot) : enabled & ~Bit(slot);
  if (now != enabled) {
    state_->enabled = now;
  }
}

void World::AddPreempt(int delta) {
  TaskRecord& task = *current();
  task.preempt_count += delta;
  if (options_.cpu_count != 0) {
    RecomputeCpuGate();
  }
}

void World::RecomputeCpuGate() {
  const trace::AccessPause pause;
  if (options_.cpu_count == 0) {
    return;
  }
  uint64_t gate = 0;
  uint64_t alive = state_->alive;
  for (uint64_t rest = alive; rest != 0; rest &= rest - 1) {
    const TaskRecord& holder = state_->tasks[std::countr_zero(rest)];
    if (holder.preempt_count == 0) {
      continue;
    }
    for (uint64_t others = alive; others != 0; others &= others - 1) {
      const int slot = std::countr_zero(others);
      if (slot != holder.slot && state_->tasks[slot].cpu == holder.cpu) {
        gate |= Bit(slot);
      }
    }
  }
  state_->cpu_gate = gate;
}

void World::Report(const trace::Violation& violation) {
  const trace::AccessPause pause;
  if (violation.task >= 0 &&
      state_->tasks[violation.task].state == TaskState::kDead) {
    return;  // it stopped at its first mistake; what follows is not its own
  }
  trace::Violation full = violation;
  full.step = state_->step_count;
  full.forced = state_->forced ? 1 : 0;
  if (violation.task >= 0) {
    full.task_id = state_->tasks[violation.task].object.id;
  }
  if (violation.other_task >= 0) {
    full.other_task_id = state_->tasks[violation.other_task].object.id;
  }
  const uint32_t count = state_->violation_count;
  const uint64_t bit = uint64_t{1} << static_cast<int>(violation.checker);
  if (count < kMaxViolations) {
    trace::LogRange(&state_->violations[count], sizeof full);
    state_->violations[count] = full;
  }
  state_->violation_count = count + 1;
  state_->violated |= bit;
  if (sink_ != nullptr) {
    sink_->OnViolation(full);
  }
}

// A rule is noted once; when there is no room, the oldest one goes.
void World::NoteFired(uint32_t rule) {
  auto& fired = state_->fired_rules;
  size_t count = 0;
  while (count < fired.size() && fired[count].rule != 0) {
    if (fired[count].rule == rule) {
      return;
    }
    ++count;
  }
  if (count == fired.size()) {
    --count;
    for (size_t i = 0; i < count; ++i) {
      fired[i].rule = fired[i + 1].rule.get();
      fired[i].task = fired[i + 1].task.get();
      fired[i].step = fired[i + 1].step.get();
    }
  }
  fired[count].rule = rule;
  fired[count].task = current()->object.id;
  fired[count].step = state_->step_count.get();
}

faults::Action World::EvaluatePoint(faults::Point point,
                                    const faults::PointPlace& place,
                                    uint32_t* acting) {
  *acting = 0;
  if (!faults_.NotePass(point)) {
    TellPass(point, {});
    return {};
  }
  SettleQuiet(point);
  TaskRecord* task = current();
  const faults::Action action = faults_.Evaluate(point,
                                                 {.task = current_,
                                                  .mm = place.mm,
                                                  .scope = task->scope,
                                                  .operation = task->operation,
                                                  .client = task->client,
                                                  .place = place},
                                                 acting);
  TellPass(point, action);
  QuietGate& gate = state_->quiet[static_cast<size_t>(point)];
  gate.quota = faults_.QuietPasses(point);
  gate.left = static_cast<uint64_t>(gate.quota);
  if (action.kind != faults::ActionKind::kNone) {
    task->faults_fired += 1;
    if (!faults_.Find(*acting)->silent) {
      NoteFired(*acting);
    }
  }
  return action;
}

std::optional<int64_t> World::Value(faults::Variable variable,
                                    const faults::PointContext& context) const {
  const TaskRecord& task = state_->tasks[context.task];
  switch (variable) {
    case faults::Variable::kTask:
      return context.task;
    case faults::Variable::kCall:
      return static_cast<int64_t>(context.scope);
    case faults::Variable::kStep:
      return static_cast<int64_t>(state_->step_count);
    case faults::Variable::kLocksHeld:
      return task.locks_held;
    case faults::Variable::kPreemptCount:
      return task.preempt_count;
    case faults::Variable::kMmUsers:
    case faults::Variable::kMmCount:
    case faults::Variable::kMapCount:
      return mm_value_ != nullptr ? mm_value_(*this, context.mm, variable)
                                  : std::nullopt;
  }
  return std::nullopt;
}

void World::SetName(uint32_t id, std::string name) {
  names_[id] = std::move(name);
}

const std::string* World::FindName(uint32_t id) const {
  const auto it = names_.find(id);
  return it == names_.end() ? nullptr : &it->second;
}

std::string World::NameOf(trace::ObjKey key) const {
  const std::string* known = FindName(key.id());
  if (known != nullptr) {
    return *known;
  }
  std::string name = trace::ObjTypeName(key.type());
  if (key.id() != 0) {
    name += "#" + std::to_string(key.id());
  }
  return name;
}

void* World::AllocateFrame(size_t size) {
  TaskRecord& task = *current();
  const uint64_t top = task.frame_top;
  const uint64_t rounded = (size + 15) / 16 * 16;
  CHECK(top + rounded <= arena_.frame_bytes());
  std::byte* frame = arena_.frame_window(current_) + top;
  std::memset(frame, 0, rounded);
  task.frame_top = top + rounded;
  return frame;
}

void World::FreeFrame(void* frame, size_t size) {
  TaskRecord& task = *current();
  const uint64_t rounded = (size + 15) / 16 * 16;
  const auto offset = static_cast<uint64_t>(static_cast<std::byte*>(frame) -
                                            arena_.frame_window(current_));
  CHECK(offset + rounded == task.frame_top);
  task.frame_top = offset;
}

void* AllocateFrame(size_t size) { return thread_world->AllocateFrame(size); }
void FreeFrame(void* frame, size_t size) {
  thread_world->FreeFrame(frame, size);
}
void SetLeaf(std::coroutine_handle<> handle) { thread_world->SetLeaf(handle); }

}  // namespace mmfault::sched
