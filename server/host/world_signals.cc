// Copyright 2026 The mmfault Authors
// SPDX-License-Identifier: Apache-2.0

// Signals that clients, steps and fault rules send, and where they land.

#include "server/host/hosted_world.h"
#include "server/kernel/signal.h"
#include "server/scenario/to_proto.h"

namespace mmfault::host {
namespace {

bool Interrupts(const sched::TaskRecord& task, int number) {
  const uint64_t bit = kernel::SignalBit(number);
  return ((task.sig_blocked | task.sig_ignored) & bit) == 0;
}

v1::SignalDelivery* DeliveryOf(TaskEntry* entry, size_t number) {
  return number < entry->deliveries_dropped
             ? nullptr
             : &entry->deliveries[number - entry->deliveries_dropped];
}

bool TakesAllLocks(scenario::StepKind kind) {
  return kind == scenario::StepKind::kRegister ||
         kind == scenario::StepKind::kGet ||
         kind == scenario::StepKind::kInsert ||
         kind == scenario::StepKind::kUnregister ||
         kind == scenario::StepKind::kExit;
}

}  // namespace

const v1::SignalDelivery& HostedWorld::SignalTask(TaskEntry* entry, int number,
                                                  int64_t at_lock) {
  sched::TaskRecord* task = entry->program->task;
  v1::SignalDelivery delivery;
  delivery.set_number(number);
  delivery.set_at_lock(at_lock);
  delivery.set_interrupts(Interrupts(*task, number));
  const sched::World::Scope scope(&world());
  uint32_t rule = 0;
  sending_ = true;
  if (at_lock == 0) {
    kernel::send_sig(number, task);
  } else {
    rule = machine_->SignalAtLock(task, number, static_cast<uint64_t>(at_lock));
  }
  sending_ = false;
  if (rule == 0) {
    Landed(*task, &delivery);
  } else {
    delivery.set_state(v1::SignalDelivery::STATE_ARMED);
    delivery.set_step(-1);
    entry->armed.push_back(
        {rule, entry->deliveries_dropped + entry->deliveries.size()});
    armed_signals_ |= uint64_t{1} << task->slot;
  }
  KeepDelivery(entry, std::move(delivery));
  return entry->deliveries.back();
}

void HostedWorld::KeepDelivery(TaskEntry* entry, v1::SignalDelivery delivery) {
  entry->deliveries.push_back(std::move(delivery));
  if (entry->deliveries.size() > kKeptResults) {
    entry->deliveries.pop_front();
    ++entry->deliveries_dropped;
  }
}

// In the middle of a run: sent by a step or by a rule. One of SignalTask()'s
// own rules has its delivery already.
void HostedWorld::OnSignal(const trace::SignalSent& sent) {
  const sched::TaskRecord& task = machine_->world().task(sent.task);
  TaskEntry* entry = sending_ ? nullptr
                              : tasks_.Of(static_cast<const scenario::Program*>(
                                    task.program.get()));
  if (entry == nullptr || LandSignals(entry, task)) {
    return;
  }
  v1::SignalDelivery delivery;
  delivery.set_number(sent.number);
  Landed(task, &delivery);
  KeepDelivery(entry, std::move(delivery));
}

// The locks that tasks took last, for what is armed at one.
void HostedWorld::WatchSignals(const trace::Event& event) {
  if (event.task < 0) {
    return;
  }
  if (event.op.kind == trace::OpKind::kLock ||
      event.op.kind == trace::OpKind::kTryLock) {
    last_lock_[static_cast<size_t>(event.task)] = event.op;
  }
}

// At the task, now.
void HostedWorld::Landed(const sched::TaskRecord& task,
                         v1::SignalDelivery* delivery) {
  delivery->set_state(v1::SignalDelivery::STATE_LANDED);
  delivery->set_step(static_cast<int64_t>(step()));
  delivery->set_function(task.op_where.get());
  delivery->set_lock_count(static_cast<int64_t>(task.mm_lock_locks.get()));
  delivery->set_interrupts(Interrupts(task, delivery->number()));
}

// Whether one of the armed rules was the reason; then its delivery says where.
bool HostedWorld::LandSignals(TaskEntry* entry, const sched::TaskRecord& task) {
  bool landed = false;
  faults::Registry& faults = machine_->world().faults();
  for (size_t i = 0; i < entry->armed.size();) {
    const ArmedSignal armed = entry->armed[i];
    const faults::Rule* rule = faults.Find(armed.rule);
    const faults::DecisionSource& decisions = machine_->world().decisions();
    if (rule == nullptr || decisions.Fires(rule->counter) == 0) {
      ++i;
      continue;
    }
    v1::SignalDelivery* delivery = DeliveryOf(entry, armed.delivery);
    if (delivery != nullptr) {
      const trace::Op& lock = last_lock_[static_cast<size_t>(task.slot.get())];
      Landed(task, delivery);
      delivery->set_step(
          static_cast<int64_t>(decisions.LastFireStep(rule->counter)));
      delivery->set_function(lock.where);
      delivery->set_lock(scenario::ObjectName(*machine_, lock.obj));
    }
    landed = true;
    faults_to_disarm_.push_back(armed.rule);
    entry->armed.erase(entry->armed.begin() + static_cast<ptrdiff_t>(i));
  }
  return landed;
}

// A step is over: what was armed for its mm_lock and did not land has missed.
void HostedWorld::SettleSignals(TaskEntry* entry, scenario::StepKind ended) {
  const sched::TaskRecord* task =
      entry->program == nullptr ? nullptr : entry->program->task.get();
  if (task != nullptr) {
    LandSignals(entry, *task);
  }
  faults::Registry& faults = world().faults();
  for (const uint32_t rule : faults_to_disarm_) {
    faults.Disarm(rule);
  }
  faults_to_disarm_.clear();
  if (!TakesAllLocks(ended)) {
    return;
  }
  for (const ArmedSignal& armed : entry->armed) {
    v1::SignalDelivery* delivery = DeliveryOf(entry, armed.delivery);
    if (delivery != nullptr) {
      delivery->set_state(v1::SignalDelivery::STATE_MISSED);
      delivery->set_lock_count(
          task == nullptr ? 0
                          : static_cast<int64_t>(task->mm_lock_locks.get()));
    }
    faults.Disarm(armed.rule);
  }
  entry->armed.clear();
  if (task != nullptr) {
    armed_signals_ &= ~(uint64_t{1} << task->slot);
  }
}

}  // namespace mmfault::host
