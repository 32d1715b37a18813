// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// How a world moves, in each drive mode.

#include <algorithm>
#include <bit>
#include <utility>

#include "faults/points.h"
#include "server/base/error.h"
#include "server/host/hosted_world.h"
#include "server/host/names.h"
#include "server/kernel/point.h"
#include "server/scenario/to_proto.h"

namespace mmfault::host {
namespace {

using Response = v1::AdvanceWorldResponse;
using sched::RunStop;

// Steps between two looks into the mailbox: about 100 us.
constexpr uint64_t kSlice = 4096;
// What a call from inside a callback may take at once in a LOCKSTEP world, and
// how far others may move when it is blocked.
constexpr int kAtOnceSteps = 1'000'000;
constexpr int kAtOnceOthers = 4096;

uint64_t HeldTasks(const sched::World& world) {
  uint64_t held = 0;
  for (uint64_t rest = world.state().alive; rest != 0; rest &= rest - 1) {
    const int slot = std::countr_zero(rest);
    if (world.task(slot).op_kind == trace::OpKind::kHold &&
        world.task(slot).op_arg != 0) {
      held |= uint64_t{1} << slot;
    }
  }
  return held;
}

}  // namespace

uint64_t HostedWorld::AllowSteps(int64_t budget) {
  const auto steps = static_cast<uint64_t>(
      budget == 0 ? plan_.settings.step_budget() : budget);
  const uint64_t limit = step() + steps;
  move_limit_ = std::max(move_limit_, limit);
  return limit;
}

bool HostedWorld::Move(uint64_t quantum) {
  DeliverNotes();
  return lockstep_ ? MoveLockstep(quantum) : MoveFree(quantum);
}

bool HostedWorld::MoveFree(uint64_t quantum) {
  uint64_t left = quantum;
  for (;;) {
    const uint64_t now = step();
    const uint64_t end =
        tasks_.has_limits() ? std::max(now, std::min(move_limit_, LeastLimit()))
                            : std::max(now, move_limit_);
    const bool full = ArenaFull();
    const uint64_t slice = full ? 0 : std::min({kSlice, left, end - now});
    last_stop_ = world().Run(strategy_.get(), slice);
    left -= std::min(left, step() - now);
    if (last_stop_ == RunStop::kFinished) {
      machine_->CheckFinished();
    }
    DeliverNotes();
    ExpireLimits();
    if (full) {
      FailFull();
    }
    switch (last_stop_) {
      case RunStop::kAtPoint:
        CallObservers(absl::OkStatus());
        break;
      case RunStop::kStepBudget:
        if (full || step() >= move_limit_) {
          return false;
        }
        break;
      case RunStop::kDeadlock:
        FailDeadlocked();
        return false;
      default:
        if (world().runnable() == 0) {
          AwaitHoldEnd();
          return false;
        }
        break;  // something that was delivered has been answered at once
    }
    if (Hurry() || left == 0) {
      return true;
    }
  }
}

uint64_t HostedWorld::LeastLimit() const {
  const uint64_t least = tasks_.LeastLimit();
  return least == 0 ? move_limit_ : least;
}

bool HostedWorld::ArenaFull() const {
  return machine_->world().arena().heap_used() >
         static_cast<uint64_t>(plan_.settings.limits().max_arena_bytes());
}

// The arena is full: nothing moves any more, and whoever waits is told.
void HostedWorld::FailFull() {
  const absl::Status full = CheckArena();
  for (TaskEntry::Waiter& waiter : tasks_.TakeAll()) {
    waiter.done(full, nullptr);
  }
}

// Rule: a task that waits for a named event may still be helped by a later
// call; any other that stands still when nothing can run never ends its step.
void HostedWorld::FailDeadlocked() {
  std::vector<std::pair<std::string, TaskEntry::Waiter>> taken;
  for (const auto& [id, entry] : tasks_.all()) {
    if (entry->program == nullptr || entry->waiters.empty()) {
      continue;
    }
    const sched::TaskRecord* task = entry->program->task;
    if (task == nullptr || task->state != sched::TaskState::kAlive ||
        task->op_kind == trace::OpKind::kWait ||
        (world().runnable() >> task->slot & 1) != 0) {
      continue;
    }
    for (auto& waiter :
         tasks_.Take(entry.get(), [](const auto&) { return true; })) {
      taken.emplace_back(id, std::move(waiter));
    }
  }
  for (const auto& [id, waiter] : taken) {
    waiter.done(base::WrongStateError(
                    name() + "/tasks/" + id, "TASK_DEADLOCKED",
                    "the task can never run again; ListViolations says why",
                    {{"task", id}}),
                nullptr);
  }
}

// --- LOCKSTEP ----------------------------------------------------------------

// Whether an answer's turn has come, and which one's.
bool HostedWorld::PickDue() {
  if (due_ != 0 || outstanding_.empty()) {
    return due_ != 0;
  }
  const auto tasks = static_cast<uint32_t>(std::popcount(world().runnable()));
  const auto answers = static_cast<uint32_t>(outstanding_.size());
  const uint32_t drawn = ack_order_.Below(tasks + answers);
  if (drawn < tasks) {
    return false;
  }
  due_ = std::next(outstanding_.begin(), drawn - tasks)->first;
  return true;
}

bool HostedWorld::StandsStill() const {
  if (due_ == 0) {
    return false;
  }
  const auto it = outstanding_.find(due_);
  return it != outstanding_.end() && !it->second.answered;
}

bool HostedWorld::MoveLockstep(uint64_t quantum) {
  uint64_t left = quantum;
  while (advancing_ != nullptr) {
    Advancing& advance = *advancing_;
    if (PickDue()) {
      if (StandsStill()) {
        RunDeferredCalls();
        if (StandsStill() && !Hurry()) {
          AwaitAck();
          return false;
        }
        if (StandsStill()) {
          return true;
        }
      }
      Admit(std::exchange(due_, 0));
      DeliverNotes();
      continue;
    }
    const uint64_t now = step();
    if (advance.target != 0 && now >= advance.target) {
      FinishAdvance(Response::OUTCOME_STEPS_DONE);
      break;
    }
    if (now >= advance.budget_end || ArenaFull()) {
      FailAdvance(ArenaFull() ? CheckArena() : BudgetSpent());
      break;
    }
    uint64_t steps = 1;
    if (outstanding_.empty()) {
      steps = std::min({kSlice, left, advance.budget_end - now});
      if (advance.target != 0) {
        steps = std::min(steps, advance.target - now);
      }
    }
    last_stop_ = world().Run(strategy_.get(), std::max<uint64_t>(1, steps));
    left -= std::min(left, step() - now);
    if (last_stop_ == RunStop::kFinished) {
      machine_->CheckFinished();
    }
    DeliverNotes();
    if (JudgeStop()) {
      break;
    }
    if (Hurry() || left == 0) {
      return true;
    }
  }
  RunDeferredCalls();
  return false;
}

// Ends the AdvanceWorld when the stop asks for it.
bool HostedWorld::JudgeStop() {
  const Advancing& advance = *advancing_;
  if (advance.stop_at_violation &&
      violation_count() > advance.first_violation) {
    FinishAdvance(Response::OUTCOME_VIOLATION);
    return true;
  }
  const uint64_t held = HeldTasks(world());
  const bool new_hold = (held & ~held_before_) != 0;
  held_before_ |= held;
  if (new_hold) {
    FinishAdvance(Response::OUTCOME_AT_POINT);
    return true;
  }
  switch (last_stop_) {
    case RunStop::kFinished:
      FinishAdvance(Response::OUTCOME_IDLE);
      return true;
    case RunStop::kDeadlock:
      FinishAdvance(Response::OUTCOME_DEADLOCK);
      return true;
    case RunStop::kHeld:
    case RunStop::kOutside:
      if (!outstanding_.empty()) {
        return false;  // an answer is due
      }
      FinishAdvance(last_stop_ == RunStop::kHeld
                        ? Response::OUTCOME_AT_POINT
                        : Response::OUTCOME_WAITING_FOR_ACK);
      return true;
    default:
      return false;
  }
}

absl::Status HostedWorld::BudgetSpent() const {
  return base::MakeError(
      absl::StatusCode::kResourceExhausted, "STEP_BUDGET_SPENT",
      "the condition did not come true within step_budget; call again to go on",
      {{"step_budget",
        std::to_string(advancing_->budget_end - advancing_->begin)},
       {"step", std::to_string(step())}});
}

void HostedWorld::AwaitAck() {
  Advancing& advance = *advancing_;
  if (!advance.wait_limited) {
    return;  // the ack deadline ends the wait
  }
  if (advance.timed_out || advance.ack_wait.count() == 0) {
    FinishAdvance(Response::OUTCOME_WAITING_FOR_ACK);
    return;
  }
  if (advance.waits) {
    return;
  }
  advance.waits = true;
  executor_->RunAt(
      Executor::Clock::now() + advance.ack_wait,
      [weak = weak_from_this(), serial = advance.serial] {
        const std::shared_ptr<HostedWorld> self = weak.lock();
        if (self == nullptr) {
          return;
        }
        self->Post([raw = self.get(), serial](const absl::Status& alive) {
          if (alive.ok() && raw->advancing_ != nullptr &&
              raw->advancing_->serial == serial) {
            raw->advancing_->timed_out = true;
          }
        });
      });
}

// The rule that makes a task stand at the point that AdvanceWorld asks for.
absl::StatusOr<uint32_t> HostedWorld::ArmPoint(const v1::PointMatch& match) {
  const std::optional<faults::Point> point = faults::FindPoint(match.point());
  if (!point.has_value()) {
    return NotFound("fault point", "FAULT_POINT_NOT_FOUND", match.point());
  }
  if (!faults::CanStop(*point)) {
    return base::InvalidFieldError(
        "until_point.point", "ACTION_NOT_ALLOWED",
        "no task can stand at " + match.point(),
        {{"point", match.point()}, {"action", "hold"}, {"allowed", ""}});
  }
  faults::Rule rule;
  rule.silent = true;
  rule.point = *point;
  if (!match.task().empty()) {
    const scenario::Program* program = machine_->FindTask(match.task());
    if (program == nullptr || program->task == nullptr) {
      return NotFound("task", "TASK_NOT_FOUND", match.task());
    }
    rule.task = program->task->slot;
  }
  faults::Term term;
  term.action.kind = faults::ActionKind::kHold;
  term.times = 1;
  rule.terms.push_back(term);
  const sched::World::Scope scope(&world());
  const uint32_t id = world().faults().Arm(std::move(rule));
  return id == 0 ? absl::StatusOr<uint32_t>(scenario::NoRoomForRule(*machine_))
                 : id;
}

absl::Status HostedWorld::CheckAdvance(
    const v1::AdvanceWorldRequest& request) const {
  if (!lockstep_) {
    return base::WrongStateError(name(), "WRONG_DRIVE_MODE",
                                 "a FREE_RUNNING world moves by itself; create "
                                 "it with LOCKSTEP to advance it",
                                 {{"drive_mode", "FREE_RUNNING"}});
  }
  if (advancing_ != nullptr) {
    return base::WrongStateError(name(), "WORLD_BUSY",
                                 "another AdvanceWorld moves the world");
  }
  constexpr int64_t kMaxBudget = 1'000'000'000;
  absl::Status status =
      CheckRange(request.step_budget(), 0, kMaxBudget, "step_budget");
  if (status.ok() &&
      request.until_case() == v1::AdvanceWorldRequest::kStepCount) {
    status = CheckRange(request.step_count(), 1, kMaxBudget, "step_count");
  }
  if (status.ok() && request.has_ack_wait()) {
    status =
        CheckRange(request.ack_wait().seconds(), 0, 86'400, "ack_wait.seconds");
    status.Update(CheckRange(request.ack_wait().nanos(), 0, 999'999'999,
                             "ack_wait.nanos"));
  }
  return status;
}

void HostedWorld::Advance(const v1::AdvanceWorldRequest& request,
                          Done<Response> done) {
  const absl::Status checked = CheckAdvance(request);
  if (!checked.ok()) {
    done(checked);
    return;
  }
  auto advance = std::make_unique<Advancing>();
  if (request.has_until_point()) {
    const absl::StatusOr<uint32_t> rule = ArmPoint(request.until_point());
    if (!rule.ok()) {
      done(rule.status());
      return;
    }
    advance->rule = *rule;
  }
  if (stands_at_.has_value()) {
    const sched::World::Scope scope(&world());
    kernel::ResumeHeld(&world(), stands_at_->first, stands_at_->second);
    stands_at_.reset();
  }
  held_before_ = HeldTasks(world());
  advance->done = std::move(done);
  advance->begin = step();
  if (request.until_case() == v1::AdvanceWorldRequest::kStepCount) {
    advance->target = step() + static_cast<uint64_t>(request.step_count());
  }
  const int64_t budget = request.step_budget() != 0
                             ? request.step_budget()
                             : plan_.settings.step_budget();
  advance->budget_end = step() + static_cast<uint64_t>(budget);
  advance->stop_at_violation = request.stop_at_violation();
  advance->wait_limited = request.has_ack_wait();
  advance->ack_wait = std::chrono::seconds(request.ack_wait().seconds()) +
                      std::chrono::nanoseconds(request.ack_wait().nanos());
  advance->first_violation = violation_count();
  advance->serial = ++advance_serial_;
  advancing_ = std::move(advance);
}

void HostedWorld::FinishAdvance(Response::Outcome outcome) {
  const std::unique_ptr<Advancing> advance = std::move(advancing_);
  Response response;
  response.set_outcome(outcome);
  response.set_step_count(static_cast<int64_t>(step() - advance->begin));
  response.set_step(static_cast<int64_t>(step()));
  for (const auto& [number, callback] : outstanding_) {
    if (callback.answered) {
      continue;
    }
    v1::OutstandingCallback* out = response.add_outstanding();
    out->set_callback_number(number);
    out->set_notifier(bindings_[callback.dev].notifier);
    out->set_client(callback.client == nullptr ? "" : callback.client->id);
    out->set_event(callback.event);
    out->set_task(machine_->NameOf(callback.task_id));
  }
  constexpr size_t kMaxShown = 64;
  for (auto i = static_cast<size_t>(advance->first_violation);
       i < violations_.size() &&
       response.violations_size() < static_cast<int>(kMaxShown);
       ++i) {
    *response.add_violations() = violations_[i];
  }
  if (outcome == Response::OUTCOME_AT_POINT) {
    StandAt(advance->rule, &response);
  }
  if (advance->rule != 0) {
    world().faults().Disarm(advance->rule);
  }
  advance->done(std::move(response));
}

// Which task stands where; one that stands there for AdvanceWorld goes on with
// the next.
void HostedWorld::StandAt(uint32_t rule, Response* response) {
  for (uint64_t held = HeldTasks(world()); held != 0; held &= held - 1) {
    const int slot = std::countr_zero(held);
    const sched::TaskRecord& task = world().task(slot);
    const faults::Point point = kernel::HeldAtOf(task)->point;
    response->set_task(machine_->NameOf(task.object.id));
    response->set_point(std::string(faults::InfoOf(point).name));
    const faults::Rule* mine =
        rule == 0 ? nullptr : world().faults().Find(rule);
    if (mine != nullptr && mine->point == point &&
        world().decisions().Fires(mine->counter) != 0) {
      stands_at_ = {point, slot};
      return;
    }
  }
}

void HostedWorld::FailAdvance(const absl::Status& status) {
  const std::unique_ptr<Advancing> advance = std::move(advancing_);
  if (advance->rule != 0 && machine_ != nullptr) {
    world().faults().Disarm(advance->rule);
  }
  advance->done(status);
}

// A call from inside a callback, while the world stands still for its answer.
void HostedWorld::RunAtOnce(const scenario::Program* program) {
  const TaskEntry* entry = tasks_.Of(program);
  int others = kAtOnceOthers;
  const sched::World::Scope scope(&world());
  for (int i = 0; i < kAtOnceSteps && !entry->given.empty(); ++i) {
    const sched::TaskRecord* task = program->task;
    if (task == nullptr) {
      break;
    }
    const uint64_t runnable = world().runnable();
    if ((runnable >> task->slot & 1) != 0) {
      world().Step(task->slot);
    } else if (runnable != 0 && others-- > 0) {
      const bool choice = (runnable & (runnable - 1)) != 0;
      world().Step(choice ? strategy_->Pick(world(), runnable)
                          : std::countr_zero(runnable));
    } else {
      break;
    }
    if (!notes_.empty()) {
      DeliverNotes();
      entry = tasks_.Of(program);
      if (entry == nullptr) {
        break;
      }
    }
  }
}

void HostedWorld::RunDeferredCalls() {
  std::vector<std::function<void()>> calls;
  calls.swap(deferred_calls_);
  for (const auto& call : calls) {
    call();
  }
}

}  // namespace mmfault::host
