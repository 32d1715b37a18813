// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// A world's life and its mailbox.

#include "server/host/hosted_world.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/host/limits.h"
#include "server/host/names.h"
#include "server/scenario/runner.h"

namespace mmfault::host {
namespace {

// Steps that an RPC thread moves a world before it hands over: about 2 ms.
constexpr uint64_t kInlineQuantum = 50'000;
constexpr uint64_t kExecutorQuantum = 1'000'000;
// ... and how often it looks into the mailbox.
constexpr int kInlineRounds = 64;

// Address space beyond the arena's bound: what one slice of steps can add
// before the bound is looked at again.
constexpr uint64_t kArenaSlack = uint64_t{4} << 30;

Executor::Clock::duration ToDuration(const google::protobuf::Duration& from) {
  return std::chrono::seconds(from.seconds()) +
         std::chrono::nanoseconds(from.nanos());
}

}  // namespace

HostedWorld::HostedWorld(WorldPlan plan, Executor* executor)
    : lockstep_(plan.settings.drive_mode() == v1::DRIVE_MODE_LOCKSTEP),
      executor_(executor),
      ack_deadline_(ToDuration(plan.settings.ack_deadline())),
      lost_client_policy_(plan.settings.lost_client_policy()),
      shown_settings_(plan.settings),
      plan_(std::move(plan)) {
  const v1::WorldLimits& limits = plan_.settings.limits();
  bounds_.max_mms = limits.max_mms();
  bounds_.max_vmas = limits.max_vmas();
  bounds_.max_tasks = limits.max_tasks();
  bounds_.max_notifiers = limits.max_notifiers();
  bounds_.may_crash = plan_.may_crash;
  tasks_.SetKept(static_cast<size_t>(limits.max_tasks()));
  events_.SetCapacity(static_cast<size_t>(limits.max_events()));
}

HostedWorld::~HostedWorld() = default;

absl::StatusOr<std::shared_ptr<HostedWorld>> HostedWorld::Create(
    WorldPlan plan, Executor* executor) {
  std::shared_ptr<HostedWorld> world(
      new HostedWorld(std::move(plan), executor));
  ASSIGN_OR_RETURN(auto machine, world->MakeMachine());
  world->SetUp(std::move(machine));
  return world;
}

absl::StatusOr<std::unique_ptr<scenario::Machine>> HostedWorld::MakeMachine()
    const {
  ASSIGN_OR_RETURN(sched::WorldOptions options,
                   scenario::CompileSettings(plan_.settings));
  scenario::SetMutants(plan_.scenario, &options);
  options.reserve_bytes =
      static_cast<uint64_t>(plan_.settings.limits().max_arena_bytes()) +
      kArenaSlack;
  options.may_crash = bounds_.may_crash;
  auto machine = std::make_unique<scenario::Machine>(*plan_.protocol, options);
  RETURN_IF_ERROR(scenario::CheckReserved(*machine));
  RETURN_IF_ERROR(
      scenario::SetUp(machine.get(), plan_.scenario, bounds_, false));
  return machine;
}

void HostedWorld::SetUp(std::unique_ptr<scenario::Machine> machine) {
  machine_ = std::move(machine);
  machine_->SetListener(this);
  world().SetSink(this);
  world().SetHoldsWait(!lockstep_);
  hold_end_ = 0;
  const uint64_t seed = world().options().seed;
  strategy_ = std::make_unique<CountingStrategy>(seed);
  ack_order_ = base::Prng(base::Mix64(seed ^ 0x61636b73));
  for (const auto& [id, program] : machine_->tasks()) {
    TaskEntry* entry = tasks_.Add(id, program);
    for (scenario::StepSpec* step = program->next_step; step != nullptr;
         step = step->next) {
      tasks_.Given(entry, step);
    }
  }
  for (const auto& [id, dev] : machine_->devices()) {
    if (dev->remote) {
      bindings_[dev].notifier = id;
    }
  }
  move_limit_ = static_cast<uint64_t>(plan_.settings.step_budget());
}

void HostedWorld::Post(Message message) {
  bool runs = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!deleted_) {
      if (running_) {
        inbox_.push_back(std::move(message));
        has_mail_.store(true, std::memory_order_relaxed);
        return;
      }
      running_ = true;
      runs = true;
    }
  }
  if (!runs) {
    message(WorldGone(name()));
    return;
  }
  const std::shared_ptr<HostedWorld> self = shared_from_this();
  message(ended_ ? WorldGone(name()) : absl::OkStatus());
  message = nullptr;
  Work(false);
}

void HostedWorld::PostElsewhere(Message message) {
  // Work is copyable, a message is not.
  executor_->Run([self = shared_from_this(),
                  shared = std::make_shared<Message>(std::move(message))] {
    self->Post(std::move(*shared));
  });
}

void HostedWorld::TakeMail() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    mail_.swap(inbox_);
    has_mail_.store(false, std::memory_order_relaxed);
  }
  for (Message& message : mail_) {
    message(ended_ ? WorldGone(name()) : absl::OkStatus());
  }
  mail_.clear();
}

// Whether there is nothing to do any more; then this is no runner any more.
bool HostedWorld::Rest() {
  const std::lock_guard<std::mutex> lock(mutex_);
  running_ = !inbox_.empty();
  return !running_;
}

// A message has been handled, or the world was handed over: it may move.
// Whoever calls this keeps the world alive.
void HostedWorld::Work(bool on_executor) {
  const uint64_t quantum = on_executor ? kExecutorQuantum : kInlineQuantum;
  for (int round = 0;; ++round) {
    const uint64_t before = ended_ ? 0 : step();
    const bool more = !ended_ && Move(quantum);
    if (!ended_) {
      CallObservers(absl::OkStatus());
      shown_step_.store(step(), std::memory_order_relaxed);
    }
    const bool long_work = more && !ended_ && step() - before >= kInlineQuantum;
    if (!on_executor && (long_work || round >= kInlineRounds)) {
      executor_->Run([self = shared_from_this()] { self->Work(true); });
      return;  // still the runner, by proxy
    }
    if (!more && Rest()) {
      return;
    }
    if (Hurry()) {
      TakeMail();
    }
  }
}

void HostedWorld::Observe(Observer observer) {
  if (observer(absl::OkStatus())) {
    observers_.push_back(std::move(observer));
  }
}

void HostedWorld::CallObservers(const absl::Status& alive) {
  if (observers_.empty()) {
    return;
  }
  // An observer may add others, and deliver to whoever adds others.
  std::vector<Observer> called;
  called.swap(observers_);
  std::vector<Observer> kept;
  for (Observer& observer : called) {
    if (observer(alive)) {
      kept.push_back(std::move(observer));
    }
  }
  std::move(observers_.begin(), observers_.end(), std::back_inserter(kept));
  observers_ = std::move(kept);
}

void HostedWorld::JoinCall(
    Joined& call, const std::string& request, const std::string& id,
    std::function<void(const absl::Status&, const std::string&)> done) {
  if (call.request != request) {
    done(base::MakeError(
             absl::StatusCode::kFailedPrecondition, "REQUEST_ID_REUSED",
             "request_id \"" + id +
                 "\" came before with another request; take a new one",
             {{"request_id", id}}),
         "");
    return;
  }
  call.others.push_back(std::move(done));
}

void HostedWorld::EndCall(const std::string& id, const absl::Status& status,
                          const std::string& response) {
  const auto it = in_flight_.find(id);
  if (it == in_flight_.end()) {
    return;
  }
  const Joined call = std::move(it->second);
  in_flight_.erase(it);
  for (const auto& other : call.others) {
    other(status, response);
  }
}

// Everybody who waits for something of the world gets the status instead.
void HostedWorld::FailEverything(const absl::Status& status) {
  if (advancing_ != nullptr) {
    FailAdvance(status);
  }
  for (TaskEntry::Waiter& waiter : tasks_.TakeAll()) {
    waiter.done(status, nullptr);
  }
  barriers_.Fail(status);
  std::map<std::string, Joined> joined;
  joined.swap(in_flight_);
  for (auto& [id, call] : joined) {
    for (auto& other : call.others) {
      other(status, "");
    }
  }
}

void HostedWorld::Delete() {
  Post([this](const absl::Status& alive) {
    if (!alive.ok()) {
      return;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      deleted_ = true;
    }
    {
      const std::lock_guard<std::mutex> lock(clients_mutex_);
      ended_ = true;
    }
    const absl::Status gone = WorldGone(name());
    FailEverything(gone);
    CallObservers(gone);
    observers_.clear();
    EndClients(v1::AttachResponse::Goodbye::CAUSE_WORLD_DELETED, gone);
    outstanding_.clear();
    bindings_.clear();
    tasks_.Clear();
    notes_.clear();
    events_.Clear();
    faults_.Clear();
    machine_ = nullptr;
  });
}

void HostedWorld::Drain() {
  Post([this](const absl::Status& alive) {
    if (!alive.ok()) {
      return;
    }
    const absl::Status draining =
        base::MakeError(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                        "the server is shutting down");
    FailEverything(draining);
    CallObservers(draining);
    observers_.clear();
    EndClients(v1::AttachResponse::Goodbye::CAUSE_DRAINING, draining);
  });
}

// Rule: callback numbers are never used again, so that a late answer to the
// world of before is refused.
absl::Status HostedWorld::Reset(int64_t seed) {
  const int64_t seed_before = plan_.settings.seed();
  if (seed != 0) {
    plan_.settings.set_seed(seed);
  }
  absl::StatusOr<std::unique_ptr<scenario::Machine>> machine = MakeMachine();
  if (!machine.ok()) {
    plan_.settings.set_seed(seed_before);
    return machine.status();
  }
  const absl::Status gone = WorldGone(name());
  FailEverything(gone);
  deferred_calls_.clear();
  for (const auto& [number, outstanding] : outstanding_) {
    if (outstanding.client != nullptr) {
      v1::AttachResponse message;
      message.mutable_callback_gone()->set_callback_number(number);
      message.mutable_callback_gone()->set_cause(
          v1::AttachResponse::CallbackGone::CAUSE_RESET);
      outstanding.client->stream->Send(std::move(message));
    }
  }
  outstanding_.clear();
  due_ = 0;
  number_base_ = last_number_;
  const auto bindings = std::move(bindings_);
  bindings_.clear();
  tasks_.Clear();
  notes_.clear();
  events_.Clear();
  faults_.Clear();
  violations_.clear();
  violations_dropped_ = 0;
  forks_.clear();
  held_before_ = 0;
  generation_ += 1;
  SetUp(*std::move(machine));
  for (const auto& [dev, binding] : bindings) {
    if (binding.client != nullptr && !binding.client->gone) {
      BindAgain(binding);
    }
  }
  {
    const std::lock_guard<std::mutex> lock(clients_mutex_);
    shown_settings_ = plan_.settings;
    for (const auto& [id, client] : clients_) {
      client->tasks.clear();
    }
  }
  v1::AttachResponse message;
  message.mutable_world_reset()->set_generation(generation_);
  message.mutable_world_reset()->set_seed(plan_.settings.seed());
  message.mutable_world_reset()->set_protocol(std::string(plan_.protocol->id));
  Broadcast(message);
  if (!ended_) {
    CallObservers(absl::OkStatus());
  }
  return absl::OkStatus();
}

absl::Status HostedWorld::CheckArena() const {
  return CheckQuota(
      name(), "max_arena_bytes", plan_.settings.limits().max_arena_bytes(),
      static_cast<int64_t>(machine_->world().arena().heap_used()));
}

// Of the engine's slots some are left for a teardown or a grace period.
absl::Status HostedWorld::CheckTaskRoom() const {
  constexpr int64_t kReserved = 8;
  static_assert(kMostTasksPerWorld == sched::kMaxTasks - kReserved);
  const int slots = machine_->world().task_slots();
  const int64_t max = std::min<int64_t>(bounds_.max_tasks, slots - kReserved);
  int64_t taken = 0;
  for (int slot = 0; slot < slots; ++slot) {
    taken += machine_->world().task(slot).state != sched::TaskState::kFree;
  }
  return CheckQuota(name(), "max_tasks", max, taken + 1);
}

}  // namespace mmfault::host
